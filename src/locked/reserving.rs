//! Units that are set aside from a [`LockedStock`]: each step is one write under a ledger, so that
//! snapshots are exact in every figure.

use super::{LockedStock, orders};
use crate::{OutOfStock, Reserving};

impl Reserving for LockedStock {
    /// # Panics
    ///
    /// If it is called from within an order of the same stock, which it would wait for.
    #[track_caller]
    fn set_aside(&self, units: u64) -> Result<(), OutOfStock> {
        orders::panic_if_within(self);
        if units > 0 {
            let locked = self.lock(units)?;
            locked.commit_as(units, |ledger| ledger.lend(units));
        }
        Ok(())
    }

    fn sell(&self, units: u64) {
        self.own().ledger().sell(units);
    }

    fn put_back(&self, units: u64) {
        self.own().ledger().put_back(units);
    }
}
