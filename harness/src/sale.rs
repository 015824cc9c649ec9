//! Sales that are measured as a whole: counters that are sold out, and customers whose orders have a flow.

use crate::counters::Counter;
use crate::windows::{on_threads, timed};
use std::ops::RangeInclusive;
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

    /// Sells one counter after the other, on several threads: ns per order that was served, and thread.
    pub(crate) fn sell_out(self, counters: &[impl Counter], threads: usize) -> f64 {
        let sell = |counter| self.served_by(counter);
        let (time, served) = timed(threads, |_| counters.iter().map(sell).sum::<u64>());
        time.as_nanos() as f64 * threads as f64 / served.iter().sum::<u64>() as f64
    }

    /// How many orders a counter serves to one thread.
    fn served_by(self, counter: &impl Counter) -> u64 {
        let (mut served, mut refused) = (0, 0);
        while refused < self.refusals {
            for size in self.smallest..=self.largest {
                if counter.deduct(size) {
                    served += 1;
                } else {
                    refused += u64::from(size == self.smallest);
                }
            }
        }
        served
    }
}

/// Customers who order again as soon as they are served, each order with a flow that sleeps: milliseconds from the call
/// to the return of each order that sold a unit and ended within `length`, once all customers are at work.
pub(crate) fn sell(
    counter: &impl Counter,
    customers: usize,
    flow: Duration,
    length: Duration,
) -> Vec<f64> {
    let began = Instant::now();
    let counted = flow * 5..flow * 5 + length;
    let latency = on_threads(customers, |_| {
        let mut latency = Vec::new();
        while began.elapsed() < counted.end {
            let ordered = Instant::now();
            let sold = counter.order(|| std::thread::sleep(flow));
            if sold && counted.contains(&began.elapsed()) {
                latency.push(ordered.elapsed().as_secs_f64() * 1e3);
            }
        }
        latency
    });
    latency.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::{Atomic, Lock};

    #[test]
    fn everything_is_sold_once() {
        let orders = Orders::of(1..=7, 1);
        let words = [Atomic::new(1_000), Atomic::new(1_000)];
        let served: u64 = words.iter().map(|word| orders.served_by(word)).sum();
        // On average an order has 4 units; the last ones have less.
        assert!((500..=510).contains(&served), "{served}");
        assert!(words.iter().all(|word| !word.deduct(1)));
        assert!(orders.sell_out(&[Lock::new(1_000)], 2) > 1.0);
    }

    #[test]
    fn a_lock_that_is_held_during_the_flow_sells_one_at_a_time() {
        let (flow, length) = (Duration::from_millis(10), Duration::from_millis(200));
        let under_a_lock = sell(&Lock::new(1_000), 4, flow, length);
        assert!((1..=21).contains(&under_a_lock.len()), "{under_a_lock:?}");
        let under_none = sell(&Atomic::new(1_000), 4, flow, length);
        assert!(under_none.len() > 21, "{under_none:?}");
    }
}
