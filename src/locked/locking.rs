//! Which segments an order locks, and how it takes what they hold.

use super::LockedStock;
use super::segment::{CounterLock, OrderLock, Segment};
use crate::error::OutOfStock;

impl LockedStock {
    /// Locks segments that hold `units` together, one if one will do.
    pub(super) fn lock(&self, units: u64) -> Result<Locked<'_>, OutOfStock> {
        if units == 0 {
            return Ok(Locked::None);
        }
        loop {
            match self.find(units) {
                Found::Free(lock) => return Ok(Locked::One(lock)),
                Found::Busy(segment) => {
                    let lock = segment.lock();
                    if segment.held() >= units {
                        return Ok(Locked::One(lock));
                    }
                }
                Found::Scattered => {
                    let bound = self.bound();
                    if bound < units {
                        return Err(OutOfStock::new(units, bound));
                    }
                    let (locked, held) = self.lock_in_turn(units);
                    if held >= units {
                        return Ok(Locked::Several(locked));
                    }
                }
            }
            // Another order took the units before they were locked.
        }
    }

    /// A segment that holds `units`: rather one that nobody is at.
    pub(super) fn find(&self, units: u64) -> Found<'_> {
        let first = self.selection.first(self.segments.len());
        let (before, from) = self.segments.split_at(first);
        let mut busy = None;
        for segment in from.iter().chain(before) {
            if segment.held() < units {
                continue;
            }
            match segment.try_lock() {
                Some(lock) if segment.held() >= units => return Found::Free(lock),
                Some(_) => {}
                None => busy = busy.or(Some(segment)),
            }
        }
        busy.map_or(Found::Scattered, |segment| Found::Busy(segment))
    }

    /// Locks one segment after another until they hold `units` together, or all are locked.
    pub(super) fn lock_in_turn(&self, units: u64) -> (Vec<OrderLock<'_>>, u64) {
        let mut locked = Vec::with_capacity(self.segments.len());
        let mut held = 0;
        for segment in self.iter() {
            locked.push(segment.lock());
            held += segment.held();
            if held >= units {
                break;
            }
        }
        (locked, held)
    }

    /// Takes `units`, or all that are in stock if these are fewer, and returns how many. At the instant of the take, `note`
    /// writes that number to a segment.
    pub(super) fn take_up_to(&self, units: u64, note: impl FnOnce(&CounterLock<'_>, u64)) -> u64 {
        if units == 0 || self.bound() == 0 {
            return 0;
        }
        if let Found::Free(lock) = self.find(units) {
            Locked::One(lock).take_and(units, |counters| note(counters, units));
            return units;
        }
        let (locked, _) = self.lock_in_turn(units);
        // If that was not enough, all are locked, and nobody takes. With the counters locked nobody
        // restocks, either: so this is all there is.
        let counters = freeze(locked.iter().map(|lock| lock.segment));
        let taken = units.min(counters.iter().map(|it| it.segment.held()).sum());
        take(&counters, taken);
        note(&counters[0], taken);
        taken
    }
}

/// Where a deduct finds its units.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Free(OrderLock<'a>),
    /// An order in flight has the lock.
    Busy(&'a Segment),
    /// No single segment has them.
    Scattered,
}

/// What an order runs under.
#[derive(Debug)]
pub(super) enum Locked<'a> {
    /// An order of no units waits for nobody.
    None,
    One(OrderLock<'a>),
    Several(Vec<OrderLock<'a>>),
}

impl Locked<'_> {
    pub(super) fn take(&self, units: u64) {
        self.take_and(units, |_| ());
    }

    /// Takes `units` from segments that hold them, and has `note` write to one of them at the instant of the take.
    pub(super) fn take_and(&self, units: u64, note: impl FnOnce(&CounterLock<'_>)) {
        match self {
            Self::None => {}
            Self::One(lock) => {
                let counters = lock.segment.lock_counters();
                counters.take(units);
                note(&counters);
            }
            Self::Several(locks) => {
                let counters = freeze(locks.iter().map(|lock| lock.segment));
                take(&counters, units);
                note(&counters[0]);
            }
        }
    }
}

/// Takes `units` from segments that hold them. With the counters of all of them locked, so that no snapshot
/// sees half of it.
pub(super) fn take(counters: &[CounterLock<'_>], mut units: u64) {
    for counters in counters {
        let part = counters.segment.held().min(units);
        counters.take(part);
        units -= part;
    }
    debug_assert_eq!(units, 0, "locked segments hold what is taken");
}

/// Locks the counters of `segments`, which come in the order of their index: from here on nothing
/// changes in them.
pub(super) fn freeze<'a>(segments: impl Iterator<Item = &'a Segment>) -> Vec<CounterLock<'a>> {
    segments.map(Segment::lock_counters).collect()
}
