//! Reservations of a [`LockedStock`]: each step is one write under the lock of a segment's counters, so that
//! snapshots are exact in every figure.

use super::{LockedStock, orders};
use crate::counter::Reserving;
use crate::error::OutOfStock;

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
