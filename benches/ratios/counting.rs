//! Deducts, restocks and refusals, with plenty in stock, little, or nothing.

use crate::{PLENTY, striped};
use Limit::{AtLeast, AtMost, None};
use segstock::Stock;
use segstock_harness::{Atomic, Limit, Lock, Orders, Run, Whole, Work, by_name, sell_out};
use std::hint::black_box;

const FORMS: [&str; 2] = ["Stock::new", "16 segments"];
const ATOMIC: [&str; 1] = ["shared atomic"];

/// Measures counters of these units, which all get the same call.
macro_rules! measure {
    ($run:ident, $threads:expr, $units:expr, |$counter:ident| $call:expr) => {{
        let (threads, units) = ($threads, $units);
        let each = || Atomic::new(units);
        let works = by_name! {
            FORMS[0] => Work::of(Stock::new(units), move |$counter| $call),
            FORMS[1] => Work::of(striped(units, 16), move |$counter| $call),
            "private atomic" => Work::of_each_thread(threads, each, move |$counter| $call),
            "shared atomic" => Work::of(Atomic::new(units), move |$counter| $call),
            "single lock" => Work::of(Lock::new(units), move |$counter| $call).parks(),
        };
        $run.measure(threads, works);
    }};
}

/// One unit goes out and comes back.
macro_rules! out_and_back {
    ($counter:expr) => {
        if black_box($counter.deduct(1).is_ok()) {
            _ = $counter.restock(1);
        }
    };
}
pub(crate) use out_and_back;

pub(crate) fn plenty(run: &mut Run) {
    for threads in [1, 2] {
        measure!(run, threads, PLENTY, |counter| _ =
            black_box(counter.deduct(1).is_ok()));
        run.compare_all(threads, &FORMS, &["private atomic"], AtMost(1.3));
    }
    run.compare_all(2, &["shared atomic"], &FORMS, AtLeast(3.5));
    run.compare_all(2, &["single lock"], &FORMS, AtLeast(5.0));
}

pub(crate) fn refusals(run: &mut Run, left: u64, units: u64) {
    for threads in [1, 2] {
        measure!(run, threads, left, |counter| _ =
            black_box(counter.deduct(black_box(units)).is_ok()));
        run.compare_all(threads, &FORMS, &ATOMIC, AtMost(1.2));
    }
}

pub(crate) fn more_than_there_is(run: &mut Run) {
    const FEW: u64 = 1_000_000;
    let refuse = |stock: &Stock| _ = black_box(stock.deduct(black_box(2 * FEW)).is_ok());
    let atomic = |word: &Atomic| _ = black_box(word.deduct(black_box(2 * FEW)).is_ok());
    let forms = ["2 segments", "16 segments"];
    for threads in [1, 2] {
        let works = vec![
            (forms[0], Work::of(striped(FEW, 2), refuse)),
            (forms[1], Work::of(striped(FEW, 16), refuse)),
            (ATOMIC[0], Work::of(Atomic::new(FEW), atomic)),
        ];
        run.measure(threads, works);
        run.compare_all(threads, &forms, &ATOMIC, AtMost(25.0));
    }
}

pub(crate) fn deduct_and_restock(run: &mut Run) {
    for (threads, limit) in [(1, None), (2, AtLeast(3.0))] {
        measure!(run, threads, PLENTY, |counter| out_and_back!(counter));
        run.compare_all(threads, &ATOMIC, &FORMS, limit);
    }
}

pub(crate) fn edge(run: &mut Run) {
    for units in [1, 2, 4, 8] {
        run.begin(format!("edge, units: {units}"));
        for threads in [1, 2] {
            measure!(run, threads, units, |counter| out_and_back!(counter));
            run.compare_all(threads, &FORMS, &ATOMIC, AtMost(2.0));
        }
    }
}

/// One unit comes back and is sold, and nearly everybody is refused.
pub(crate) fn refusals_and_restocks(run: &mut Run) {
    measure!(run, 2, 0, |counter| {
        _ = counter.restock(1);
        (0..100).for_each(|_| _ = black_box(counter.deduct(1).is_ok()));
    });
    run.compare_all(2, &FORMS, &ATOMIC, AtMost(2.0));
}

pub(crate) fn crowded(run: &mut Run) {
    for threads in [4, 8] {
        measure!(run, threads, PLENTY, |counter| _ =
            black_box(counter.deduct(1).is_ok()));
        run.compare_all(threads, &FORMS, &ATOMIC, AtMost(1.0));
    }
}

/// Sells out counters; a sample is what `$sample` makes of the time and of the orders that were served.
macro_rules! sell_out {
    ($count:literal counters, $threads:literal threads, $orders:ident, $sample:expr; $($name:literal: $open:expr,)+) => {
        vec![$(($name, Box::new(|| {
            let counters: Vec<_> = (0..$count).map(|_| $open).collect();
            $sample(sell_out(counters, $threads, $orders, |counter, units| counter.deduct(units).is_ok()))
        }))),+]
    };
}

/// Orders of 5 against 16 segments of 2: each order must be gathered. Of 7 orders, 6 are served.
pub(crate) fn fragmented(run: &mut Run) {
    let orders = Orders::of(5..=5, 1);
    let sales: Vec<Whole<'_>> = sell_out!(64 counters, 1 threads, orders, |(time, served)| ns(time, served + 64);
        "16 segments of 2": striped(32, 16),
        "shared atomic": Atomic::new(32),
    );
    run.measure_whole(1, "ns an order", run.effort.windows, sales);
    run.compare(1, "16 segments of 2", "shared atomic", AtMost(15.0));
}

/// A million units, sold with orders of 1 to 7, and 200,000 refusals on each thread.
pub(crate) fn drain(run: &mut Run) {
    const UNITS: u64 = 1_000_000;
    let orders = Orders::of(1..=7, 200_000 / 7);
    let sales: Vec<Whole<'_>> = sell_out!(1 counters, 2 threads, orders, |(time, _)| ns(time, 1_000_000);
        "Stock::new": Stock::new(UNITS),
        "16 segments": striped(UNITS, 16),
        "shared atomic": Atomic::new(UNITS),
        "single lock": Lock::new(UNITS),
    );
    run.measure_whole(2, "ms", run.effort.runs, sales);
    run.compare_all(2, &FORMS, &ATOMIC, AtMost(0.6));
    run.compare(2, "single lock", "shared atomic", None);
}

/// ns of each, or ms of a million.
fn ns(time: std::time::Duration, of: u64) -> f64 {
    time.as_nanos() as f64 / of as f64
}
