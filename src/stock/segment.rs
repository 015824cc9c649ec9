//! A segment: counters that only grow.
//!
//! `added + returned - taken` is what it holds. None is ever decreased: a counter that subtracts, looks and
//! undoes shows others a dip, and they refuse for it.
//!
//! All wrap, `taken` at 2^57. Differences are exact while fewer units than half of that are taken from a
//! stock's segments during one call's load-to-exchange or pass, and [`MAX_CHANGE`] keeps that far away: it
//! would take 2^26 of the largest takes.

use super::taken::{MAX_RESERVED, Taken, left, suffices};
use crate::sync::{AtomicU64, Ordering};

/// The most units that one change of `taken`, `added` or `returned` moves. Under a model checker more than a
/// stock can hold: a thousand steps would be too many for it.
pub(super) const MAX_CHANGE: u64 = 1 << if cfg!(any(loom, shuttle)) { 42 } else { 30 };

/// A restock that brings `added` to the next multiple of this has the limit checked.
pub(super) const BLOCK: u64 = 1 << if cfg!(any(loom, shuttle)) { 2 } else { 20 };

/// How far below zero a segment is sunk, so that no take finds units in it: more than all puts that
/// can still come. All segments together stay below half of the wrap of `taken`.
pub(super) const SUNK: u64 = 1 << 44;

/// What came of a take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    Taken,
    /// Nothing was taken: the units are not here.
    Short,
    /// Nothing was taken: another thread came first.
    Lost,
}

/// Units in one place. The pocket is one, too: what it holds was announced and is on its way.
///
/// In this sequence: what every call needs lies in one cache line.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Segment {
    taken: Taken,
    /// Units restocked.
    added: AtomicU64,
    /// Units that came back: released, or brought by a move. A counter of its own, so that one
    /// read-modify-write changes both what is in stock and what is reserved; a move adds what it brought to
    /// [`Sums::reserved`](super::sums::Sums).
    returned: AtomicU64,
    /// Units committed, wherever they were reserved.
    committed: AtomicU64,
    contended: AtomicU64,
}

impl Segment {
    #[inline]
    pub(super) fn taken(&self) -> u64 {
        self.taken.seen().units()
    }

    pub(super) fn added(&self) -> u64 {
        self.added.load(Ordering::Acquire)
    }

    pub(super) fn returned(&self) -> u64 {
        self.returned.load(Ordering::Acquire)
    }

    /// All that ever came here.
    #[inline]
    pub(super) fn came(&self) -> u64 {
        let added = self.added.load(Ordering::Acquire);
        added.wrapping_add(self.returned.load(Ordering::Acquire))
    }

    /// `added`, read in such a way that the thread of every later put sees *proving*: see
    /// [`WordCell::reopen_unless_wide`](super::word::WordCell::reopen_unless_wide).
    pub(super) fn settle_added(&self) -> u64 {
        self.added.fetch_add(0, Ordering::AcqRel)
    }

    /// `returned`, read as in [`settle_added`](Self::settle_added).
    pub(super) fn settle_returned(&self) -> u64 {
        self.returned.fetch_add(0, Ordering::AcqRel)
    }

    /// Units that were reserved here, each in the exchange that took it.
    pub(super) fn reserved(&self) -> u64 {
        self.taken.reserved()
    }

    pub(super) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Counts units that were reserved and are sold.
    #[inline]
    pub(super) fn commit(&self, units: u64) {
        self.committed.fetch_add(units, Ordering::AcqRel);
    }

    pub(super) fn contended(&self) -> u64 {
        self.contended.load(Ordering::Relaxed)
    }

    /// Counts a take that was lost.
    pub(super) fn count_contention(&self) {
        self.contended.fetch_add(1, Ordering::Relaxed);
    }

    /// Units held. `taken` is read first: read last, it could have passed an older sum of what came.
    #[inline]
    pub(super) fn held(&self) -> u64 {
        let taken = self.taken();
        left(self.came(), taken)
    }

    /// The most units that one take deducts or, if `RESERVE`, reserves.
    #[inline]
    pub(super) const fn takes_at_once<const RESERVE: bool>(units: u64) -> bool {
        units <= if RESERVE { MAX_RESERVED } else { MAX_CHANGE }
    }

    /// Tries once to take `units`, all of them or none, and to reserve them in the same instant if `RESERVE`.
    /// Either sequence of the loads would be right, since *short* is only a hint. In the sequence of [`held`](Self::held)
    /// a take is not sent on by a unit that came and went between the loads.
    #[inline]
    pub(super) fn take<const RESERVE: bool>(&self, units: u64) -> Take {
        loop {
            let taken = self.taken.seen();
            if !suffices(self.came(), taken.units(), units) {
                return Take::Short;
            }
            if !RESERVE || self.taken.can_reserve(taken, units) {
                return match self.taken.take::<RESERVE>(taken, units) {
                    Ok(()) => Take::Taken,
                    Err(_) => Take::Lost,
                };
            }
            self.taken.note();
        }
    }

    /// Takes the units that are here, at most `units` and at most [`MAX_CHANGE`]; for moves.
    pub(super) fn take_up_to(&self, units: u64) -> u64 {
        let mut taken = self.taken.seen();
        loop {
            let held = left(self.came(), taken.units());
            let part = held.min(units).min(MAX_CHANGE);
            if part == 0 {
                return 0;
            }
            match self.taken.take::<false>(taken, part) {
                Ok(()) => return part,
                Err(seen) => taken = seen,
            }
        }
    }

    /// Adds at most [`MAX_CHANGE`] units that were restocked or, if not `RESTOCK`, released. Whether the
    /// limit is to be checked: exactly one restock brings `added` to a multiple of [`BLOCK`].
    #[inline]
    pub(super) fn put<const RESTOCK: bool>(&self, units: u64) -> bool {
        if !RESTOCK {
            self.returned.fetch_add(units, Ordering::AcqRel);
            return false;
        }
        let before = self.added.fetch_add(units, Ordering::AcqRel);
        before % BLOCK + units >= BLOCK
    }

    /// Adds units that were restocked, however many; or announces them, in the pocket.
    pub(super) fn add(&self, units: u64) {
        in_steps(units, |step| {
            _ = self.added.fetch_add(step, Ordering::AcqRel);
        });
    }

    /// Adds units that came back, however many.
    pub(super) fn bring(&self, units: u64) {
        in_steps(units, |step| {
            _ = self.returned.fetch_add(step, Ordering::AcqRel);
        });
    }

    /// Takes units that are here, or ends an announcement: they are where they belong, or sold.
    pub(super) fn close(&self, units: u64) {
        in_steps(units, |step| self.taken.add(step));
    }

    /// Takes [`SUNK`] units: from here on no take finds units, until [`raise`](Self::raise) brings them back. This is
    /// one change of more than [`MAX_CHANGE`]; [`SUNK`] is chosen so that the wrap of `taken` stays far away.
    pub(super) fn sink(&self) {
        self.taken.add(SUNK);
    }

    /// Ends [`sink`](Self::sink).
    pub(super) fn raise(&self) {
        self.returned.fetch_add(SUNK, Ordering::AcqRel);
    }
}

/// Changes a counter by `units`, in steps of at most [`MAX_CHANGE`].
#[inline]
fn in_steps(mut units: u64, change: impl Fn(u64)) {
    while units > MAX_CHANGE {
        change(MAX_CHANGE);
        units -= MAX_CHANGE;
    }
    if units > 0 {
        change(units);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn each_block_of_restocks_is_checked_once() {
        let segment = Segment::default();
        assert!(!segment.put::<true>(BLOCK - 1) && !segment.put::<false>(BLOCK));
        assert!(segment.put::<true>(1) && !segment.put::<true>(1));
        assert!(segment.put::<true>(BLOCK));
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

    #[test]
    fn a_sunk_segment_serves_no_take() {
        let segment = Segment::default();
        segment.add(5);
        segment.sink();
        assert_eq!((segment.take::<false>(1), segment.held()), (Take::Short, 0));
        segment.raise();
        assert_eq!((segment.take::<false>(5), segment.held()), (Take::Taken, 0));
    }
}
