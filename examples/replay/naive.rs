//! What goes wrong without segstock.

use segstock::{MAX_UNITS, OutOfStock, RestockOverflow, StockCounter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Reads, checks, and writes. It breaks the contract of [`StockCounter`]: another thread may write
/// in between, and what it wrote is lost.
#[derive(Debug)]
pub struct Naive(AtomicU64);

impl Naive {
    pub fn new(units: u64) -> Self {
        Self(AtomicU64::new(units))
    }
}

impl StockCounter for Naive {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let seen = self.available();
        let Some(left) = seen.checked_sub(units) else {
            return Err(OutOfStock::new(units, seen));
        };
        // A query to a database would take longer. This shows the mistake on few cores, too.
        thread::yield_now();
        self.0.store(left, Ordering::SeqCst);
        Ok(())
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        let seen = self.available();
        let more = seen.checked_add(units).filter(|&more| more <= MAX_UNITS);
        let Some(more) = more else {
            return Err(RestockOverflow::new(units, seen));
        };
        thread::yield_now();
        self.0.store(more, Ordering::SeqCst);
        Ok(())
    }

    fn available(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
