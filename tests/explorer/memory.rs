//! What the threads share: the word, the segments, the pocket, the cold mutex and what it guards.
//!
//! Counters are bytes that wrap, as the real ones wrap at more.

/// The most segments of a scenario.
pub const SEGMENTS: usize = 3;
/// The place of the pocket.
pub const POCKET: usize = SEGMENTS;
/// The low bits of `taken` that repeat what was reserved are one bit, as under loom.
pub const MAX_LENT: u8 = 1;

/// A value of the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Word {
    pub wide: bool,
    pub proving: bool,
    pub units: u8,
    /// Units that the word reserved, less those that were settled by it. Wraps.
    pub aside: u8,
    /// Units restocked by the word.
    pub fresh: u8,
}

impl Word {
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

    pub const fn restocked(self, units: u8) -> Self {
        Self {
            fresh: self.fresh.wrapping_add(units),
            ..self.more(units)
        }
    }

    pub const fn reserved(self, units: u8) -> Self {
        Self {
            aside: self.aside.wrapping_add(units),
            ..self.less(units)
        }
    }

    pub const fn committed(self, units: u8) -> Self {
        Self {
            aside: self.aside.wrapping_sub(units),
            ..self
        }
    }

    pub const fn released(self, units: u8) -> Self {
        self.committed(units).more(units)
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

/// How far `added` may grow by restocks that nobody checked against all segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Further than any scenario goes.
    Far,
    At(u8),
}

/// A value of `taken`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Taken {
    pub units: u8,
    /// The low bits of what was reserved by the exchanges of `taken`.
    pub lent: u8,
}

/// A segment, or the pocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub taken: Taken,
    pub added: u8,
    pub returned: u8,
    pub noted: u8,
    pub lent_late: u8,
    pub sold: u8,
    pub takes_back: bool,
    pub limit: Limit,
}

impl Place {
    const EMPTY: Self = Self {
        taken: Taken { units: 0, lent: 0 },
        added: 0,
        returned: 0,
        noted: 0,
        lent_late: 0,
        sold: 0,
        takes_back: false,
        limit: Limit::At(0),
    };

    /// Units that were ever reserved here, when nothing changes.
    pub const fn lent(&self) -> u8 {
        self.lent_late.wrapping_add(lent_by(self.noted, self.taken))
    }

    /// Counts from `by` on.
    pub fn rebase(&mut self, by: u8) {
        self.taken.units = self.taken.units.wrapping_sub(by);
        self.added = self.added.wrapping_sub(by);
        if let Limit::At(limit) = &mut self.limit {
            *limit = limit.wrapping_sub(by);
        }
    }

    /// Lets `units` that a move brings pass without using up the room.
    pub fn widen_room(&mut self, units: u8) {
        if let Limit::At(limit) = &mut self.limit {
            *limit = limit.wrapping_add(units);
        }
    }

    pub const fn settled(&self) -> u8 {
        self.returned.wrapping_add(self.sold)
    }

    pub const fn held(&self) -> u8 {
        self.added
            .wrapping_add(self.returned)
            .wrapping_sub(self.taken.units)
    }
}

/// Units reserved by the exchanges of `taken`, of which `noted` were noted.
pub const fn lent_by(noted: u8, taken: Taken) -> u8 {
    noted.wrapping_add(lent_since(noted, taken))
}

pub const fn lent_since(noted: u8, taken: Taken) -> u8 {
    taken.lent.wrapping_sub(noted) & MAX_LENT
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shared {
    pub word: Word,
    pub places: [Place; SEGMENTS + 1],
    /// Whether the segments are there.
    pub grown: bool,
    /// Whether anything was ever released to a segment.
    pub takes_back: bool,
    /// The cold mutex.
    pub locked: bool,
    // What the mutex guards.
    /// The part of the segments' `added` that was moved there or is in the books already.
    pub entered: u8,
    /// Units restocked, as far as they are entered.
    pub restocked: u8,
    pub narrowings: u8,
}

impl Shared {
    /// A narrow stock.
    pub const fn new(units: u8) -> Self {
        Self {
            word: Word {
                wide: false,
                proving: false,
                units,
                aside: 0,
                fresh: 0,
            },
            places: [Place::EMPTY; SEGMENTS + 1],
            grown: false,
            takes_back: false,
            locked: false,
            entered: 0,
            restocked: 0,
            narrowings: 0,
        }
    }

    /// Units in stock, when nothing changes.
    pub fn available(&self) -> u8 {
        let held = self.places.iter().map(Place::held);
        held.fold(self.word.units, u8::wrapping_add)
    }
}
