//! `Candidate`: a counter by its name, and what every thread asks of it.

use crate::counters::Counter;
use crate::sale::{Orders, sell};
use crate::windows::Work;
use std::fmt;
use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

/// What every thread asks, again and again.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Calls {
    /// Units are deducted.
    Deduct(u64),
    /// Units are deducted and restocked.
    OutAndBack(u64),
    /// Units are reserved and released.
    Reserve(u64),
    /// One unit is restocked, and a hundred orders ask for it.
    Refusals99,
    /// One unit is ordered, and the flow of the order sleeps for this long.
    Order(Duration),
    /// A number of counters are sold out, one after the other.
    SellOut(usize, Orders),
}

const FLOW: Duration = Duration::from_millis(20);

/// A counter that is compared with others. The units that it is opened with come first.
pub struct Candidate {
    /// What it is called in tables and plots.
    pub name: String,
    /// What this many threads do, again and again. Panics if they sell out, which is measured as a whole.
    pub work: Box<dyn Fn(u64, usize, Calls) -> Work>,
    /// ns per order and thread, when a number of counters are sold out by a number of threads.
    pub sell_out: Box<dyn Fn(u64, usize, usize, Orders) -> f64>,
    /// Watches a flash sale for this long, and says of each order how many milliseconds it took: 64 customers order again
    /// as soon as they are served, and payment and paper take 20 ms for each order.
    pub sell: Box<dyn Fn(u64, Duration) -> Vec<f64>>,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Candidate").field(&self.name).finish()
    }
}

impl Candidate {
    /// A counter that all threads share; `open` gets its units.
    #[must_use]
    pub fn new<C: Counter>(
        name: impl Into<String>,
        open: impl Fn(u64) -> C + Copy + 'static,
    ) -> Self {
        let opened = move |units, count| (0..count).map(|_| open(units)).collect::<Vec<_>>();
        Self {
            name: name.into(),
            work: Box::new(move |units, _, calls| work(opened(units, 1), calls)),
            sell_out: Box::new(move |units, count, threads, orders| {
                orders.sell_out(&opened(units, count), threads)
            }),
            sell: Box::new(move |units, length| sell(&open(units), 64, FLOW, length)),
        }
    }

    /// A counter of each thread's own: what would be possible without sharing.
    #[must_use]
    pub fn private<C: Counter>(name: &str, open: fn(u64) -> C) -> Self {
        let opened = move |units, count| (0..count).map(|_| open(units)).collect();
        Self {
            work: Box::new(move |units, threads, calls| work::<C>(opened(units, threads), calls)),
            ..Self::new(name, open)
        }
    }
}

/// The units are no argument of `black_box`: it would store them, and a locked instruction waits for stores.
fn work<C: Counter>(counters: Vec<C>, calls: Calls) -> Work {
    match calls {
        Calls::Deduct(units) => Work::of_each(counters, move |counter| {
            black_box(counter.deduct(units));
        }),
        Calls::OutAndBack(units) => Work::of_each(counters, move |counter| {
            if black_box(counter.deduct(units)) {
                counter.restock(units);
            }
        }),
        Calls::Reserve(units) => Work::of_each(counters, move |counter| {
            counter.reserve_and_release(units);
        }),
        Calls::Refusals99 => Work::of_each(counters, |counter| {
            counter.restock(1);
            (0..100).for_each(|_| _ = black_box(counter.deduct(1)));
        }),
        Calls::Order(flow) => Work::of_each(counters, move |counter| {
            black_box(counter.order(|| sleep(flow)));
        }),
        Calls::SellOut(..) => panic!("counters that are sold out are measured as a whole"),
    }
}
