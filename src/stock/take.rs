//! Calls that take units: deduct, reserve, and deduct up to.
//!
//! Deduct and reserve are one path. Each is one read-modify-write of the word or of a segment, which for a
//! reserve also counts the units as reserved. A call that no single read-modify-write can serve
//! takes the cold mutex, and is counted under it: so whoever holds the mutex sees each reservation whole.

use super::engine::Engine;
use super::exchanges::Next;
use super::moves::{Gather, Goal, Moves};
use super::probe;
use super::segment::{Segment, Take};
use super::stripes::Stripes;
use super::word::Word;
use crate::error::OutOfStock;
use crate::limits::MAX_UNITS;
use crate::sync::spin_loop;

// The paths that most calls take. The error is a bare `u64`, so that the result is returned in two registers; an
// `OutOfStock` would be written to memory. A store shortly before a locked instruction delays it, in calls that
// succeed as well. A function call and a saved register are stores, too: so all of it is inlined.
impl Engine {
    #[inline(always)]
    pub(crate) fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        self.take::<false>(units)
            .map_err(|available| OutOfStock::new(units, available))
    }

    #[inline(always)]
    pub(crate) fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
        self.take::<true>(units)
            .map_err(|available| OutOfStock::new(units, available))
    }

    #[inline(always)]
    fn take<const RESERVE: bool>(&self, units: u64) -> Result<(), u64> {
        let word = self.word.load();
        if !word.covers(units) {
            return Err(word.available());
        }
        if word.is_wide() {
            return match self.take_own::<RESERVE>(units) {
                Take::Taken => Ok(()),
                Take::Short => self.take_short::<RESERVE>(units),
                Take::Lost => self.take_lost::<RESERVE>(units),
            };
        }
        let Some(next) = word.taken::<RESERVE>(units) else {
            return self.take_slow::<RESERVE>(units);
        };
        match self.word.exchange(word, next) {
            Err(seen) => return self.take_contended::<RESERVE>(seen, units),
            Ok(()) if RESERVE && probe::is_time_to_look() => self.look_around(next, units),
            Ok(()) => {}
        }
        Ok(())
    }

    /// Takes `units` from the calling thread's own segment of a wide stock, if one exchange
    /// can do it: what most calls do while it pays to be wide.
    #[inline(always)]
    fn take_own<const RESERVE: bool>(&self, units: u64) -> Take {
        let own = self.stripes.get().and_then(Stripes::own_if_known);
        let Some(own) = own.filter(|_| Segment::takes_at_once::<RESERVE>(units)) else {
            return Take::Short;
        };
        let take = own.take::<RESERVE>(units);
        if take == Take::Taken && !self.word.load().is_plainly_wide() {
            self.taken_too_late();
        }
        take
    }
}

impl Engine {
    #[cold]
    #[inline(never)]
    fn taken_too_late(&self) {
        // `false` means that the stock owes. Then this take came before its segment was sunk, and nothing is to be done.
        _ = self.word.reopen_unless_wide();
    }

    /// Goes on with a call that lost the word to another thread.
    #[cold]
    #[inline(never)]
    fn take_contended<const RESERVE: bool>(&self, seen: Word, units: u64) -> Result<(), u64> {
        self.lost_word(seen, units);
        self.take_slow::<RESERVE>(units)
    }

    /// Goes on with a call whose exchange on the thread's own segment failed. The thread leaves that segment.
    #[cold]
    #[inline(never)]
    fn take_lost<const RESERVE: bool>(&self, units: u64) -> Result<(), u64> {
        self.stripes().leave_own();
        self.take_slow::<RESERVE>(units)
    }

    /// Goes on with a call whose thread's own segment is short. It looks at the other segments at once, and not at its
    /// own again as [`take_beyond`](Self::take_beyond) does: a stock that is nearly sold out refuses here.
    #[cold]
    #[inline(never)]
    fn take_short<const RESERVE: bool>(&self, units: u64) -> Result<(), u64> {
        let answer = self.take_elsewhere::<RESERVE>(units);
        answer.unwrap_or_else(|| self.take_slow::<RESERVE>(units))
    }

    /// Takes by every means, until the call is served or refused. Each retry means that
    /// some other call succeeded.
    #[cold]
    #[inline(never)]
    fn take_slow<const RESERVE: bool>(&self, units: u64) -> Result<(), u64> {
        self.by_word(|word| {
            if !word.covers(units) {
                return Next::Return(Err(word.available()));
            }
            if word.is_wide() {
                return Next::of(self.take_beyond::<RESERVE>(units));
            }
            if let Some(next) = word.taken::<RESERVE>(units) {
                return Next::Exchange(next, units, Ok(()));
            }
            let done = Moves::begin(self).reserve_in_word(units, Goal::All);
            Next::of(done.map(|done| done.map(drop)))
        })
    }

    /// Takes `units` from a wide stock where the fast path did not. `None` if the stock has changed its form.
    fn take_beyond<const RESERVE: bool>(&self, units: u64) -> Option<Result<(), u64>> {
        // Try the own segment first, which may be another one by now: a pass over all costs more.
        if Segment::takes_at_once::<RESERVE>(units)
            && self.stripes().own().take::<RESERVE>(units) == Take::Taken
        {
            _ = self.word.reopen_unless_wide();
            return Some(Ok(()));
        }
        self.take_elsewhere::<RESERVE>(units)
    }

    /// Takes from a wide stock where the thread's own segment is short. `None` if the stock was made narrow, or the
    /// word's units were dealt out: begin again.
    #[inline]
    fn take_elsewhere<const RESERVE: bool>(&self, units: u64) -> Option<Result<(), u64>> {
        if units > MAX_UNITS {
            return Some(Err(self.available()));
        }
        let bound = self.stripes().bound(&self.word);
        if bound < units {
            self.narrow_if_little(bound);
            return Some(Err(bound));
        }
        self.take_scattered::<RESERVE>(units, bound)
    }

    /// Goes on where the thread's own segment is short, and the stock has at most `bound`.
    ///
    /// It is not inlined, so that a refusal by the bound saves no registers for it.
    #[inline(never)]
    fn take_scattered<const RESERVE: bool>(
        &self,
        units: u64,
        bound: u64,
    ) -> Option<Result<(), u64>> {
        if Segment::takes_at_once::<RESERVE>(units)
            && self.stripes().take_anywhere::<RESERVE>(units)
        {
            _ = self.word.reopen_unless_wide();
            return Some(Ok(()));
        }
        match Moves::begin(self).gather::<RESERVE>(units, bound, Goal::All) {
            Gather::Done(_) => Some(Ok(())),
            Gather::Refused(bound) => Some(Err(bound)),
            Gather::Again => None,
        }
    }

    pub(crate) fn deduct_up_to(&self, units: u64) -> u64 {
        self.take_up_to::<false>(units)
    }

    pub(crate) fn reserve_up_to(&self, units: u64) -> u64 {
        self.take_up_to::<true>(units)
    }

    fn take_up_to<const RESERVE: bool>(&self, units: u64) -> u64 {
        self.by_word(|word| {
            if word.is_wide() {
                return Next::of(self.take_wide_up_to::<RESERVE>(units));
            }
            let part = Goal::UpTo.part(units, word);
            if part == 0 {
                return Next::Return(0);
            }
            if let Some(next) = word.taken::<RESERVE>(part) {
                return Next::Exchange(next, part, part);
            }
            let done = Moves::begin(self).reserve_in_word(units, Goal::UpTo);
            Next::of(done.and_then(Result::ok))
        })
    }

    /// `None` if the stock has changed its form.
    #[inline(never)]
    fn take_wide_up_to<const RESERVE: bool>(&self, units: u64) -> Option<u64> {
        if self.take_own::<RESERVE>(units) == Take::Taken {
            return Some(units);
        }
        let bound = self.stripes().bound(&self.word);
        if bound == 0 {
            self.try_narrow();
            return Some(0);
        }
        match Moves::begin(self).gather::<RESERVE>(units, bound, Goal::UpTo) {
            Gather::Done(taken) => Some(taken),
            Gather::Refused(_) | Gather::Again => None,
        }
    }
}

// The calls that change the form of the stock.
impl Engine {
    /// After a refusal by the bound: with little left, one word is enough.
    #[inline]
    fn narrow_if_little(&self, bound: u64) {
        if self.tuning.is_little(bound) {
            self.try_narrow();
        }
    }

    /// Tries once to make the stock narrow, unless another thread is moving units. Returns whether it is narrow.
    pub(super) fn try_narrow(&self) -> bool {
        let Some(mut moves) = Moves::try_begin(self) else {
            return false;
        };
        !self.word.load().is_wide() || moves.narrow()
    }

    /// The calling thread lost an exchange on the narrow word, which became `seen`. Widens if that is
    /// contention over enough units.
    pub(super) fn lost_word(&self, seen: Word, units: u64) {
        if seen.is_wide() {
            return;
        }
        let losses = probe::lost(std::ptr::from_ref(self).addr());
        if self.tuning.is_contention(seen.units(), units, losses)
            && let Some(mut moves) = Moves::try_begin(self)
        {
            moves.widen();
        }
    }

    /// Counts a lost exchange if another thread changes the word within a few hundred nanoseconds.
    ///
    /// A reservation is two exchanges, and some processors let the core that has the cache line finish
    /// both: the line goes back and forth with every call, and no exchange is ever lost.
    #[cold]
    #[inline(never)]
    fn look_around(&self, left: Word, units: u64) {
        const LOOKS: u32 = 8;
        for _ in 0..LOOKS {
            spin_loop();
            let seen = self.word.load();
            if seen != left {
                return self.lost_word(seen, units);
            }
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::stock::Stock;

    #[test]
    fn a_thread_that_sees_others_on_the_word_widens() {
        let stock = Stock::new(1_000);
        let left = stock.engine.word.load();
        stock.engine.look_around(left, 1);
        assert_eq!(stock.segments(), 1, "nobody else is here");
        stock.deduct(1).unwrap();
        stock.engine.look_around(left, 1);
        assert!(stock.segments() > 1 && stock.engine.word.load().is_wide());
        assert_eq!(stock.snapshot().available, 999);
    }

    #[test]
    fn what_another_segment_has_is_not_gathered() {
        let stock = Stock::builder(2_000).segments(2).build().unwrap();
        probe::stay(0, 2);
        for left in (1_000..2_000).rev() {
            stock.deduct(1).unwrap();
            assert_eq!(stock.available(), left);
        }
        assert_eq!(stock.holdings(), [0, 1_000]);
        stock.deduct(10).unwrap();
        assert_eq!((stock.holdings(), stock.stats().gathers), (vec![0, 990], 0));
    }

    #[test]
    fn a_reserve_from_another_segment_is_not_gathered() {
        let stock = Stock::builder(200).segments(2).build().unwrap();
        probe::stay(0, 2);
        stock.deduct(100).unwrap();
        let reservation = stock.reserve(100).unwrap();
        assert_eq!((stock.snapshot().reserved, stock.stats().gathers), (100, 0));
        drop(reservation);
    }

    #[test]
    fn nobody_contends_alone() {
        let stock = Stock::builder(2_000).segments(2).build().unwrap();
        stock.deduct(1).unwrap();
        assert_eq!(stock.stats().contended, 0);
    }

    #[test]
    fn a_refusal_that_leaves_little_makes_it_narrow() {
        let stock = Stock::builder(4).segments(2).build().unwrap();
        assert!(stock.engine.word.load().is_wide());
        stock.deduct(5).unwrap_err();
        assert!(!stock.engine.word.load().is_wide());
        assert_eq!((stock.stats().narrowings, stock.available()), (1, 4));
    }
}
