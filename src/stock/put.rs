//! Calls that put units: restock and release; and commit, which moves none.
//!
//! Restock and release are one path. If the units fit, each is one read-modify-write of the word or of a segment, which
//! counts them as restocked, or as no longer reserved, in the same instant. Otherwise it takes the cold mutex.

use super::engine::Engine;
use super::exchanges::Next;
use super::moves::Moves;
use super::segment::{MAX_CHANGE, Segment};
use super::stripes::Stripes;
use super::word::Word;
use crate::error::RestockOverflow;

// The paths that most calls take, inlined for the reason of `take`.
impl Engine {
    #[inline(always)]
    pub(crate) fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.put::<true>(units)
            .map_err(|on_hand| RestockOverflow::new(units, on_hand))
    }

    #[inline(always)]
    pub(crate) fn release_units(&self, units: u64) {
        let released = self.put::<false>(units);
        debug_assert!(released.is_ok(), "a release is never refused");
    }

    #[inline(always)]
    pub(crate) fn commit_units(&self, units: u64) {
        match self.stripes.get().and_then(Stripes::own_if_known) {
            Some(own) => own.commit(units),
            None => self.commit_slow(units),
        }
    }

    /// An error is what was on hand.
    #[inline(always)]
    fn put<const RESTOCK: bool>(&self, units: u64) -> Result<(), u64> {
        let word = self.word.load();
        let done = if goes_to_segments::<RESTOCK>(word) {
            self.put_own::<RESTOCK>(units)
        } else {
            let next = word.put::<RESTOCK>(units);
            next.is_some_and(|next| self.word.exchange(word, next).is_ok())
        };
        if done {
            return Ok(());
        }
        self.put_slow::<RESTOCK>(units)
    }

    /// Puts to the calling thread's own segment of a stock that was just seen to be plainly wide, if
    /// the thread has one and the units fit.
    #[inline(always)]
    fn put_own<const RESTOCK: bool>(&self, units: u64) -> bool {
        let own = self.stripes.get().and_then(Stripes::own_if_known);
        let Some(own) = own.filter(|_| self.puts_at_once::<RESTOCK>(units)) else {
            return false;
        };
        self.put_to::<RESTOCK>(own, units);
        true
    }

    #[inline(always)]
    fn put_to<const RESTOCK: bool>(&self, segment: &Segment, units: u64) {
        let is_block_full = segment.put::<RESTOCK>(units);
        if is_block_full || !self.word.load().is_plainly_wide() {
            self.look_after_put(is_block_full);
        }
    }

    /// Whether one put can add `units` to a segment. A large restock is dealt out to all.
    #[inline(always)]
    fn puts_at_once<const RESTOCK: bool>(&self, units: u64) -> bool {
        if RESTOCK {
            !self.tuning.is_enough(units)
        } else {
            units <= MAX_CHANGE
        }
    }
}

#[inline(always)]
fn goes_to_segments<const RESTOCK: bool>(word: Word) -> bool {
    if RESTOCK {
        word.is_open_to_restocks()
    } else {
        word.is_plainly_wide()
    }
}

impl Engine {
    /// The second look of a put that changed a segment, and the check of the limit.
    #[cold]
    #[inline(never)]
    fn look_after_put(&self, is_block_full: bool) {
        if !self.word.reopen_unless_wide() {
            Moves::begin(self).pay_late_puts();
        }
        if is_block_full {
            Moves::begin(self).check_limit();
        }
    }

    /// Goes on with a put that the fast path did not make: its exchange failed, its units do not fit, the thread's segment
    /// is not known yet, or the stock is near its limit or owes.
    #[cold]
    #[inline(never)]
    fn put_slow<const RESTOCK: bool>(&self, units: u64) -> Result<(), u64> {
        self.by_word(|word| {
            if goes_to_segments::<RESTOCK>(word) {
                if self.puts_at_once::<RESTOCK>(units) {
                    self.put_to::<RESTOCK>(self.stripes().own(), units);
                    return Next::Return(Ok(()));
                }
            } else if let Some(next) = word.put::<RESTOCK>(units) {
                return Next::Exchange(next, units, Ok(()));
            }
            let mut moves = Moves::begin(self);
            Next::Return(if RESTOCK {
                moves.restock(units)
            } else {
                moves.release(units);
                Ok(())
            })
        })
    }

    /// Commits where the thread's segment is not known yet, or the stock has none.
    #[cold]
    #[inline(never)]
    fn commit_slow(&self, units: u64) {
        if let Some(stripes) = self.stripes.get() {
            stripes.own().commit(units);
        } else if self.word.update(|word| word.committed(units)).is_none() {
            Moves::begin(self).commit(units);
        }
    }
}
