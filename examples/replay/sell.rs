//! Sells the log: threads take one order after another, in the sequence of the log.

use crate::log::{Line, Log};
use crate::shop::Shop;
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
    pub answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    /// The stock lacked the units.
    Short,
    /// Another line of its order lacked units.
    Dropped,
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
            // Three digits, and the buckets that this takes.
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

/// Sells the whole log; in parts, if each line is for itself.
pub fn all(
    log: &Log,
    shop: &Shop<'_>,
    threads: usize,
    partial: bool,
    progress: &ProgressBar,
) -> Result<Sales, String> {
    let next = AtomicUsize::new(0);
    let clerk = || work(log, shop, partial, &next, progress);
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
    shop: &Shop<'_>,
    partial: bool,
    next: &AtomicUsize,
    progress: &ProgressBar,
) -> Result<Sales, String> {
    let mut sales = Sales::none()?;
    let mut wanted = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(order) = log.orders.get(index) else {
            return Ok(sales);
        };
        let begin = Instant::now();
        let first = sales.outcomes.len();
        if partial {
            sell_lines(shop, order, &mut sales.outcomes);
        } else {
            sell_whole(shop, order, &mut wanted, &mut sales.outcomes);
        }
        let nanoseconds = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        sales
            .latencies
            .record(nanoseconds)
            .map_err(|error| error.to_string())?;
        let mut outcomes = sales.outcomes[first..].iter();
        if outcomes.all(|outcome| outcome.answer == Answer::Accepted) {
            sales.orders_accepted += 1;
        } else {
            sales.orders_refused += 1;
        }
        if index.is_multiple_of(SIGN) {
            progress.set_message(format!("selling: {index} of {} orders", log.orders.len()));
        }
    }
}

fn answer(accepted: bool) -> Answer {
    if accepted {
        Answer::Accepted
    } else {
        Answer::Short
    }
}

/// Sells and takes back line by line.
fn sell_lines(shop: &Shop<'_>, order: &[Line], outcomes: &mut Vec<Outcome>) {
    for &line in order {
        let accepted = if line.quantity > 0 {
            shop.sell(line)
        } else {
            shop.take_back(line)
        };
        let answer = answer(accepted);
        outcomes.push(Outcome { line, answer });
    }
}

/// Takes back what came back, and then sells all that is ordered, or none of it.
fn sell_whole(
    shop: &Shop<'_>,
    order: &[Line],
    wanted: &mut Vec<Line>,
    outcomes: &mut Vec<Outcome>,
) {
    wanted.clear();
    for &line in order {
        if line.quantity > 0 {
            wanted.push(line);
        } else {
            let answer = answer(shop.take_back(line));
            outcomes.push(Outcome { line, answer });
        }
    }
    if wanted.is_empty() {
        return;
    }
    let sold = shop.order(wanted);
    outcomes.extend(wanted.iter().map(|&line| {
        let answer = match &sold {
            Ok(()) => Answer::Accepted,
            Err(short) if short.contains(&line.sku) => Answer::Short,
            Err(_) => Answer::Dropped,
        };
        Outcome { line, answer }
    }));
}
