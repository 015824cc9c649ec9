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

mod common;

use common::{Ours, PLENTY, locked, wide};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use segstock_harness::{Calls, Candidate, Lock, cpu};
use std::time::Duration;

const SEGMENTS: [usize; 8] = [1, 2, 4, 8, 16, 20, 32, 64];

/// An order's flow runs under one lock, under the lock of a segment, and after the deduct from a stock without locks.
fn candidates(segments: usize) -> Vec<Candidate> {
    let mut candidates = vec![
        Candidate::new("LockedStock", move |units| Ours(locked(units, segments))),
        Candidate::new("Stock", move |units| Ours(wide(units, segments))),
    ];
    if segments == 1 {
        candidates.push(Candidate::new("parking_lot lock", Lock::new));
    }
    candidates
}

fn measure(criterion: &mut Criterion, name: &str, calls: Calls) {
    let crowd = 2 * cpu::cores();
    for threads in [1, 2, 4, 8].into_iter().chain((crowd > 8).then_some(crowd)) {
        let mut group = criterion.benchmark_group(format!("{name}/{threads} threads"));
        for segments in SEGMENTS {
            for candidate in candidates(segments) {
                let work = (candidate.work)(PLENTY, threads, calls);
                let id = BenchmarkId::new(candidate.name, segments);
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|calls| work.time(threads, calls));
                });
            }
        }
        group.finish();
    }
}

fn one_against_many(criterion: &mut Criterion) {
    let millisecond = Duration::from_millis(1);
    measure(criterion, "no flow", Calls::Deduct(1));
    measure(criterion, "flow of 1 ms", Calls::Order(millisecond));
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
