//! What is shown as lines: cost over segments, over what is left, and over the length of the flow for each way of
//! choosing a segment. The name of a situation is that of its plot, and after a colon that of its panel.

use crate::calls::{Calls, MILLION, work};
use crate::candidates::{ALL, Kind};
use crate::counters::{Counter, PLENTY, Segmented, locked, striped};
use segstock::Selection::{self, ByThread, Random};
use segstock_harness::{Atomic, Lock, Run, Work, cpu, median};
use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;

const SEGMENTS: [usize; 8] = [1, 2, 4, 8, 16, 20, 32, 64];
const LEFT: [u64; 8] = [MILLION, 100_000, 10_000, 1_000, 100, 10, 1, 0];
/// Rounds of arithmetic that stand for a flow; and fewer, where there are fewer segments than threads.
const FLOWS: [u64; 6] = [0, 30, 100, 300, 3_000, 30_000];
const FEW_FLOWS: [u64; 3] = [0, 300, 30_000];

fn segment_locks(units: u64, segments: usize) -> Segmented<Lock> {
    Segmented::new(units, segments, Random, Lock::new)
}

pub fn over_segments(run: &mut Run) {
    run.begin(format!(
        "cost over segments: deduct one of plenty, {} threads",
        cpu::cores()
    ));
    let deduct = Calls::Deduct(1);
    let works = SEGMENTS.into_iter().flat_map(|segments| {
        let locked = |selection| work(deduct, None, || locked(PLENTY, segments, selection));
        let atomics = || Segmented::new(PLENTY, segments, Random, Atomic::new);
        let works = [
            ("Stock", work(deduct, None, || striped(PLENTY, segments))),
            ("LockedStock, random", locked(Random)),
            ("LockedStock, by thread", locked(ByThread)),
            ("segment atomics, random", work(deduct, None, atomics)),
            (
                "segment locks, random",
                work(deduct, None, || segment_locks(PLENTY, segments)),
            ),
        ];
        works.map(|(name, work)| (name, work.at(segments as f64)))
    });
    run.measure(cpu::cores(), works.collect());
    // Every segment is looked at.
    run.begin("cost over segments: refuse more than there is, 1 thread");
    let refuse = Calls::Deduct(2 * MILLION);
    let works = SEGMENTS.into_iter().flat_map(|segments| {
        let works = [
            ("Stock", work(refuse, None, || striped(MILLION, segments))),
            (
                "LockedStock, random",
                work(refuse, None, || locked(MILLION, segments, Random)),
            ),
            (
                "segment locks, random",
                work(refuse, None, || segment_locks(MILLION, segments)),
            ),
        ];
        works.map(|(name, work)| (name, work.at(segments as f64)))
    });
    run.measure(1, works.collect());
}

pub fn over_what_is_left(run: &mut Run) {
    let threads = cpu::cores();
    run.begin(format!(
        "cost over what is left: three units out and back, {threads} threads"
    ));
    let shown = ALL
        .iter()
        .filter(|one| one.kind <= Kind::Peer && one.name != "std lock");
    let works = shown.flat_map(|one| {
        let work = |left| (one.work)(Calls::SoldDownTo(left), MILLION, threads).at(left as f64);
        LEFT.map(|left| (one.name, work(left)))
    });
    run.measure(threads, works.collect());
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
    let works = flows.iter().flat_map(|&rounds| {
        let atomics = |selection| Segmented::new(PLENTY, segments, selection, Atomic::new);
        let mut works = vec![
            ("LockedStock, random", under_lock(rounds, segments, Random)),
            (
                "LockedStock, by thread",
                under_lock(rounds, segments, ByThread),
            ),
            (
                "segment atomics, random",
                before_flow(rounds, atomics(Random)),
            ),
            (
                "segment atomics, by thread",
                before_flow(rounds, atomics(ByThread)),
            ),
        ];
        if segments == 16 {
            works.extend([
                ("LockedStock, 1 segment", under_lock(rounds, 1, Random)),
                ("Stock", before_flow(rounds, striped(PLENTY, segments))),
                ("the flow alone", Work::of((), move |()| flow(rounds))),
            ]);
        }
        // The number of calls between two looks at the time: what a window of this flow needs.
        let (chunk, at) = ((30_000 / (rounds + 60)).clamp(1, 512), ns_of(rounds));
        works
            .into_iter()
            .map(move |(name, work)| (name, work.in_chunks_of(chunk).at(at)))
    });
    run.measure(threads, works.collect());
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
