//! Customers whose orders run their flow under a lock, or under none: how many are served, and how long they wait.

use crate::counters::{Segmented, StdLock, locked};
use segstock::Selection::{ByThread, Random};
use segstock::Stock;
use segstock_harness::{Figure, Lock, Run, Sale, percentile};
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

/// More units than any run sells.
const UNITS: u64 = 1_000_000;

pub fn measure(run: &mut Run) {
    let lock = Lock::new(UNITS);
    sell(run, "parking_lot lock", |flow| {
        lock.deduct_with(1, flow).is_ok()
    });
    let lock = StdLock(Mutex::new(UNITS));
    sell(run, "std lock", |flow| lock.deduct_with(1, flow));
    for segments in [4, 20, 64] {
        let locks = Segmented::new(UNITS, segments, Random, Lock::new);
        let name = format!("segment locks, {segments}, random");
        sell(run, &name, |flow| {
            locks
                .in_turn()
                .any(|lock| lock.deduct_with(1, flow).is_ok())
        });
    }
    let random = [1, 2, 4, 8, 16, 20, 32, 64].map(|segments| (segments, Random, "random"));
    for (segments, selection, how) in random.into_iter().chain([(20, ByThread, "by thread")]) {
        let stock = locked(UNITS, segments, selection);
        sell(run, &format!("LockedStock, {segments}, {how}"), |flow| {
            let order = || {
                flow();
                Ok::<_, Infallible>(())
            };
            stock.deduct_with(1, order).is_ok()
        });
    }
    let stock = Stock::new(UNITS);
    sell(run, "Stock, no lock held", |flow| {
        let sold = stock.deduct(1).is_ok();
        flow();
        sold
    });
}

fn sell(run: &mut Run, name: &str, order: impl Fn(&dyn Fn()) -> bool + Sync) {
    let mut sale = Sale::FLASH;
    if run.effort.quick {
        sale.flow = Duration::from_millis(4);
    }
    let served = sale.run(run.effort.watched, order);
    let counted = served.latency.len();
    let mut figure = |unit: &str, at, value| {
        let figure = Figure::new(value, counted, counted);
        run.figure(name, sale.customers, unit, Figure { at, ..figure });
    };
    let longest = percentile(served.latency.clone(), 1.0);
    figure("orders", None, Some(counted as f64));
    figure("orders a second", None, Some(served.per_second));
    figure("the longest, ms", None, longest);
    for part in [0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999] {
        figure("ms", Some(part), served.within(part));
    }
}
