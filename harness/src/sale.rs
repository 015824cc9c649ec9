//! Sales that are measured as a whole: counters that are sold out, and customers whose orders have a flow.

use crate::windows::{Work, on_threads, percentile};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Orders of all sizes in turn, again and again.
#[derive(Debug, Clone, Copy)]
pub struct Orders {
    smallest: u64,
    largest: u64,
    refusals: u64,
}

impl Orders {
    /// Orders of these sizes. A thread stops when its smallest order was refused this often.
    #[must_use]
    pub const fn of(sizes: RangeInclusive<u64>, refusals: u64) -> Self {
        Self {
            smallest: *sizes.start(),
            largest: *sizes.end(),
            refusals,
        }
    }
}

/// Sells one counter after the other, on several threads; the time that this takes, and the orders that were served.
#[must_use]
pub fn sell_out<C: Send + Sync + 'static>(
    counters: Vec<C>,
    threads: usize,
    orders: Orders,
    deduct: impl Fn(&C, u64) -> bool + Send + Sync + 'static,
) -> (Duration, u64) {
    let all_served = Arc::new(AtomicU64::new(0));
    let served = Arc::clone(&all_served);
    let sell = Work::new(move |_, _| {
        let sold = counters
            .iter()
            .map(|counter| sell_one_out(orders, |units| deduct(counter, units)));
        served.fetch_add(sold.sum(), Ordering::Relaxed);
    });
    (sell.time(threads, 1), all_served.load(Ordering::Relaxed))
}

/// How many orders one thread could serve.
fn sell_one_out(orders: Orders, deduct: impl Fn(u64) -> bool) -> u64 {
    let (mut served, mut refused, mut size) = (0, 0, orders.smallest);
    while refused < orders.refusals {
        if deduct(size) {
            served += 1;
        } else {
            refused += u64::from(size == orders.smallest);
        }
        size += 1;
        if size > orders.largest {
            size = orders.smallest;
        }
    }
    served
}

/// Customers who order again as soon as they are served.
#[derive(Debug, Clone, Copy)]
pub struct Sale {
    /// How many order at once.
    pub customers: usize,
    /// Payment and paper of an order, which sleeps for it.
    pub flow: Duration,
}

/// The orders that ended while the sale was watched.
#[derive(Debug, Clone)]
pub struct Served {
    /// Orders in a second.
    pub per_second: f64,
    /// From each order's call to its return, in milliseconds.
    pub latency: Vec<f64>,
}

impl Served {
    /// The latency that this part of all orders did not exceed; `None` if less than one order is slower.
    #[must_use]
    pub fn within(&self, part: f64) -> Option<f64> {
        // A decimal fraction is a little less or more in binary.
        let slower = self.latency.len() as f64 * (1.0 - part) + 1e-9;
        percentile((slower >= 1.0).then(|| self.latency.clone())?, part)
    }
}

impl Sale {
    /// As published: 64 customers, and 20 ms for payment and paper.
    pub const FLASH: Self = Self {
        customers: 64,
        flow: Duration::from_millis(20),
    };

    /// Runs the sale. `order` gets the flow, runs it under its lock or under none, and says whether it sold a
    /// unit. Orders count that end within `length`, once all customers are at work.
    pub fn run(self, length: Duration, order: impl Fn(&dyn Fn()) -> bool + Sync) -> Served {
        let began = Instant::now();
        let counted = self.flow * 5..self.flow * 5 + length;
        let latency = on_threads(self.customers, &|_| {
            let mut latency = Vec::new();
            while began.elapsed() < counted.end {
                let ordered = Instant::now();
                let sold = order(&|| std::thread::sleep(self.flow));
                if sold && counted.contains(&began.elapsed()) {
                    latency.push(ordered.elapsed().as_secs_f64() * 1e3);
                }
            }
            latency
        });
        let latency = latency.concat();
        Served {
            per_second: latency.len() as f64 / length.as_secs_f64(),
            latency,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::{Atomic, Lock};

    #[test]
    fn everything_is_sold_once() {
        let orders = Orders::of(1..=7, 1);
        let words = vec![Atomic::new(1_000), Atomic::new(1_000)];
        let (_, served) = sell_out(words, 2, orders, |word, units| word.deduct(units).is_ok());
        // On average an order has 4 units; the last ones have less.
        assert!((400..=600).contains(&served), "{served}");
    }

    #[test]
    fn a_lock_that_is_held_during_the_flow_sells_one_at_a_time() {
        let sale = Sale {
            customers: 4,
            flow: Duration::from_millis(10),
        };
        let length = Duration::from_millis(200);
        let lock = Lock::new(1_000);
        let under_a_lock = sale.run(length, |flow| lock.deduct_with(1, flow).is_ok());
        assert!(
            (1..=21).contains(&under_a_lock.latency.len()),
            "{under_a_lock:?}"
        );
        let under_none = sale.run(length, |flow| [flow()].len() == 1);
        assert!(under_none.latency.len() > 21, "{under_none:?}");
    }

    #[test]
    fn a_percentile_needs_orders_beyond_it() {
        let within = |orders: u32, part| {
            Served {
                per_second: 0.0,
                latency: (1..=orders).map(f64::from).collect(),
            }
            .within(part)
        };
        assert_eq!(
            [within(200, 0.99), within(1_000, 0.999)],
            [Some(198.0), Some(999.0)]
        );
        assert_eq!([within(999, 0.999), within(0, 0.5)], [None, None]);
    }
}
