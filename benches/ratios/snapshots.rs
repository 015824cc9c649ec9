//! Snapshots beside two threads that deduct and restock all the time.

use crate::common::wide;
use segstock::Stock;
use segstock_harness::{Limit, Run, cpu, median};
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A snapshot moves all units of a billion in one step.
pub(crate) fn snapshot(run: &mut Run) {
    const BILLION: u64 = 1_000_000_000;
    /// Without a rest the snapshots would have the stock to themselves: a thread that waits for the first one sleeps
    /// through the next thousand.
    const REST: Duration = Duration::from_micros(20);
    let windows = run.effort.windows;
    for segments in [2, 16] {
        let stock = wide(BILLION, segments);
        let available = || _ = black_box(stock.available());
        let available = median_ns(windows * 20, 1_000, Duration::ZERO, available);
        let snapshot = under_traffic(&stock, || {
            median_ns(windows * 50, 1, REST, || _ = black_box(stock.snapshot()))
        });
        let name = format!("{segments} segments, median ns / available()");
        run.ratio(name, [snapshot, available], Limit::AtMost(500.0));
    }
}

/// What `measure` says beside two threads, one on each of two cores, so that one of them always runs.
fn under_traffic<T: Send>(stock: &Stock, measure: impl Fn() -> T + Sync) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for core in 0..2 {
            let over = &over;
            scope.spawn(move || {
                cpu::pin(core);
                while !over.load(Ordering::Relaxed) {
                    if stock.deduct(1).is_ok() {
                        _ = stock.restock(1);
                    }
                }
            });
        }
        let measuring = scope.spawn(|| {
            cpu::pin(0);
            std::thread::sleep(Duration::from_millis(20));
            let measured = measure();
            over.store(true, Ordering::Relaxed);
            measured
        });
        measuring.join().expect("a snapshot does not panic")
    })
}

/// The median of this many samples, each of a batch of calls after a rest: ns of one call.
fn median_ns(samples: usize, batch: u32, rest: Duration, call: impl Fn()) -> Option<f64> {
    let sample = |_| {
        let rested = Instant::now() + rest;
        while Instant::now() < rested {
            spin_loop();
        }
        let began = Instant::now();
        (0..batch).for_each(|_| call());
        began.elapsed().as_nanos() as f64 / f64::from(batch)
    };
    median((0..samples).map(sample).collect())
}
