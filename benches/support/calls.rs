//! What the threads do to a till, and the stocks that they do it to.

use super::candidates::{Atomic, Candidate, Lock, Till};
use super::cpu;
use super::windows::Work;
use parking_lot::Mutex;
use segstock::{MAX_UNITS, Stock};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

pub const PLENTY: u64 = MAX_UNITS / 2;

pub fn atomic(units: u64) -> Atomic {
    Atomic(AtomicU64::new(units))
}

pub fn lock(units: u64) -> Lock {
    Lock(Mutex::new(units))
}

/// Striped from the start.
pub fn striped(units: u64, segments: usize) -> Stock {
    let builder = Stock::builder(units).segments(segments);
    builder.build().expect("some segments")
}

pub fn sixteen(units: u64) -> Stock {
    striped(units, 16)
}

/// What a `Stock::new` grows to on two cores.
pub fn two(units: u64) -> Stock {
    striped(units, 2)
}

/// After the first refusal, as it is in a flash sale.
pub fn narrowed(stock: Stock) -> Stock {
    stock.deduct(MAX_UNITS).expect_err("it holds less");
    stock
}

/// Calls that all do the same to a till.
pub fn work<C: Candidate>(
    candidate: C,
    call: impl Fn(&C::Till) + Copy + Send + Sync + 'static,
) -> Work {
    Box::new(move |thread, calls| {
        let till = candidate.till(thread);
        for _ in 0..calls {
            call(till);
        }
    })
}

#[inline]
pub fn out_and_back(till: &(impl Till + ?Sized)) {
    if black_box(till.take(1)) {
        till.give(1);
    }
}

/// A unit comes back, is sold, and nearly everybody is refused.
#[inline]
pub fn restock_and_99(till: &(impl Till + ?Sized)) {
    till.give(1);
    for _ in 0..100 {
        black_box(till.take(1));
    }
}

/// What a drain took: orders that were served, and the time until the last thread was done.
pub struct Drained {
    pub orders: u64,
    pub time: Duration,
}

/// From `units` to nothing with orders of 1 to 7 on `threads` threads, and `refusals` each after it.
pub fn drain(till: impl Till + Send + Sync, units: u64, threads: usize, refusals: u64) -> Drained {
    let gate = Barrier::new(threads);
    let sell = |thread: usize| {
        cpu::pin(thread % cpu::cores());
        gate.wait();
        let began = Instant::now();
        let (mut sold, mut orders, mut refused) = (0, 0, 0);
        let mut size = 1;
        while refused < refusals {
            if till.take(size) {
                sold += size;
                orders += 1;
            } else {
                refused += 1;
            }
            size = size % 7 + 1;
        }
        (sold, orders, began.elapsed())
    };
    let parts: Vec<(u64, u64, Duration)> = std::thread::scope(|scope| {
        let sell = &sell;
        // Not on this thread: it would stay pinned, and so would all that it ever starts.
        let all: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || sell(thread)))
            .collect();
        let joined = all.into_iter().map(|one| one.join());
        joined.map(|part| part.expect("no panic")).collect()
    });
    let sold: u64 = parts.iter().map(|part| part.0).sum();
    assert_eq!(sold, units, "all is sold");
    Drained {
        orders: parts.iter().map(|part| part.1).sum(),
        time: parts.iter().map(|part| part.2).max().unwrap_or_default(),
    }
}
