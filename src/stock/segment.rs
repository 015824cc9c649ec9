//! A segment: counters that only grow.
//!
//! `added + returned - taken` is what it holds. None is ever decreased: to subtract and undo would
//! show others a dip, and they would refuse for it.
//!
//! All wrap, `taken` at 2^58. Differences are exact while fewer units than that are taken from a stock's
//! segments during one call's load-to-exchange or pass, and [`MAX_CHANGE`] keeps that far away: it
//! would take 2^28 of the largest takes.

use super::taken::{Taken, left};
use crate::sync::{AtomicU64, Ordering};

/// The most units that one change of `taken`, `added` or `returned` moves.
pub(super) const MAX_CHANGE: u64 = 1 << 30;

/// What came of a take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    Taken,
    /// Nothing was taken: the units are not here.
    Short,
    /// Nothing was taken: another thread came first.
    Lost,
}

impl Take {
    #[inline]
    fn of<E>(exchange: Result<(), E>) -> Self {
        match exchange {
            Ok(()) => Self::Taken,
            Err(_) => Self::Lost,
        }
    }
}

/// Units in one place. The pocket is one, too: what it holds was announced and is on its way.
///
/// In this sequence: what every call needs lies in one cache line.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Segment {
    taken: Taken,
    added: AtomicU64,
    /// Units that were set aside somewhere and put back here. A counter of its own, so that one
    /// read-modify-write tells both the stock and the books.
    returned: AtomicU64,
    /// Units set aside that were counted as such after they were taken.
    lent_late: AtomicU64,
    /// Units that were set aside somewhere and sold.
    sold: AtomicU64,
    /// Whether `returned` is in use, as far as is known here: see
    /// [`Stripes::settle`](super::stripes::Stripes::settle).
    takes_back: AtomicU64,
    /// How far `added` may grow by restocks that nobody checked against all segments.
    limit: AtomicU64,
    contended: AtomicU64,
}

impl Segment {
    #[inline]
    pub(super) fn taken(&self) -> u64 {
        self.taken.seen().units()
    }

    #[inline]
    pub(super) fn added(&self) -> u64 {
        self.added.load(Ordering::Acquire)
    }

    #[inline]
    fn returned(&self) -> u64 {
        self.returned.load(Ordering::Acquire)
    }

    /// All that ever came here.
    #[inline]
    pub(super) fn came(&self) -> u64 {
        self.added().wrapping_add(self.returned())
    }

    /// `added`, read so that every later put knows: see
    /// [`WordCell::reopen_unless_wide`](super::word::WordCell::reopen_unless_wide).
    pub(super) fn settle_added(&self) -> u64 {
        self.added.fetch_add(0, Ordering::AcqRel)
    }

    /// The same for `returned`.
    pub(super) fn settle_returned(&self) -> u64 {
        self.returned.fetch_add(0, Ordering::AcqRel)
    }

    #[inline]
    pub(super) fn takes_back(&self) -> bool {
        self.takes_back.load(Ordering::Acquire) != 0
    }

    /// From now on puts use `returned`, which was made known before.
    pub(super) fn take_back(&self) {
        self.takes_back.store(1, Ordering::Release);
    }

    /// Units that were set aside.
    pub(super) fn lent(&self) -> u64 {
        let late = self.lent_late.load(Ordering::Acquire);
        self.taken.lent().wrapping_add(late)
    }

    /// Units that were set aside and came back here or were sold.
    pub(super) fn settled(&self) -> u64 {
        self.returned()
            .wrapping_add(self.sold.load(Ordering::Acquire))
    }

    /// Counts units that are set aside; once they are taken.
    #[inline]
    pub(super) fn lend(&self, units: u64) {
        self.lent_late.fetch_add(units, Ordering::AcqRel);
    }

    /// Counts units that were set aside and are sold.
    #[inline]
    pub(super) fn commit_units(&self, units: u64) {
        self.sold.fetch_add(units, Ordering::AcqRel);
    }

    /// Takes back at most [`MAX_CHANGE`] units that were set aside.
    #[inline]
    pub(super) fn release_units(&self, units: u64) {
        self.returned.fetch_add(units, Ordering::AcqRel);
    }

    pub(super) fn contended(&self) -> u64 {
        self.contended.load(Ordering::Relaxed)
    }

    /// Units held. `taken` is read first: read last, it could have passed an older sum of what came.
    #[inline]
    pub(super) fn held(&self) -> u64 {
        let taken = self.taken();
        left(self.came(), taken)
    }

    /// Tries once to take `units`, all of them or none. The loads are in the order of [`held`](Self::held).
    #[inline]
    pub(super) fn take(&self, units: u64) -> Take {
        let taken = self.taken.seen();
        if left(self.came(), taken.units()) < units {
            return Take::Short;
        }
        Take::of(self.taken.take(taken, units))
    }

    /// [`take`](Self::take), and sets them aside in the same instant: at most
    /// [`MAX_LENT`](super::taken::MAX_LENT) units.
    #[inline]
    pub(super) fn take_lent(&self, units: u64) -> Take {
        loop {
            let taken = self.taken.seen();
            if left(self.came(), taken.units()) < units {
                return Take::Short;
            }
            if self.taken.can_lend(taken, units) {
                return Take::of(self.taken.lend(taken, units));
            }
            self.taken.note();
        }
    }

    /// Counts a take that was lost.
    pub(super) fn count_contention(&self) {
        self.contended.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes as many as there are, at most `units` and at most [`MAX_CHANGE`]; for moves.
    pub(super) fn take_up_to(&self, units: u64) -> u64 {
        let mut taken = self.taken.seen();
        loop {
            let held = left(self.came(), taken.units());
            let part = held.min(units).min(MAX_CHANGE);
            if part == 0 {
                return 0;
            }
            match self.taken.take(taken, part) {
                Ok(()) => return part,
                Err(seen) => taken = seen,
            }
        }
    }

    /// Adds units: a restock to a segment, an announcement to the pocket.
    #[inline]
    pub(super) fn put(&self, units: u64) {
        in_steps(units, |step| {
            self.added.fetch_add(step, Ordering::AcqRel);
        });
    }

    /// Ends an announcement: the units are where they belong, or sold.
    pub(super) fn close(&self, units: u64) {
        in_steps(units, |step| self.taken.add(step));
    }

    /// Units that may be restocked here without a look at the other segments.
    #[inline]
    pub(super) fn room(&self) -> u64 {
        let room = self
            .limit
            .load(Ordering::Relaxed)
            .wrapping_sub(self.added());
        // A racing restock may have gone past the limit, which reads as a huge number.
        if room > u64::MAX / 2 { 0 } else { room }
    }

    /// Sets the room; under the cold mutex.
    pub(super) fn set_room(&self, units: u64) {
        self.set_limit(self.added().wrapping_add(units));
    }

    /// Lets `units` that a move brings pass without using up the room; under the cold mutex.
    pub(super) fn widen_room(&self, units: u64) {
        self.set_limit(self.limit.load(Ordering::Relaxed).wrapping_add(units));
    }

    // Relaxed: only how many racing restocks overshoot depends on it.
    fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }
}

/// Changes a counter by `units`, in steps of at most [`MAX_CHANGE`].
#[inline]
fn in_steps(mut units: u64, change: impl Fn(u64)) {
    while units > MAX_CHANGE {
        change(MAX_CHANGE);
        units -= MAX_CHANGE;
    }
    change(units);
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_restock_past_the_room_leaves_none() {
        let segment = Segment::default();
        segment.set_room(5);
        segment.put(4);
        assert_eq!(segment.room(), 1);
        segment.put(3);
        assert_eq!(segment.room(), 0, "past the limit, as racing ones go");
    }

    #[test]
    fn no_change_is_larger_than_the_largest() {
        let changes = RefCell::new(Vec::new());
        for units in [2 * MAX_CHANGE, 2 * MAX_CHANGE + 1] {
            in_steps(units, |step| changes.borrow_mut().push(step));
        }
        let largest = MAX_CHANGE;
        assert_eq!(
            changes.into_inner(),
            [largest, largest, largest, largest, 1]
        );
    }
}
