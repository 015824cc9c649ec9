//! Units that are set aside: out of stock, and not sold yet.
//!
//! Each operation is the one read-modify-write that moves the units, which tells the books as well:
//! the word has a field for it, a segment a counter of its own, or the low bits of one. Only setting
//! aside many units, or out of line (from elsewhere than the thread's own segment, or after a lost
//! exchange), counts in a second step, after the first, so that no snapshot can see units reserved
//! that were not taken.

use super::segment::{MAX_CHANGE, Take};
use super::stripes::Stripes;
use super::taken::MAX_LENT;
use super::word::Word;
use super::{Engine, probe};
use crate::OutOfStock;
use crate::sync::spin_loop;

impl Engine {
    #[inline(always)]
    pub(crate) fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
        let word = self.word.load();
        let done = if !word.covers(units) {
            Err(word.available())
        } else if word.is_wide() {
            self.set_aside_striped(units)
        } else {
            match word.reserve_units(units) {
                Some(next) if self.word.exchange(word, next).is_ok() => {
                    if probe::is_time_to_look() {
                        self.look_around(next, units);
                    }
                    Ok(())
                }
                _ => self.set_aside_slow(units),
            }
        };
        done.map_err(|available| OutOfStock::new(units, available))
    }

    /// Sets aside as many of `units` as there are, and returns how many. They are taken first and then counted.
    #[cfg(feature = "inventory")]
    pub(crate) fn reserve_up_to(&self, units: u64) -> u64 {
        let taken = self.deduct_up_to(units);
        match self.stripes.get().and_then(Stripes::own_if_known) {
            _ if taken == 0 => {}
            Some(own) => own.lend(taken),
            None => self.moves().reserve_units(taken),
        }
        taken
    }

    #[inline(always)]
    pub(crate) fn commit_units(&self, units: u64) {
        match self.stripes.get().and_then(Stripes::own_if_known) {
            Some(own) => own.commit_units(units),
            None => self.sell_slow(units),
        }
    }

    #[inline(always)]
    pub(crate) fn release_units(&self, units: u64) {
        let word = self.word.load();
        let done = if word.is_plainly_wide() {
            self.put_back_own(units)
        } else {
            let next = word.release_units(units);
            next.is_some_and(|next| self.word.exchange(word, next).is_ok())
        };
        if !done {
            self.put_back_slow(units);
        }
    }
}

impl Engine {
    /// Takes it for a lost exchange if another thread changes the word within some hundred
    /// nanoseconds.
    ///
    /// A reservation is two exchanges, and some processors let whoever has the line finish both: the
    /// line goes back and forth with every call, and no exchange is ever lost.
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

    /// Sets aside from a stock that was just seen to be wide.
    #[inline(always)]
    fn set_aside_striped(&self, units: u64) -> Result<(), u64> {
        let own = self.stripes.get().and_then(Stripes::own_if_known);
        let own = own.filter(|_| units <= MAX_LENT);
        match own.map_or(Take::Short, |own| own.take_lent(units)) {
            Take::Taken if self.word.load().is_plainly_wide() => Ok(()),
            Take::Taken => self.changed_too_late(Ok(())),
            Take::Short => self.set_aside_beyond(units),
            Take::Lost => self.set_aside_lost(units),
        }
    }

    /// Goes on where another thread came first on the own segment.
    #[cold]
    #[inline(never)]
    fn set_aside_lost(&self, units: u64) -> Result<(), u64> {
        self.stripes().leave_own();
        self.set_aside_beyond(units)
    }

    /// Sets aside from wherever the units are, or more than are counted in one go.
    #[inline(never)]
    fn set_aside_beyond(&self, units: u64) -> Result<(), u64> {
        self.try_deduct(units)?;
        match self.stripes.get().and_then(Stripes::own_if_known) {
            Some(own) => own.lend(units),
            None => self.stripes().own().lend(units),
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn set_aside_slow(&self, units: u64) -> Result<(), u64> {
        loop {
            let word = self.word.load();
            if !word.covers(units) {
                return Err(word.available());
            }
            if word.is_wide() {
                return self.set_aside_striped(units);
            }
            let Some(next) = word.reserve_units(units) else {
                // Too many for the field: taken first, and then counted, as from a segment.
                self.try_deduct(units)?;
                self.moves().reserve_units(units);
                return Ok(());
            };
            match self.word.exchange(word, next) {
                Ok(()) => return Ok(()),
                Err(seen) => self.lost_word(seen, units),
            }
        }
    }

    /// Sells where the thread has no segment yet, or the stock none.
    #[inline(never)]
    fn sell_slow(&self, units: u64) {
        if let Some(stripes) = self.stripes.get() {
            stripes.own().commit_units(units);
            return;
        }
        let mut word = self.word.load();
        while let Some(next) = word.sold(units) {
            match self.word.exchange(word, next) {
                Ok(()) => return,
                Err(seen) => word = seen,
            }
        }
        self.moves().commit_units(units);
    }

    /// Puts back to the calling thread's own segment of a stock that was just seen to be plainly
    /// wide, if nothing speaks against it.
    #[inline(always)]
    fn put_back_own(&self, units: u64) -> bool {
        let own = self.stripes.get().and_then(Stripes::own_if_known);
        let Some(own) = own.filter(|own| own.takes_back() && units <= MAX_CHANGE) else {
            return false;
        };
        own.release_units(units);
        self.word.load().is_plainly_wide() || self.changed_too_late(true)
    }

    #[cold]
    #[inline(never)]
    fn put_back_slow(&self, units: u64) {
        if units > MAX_CHANGE {
            return self.moves().release_units(units);
        }
        loop {
            let word = self.word.load();
            if word.is_plainly_wide() {
                self.stripes().own_that_takes_back().release_units(units);
                return self.word.reopen_unless_wide();
            }
            let Some(next) = word.release_units(units) else {
                return self.moves().release_units(units);
            };
            match self.word.exchange(word, next) {
                Ok(()) => return,
                Err(seen) => self.lost_word(seen, units),
            }
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use crate::Stock;

    #[test]
    fn whoever_sees_others_on_the_word_widens() {
        let stock = Stock::new(1_000);
        let left = stock.engine.word.load();
        stock.engine.look_around(left, 1);
        assert_eq!(stock.segments(), 1, "nobody else is here");
        stock.deduct(1).unwrap();
        stock.engine.look_around(left, 1);
        assert!(stock.segments() > 1 && stock.engine.word.load().is_wide());
        assert_eq!(stock.snapshot().available, 999);
    }
}
