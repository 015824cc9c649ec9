//! The situations, and what is promised in each.

use crate::holding;
use crate::report::{Limit, Report};
use crate::reserving;
use crate::support::calls::{
    self, Orders, PLENTY, atomic, lock, narrowed, out_and_back, restock_and_99, sixteen, two, work,
};
use crate::support::candidates::{Private, Till};
use crate::support::cpu;
use crate::support::flow;
use crate::support::windows::{Effort, Figure, measure, median, percentile};
use segstock::{LockedStock, Stock};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

type Situation = fn(Effort, &mut Report);

pub const ALL: &[(&str, Situation)] = &[
    ("plenty", plenty),
    ("sold out", sold_out),
    ("too few left", too_few_left),
    ("more than a plentiful stock has", more_than_there_is),
    ("take and give back", take_and_give_back),
    ("reserve and drop", reserving::reserve_and_drop),
    ("reserve and commit", reserving::reserve_and_commit),
    ("lease", reserving::leases),
    ("place and confirm", holding::alone),
    ("place and confirm beside others", holding::beside_others),
    (
        "place and confirm beside a million",
        holding::beside_a_million,
    ),
    ("edge", edge),
    ("fragmented", fragmented),
    ("drain", drain),
    ("99 refusals to one restock", refusals_and_restocks),
    ("more threads than cores", crowded),
    ("snapshot under traffic", snapshot),
    ("order flow of 20 ms", order_flow),
];

/// Measures candidates that all get the same calls, and shows each; the first is the stock.
macro_rules! compare {
    ($effort:expr, $report:expr, $threads:expr, $call:expr, [$($name:literal: $candidate:expr),+ $(,)?]) => {{
        let names = [$($name),+];
        let work = [$(work($candidate, $call)),+];
        let figures = measure($effort, $threads, &work);
        show($report, $threads, &names, &figures);
        figures.iter().map(|figure| figure.ns).collect::<Vec<f64>>()
    }};
}

pub fn show(report: &Report, threads: usize, names: &[&str], figures: &[Figure]) {
    for (name, figure) in names.iter().zip(figures) {
        let Figure {
            ns,
            counted,
            windows,
        } = figure;
        report.figure(
            &format!("{threads} threads: {name}"),
            &format!("{ns:>9.2} ns   ({counted} of {windows} windows)"),
        );
    }
}

fn plenty(effort: Effort, report: &mut Report) {
    for threads in [1, 2] {
        let ns = compare!(effort, report, threads, |till| _ = black_box(till.take(1)), [
            "Stock::new": Stock::new(PLENTY),
            "Stock, 16 segments": sixteen(PLENTY),
            "private atomic": Private::new(PLENTY, threads),
            "shared atomic": atomic(PLENTY),
            "single lock": lock(PLENTY),
            "LockedStock, 16 segments": LockedStock::new(PLENTY, 16).expect("16 segments"),
        ]);
        let [stock, striped, private, shared, lock, _] = ns[..] else {
            unreachable!()
        };
        for (form, ns) in [("Stock::new", stock), ("16 segments", striped)] {
            let line = |peer| format!("{threads} threads: {form} / {peer}");
            report.ratio(&line("private atomic"), ns, private, Limit::AtMost(1.3));
            if threads == 2 {
                report.ratio(
                    &format!("2 threads: shared atomic / {form}"),
                    shared,
                    ns,
                    Limit::AtLeast(3.5),
                );
                report.ratio(
                    &format!("2 threads: single lock / {form}"),
                    lock,
                    ns,
                    Limit::AtLeast(5.0),
                );
            }
        }
    }
}

fn sold_out(effort: Effort, report: &mut Report) {
    refusals(effort, report, 0, 1);
}

fn too_few_left(effort: Effort, report: &mut Report) {
    refusals(effort, report, 3, 5);
}

fn refusals(effort: Effort, report: &mut Report, left: u64, units: u64) {
    for threads in [1, 2] {
        let ns = compare!(effort, report, threads, move |till| _ = black_box(till.take(black_box(units))), [
            "Stock::new": Stock::new(left),
            "Stock, 16 segments": narrowed(sixteen(left)),
            "shared atomic": atomic(left),
            "single lock": lock(left),
            "LockedStock, 16 segments": LockedStock::new(left, 16).expect("16 segments"),
        ]);
        let [stock, striped, shared, ..] = ns[..] else {
            unreachable!()
        };
        let line = |form| format!("{threads} threads: {form} / shared atomic");
        report.ratio(&line("Stock::new"), stock, shared, Limit::AtMost(1.2));
        report.ratio(&line("16 segments"), striped, shared, Limit::AtMost(1.2));
    }
}

fn more_than_there_is(effort: Effort, report: &mut Report) {
    const FEW: u64 = 1_000_000;
    for threads in [1, 2] {
        let ns = compare!(effort, report, threads, |till| _ = black_box(till.take(black_box(2 * FEW))), [
            "Stock, 2 segments": Stock::builder(FEW).segments(2).build().expect("2 segments"),
            "Stock, 16 segments": sixteen(FEW),
            "shared atomic": atomic(FEW),
        ]);
        let [two, sixteen, shared] = ns[..] else {
            unreachable!()
        };
        let line = |form| format!("{threads} threads: {form} / shared atomic");
        report.ratio(&line("2 segments"), two, shared, Limit::AtMost(25.0));
        report.ratio(&line("16 segments"), sixteen, shared, Limit::AtMost(25.0));
    }
}

fn take_and_give_back(effort: Effort, report: &mut Report) {
    for threads in [1, 2] {
        let ns = compare!(effort, report, threads, out_and_back, [
            "Stock::new": Stock::new(PLENTY),
            "Stock, 16 segments": sixteen(PLENTY),
            "private atomic": Private::new(PLENTY, threads),
            "shared atomic": atomic(PLENTY),
            "single lock": lock(PLENTY),
            "LockedStock, 16 segments": LockedStock::new(PLENTY, 16).expect("16 segments"),
        ]);
        if threads == 2 {
            report.ratio(
                "2 threads: shared atomic / Stock::new",
                ns[3],
                ns[0],
                Limit::AtLeast(3.0),
            );
            report.ratio(
                "2 threads: shared atomic / 16 segments",
                ns[3],
                ns[1],
                Limit::AtLeast(3.0),
            );
        }
    }
}

fn edge(effort: Effort, report: &mut Report) {
    for threads in [1, 2] {
        for units in [1, 2, 4, 8] {
            println!("  {units} units");
            let ns = compare!(effort, report, threads, out_and_back, [
                "Stock::new": Stock::new(units),
                "Stock, 16 segments": sixteen(units),
                "shared atomic": atomic(units),
                "single lock": lock(units),
            ]);
            let line = |form| format!("{threads} threads, {units} units: {form} / shared atomic");
            report.ratio(&line("Stock::new"), ns[0], ns[2], Limit::AtMost(2.0));
            report.ratio(&line("16 segments"), ns[1], ns[2], Limit::AtMost(2.0));
        }
    }
}

/// Orders of 5 against 16 segments of 2, one thread: each order must be gathered.
fn fragmented(effort: Effort, report: &mut Report) {
    let (mut striped, mut shared) = (Vec::new(), Vec::new());
    for _ in 0..effort.windows {
        striped.push(ns_an_order(|| sixteen(32)));
        shared.push(ns_an_order(|| atomic(32)));
    }
    let (striped, shared) = (median(&mut striped), median(&mut shared));
    report.ratio(
        "1 thread, ns an order: 16 segments of 2 / shared atomic",
        striped,
        shared,
        Limit::AtMost(15.0),
    );
}

/// Six orders that are served, and one that is not.
fn ns_an_order<T: Till + Send + Sync + 'static>(counter: impl Fn() -> T) -> f64 {
    let counters: Vec<T> = (0..64).map(|_| counter()).collect();
    let orders = Orders {
        smallest: 5,
        largest: 5,
        refusals: 1,
    };
    let sold_out = calls::sell_out(&counters, 32, 1, orders);
    sold_out.time.as_nanos() as f64 / (sold_out.orders + counters.len() as u64) as f64
}

fn drain(effort: Effort, report: &mut Report) {
    let mut stock = Vec::new();
    let mut striped = Vec::new();
    let mut shared = Vec::new();
    let mut locked = Vec::new();
    for _ in 0..effort.runs {
        stock.push(drain_once(Stock::new(1_000_000)));
        striped.push(drain_once(sixteen(1_000_000)));
        shared.push(drain_once(atomic(1_000_000)));
        locked.push(drain_once(lock(1_000_000)));
    }
    let shared = median(&mut shared);
    let line = |form| format!("2 threads, ms: {form} / shared atomic");
    report.ratio(
        &line("Stock::new"),
        median(&mut stock),
        shared,
        Limit::AtMost(0.6),
    );
    report.ratio(
        &line("16 segments"),
        median(&mut striped),
        shared,
        Limit::AtMost(0.6),
    );
    report.ratio(
        &line("single lock"),
        median(&mut locked),
        shared,
        Limit::None,
    );
}

/// A million units with orders of 1 to 7, and 200,000 refusals a thread; in ms.
fn drain_once(till: impl Till + Send + Sync + 'static) -> f64 {
    let orders = Orders {
        smallest: 1,
        largest: 7,
        refusals: 200_000 / 7,
    };
    let sold_out = calls::sell_out(&[till], 1_000_000, 2, orders);
    sold_out.time.as_secs_f64() * 1e3
}

fn refusals_and_restocks(effort: Effort, report: &mut Report) {
    let threads = 2;
    let ns = compare!(effort, report, threads, restock_and_99, [
        "Stock::new": Stock::new(0),
        "Stock, 16 segments": narrowed(sixteen(0)),
        "shared atomic": atomic(0),
        "single lock": lock(0),
    ]);
    report.ratio(
        "2 threads: Stock::new / shared atomic",
        ns[0],
        ns[2],
        Limit::AtMost(2.0),
    );
    report.ratio(
        "2 threads: 16 segments / shared atomic",
        ns[1],
        ns[2],
        Limit::AtMost(2.0),
    );
}

fn crowded(effort: Effort, report: &mut Report) {
    for threads in [4, 8] {
        let ns = compare!(effort, report, threads, |till| _ = black_box(till.take(1)), [
            "Stock::new": Stock::new(PLENTY),
            "Stock, 16 segments": sixteen(PLENTY),
            "shared atomic": atomic(PLENTY),
            "single lock": lock(PLENTY),
        ]);
        let line = |form| format!("{threads} threads: {form} / shared atomic");
        report.ratio(&line("Stock::new"), ns[0], ns[2], Limit::AtMost(1.0));
        report.ratio(&line("16 segments"), ns[1], ns[2], Limit::AtMost(1.0));
    }
}

/// As many units as are moved in one step; beside them so many that it takes 128 of them.
fn snapshot(effort: Effort, report: &mut Report) {
    const BILLION: u64 = 1_000_000_000;
    for (form, stock, limit) in [
        ("2 segments", two(BILLION), Limit::AtMost(500.0)),
        ("16 segments", sixteen(BILLION), Limit::AtMost(500.0)),
        ("2 segments, 2^39 units", two(PLENTY), Limit::None),
        ("16 segments, 2^39 units", sixteen(PLENTY), Limit::None),
    ] {
        let cheap = time_calls(effort.windows * 20, 1_000, || {
            _ = black_box(stock.available());
        });
        let (mut hammered, calls) = hammered_snapshots(&stock, effort.windows * 50);
        let cheap = median(&mut { cheap });
        let p99 = percentile(&mut hammered, 0.99);
        let line = |figure: &str| format!("{form}, {figure} ns / available()");
        report.ratio(&line("median"), median(&mut hammered), cheap, limit);
        report.ratio(&line("p99"), p99, cheap, Limit::None);
        let name = format!("{form}, calls of others beside each");
        report.figure(&name, &format!("{calls:>9.0}"));
    }
}

/// ns of each of so many snapshots beside two hammering threads, one on each of two cores, so that
/// one of them always runs; and how many calls they made meanwhile, for each snapshot.
///
/// There is a rest before each. Without one the snapshots have the stock to themselves: whoever waits
/// for the first sleeps through the next thousand.
fn hammered_snapshots(stock: &Stock, samples: usize) -> (Vec<f64>, f64) {
    const REST: Duration = Duration::from_micros(20);
    let over = AtomicBool::new(false);
    let rounds = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for core in 0..2 {
            let (over, rounds) = (&over, &rounds);
            scope.spawn(move || {
                cpu::pin(core % cpu::cores());
                while !over.load(Ordering::Relaxed) {
                    (0..64).for_each(|_| out_and_back(stock));
                    rounds.fetch_add(64, Ordering::Relaxed);
                }
            });
        }
        let measuring = scope.spawn(|| {
            cpu::pin(0);
            std::thread::sleep(Duration::from_millis(20));
            let before = rounds.load(Ordering::Relaxed);
            let samples: Vec<f64> = (0..samples)
                .flat_map(|_| {
                    spin_for(REST);
                    time_calls(1, 1, || _ = black_box(stock.snapshot()))
                })
                .collect();
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

/// ns a call, one sample for each `batch` calls.
fn time_calls(samples: usize, batch: u32, call: impl Fn()) -> Vec<f64> {
    let sample = |_| {
        let began = Instant::now();
        for _ in 0..batch {
            call();
        }
        began.elapsed().as_nanos() as f64 / f64::from(batch)
    };
    (0..samples).map(sample).collect()
}

fn order_flow(effort: Effort, report: &mut Report) {
    for (segments, limit) in [(1, 50.0), (20, 950.0)] {
        let stock = LockedStock::new(1_000_000, segments).expect("some segments");
        let per_second = flow::FLASH_SALE.run(&stock, effort.flow).per_second;
        let name = format!("64 customers, orders a second: {segments} segments / {limit}");
        let limit_is = if segments == 1 {
            Limit::None
        } else {
            Limit::AtLeast(1.0)
        };
        report.ratio(&name, per_second, limit, limit_is);
    }
}
