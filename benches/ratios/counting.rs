//! Deducts, restocks and refusals, with plenty in stock, little, or nothing.

use crate::{PLENTY, striped};
use Limit::{AtLeast, AtMost, None};
use segstock::Stock;
use segstock_harness::{Atomic, Limit, Lock, Orders, Run, Whole, Work, sell_out};
use std::hint::black_box;

const FORMS: [&str; 2] = ["Stock::new", "16 segments"];

/// Measures counters of these units, which all get the same call.
macro_rules! measure {
    ($run:ident, $threads:expr, $units:expr, |$counter:ident| $call:expr) => {{
        let (threads, units) = ($threads, $units);
        let each = || Atomic::new(units);
        let stock = Work::of(Stock::new(units), move |$counter| $call);
        let striped = Work::of(striped(units, 16), move |$counter| $call);
        let private = Work::of_each_thread(threads, each, move |$counter| $call);
        let atomic = Work::of(Atomic::new(units), move |$counter| $call);
        let lock = Work::of(Lock::new(units), move |$counter| $call).parks();
        let works = vec![
            (FORMS[0], stock),
            (FORMS[1], striped),
            ("private atomic", private),
            ("shared atomic", atomic),
            ("single lock", lock),
        ];
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

/// Both forms of a `Stock`, compared with this.
fn compare(run: &mut Run, threads: usize, base: &str, limit: Limit) {
    for form in FORMS {
        run.compare(threads, form, base, limit);
    }
}

/// This, compared with both forms of a `Stock`.
fn compare_with(run: &mut Run, threads: usize, name: &str, limit: Limit) {
    for form in FORMS {
        run.compare(threads, name, form, limit);
    }
}

pub(crate) fn plenty(run: &mut Run) {
    for threads in [1, 2] {
        measure!(run, threads, PLENTY, |counter| _ =
            black_box(counter.deduct(1).is_ok()));
        compare(run, threads, "private atomic", AtMost(1.3));
    }
    compare_with(run, 2, "shared atomic", AtLeast(3.5));
    compare_with(run, 2, "single lock", AtLeast(5.0));
}

pub(crate) fn sold_out(run: &mut Run) {
    refusals(run, 0, 1);
}

pub(crate) fn too_few_left(run: &mut Run) {
    refusals(run, 3, 5);
}

fn refusals(run: &mut Run, left: u64, units: u64) {
    for threads in [1, 2] {
        measure!(run, threads, left, |counter| _ =
            black_box(counter.deduct(black_box(units)).is_ok()));
        compare(run, threads, "shared atomic", AtMost(1.2));
    }
}

pub(crate) fn more_than_there_is(run: &mut Run) {
    const FEW: u64 = 1_000_000;
    let refuse = |stock: &Stock| _ = black_box(stock.deduct(black_box(2 * FEW)).is_ok());
    let atomic = |word: &Atomic| _ = black_box(word.deduct(black_box(2 * FEW)).is_ok());
    for threads in [1, 2] {
        let works = vec![
            ("2 segments", Work::of(striped(FEW, 2), refuse)),
            ("16 segments", Work::of(striped(FEW, 16), refuse)),
            ("shared atomic", Work::of(Atomic::new(FEW), atomic)),
        ];
        run.measure(threads, works);
        for form in ["2 segments", "16 segments"] {
            run.compare(threads, form, "shared atomic", AtMost(25.0));
        }
    }
}

pub(crate) fn deduct_and_restock(run: &mut Run) {
    for (threads, limit) in [(1, None), (2, AtLeast(3.0))] {
        measure!(run, threads, PLENTY, |counter| out_and_back!(counter));
        compare_with(run, threads, "shared atomic", limit);
    }
}

pub(crate) fn edge(run: &mut Run) {
    for units in [1, 2, 4, 8] {
        run.begin(format!("edge, units: {units}"));
        for threads in [1, 2] {
            measure!(run, threads, units, |counter| out_and_back!(counter));
            compare(run, threads, "shared atomic", AtMost(2.0));
        }
    }
}

/// One unit comes back and is sold, and nearly everybody is refused.
pub(crate) fn refusals_and_restocks(run: &mut Run) {
    measure!(run, 2, 0, |counter| {
        _ = counter.restock(1);
        (0..100).for_each(|_| _ = black_box(counter.deduct(1).is_ok()));
    });
    compare(run, 2, "shared atomic", AtMost(2.0));
}

pub(crate) fn crowded(run: &mut Run) {
    for threads in [4, 8] {
        measure!(run, threads, PLENTY, |counter| _ =
            black_box(counter.deduct(1).is_ok()));
        compare(run, threads, "shared atomic", AtMost(1.0));
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
    let orders = Orders {
        smallest: 5,
        largest: 5,
        refusals: 1,
    };
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
    let orders = Orders {
        smallest: 1,
        largest: 7,
        refusals: 200_000 / 7,
    };
    let sales: Vec<Whole<'_>> = sell_out!(1 counters, 2 threads, orders, |(time, _)| ns(time, 1_000_000);
        "Stock::new": Stock::new(UNITS),
        "16 segments": striped(UNITS, 16),
        "shared atomic": Atomic::new(UNITS),
        "single lock": Lock::new(UNITS),
    );
    run.measure_whole(2, "ms", run.effort.runs, sales);
    compare(run, 2, "shared atomic", AtMost(0.6));
    run.compare(2, "single lock", "shared atomic", None);
}

/// ns of each, or ms of a million.
fn ns(time: std::time::Duration, of: u64) -> f64 {
    time.as_nanos() as f64 / of as f64
}
