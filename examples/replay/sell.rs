//! Sells the log: threads take one order after another, in the sequence of the log.

use crate::log::{Line, Log};
use crate::shelf::Shelf;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Orders between two signs of progress.
const SIGN: usize = 1_024;

/// What became of an order line.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    pub line: Line,
    pub accepted: bool,
}

/// What became of all orders.
pub struct Sales {
    /// One thread after another, and in each thread's sequence.
    pub outcomes: Vec<Outcome>,
    pub orders_accepted: u64,
    pub orders_refused: u64,
    /// How long an order took, in nanoseconds.
    pub latencies: Histogram<u64>,
    pub took: Duration,
}

impl Sales {
    fn none() -> Result<Self, String> {
        Ok(Self {
            outcomes: Vec::new(),
            orders_accepted: 0,
            orders_refused: 0,
            // Three digits, as many buckets as it takes.
            latencies: Histogram::new(3).map_err(|error| error.to_string())?,
            took: Duration::ZERO,
        })
    }

    fn add(&mut self, other: Self) -> Result<(), String> {
        self.outcomes.extend(other.outcomes);
        self.orders_accepted += other.orders_accepted;
        self.orders_refused += other.orders_refused;
        self.latencies
            .add(other.latencies)
            .map_err(|error| error.to_string())
    }
}

/// Sells the whole log.
pub fn all(
    log: &Log,
    shelves: &[Shelf],
    threads: usize,
    progress: &ProgressBar,
) -> Result<Sales, String> {
    let next = AtomicUsize::new(0);
    let clerk = || work(log, shelves, &next, progress);
    let start = Instant::now();
    let parts = thread::scope(|scope| {
        let clerks: Result<Vec<_>, _> = (0..threads)
            .map(|_| thread::Builder::new().spawn_scoped(scope, clerk))
            .collect();
        let clerks = clerks.map_err(|error| format!("cannot start {threads} threads: {error}"))?;
        let parts = clerks.into_iter().map(|clerk| match clerk.join() {
            Ok(part) => part,
            Err(_) => Err("a thread panicked".into()),
        });
        parts.collect::<Result<Vec<_>, String>>()
    })?;
    let took = start.elapsed();

    let mut sales = Sales::none()?;
    for part in parts {
        sales.add(part)?;
    }
    Ok(Sales { took, ..sales })
}

/// Sells one order after another, until there are no more.
fn work(
    log: &Log,
    shelves: &[Shelf],
    next: &AtomicUsize,
    progress: &ProgressBar,
) -> Result<Sales, String> {
    let mut sales = Sales::none()?;
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(order) = log.orders.get(index) else {
            return Ok(sales);
        };
        let begin = Instant::now();
        let mut all_accepted = true;
        for &line in order {
            let accepted = sell(line, &shelves[line.sku]);
            all_accepted &= accepted;
            sales.outcomes.push(Outcome { line, accepted });
        }
        let nanoseconds = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        sales
            .latencies
            .record(nanoseconds)
            .map_err(|error| error.to_string())?;
        if all_accepted {
            sales.orders_accepted += 1;
        } else {
            sales.orders_refused += 1;
        }
        if index.is_multiple_of(SIGN) {
            progress.set_message(format!("selling: {index} of {} orders", log.orders.len()));
        }
    }
}

/// Takes what is ordered, or puts back what was returned.
fn sell(line: Line, shelf: &Shelf) -> bool {
    let units = line.quantity.unsigned_abs();
    if line.quantity > 0 {
        shelf.counter.deduct(units).is_ok()
    } else {
        shelf.counter.restock(units).is_ok()
    }
}
