//! The whole order flow, under a lock or outside any, and how long the customers wait for it.

use super::calls::on_threads;
use super::candidates::{Lock, Till};
use super::peers::{Segmented, StdLock};
use hdrhistogram::Histogram;
use segstock::{LockedStock, Stock};
use std::time::{Duration, Instant};

/// Customers who order again as soon as they are served, and what an order does, under the lock if there is one.
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

/// Who sells a unit with its flow.
pub trait Shop: Send + Sync + 'static {
    /// Whether there was one.
    fn order(&self, flow: impl FnOnce()) -> bool;
}

/// Under the lock of a segment.
impl Shop for LockedStock {
    fn order(&self, flow: impl FnOnce()) -> bool {
        let flow = || -> Result<(), ()> {
            flow();
            Ok(())
        };
        self.deduct_with(1, flow).is_ok()
    }
}

/// After the deduct, under no lock.
impl Shop for Stock {
    fn order(&self, flow: impl FnOnce()) -> bool {
        let sold = self.take(1);
        if sold {
            flow();
        }
        sold
    }
}

/// The flow, and then one unit less, if there is one.
fn sell(left: &mut u64, flow: impl FnOnce()) -> bool {
    if *left == 0 {
        return false;
    }
    flow();
    *left -= 1;
    true
}

/// Under the one lock.
impl Shop for Lock {
    fn order(&self, flow: impl FnOnce()) -> bool {
        sell(&mut self.0.lock(), flow)
    }
}

impl Shop for StdLock {
    fn order(&self, flow: impl FnOnce()) -> bool {
        sell(&mut self.0.lock().expect("nobody panics"), flow)
    }
}

/// Under the lock of the first segment, from a random one on, that has a unit.
impl Shop for Segmented<Lock> {
    fn order(&self, flow: impl FnOnce()) -> bool {
        for segment in self.in_turn() {
            let mut left = segment.0.lock();
            if *left > 0 {
                return sell(&mut left, flow);
            }
        }
        false
    }
}

/// What customers saw.
pub struct Seen {
    pub per_second: f64,
    /// From the call to its return, in ns, of every order that was counted.
    pub latency: Histogram<u64>,
}

impl Sale {
    /// The orders that ended within `length`, once all are at it; no others are counted or timed.
    pub fn run(self, shop: &impl Shop, length: Duration) -> Seen {
        let at_it = self.flow * 5;
        let began = Instant::now();
        let counted = at_it..at_it + length;
        let customer = |_| {
            let mut latency = new_histogram();
            while began.elapsed() < counted.end {
                let ordered = Instant::now();
                let sold = shop.order(|| std::thread::sleep(self.flow));
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
