//! What the threads share: the word, the segments, the pocket, the cold mutex and what it guards.
//!
//! Counters are bytes that wrap, as the real ones wrap at more.

/// The most segments of a scenario.
pub const SEGMENTS: usize = 2;
/// The place of the pocket.
pub const POCKET: usize = SEGMENTS;
/// The low bits of `taken` that repeat what was reserved are one bit, as under loom.
pub const MAX_RESERVED: u8 = 1;
/// How far below zero a segment is sunk: more than comes late, and so little that three sinkings during one proof
/// stay below half of what a byte holds.
pub const SUNK: u8 = 8;
/// A restock that brings `added` to the next multiple of this has the limit checked; as under loom.
pub const BLOCK: u8 = 4;

/// A value of the word. No scenario fills a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Word {
    pub wide: bool,
    pub proving: bool,
    pub owing: bool,
    pub units: u8,
    /// Units that the word reserved, less those that it released or committed. Wraps.
    pub reserved: u8,
    /// Units restocked by the word that are not in the sums yet.
    pub fresh: u8,
}

impl Word {
    pub fn narrow(units: u8) -> Self {
        Self {
            units,
            ..Self::default()
        }
    }

    pub fn owing() -> Self {
        Self {
            owing: true,
            ..Self::default()
        }
    }

    /// The one compare: either flag makes the word larger than any order.
    pub const fn covers(self, units: u8) -> bool {
        self.wide || self.proving || units <= self.units
    }

    pub const fn is_plainly_wide(self) -> bool {
        self.wide && !self.proving
    }

    pub const fn less(self, units: u8) -> Self {
        Self {
            units: self.units.wrapping_sub(units),
            ..self
        }
    }

    pub const fn more(self, units: u8) -> Self {
        Self {
            units: self.units.wrapping_add(units),
            ..self
        }
    }

    /// With `units` deducted, or reserved.
    pub const fn taken(self, units: u8, reserves: bool) -> Self {
        let mut next = self.less(units);
        if reserves {
            next.reserved = next.reserved.wrapping_add(units);
        }
        next
    }

    /// With `units` restocked, or released; nothing if units are owed.
    pub fn put(self, units: u8, restocks: bool) -> Option<Self> {
        if !restocks {
            return self.committed(units).map(|word| word.more(units));
        }
        let next = Self {
            fresh: self.fresh.wrapping_add(units),
            ..self.more(units)
        };
        (!self.owing).then_some(next)
    }

    pub fn committed(self, units: u8) -> Option<Self> {
        let next = Self {
            reserved: self.reserved.wrapping_sub(units),
            ..self
        };
        (!self.owing).then_some(next)
    }

    /// Plainly wide, its units taken out.
    pub const fn opened(self) -> Self {
        Self {
            units: 0,
            ..self.reopened()
        }
    }

    /// Plainly wide, its units left.
    pub const fn reopened(self) -> Self {
        Self {
            wide: true,
            proving: false,
            ..self
        }
    }

    /// Narrow, with the units that the wide word held.
    pub const fn closed(self) -> Self {
        Self {
            wide: false,
            proving: false,
            ..self
        }
    }
}

/// A value of `taken`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Taken {
    pub units: u8,
    /// The low bits of what was reserved by the exchanges of `taken`.
    pub low: u8,
}

impl Taken {
    /// Units reserved since `noted` were.
    pub const fn reserved_since(self, noted: u8) -> u8 {
        self.low.wrapping_sub(noted) & MAX_RESERVED
    }
}

/// What is left when less may have come than was taken.
pub fn left(came: u8, taken: u8) -> u8 {
    came.wrapping_sub(taken)
        .cast_signed()
        .max(0)
        .cast_unsigned()
}

/// A segment, or the pocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Place {
    pub taken: Taken,
    /// What was restocked; in the pocket, what was announced.
    pub added: u8,
    /// What was released or moved here.
    pub returned: u8,
    pub noted: u8,
    pub committed: u8,
}

impl Place {
    /// Units that were ever reserved here, when nothing changes.
    pub const fn reserved(&self) -> u8 {
        self.noted
            .wrapping_add(self.taken.reserved_since(self.noted))
    }

    /// What came, less what was taken.
    pub const fn held(&self) -> u8 {
        let came = self.added.wrapping_add(self.returned);
        came.wrapping_sub(self.taken.units)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shared {
    pub word: Word,
    pub places: [Place; SEGMENTS + 1],
    /// Whether the segments exist.
    pub grown: bool,
    /// The cold mutex.
    pub locked: bool,
    // What the mutex guards. That the stock owes is of it, too: only the holder changes that.
    /// Units restocked that are in no counter.
    pub restocked: u8,
    /// Units reserved that are in no counter.
    pub reserved: u8,
    pub owed: u8,
    pub withdrawn: u8,
}

impl Shared {
    /// A narrow stock.
    pub fn new(units: u8) -> Self {
        Self {
            word: Word::narrow(units),
            places: [Place::default(); SEGMENTS + 1],
            grown: false,
            locked: false,
            restocked: 0,
            reserved: 0,
            owed: 0,
            withdrawn: 0,
        }
    }

    /// Units in stock, when nothing changes.
    pub fn available(&self) -> u8 {
        let held = self.places.iter().map(Place::held);
        held.fold(self.word.units, u8::wrapping_add)
    }

    /// Counts from the present `taken` of `place` on; returns by how much.
    pub fn rebase(&mut self, place: usize) -> u8 {
        let it = &mut self.places[place];
        let by = it.taken.units;
        it.taken.units = 0;
        if place == POCKET {
            it.added = it.added.wrapping_sub(by);
        } else {
            it.returned = it.returned.wrapping_sub(by);
            self.reserved = self.reserved.wrapping_sub(by);
        }
        by
    }
}
