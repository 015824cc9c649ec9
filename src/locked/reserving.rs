//! Units that are set aside from a [`LockedStock`]: each step is one write under a ledger, so that
//! snapshots are exact in every figure.

use super::{LockedStock, orders};
use crate::{OutOfStock, Reserving};

impl Reserving for LockedStock {
    /// # Panics
    ///
    /// If it is called from within an order of the same stock, which it would wait for.
    #[track_caller]
    fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
        orders::panic_if_within(self);
        if units > 0 {
            let locked = self.lock(units)?;
            locked.commit_as(units, |ledger| ledger.lend(units));
        }
        Ok(())
    }

    fn commit_units(&self, units: u64) {
        self.own().ledger().commit_units(units);
    }

    fn release_units(&self, units: u64) {
        self.own().ledger().release_units(units);
    }
}
