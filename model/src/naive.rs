//! Counters that are wrong, each in a way that people have shipped: a checker that does not find their
//! mistakes checks nothing.
//!
//! They are generic over their atomics and locks, so that a model checker can run them on its own.

use crate::op::Op;
use crate::outcome::{Outcome, Refusal};
use crate::perform::Perform;

mod primitives;
pub use primitives::{Lock, Primitives, Std, Word};

/// The most units on hand that the counters accept which are wrong in their refusals alone.
pub const MOST: u64 = 1 << 40;

fn short(available: u64) -> Outcome {
    let available = Some(available);
    Outcome::Refused(Refusal::Short { available })
}

/// Adds the units by `add`, if there is room beside those `on_hand`.
fn restock(units: u64, on_hand: u64, add: impl FnOnce()) -> Outcome {
    if on_hand.saturating_add(units) > MOST {
        let on_hand = Some(on_hand);
        return Outcome::Refused(Refusal::Overflow { on_hand });
    }
    add();
    Outcome::Done
}

/// The three calls that each of them offers.
macro_rules! perform {
    ($($counter:ident),*) => {$(
        impl<P: Primitives> Perform for $counter<P> {
            fn perform(&self, op: Op) -> Option<Outcome> {
                match op {
                    Op::Deduct(units) => Some(self.deduct(units)),
                    Op::Restock(units) => Some(self.restock(units)),
                    Op::Available => Some(Outcome::AtMost(self.available())),
                    _ => None,
                }
            }
        }
    )*};
}
perform!(ReadCheckWrite, DecrementLookUndo, Scan, SilentGather);

/// Reads, checks, writes: two orders can be sold the same units.
#[derive(Debug)]
pub struct ReadCheckWrite<P: Primitives = Std>(P::Word);

impl<P: Primitives> ReadCheckWrite<P> {
    /// Opens with `units`.
    #[must_use]
    pub fn new(units: u64) -> Self {
        Self(P::Word::new(units))
    }

    /// Runs an order's `flow` between the check and the write.
    pub fn deduct_with(&self, units: u64, flow: impl FnOnce()) -> Outcome {
        let left = self.0.load();
        if left < units {
            return short(left);
        }
        flow();
        self.0.store(left - units);
        Outcome::Done
    }

    fn deduct(&self, units: u64) -> Outcome {
        self.deduct_with(units, P::linger)
    }

    fn restock(&self, units: u64) -> Outcome {
        self.0.add(units);
        Outcome::Done
    }

    fn available(&self) -> u64 {
        self.0.load()
    }
}

/// Decrements, looks, and undoes: meanwhile others see less than is in stock, and are refused.
#[derive(Debug)]
pub struct DecrementLookUndo<P: Primitives = Std>(P::Word);

impl<P: Primitives> DecrementLookUndo<P> {
    /// Opens with `units`.
    #[must_use]
    pub fn new(units: u64) -> Self {
        Self(P::Word::new(units))
    }

    fn deduct(&self, units: u64) -> Outcome {
        if units > MOST {
            return short(MOST);
        }
        let left = self.0.add(units.wrapping_neg()).cast_signed();
        if left < units.cast_signed() {
            P::linger();
            self.0.add(units);
            return short(left.max(0).cast_unsigned());
        }
        Outcome::Done
    }

    fn restock(&self, units: u64) -> Outcome {
        restock(units, self.available(), || _ = self.0.add(units))
    }

    fn available(&self) -> u64 {
        self.0.load().cast_signed().max(0).cast_unsigned()
    }
}

/// Two segments, looked at one after the other: units that a restock adds to the first while the scan is
/// at the second are missed.
#[derive(Debug)]
pub struct Scan<P: Primitives = Std> {
    /// Each with the lock under which it is read and written.
    segments: [(P::Lock, P::Word); 2],
    /// Scans begin at the one and at the other.
    turn: P::Word,
}

impl<P: Primitives> Scan<P> {
    /// Opens with `units`, all of them in the second segment.
    #[must_use]
    pub fn new(units: u64) -> Self {
        Self {
            segments: [0, units].map(|units| (P::Lock::new(), P::Word::new(units))),
            turn: P::Word::new(0),
        }
    }

    /// What `look` does with the units of both segments, under both locks.
    fn both<R>(&self, look: impl FnOnce([&P::Word; 2]) -> R) -> R {
        let [(first_lock, first), (second_lock, second)] = &self.segments;
        first_lock.hold(|| second_lock.hold(|| look([first, second])))
    }

    fn deduct(&self, units: u64) -> Outcome {
        let mut seen = 0;
        let turn = self.turn.add(1) as usize;
        for segment in [turn, turn + 1] {
            let (lock, word) = &self.segments[segment % 2];
            let left = lock.hold(|| {
                let left = word.load();
                if left >= units {
                    word.store(left - units);
                }
                left
            });
            if left >= units {
                return Outcome::Done;
            }
            seen += left;
            P::linger();
        }
        // A sum of no instant.
        if seen < units {
            return short(seen);
        }
        self.both(|[first, second]| {
            let (left, right) = (first.load(), second.load());
            if left + right < units {
                return short(left + right);
            }
            let part = units.min(left);
            first.store(left - part);
            second.store(right - (units - part));
            Outcome::Done
        })
    }

    fn restock(&self, units: u64) -> Outcome {
        self.both(|[first, second]| {
            let (left, right) = (first.load(), second.load());
            // Where fewer are.
            let fewer = if left <= right { first } else { second };
            restock(units, left + right, || _ = fewer.add(units))
        })
    }

    fn available(&self) -> u64 {
        self.both(|words| words.map(Word::load).iter().sum())
    }
}

/// Two segments of growing counters, refusals proved in one pass, and a gather that does not announce what
/// it has in hand: the proof of another thread misses those units.
#[derive(Debug)]
pub struct SilentGather<P: Primitives = Std> {
    /// Of each segment, the units taken and the units added.
    segments: [[P::Word; 2]; 2],
    moves: P::Lock,
}

impl<P: Primitives> SilentGather<P> {
    /// Opens with `units`, half of them in each segment.
    #[must_use]
    pub fn new(units: u64) -> Self {
        let segment = |units| [P::Word::new(0), P::Word::new(units)];
        Self {
            segments: [segment(units - units / 2), segment(units / 2)],
            moves: P::Lock::new(),
        }
    }

    fn take_up_to([taken, added]: &[P::Word; 2], units: u64) -> u64 {
        let mut seen = taken.load();
        loop {
            let part = (added.load() - seen).min(units);
            match taken.exchange(seen, seen + part) {
                Ok(()) => return part,
                Err(other) => seen = other,
            }
        }
    }

    fn deduct(&self, units: u64) -> Outcome {
        loop {
            let bound = self.available();
            if bound < units {
                return short(bound);
            }
            P::linger();
            if let Some(outcome) = self.moves.hold(|| self.gather(units)) {
                return outcome;
            }
        }
    }

    fn gather(&self, units: u64) -> Option<Outcome> {
        let mut in_hand = 0;
        for segment in &self.segments {
            in_hand += Self::take_up_to(segment, units - in_hand);
        }
        if in_hand == units {
            return Some(Outcome::Done);
        }
        P::linger();
        let bound = self.available() + in_hand;
        self.segments[0][1].add(in_hand);
        (bound < units).then(|| short(bound))
    }

    fn restock(&self, units: u64) -> Outcome {
        restock(units, self.available(), || {
            self.segments[0][1].add(units);
        })
    }

    fn available(&self) -> u64 {
        let sum = |of: usize| -> u64 {
            let counters = self.segments.iter().map(|segment| &segment[of]);
            counters.map(Word::load).sum()
        };
        let taken = sum(0);
        P::fence();
        sum(1) - taken
    }
}
