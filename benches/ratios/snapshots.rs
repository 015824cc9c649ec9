//! Snapshots beside two threads that deduct and restock all the time.

use crate::counting::out_and_back;
use crate::{PLENTY, striped};
use segstock::Stock;
use segstock_harness::{Limit, Run, cpu, median, percentile};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A snapshot moves all units of a billion in one step, and those of 2^39 in 512.
pub(crate) fn snapshot(run: &mut Run) {
    const BILLION: u64 = 1_000_000_000;
    let promise = Limit::AtMost(500.0);
    for (form, stock, limit) in [
        ("2 segments", striped(BILLION, 2), promise),
        ("16 segments", striped(BILLION, 16), promise),
        ("2 segments, 2^39 units", striped(PLENTY, 2), Limit::None),
        ("16 segments, 2^39 units", striped(PLENTY, 16), Limit::None),
    ] {
        let windows = run.effort.windows;
        let available = || _ = black_box(stock.available());
        let available = median(time_calls(windows * 20, 1_000, available));
        let (samples, others) = under_traffic(&stock, windows * 50);
        let mut ratio = |name: &str, ns, limit| {
            let name = format!("{form}, {name} ns / available()");
            run.ratio(name, [ns, available], limit);
        };
        ratio("median", median(samples.clone()), limit);
        ratio("p99", percentile(samples, 0.99), Limit::None);
        let name = format!("{form}, calls of others / snapshots");
        run.ratio(name, [Some(others), Some(1.0)], Limit::None);
    }
}

/// ns of each snapshot beside two threads, one on each of two cores, so that one of them always runs; and how many
/// calls they made meanwhile for each snapshot.
///
/// There is a rest before each snapshot. Without it the snapshots would have the stock to themselves: a thread that
/// waits for the first one sleeps through the next thousand.
fn under_traffic(stock: &Stock, samples: usize) -> (Vec<f64>, f64) {
    const REST: Duration = Duration::from_micros(20);
    let over = AtomicBool::new(false);
    let rounds = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for core in 0..2 {
            let (over, rounds) = (&over, &rounds);
            scope.spawn(move || {
                cpu::pin(core % cpu::cores());
                while !over.load(Ordering::Relaxed) {
                    (0..64).for_each(|_| out_and_back!(stock));
                    rounds.fetch_add(64, Ordering::Relaxed);
                }
            });
        }
        let measuring = scope.spawn(|| {
            cpu::pin(0);
            std::thread::sleep(Duration::from_millis(20));
            let before = rounds.load(Ordering::Relaxed);
            let sample = |_| {
                spin_for(REST);
                time_calls(1, 1, || _ = black_box(stock.snapshot()))
            };
            let samples: Vec<f64> = (0..samples).flat_map(sample).collect();
            let calls = 2 * (rounds.load(Ordering::Relaxed) - before);
            over.store(true, Ordering::Relaxed);
            let calls = calls as f64 / samples.len() as f64;
            (samples, calls)
        });
        measuring.join().expect("a snapshot does not panic")
    })
}

fn spin_for(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// ns of a call, one sample for each `batch` calls.
fn time_calls(samples: usize, batch: u32, call: impl Fn()) -> Vec<f64> {
    let sample = |_| {
        let began = Instant::now();
        (0..batch).for_each(|_| call());
        began.elapsed().as_nanos() as f64 / f64::from(batch)
    };
    (0..samples).map(sample).collect()
}
