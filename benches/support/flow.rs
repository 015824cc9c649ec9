//! The whole order flow under the lock, and how long the customers wait for it.

use super::calls::on_threads;
use hdrhistogram::Histogram;
use segstock::LockedStock;
use std::time::{Duration, Instant};

/// Customers who order again as soon as they are served, and what an order does under the lock.
#[derive(Debug, Clone, Copy)]
pub struct Sale {
    pub customers: usize,
    pub flow: Duration,
}

/// As published: 64 customers, and 20 ms for payment and paper.
pub const FLASH_SALE: Sale = Sale {
    customers: 64,
    flow: Duration::from_millis(20),
};

/// What customers saw.
pub struct Seen {
    pub per_second: f64,
    /// From the call to its return, in ns, of every order that was counted.
    pub latency: Histogram<u64>,
}

impl Sale {
    /// The orders that ended within `length`, once all are at it.
    pub fn run(self, stock: &LockedStock, length: Duration) -> Seen {
        let at_it = self.flow * 5;
        let began = Instant::now();
        let counted = at_it..at_it + length;
        let customer = |_| {
            let mut latency = new_histogram();
            while began.elapsed() < counted.end {
                let ordered = Instant::now();
                let flow = || -> Result<(), ()> {
                    std::thread::sleep(self.flow);
                    Ok(())
                };
                let sold = stock.deduct_with(1, flow).is_ok();
                if sold && counted.contains(&began.elapsed()) {
                    // The histogram grows with what it is told: nothing is out of its range.
                    let _ = latency.record(ordered.elapsed().as_nanos() as u64);
                }
            }
            latency
        };
        let mut latency = new_histogram();
        for one in on_threads(self.customers, &customer) {
            latency += one;
        }
        Seen {
            per_second: latency.len() as f64 / length.as_secs_f64(),
            latency,
        }
    }
}

fn new_histogram() -> Histogram<u64> {
    // Three digits, and a range that grows.
    Histogram::new(3).expect("three is a legal number of digits")
}
