//! Reservations of a [`LockedStock`]: each step is one write under the lock of a segment's counters, so that
//! snapshots are exact in every figure.

use super::{LockedStock, orders};
use crate::counter::Reserving;
use crate::error::OutOfStock;

impl LockedStock {
    #[track_caller]
    pub(super) fn reserve_units_up_to(&self, units: u64) -> u64 {
        orders::panic_if_within(self);
        self.take_up_to(units, |counters, units| counters.reserve(units))
    }
}

impl Reserving for LockedStock {
    /// # Panics
    ///
    /// If it is called from within an order of this stock, which it would wait for.
    #[track_caller]
    fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
        orders::panic_if_within(self);
        let locked = self.lock(units)?;
        locked.take_and(units, |counters| counters.reserve(units));
        Ok(())
    }

    /// # Panics
    ///
    /// If it is called from within an order of this stock, which it would wait for.
    #[track_caller]
    fn try_reserve_up_to(&self, units: u64) -> Option<u64> {
        Some(self.reserve_units_up_to(units))
    }

    fn commit_units(&self, units: u64) {
        self.own().lock_counters().commit(units);
    }

    fn release_units(&self, units: u64) {
        let counters = self.own().lock_counters();
        if counters.is_owing() {
            drop(counters);
            self.release_slow(units);
        } else {
            counters.release(units);
        }
    }
}
