//! The paths that fewer calls take, out of line: wide stocks, lost exchanges, and what comes after.

use super::Engine;
use super::moves::{Gather, Moves};
use super::probe;
use super::segment::{MAX_CHANGE, Take};
use super::stripes::Stripes;
use super::word::{MAX_FRESH, Word};
use crate::MAX_UNITS;

impl Engine {
    /// Goes on with a deduct that lost the word to another thread.
    #[cold]
    #[inline(never)]
    pub(super) fn deduct_contended(&self, seen: Word, units: u64) -> Result<(), u64> {
        self.lost_word(seen, units);
        self.deduct_slow(units)
    }

    /// Deducts by every means, until it is served or refused. Each turn of the loop is the success
    /// of some other call.
    #[cold]
    #[inline(never)]
    pub(super) fn deduct_slow(&self, units: u64) -> Result<(), u64> {
        loop {
            let word = self.word.load();
            if !word.covers(units) {
                return Err(word.available());
            }
            if word.is_wide() {
                if let Some(result) = self.deduct_beyond(units) {
                    return result;
                }
            } else if let Err(seen) = self.word.exchange(word, word.less(units)) {
                self.lost_word(seen, units);
            } else {
                return Ok(());
            }
        }
    }

    /// Takes `units` from the calling thread's own segment of a wide stock, if that goes at once:
    /// what most calls do while it pays to be wide.
    ///
    /// Inlined into the caller: a call, or a register that is saved, is a store, and the exchange
    /// waits for all stores before it.
    #[inline(always)]
    pub(super) fn take_own(&self, units: u64) -> Take {
        let own = self.stripes.get().and_then(Stripes::own_if_known);
        let Some(own) = own.filter(|_| units <= MAX_CHANGE) else {
            return Take::Short;
        };
        let take = own.take(units);
        if take != Take::Taken || self.word.load().is_plainly_wide() {
            return take;
        }
        self.changed_too_late(take)
    }

    /// The second look of a take or put that is done, see [`WordCell::reopen_unless_wide`].
    ///
    /// [`WordCell::reopen_unless_wide`]: super::word::WordCell::reopen_unless_wide
    #[cold]
    #[inline(never)]
    pub(super) fn changed_too_late<T>(&self, answer: T) -> T {
        self.word.reopen_unless_wide();
        answer
    }

    /// Goes on with a deduct that lost the own segment to another thread, and elsewhere.
    #[cold]
    #[inline(never)]
    pub(super) fn deduct_lost(&self, units: u64) -> Result<(), u64> {
        self.stripes().leave_own();
        self.deduct_slow(units)
    }

    /// Deducts from a wide stock what the own segment is short of. Nothing if the units lie
    /// otherwise by now.
    fn deduct_beyond(&self, units: u64) -> Option<Result<(), u64>> {
        let stripes = self.stripes();
        if units > MAX_UNITS {
            let bound = self.available().min(MAX_UNITS);
            return Some(Err(bound));
        }
        // The own segment first, which may be another one by now; only then what costs a pass.
        if units <= MAX_CHANGE && stripes.own().take(units) == Take::Taken {
            self.word.reopen_unless_wide();
            return Some(Ok(()));
        }
        let bound = stripes.bound(&self.word);
        if bound < units {
            self.narrow_if_little(bound);
            return Some(Err(bound));
        }
        self.deduct_scattered(units, bound)
    }

    /// Goes on with a deduct that the own segment cannot serve, but the stock can, that has `bound`.
    ///
    /// Out of line: a refusal by proof saves no registers for it.
    #[inline(never)]
    fn deduct_scattered(&self, units: u64, bound: u64) -> Option<Result<(), u64>> {
        if units <= MAX_CHANGE && self.stripes().take_anywhere(units) {
            self.word.reopen_unless_wide();
            return Some(Ok(()));
        }
        match self.moves().gather(units, bound) {
            Gather::Done(()) => Some(Ok(())),
            Gather::Refused(bound) => Some(Err(bound)),
            Gather::Again => None,
        }
    }

    /// After a refusal that is proved: with little left, one word will do.
    fn narrow_if_little(&self, bound: u64) {
        if self.tuning.is_little(bound) {
            self.try_narrow();
        }
    }

    /// Tries once to make the stock narrow, unless somebody else is moving units; whether it is.
    pub(super) fn try_narrow(&self) -> bool {
        let Some(mut moves) = Moves::try_begin(self) else {
            return false;
        };
        !self.word.load().is_wide() || moves.narrow().is_some()
    }

    /// Nothing if the stock is narrow after all.
    #[inline(never)]
    pub(super) fn deduct_striped_up_to(&self, units: u64) -> Option<u64> {
        let stripes = self.stripes();
        if self.take_own(units) == Take::Taken {
            return Some(units);
        }
        let bound = stripes.bound(&self.word);
        if bound == 0 {
            self.try_narrow();
            return Some(0);
        }
        match self.moves().gather_up_to(units, bound) {
            Gather::Done(taken) => Some(taken),
            Gather::Refused(_) | Gather::Again => None,
        }
    }

    /// Notes that an exchange on the narrow word was lost to `seen`, and widens if that is
    /// contention over enough units.
    pub(super) fn lost_word(&self, seen: Word, units: u64) {
        if seen.is_wide() {
            return;
        }
        let losses = probe::lost(std::ptr::from_ref(self).addr());
        if self.tuning.is_contention(seen.units(), units, losses)
            && let Some(mut moves) = Moves::try_begin(self)
        {
            moves.widen_for(units, losses);
        }
    }

    /// Restocks the calling thread's own segment of a stock that was just seen to be plainly wide,
    /// if nothing speaks against it.
    /// Inlined for the reason of [`take_own`](Self::take_own).
    #[inline(always)]
    pub(super) fn put_own(&self, units: u64) -> bool {
        let own = self.stripes.get().and_then(Stripes::own_if_known);
        let few = !self.tuning.is_enough(units);
        let Some(own) = own.filter(|own| few && units <= own.room()) else {
            return false;
        };
        own.put(units);
        self.word.load().is_plainly_wide() || self.changed_too_late(true)
    }

    /// Goes on with a restock: after a lost exchange, past what the word can hold, or past the room
    /// of the own segment.
    #[inline(never)]
    pub(super) fn restock_slow(&self, units: u64) -> Result<(), u64> {
        if units > MAX_FRESH {
            return self.moves().restock(units);
        }
        loop {
            let word = self.word.load();
            if word.is_plainly_wide() {
                return self.restock_striped(units);
            }
            let Some(next) = word.restocked(units) else {
                return self.moves().restock(units);
            };
            match self.word.exchange(word, next) {
                Ok(()) => return Ok(()),
                Err(seen) => self.lost_word(seen, units),
            }
        }
    }

    /// Restocks a wide stock: the own segment, or all when it is much.
    fn restock_striped(&self, units: u64) -> Result<(), u64> {
        let own = self.stripes().own();
        if self.tuning.is_enough(units) || own.room() < units {
            return self.moves().restock(units);
        }
        own.put(units);
        self.word.reopen_unless_wide();
        Ok(())
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::Stock;

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
