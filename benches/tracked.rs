//! Purpose: the few calls whose cost is followed from version to version, by criterion.
//!
//! ```text
//! cargo bench --bench tracked -- --save-baseline before    and, after a change:
//! cargo bench --bench tracked -- --baseline before
//! ```
//!
//! What is compared with others, once, is in `compared.rs`; instruction counts, which repeat
//! exactly, are watched by `.ci/instructions`.

#[path = "support/mod.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use segstock::{LockedStock, Stock};
use std::hint::black_box;
use std::time::Duration;
use support::calls::{PLENTY, out_and_back, sixteen, work};
use support::candidates::Till;

/// The same bench for a stock in both of its forms.
fn both_forms(criterion: &mut Criterion, name: &str, units: u64, call: impl Fn(&Stock) + Copy) {
    let mut group = criterion.benchmark_group(name);
    for (form, stock) in [("narrow", Stock::new(units)), ("striped", sixteen(units))] {
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
    both_forms(criterion, "deduct and restock", PLENTY, out_and_back);
    both_forms(criterion, "reserve and drop", PLENTY, |stock| {
        stock.lend(black_box(1));
    });
    both_forms(criterion, "available", PLENTY, |stock| {
        _ = black_box(stock.available());
    });
    both_forms(criterion, "snapshot", PLENTY, |stock| {
        _ = black_box(stock.snapshot());
    });
    let locked = LockedStock::new(PLENTY, 16).expect("some segments");
    criterion.bench_function("LockedStock, deduct", |bencher| {
        bencher.iter(|| _ = black_box(locked.deduct(black_box(1))));
    });
}

fn two_threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("2 threads");
    let works = [
        (
            "deduct",
            work(Stock::new(PLENTY), |stock| {
                _ = black_box(stock.take(black_box(1)));
            }),
        ),
        ("deduct and restock", work(Stock::new(PLENTY), out_and_back)),
        ("one unit out and back", work(Stock::new(1), out_and_back)),
    ];
    for (name, work) in works {
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
