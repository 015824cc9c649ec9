//! Purpose: the few calls whose cost is followed from version to version, by criterion.
//!
//! ```text
//! cargo bench --bench tracked -- --save-baseline before    and, after a change:
//! cargo bench --bench tracked -- --baseline before
//! ```
//!
//! One lock is compared with many segments in `compared.rs`. Instruction counts, which repeat exactly, are watched by
//! `.ci/instructions`.
#![expect(
    missing_docs,
    reason = "criterion's macro makes functions without documentation"
)]

mod common;

use common::{Ours, PLENTY, locked, wide};
use criterion::{Criterion, criterion_group, criterion_main};
use segstock::Stock;
use segstock_harness::{Calls, Candidate};
use std::hint::black_box;
use std::time::Duration;

/// One call, to a stock in each of its forms.
fn both_forms(criterion: &mut Criterion, name: &str, units: u64, call: impl Fn(&Stock) + Copy) {
    let mut group = criterion.benchmark_group(name);
    let forms = [("narrow", Stock::new(units)), ("wide", wide(units, 16))];
    for (form, stock) in forms {
        group.bench_function(form, |bencher| bencher.iter(|| call(black_box(&stock))));
    }
    group.finish();
}

fn one_thread(criterion: &mut Criterion) {
    both_forms(criterion, "deduct", PLENTY, |stock| {
        _ = black_box(stock.deduct(black_box(1)));
    });
    both_forms(criterion, "refuse", 3, |stock| {
        _ = black_box(stock.deduct(black_box(5)));
    });
    both_forms(criterion, "deduct and restock", PLENTY, |stock| {
        if black_box(stock.deduct(1).is_ok()) {
            _ = stock.restock(1);
        }
    });
    both_forms(criterion, "reserve and drop", PLENTY, |stock| {
        drop(black_box(stock.reserve(black_box(1))));
    });
    both_forms(criterion, "available", PLENTY, |stock| {
        _ = black_box(stock.available());
    });
    both_forms(criterion, "snapshot", PLENTY, |stock| {
        _ = black_box(stock.snapshot());
    });
    let locked = locked(PLENTY, 16);
    criterion.bench_function("LockedStock, deduct", |bencher| {
        bencher.iter(|| _ = black_box(locked.deduct(black_box(1))));
    });
}

fn two_threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("2 threads");
    for (name, units, calls) in [
        ("deduct", PLENTY, Calls::Deduct(1)),
        ("deduct and restock", PLENTY, Calls::OutAndBack(1)),
        ("one unit out and back", 1, Calls::OutAndBack(1)),
    ] {
        let candidate = Candidate::new("Stock", |units| Ours(Stock::new(units)));
        let work = (candidate.work)(units, 2, calls);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|calls| work.time(2, calls));
        });
    }
    group.finish();
}

criterion_group! {
    name = tracked;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = one_thread, two_threads
}
criterion_main!(tracked);
