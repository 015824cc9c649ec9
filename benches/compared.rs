//! Purpose: what is compared once, by criterion: one lock with many segments, locks with atomics,
//! with and without an order flow; and every situation with every counter.
//!
//! ```text
//! cargo bench --bench compared                      a quarter of an hour
//! cargo bench --bench compared -- 'no flow/2 threads'
//! cargo bench --bench compared -- --test            each of them once, some seconds
//! ```
//!
//! The candidates take their turns one after the other here, so on a noisy machine
//! `cargo bench --bench situations` compares better.

// Each is a part of the benchmark `situations`, and not all of it is used here.
#[path = "situations/counters.rs"]
#[allow(dead_code)]
mod counters;
#[path = "situations/flows.rs"]
#[allow(dead_code)]
mod flows;
#[path = "situations/results.rs"]
#[allow(dead_code)]
mod results;
#[path = "situations/situation.rs"]
#[allow(dead_code)]
mod situation;
#[path = "support/mod.rs"]
mod support;

use counters::Counter;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use segstock::LockedStock;
use situation::{Calls, Situation};
use std::hint::black_box;
use std::thread::sleep;
use std::time::Duration;
use support::calls::{PLENTY, atomic, lock, striped, work};
use support::candidates::Till;
use support::cpu;
use support::flow::Shop;
use support::peers::{Choice, Segmented};
use support::windows::Work;

/// Up to eight, and more threads than cores where there are more of those.
fn threads() -> impl Iterator<Item = usize> {
    let crowd = 2 * cpu::cores();
    [1, 2, 4, 8].into_iter().chain((crowd > 8).then_some(crowd))
}

const SEGMENTS: [usize; 8] = [1, 2, 4, 8, 16, 20, 32, 64];
const FLOW: Duration = Duration::from_millis(1);

fn locked(segments: usize) -> LockedStock {
    LockedStock::new(PLENTY, segments).expect("some segments")
}

fn one(till: &(impl Till + ?Sized)) {
    _ = black_box(till.take(black_box(1)));
}

/// A deduct and nothing else.
fn no_flow(segments: usize) -> Vec<(&'static str, Work)> {
    let locks = Segmented::new(PLENTY, segments, Choice::Random, lock);
    let atomics = Segmented::new(PLENTY, segments, Choice::Random, atomic);
    vec![
        ("LockedStock", work(locked(segments), one)),
        ("locks, random", work(locks, one)),
        ("Stock", work(striped(PLENTY, segments), one)),
        ("atomics, random", work(atomics, one)),
    ]
}

/// Orders of a millisecond.
fn orders(shop: impl Shop) -> Work {
    let order = move || _ = black_box(shop.order(|| sleep(FLOW)));
    Work::new(move |_, calls| (0..calls).for_each(|_| order()))
}

/// An order of a millisecond, under the lock or after the deduct.
fn with_flow(segments: usize) -> Vec<(&'static str, Work)> {
    let locks = Segmented::new(PLENTY, segments, Choice::Random, lock);
    let mut works = vec![
        ("LockedStock", orders(locked(segments))),
        ("locks, random", orders(locks)),
        ("Stock", orders(striped(PLENTY, segments))),
    ];
    if segments == 1 {
        // As many have it, with no segments at all.
        works.push(("parking_lot lock", orders(lock(PLENTY))));
    }
    works
}

/// One lock against many segments.
fn segments(criterion: &mut Criterion, name: &str, works: fn(usize) -> Vec<(&'static str, Work)>) {
    for threads in threads() {
        let mut group = criterion.benchmark_group(format!("{name}/{threads} threads"));
        for segments in SEGMENTS {
            for (counter, work) in works(segments) {
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
    segments(criterion, "no flow", no_flow);
    segments(criterion, "flow of 1 ms", with_flow);
}

/// How long so many calls take on each thread, or so many sales.
fn timer(
    situation: &'static Situation,
    counter: Counter,
    threads: usize,
) -> Box<dyn FnMut(u64) -> Duration> {
    match situation.calls {
        Calls::SellOut(counters, orders) => Box::new(move |sales| {
            let sale = |_| situation.sell_out(counter, threads, counters, orders).time;
            (0..sales).map(sale).sum()
        }),
        calls => {
            let work = counter.open(situation.units, threads, calls);
            Box::new(move |calls| work.time(threads, calls))
        }
    }
}

fn situations(criterion: &mut Criterion) {
    for situation in situation::ALL {
        for threads in threads() {
            let name = format!("{}/{threads} threads", situation.name);
            let mut group = criterion.benchmark_group(name);
            for counter in situation.columns() {
                let mut time = timer(situation, counter, threads);
                group.bench_function(counter.name(), |bencher| bencher.iter_custom(&mut time));
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = compared;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = one_against_many, situations
}
criterion_main!(compared);
