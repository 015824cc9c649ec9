//! Purpose: one lock against many segments, by criterion, with and without an order flow.
//!
//! ```text
//! cargo bench --bench compared                      some minutes
//! cargo bench --bench compared -- 'no flow/2 threads'
//! cargo bench --bench compared -- --test            each of them once, some seconds
//! ```
//!
//! Here the candidates run one after the other. On a noisy machine the windows of `segstock-bench`, in which they take
//! turns, compare better.
#![expect(
    missing_docs,
    reason = "criterion's macro makes functions without documentation"
)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use segstock::{LockedStock, MAX_UNITS, Stock};
use segstock_harness::{Lock, Work, by_name, cpu};
use std::convert::Infallible;
use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;

const PLENTY: u64 = MAX_UNITS / 2;
const SEGMENTS: [usize; 8] = [1, 2, 4, 8, 16, 20, 32, 64];

fn locked(segments: usize) -> LockedStock {
    LockedStock::new(PLENTY, segments).expect("some segments")
}

fn striped(segments: usize) -> Stock {
    let builder = Stock::builder(PLENTY).segments(segments);
    builder.build().expect("some segments")
}

/// An order under one lock, under the lock of a segment, and of a stock without locks, whose flow comes after the
/// deduct.
fn orders(
    segments: usize,
    flow: impl Fn() + Copy + Send + Sync + 'static,
) -> Vec<(&'static str, Work)> {
    let under_segment_lock = move |stock: &LockedStock| {
        let flow = || {
            flow();
            Ok::<_, Infallible>(())
        };
        _ = black_box(stock.deduct_with(black_box(1), flow).is_ok());
    };
    let after_deduct = move |stock: &Stock| {
        if black_box(stock.deduct(black_box(1)).is_ok()) {
            flow();
        }
    };
    let under_lock = move |lock: &Lock| _ = black_box(lock.deduct_with(black_box(1), flow).is_ok());
    let mut works = by_name! {
        "LockedStock" => Work::of(locked(segments), under_segment_lock),
        "Stock" => Work::of(striped(segments), after_deduct),
    };
    if segments == 1 {
        works.push(("parking_lot lock", Work::of(Lock::new(PLENTY), under_lock)));
    }
    works
}

fn measure(criterion: &mut Criterion, name: &str, flow: impl Fn() + Copy + Send + Sync + 'static) {
    let crowd = 2 * cpu::cores();
    for threads in [1, 2, 4, 8].into_iter().chain((crowd > 8).then_some(crowd)) {
        let mut group = criterion.benchmark_group(format!("{name}/{threads} threads"));
        for segments in SEGMENTS {
            for (counter, work) in orders(segments, flow) {
                let id = BenchmarkId::new(counter, segments);
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|calls| work.time(threads, calls));
                });
            }
        }
        group.finish();
    }
}

fn one_against_many(criterion: &mut Criterion) {
    let millisecond = || sleep(Duration::from_millis(1));
    measure(criterion, "no flow", || {});
    measure(criterion, "flow of 1 ms", millisecond);
}

criterion_group! {
    name = compared;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = one_against_many
}
criterion_main!(compared);
