//! What is shown as lines: cost over segments, over what is left, and over the length of the flow for each way of
//! choosing a segment. The name of a situation is that of its plot, and after a colon that of its panel.

use crate::calls::{Calls, MILLION, work};
use crate::candidates::{ALL, Candidate, Kind};
use crate::counters::{Counter, PLENTY, Segmented, locked, striped};
use segstock::Selection::{self, ByThread, Random};
use segstock_harness::{Atomic, Lock, Run, Work, by_name, cpu, median};
use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;

const SEGMENTS: [usize; 8] = [1, 2, 4, 8, 16, 20, 32, 64];
const LEFT: [u64; 8] = [MILLION, 100_000, 10_000, 1_000, 100, 10, 1, 0];
/// Rounds of arithmetic that stand for a flow; and fewer, where there are fewer segments than threads.
const FLOWS: [u64; 6] = [0, 30, 100, 300, 3_000, 30_000];
const FEW_FLOWS: [u64; 3] = [0, 300, 30_000];

type Works = Vec<(&'static str, Work)>;

/// Measures candidates at each place of an axis, all in turn.
fn measure(run: &mut Run, threads: usize, places: impl IntoIterator<Item = (f64, Works)>) {
    let at = |(at, works): (f64, Works)| {
        works
            .into_iter()
            .map(move |(name, work)| (name, work.at(at)))
    };
    run.measure(threads, places.into_iter().flat_map(at).collect());
}

/// The counters with segments, of which an order tries each that it needs.
fn segmented(calls: Calls, units: u64, segments: usize) -> Works {
    by_name! {
        "Stock" => work(calls, None, || striped(units, segments)),
        "LockedStock, random" => work(calls, None, || locked(units, segments, Random)),
        "segment locks, random" => work(calls, None, || Segmented::new(units, segments, Random, Lock::new)),
    }
}

pub fn over_segments(run: &mut Run) {
    let (cores, deduct, refuse) = (cpu::cores(), Calls::Deduct(1), Calls::Deduct(2 * MILLION));
    run.begin(format!(
        "cost over segments: deduct one of plenty, {cores} threads"
    ));
    let places = SEGMENTS.map(|segments| {
        let mut works = segmented(deduct, PLENTY, segments);
        works.extend(by_name! {
            "LockedStock, by thread" => work(deduct, None, || locked(PLENTY, segments, ByThread)),
            "segment atomics, random" => work(deduct, None, || Segmented::new(PLENTY, segments, Random, Atomic::new)),
        });
        (segments as f64, works)
    });
    measure(run, cores, places);
    // Every segment is looked at.
    run.begin("cost over segments: refuse more than there is, 1 thread");
    let places = SEGMENTS.map(|segments| (segments as f64, segmented(refuse, MILLION, segments)));
    measure(run, 1, places);
}

pub fn over_what_is_left(run: &mut Run) {
    let cores = cpu::cores();
    run.begin(format!(
        "cost over what is left: three units out and back, {cores} threads"
    ));
    let is_shown = |one: &&Candidate| one.kind <= Kind::Peer && one.name != "std lock";
    let places = LEFT.map(|left| {
        let calls = Calls::SoldDownTo(left);
        let work = |one: &Candidate| (one.name, (one.work)(calls, MILLION, cores));
        (left as f64, ALL.iter().filter(is_shown).map(work).collect())
    });
    measure(run, cores, places);
}

/// What a flow does to the CPU; reading the clock would take longer than the shortest flow.
fn flow(rounds: u64) {
    (0..rounds).for_each(|round| _ = black_box(round));
}

/// How long a flow takes on a CPU of its own; 1 ns stands for no flow.
fn ns_of(rounds: u64) -> f64 {
    if rounds == 0 {
        return 1.0;
    }
    let sample = |_| {
        let began = Instant::now();
        (0..100).for_each(|_| flow(black_box(rounds)));
        began.elapsed().as_nanos() as f64 / 100.0
    };
    median((0..25).map(sample).collect())
        .unwrap_or(1.0)
        .max(1.0)
}

/// With a segment for each thread, and with fewer segments than threads.
pub fn choosing_a_segment(run: &mut Run) {
    let (cores, crowd) = (cpu::cores(), 4 * cpu::cores());
    for (threads, segments, flows) in [
        (cores, 16, &FLOWS[..]),
        (crowd, 16, &FLOWS),
        (crowd, cores, &FEW_FLOWS),
        (crowd, 2 * cores, &FEW_FLOWS),
    ] {
        over_the_flow(run, threads, segments, flows);
    }
}

/// An order's cost, flow and all: under the lock of the counters that lock, after the deduct of the others. With 16
/// segments, counters without a choice are measured, too.
fn over_the_flow(run: &mut Run, threads: usize, segments: usize, flows: &[u64]) {
    run.begin(format!(
        "choosing a segment: {segments} segments, {threads} threads"
    ));
    let places = flows.iter().map(|&rounds| {
        let atomics = |selection| Segmented::new(PLENTY, segments, selection, Atomic::new);
        let mut works = by_name! {
            "LockedStock, random" => under_lock(rounds, segments, Random),
            "LockedStock, by thread" => under_lock(rounds, segments, ByThread),
            "segment atomics, random" => before_flow(rounds, atomics(Random)),
            "segment atomics, by thread" => before_flow(rounds, atomics(ByThread)),
        };
        if segments == 16 {
            works.extend(by_name! {
                "LockedStock, 1 segment" => under_lock(rounds, 1, Random),
                "Stock" => before_flow(rounds, striped(PLENTY, segments)),
                "the flow alone" => Work::of((), move |()| flow(rounds)),
            });
        }
        // The number of calls between two looks at the time: what a window of this flow needs.
        let chunk = (30_000 / (rounds + 60)).clamp(1, 512);
        let works = works
            .into_iter()
            .map(|(name, work)| (name, work.in_chunks_of(chunk)));
        (ns_of(rounds), works.collect())
    });
    measure(run, threads, places);
}

fn before_flow(rounds: u64, counter: impl Counter) -> Work {
    Work::of(counter, move |counter| {
        _ = black_box(counter.deduct(black_box(1)));
        flow(rounds);
    })
}

fn under_lock(rounds: u64, segments: usize, selection: Selection) -> Work {
    let order = move || {
        flow(rounds);
        Ok::<_, Infallible>(())
    };
    let stock = locked(PLENTY, segments, selection);
    Work::of(stock, move |stock| {
        _ = black_box(stock.deduct_with(1, order).is_ok());
    })
    .parks()
}
