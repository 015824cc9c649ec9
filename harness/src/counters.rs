//! The plain counters that others are compared with: one atomic, and one lock.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// There are fewer units than were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// One atomic word with a bound check.
#[derive(Debug)]
pub struct Atomic(AtomicU64);

impl Atomic {
    /// A word of `units`.
    #[must_use]
    pub const fn new(units: u64) -> Self {
        Self(AtomicU64::new(units))
    }

    /// Deducts all `units`, or none.
    ///
    /// # Errors
    ///
    /// Fewer are in stock.
    #[inline(always)]
    pub fn deduct(&self, units: u64) -> Result<(), Refused> {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        let deducted = self
            .0
            .fetch_update(success, failure, |left| left.checked_sub(units));
        deducted.map(drop).map_err(|_| Refused)
    }

    /// Adds `units`, and returns how many were in stock before.
    #[inline(always)]
    pub fn restock(&self, units: u64) -> u64 {
        self.0.fetch_add(units, Ordering::AcqRel)
    }
}

/// One lock around one number. A thread that waits for it leaves the CPU.
#[derive(Debug)]
pub struct Lock(Mutex<u64>);

impl Lock {
    /// A lock around `units`.
    #[must_use]
    pub const fn new(units: u64) -> Self {
        Self(Mutex::new(units))
    }

    /// Deducts all `units`, or none.
    ///
    /// # Errors
    ///
    /// Fewer are in stock.
    #[inline(always)]
    pub fn deduct(&self, units: u64) -> Result<(), Refused> {
        self.deduct_with(units, || {})
    }

    /// Runs an order's flow under the lock, if there are enough units, and then deducts them.
    ///
    /// # Errors
    ///
    /// Fewer are in stock; the flow did not run.
    #[inline(always)]
    pub fn deduct_with(&self, units: u64, flow: impl FnOnce()) -> Result<(), Refused> {
        let mut left = self.0.lock();
        let rest = left.checked_sub(units).ok_or(Refused)?;
        flow();
        *left = rest;
        Ok(())
    }

    /// Adds `units`, and returns how many were in stock before.
    #[inline(always)]
    pub fn restock(&self, units: u64) -> u64 {
        let mut left = self.0.lock();
        *left += units;
        *left - units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_counters_sell_what_they_have() {
        let (word, lock) = (Atomic::new(3), Lock::new(3));
        for (units, answer) in [(2, Ok(())), (2, Err(Refused)), (1, Ok(()))] {
            assert_eq!((word.deduct(units), lock.deduct(units)), (answer, answer));
        }
        assert_eq!((word.restock(1), lock.restock(1)), (0, 0));
        assert_eq!((word.restock(1), lock.restock(1)), (1, 1));
        assert!(lock.deduct_with(3, || panic!("no units, no flow")).is_err());
    }
}
