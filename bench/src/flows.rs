//! Customers whose orders run their flow under a lock, or under none: how many are served, and how long they wait.

use crate::candidates::{all, locked, segment_locks};
use segstock::Selection::{ByThread, Random};
use segstock_harness::{Candidate, Figure, Run, percentile};

/// More units than any run sells.
const UNITS: u64 = 1_000_000;

pub fn measure(run: &mut Run) {
    let mut candidates: Vec<Candidate> = all().into_iter().map(|one| one.1).collect();
    candidates.retain(|one| ["Stock::new", "parking_lot lock", "std lock"].contains(&&*one.name));
    for segments in [4, 20, 64] {
        let name = format!("segment locks, {segments}, random");
        candidates.push(segment_locks(&name, segments));
    }
    for segments in [1, 2, 4, 8, 16, 20, 32, 64] {
        let name = format!("LockedStock, {segments}, random");
        candidates.push(locked(&name, segments, Random));
    }
    candidates.push(locked("LockedStock, 20, by thread", 20, ByThread));
    run.begin("order flow: 64 customers");
    for one in candidates {
        sell(run, &one);
    }
}

fn sell(run: &mut Run, one: &Candidate) {
    let watched = run.effort.watched;
    let served = (one.sell)(UNITS, watched);
    let counted = served.len();
    let mut figure = |unit: &str, at, value| {
        let figure = Figure::new(value, counted, counted);
        run.figure(&one.name, 64, unit, Figure { at, ..figure });
    };
    let per_second = counted as f64 / watched.as_secs_f64();
    figure("orders a second", None, Some(per_second));
    figure("the longest, ms", None, percentile(served.clone(), 1.0));
    for orders in [2, 4, 10, 20, 50, 100, 200, 1_000] {
        let within = percentile(served.clone(), 1.0 - 1.0 / orders as f64);
        // Of fewer orders none would be slower.
        let within = within.filter(|_| counted >= orders);
        figure("ms of all but one order of", Some(orders as f64), within);
    }
}
