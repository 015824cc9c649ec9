//! What is shown as lines: cost over segments, over what is left, and over the length of the flow
//! for each way of choosing a segment.

use crate::counters::{self, Counter, Visit};
use crate::results::{Curve, Results};
use crate::support::calls::{PLENTY, atomic, lock, locked, some_out_and_back, striped, work};
use crate::support::candidates::{Candidate, Till};
use crate::support::cpu;
use crate::support::peers::{Choice, Segmented};
use crate::support::windows::{Effort, Work, measure, median};
use segstock::Selection;
use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;

/// As many segments as are compared with one.
pub const SEGMENTS: [usize; 8] = [1, 2, 4, 8, 16, 20, 32, 64];
pub const OVER_SEGMENTS: &str = "cost over segments";
pub const OVER_WHAT_IS_LEFT: &str = "cost over what is left";
pub const SELECTION: &str = "selection";

/// Units left of a million.
pub const LEFT: [u64; 8] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1, 0];
const LEFT_COUNTERS: [Counter; 6] = [
    Counter::Stock,
    Counter::Striped,
    Counter::Locked,
    Counter::Atomic,
    Counter::Lock,
    Counter::Permits,
];

/// Rounds of arithmetic that stand for a flow, some of them under a lock.
const FLOWS: [u64; 6] = [0, 30, 100, 300, 3_000, 30_000];
/// Without, and with a short and a long one, where there are fewer segments than threads.
const FEW_FLOWS: [u64; 3] = [0, 300, 30_000];

/// How many lines the panels of a plot measure at once, for the estimate of their step.
pub const LINES_OVER_SEGMENTS: usize = SEGMENTS.len() * 5;
pub const LINES_REFUSING: usize = SEGMENTS.len() * 3;
pub const LINES_OVER_WHAT_IS_LEFT: usize = LEFT.len() * LEFT_COUNTERS.len();
pub const LINES_OF_SELECTION: usize = FLOWS.len() * 7;
pub const LINES_OF_FEW_SEGMENTS: usize = FEW_FLOWS.len() * 4;

/// One candidate of a plot.
struct Line {
    name: &'static str,
    x: f64,
    work: Work,
}

/// Measures all candidates of a panel in turn, and makes lines of those of the same name.
fn lines(
    effort: Effort,
    threads: usize,
    plot: &'static str,
    panel: &str,
    candidates: Vec<Line>,
) -> Vec<Curve> {
    let (places, works): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .map(|line| ((line.name, line.x), line.work))
        .unzip();
    let mut curves: Vec<Curve> = Vec::new();
    for ((name, x), figure) in places.into_iter().zip(measure(effort, threads, &works)) {
        match curves.iter_mut().find(|curve| curve.line == name) {
            Some(curve) => curve.points.push((x, figure)),
            None => curves.push(Curve {
                plot,
                panel: panel.to_owned(),
                line: name.to_owned(),
                points: vec![(x, figure)],
            }),
        }
    }
    curves
}

fn one(till: &(impl Till + ?Sized)) {
    _ = black_box(till.take(black_box(1)));
}

/// A deduct of one unit of plenty, without a flow: striped and locked stocks, and segments as
/// published.
pub fn over_segments(effort: Effort, results: &mut Results) {
    let threads = cpu::cores();
    let candidates = SEGMENTS.into_iter().flat_map(|segments| {
        let by_thread = locked(PLENTY, segments, Selection::ByThread);
        let works = [
            ("Stock", work(striped(PLENTY, segments), one)),
            (
                "LockedStock, random",
                work(locked(PLENTY, segments, Selection::Random), one),
            ),
            ("LockedStock, by thread", work(by_thread, one)),
            (
                "segment atomics, random",
                work(
                    Segmented::new(PLENTY, segments, Choice::Random, atomic),
                    one,
                ),
            ),
            (
                "segment locks, random",
                work(Segmented::new(PLENTY, segments, Choice::Random, lock), one),
            ),
        ];
        at(segments as f64, works)
    });
    let panel = format!("deduct one of plenty, {threads} threads");
    let measured = lines(effort, threads, OVER_SEGMENTS, &panel, candidates.collect());
    results.curves.extend(measured);
}

/// A refusal of more than a plentiful stock has: every segment is looked at.
pub fn refusing_over_segments(effort: Effort, results: &mut Results) {
    const UNITS: u64 = 1_000_000;
    fn refuse(till: &(impl Till + ?Sized)) {
        _ = black_box(till.take(black_box(2 * UNITS)));
    }
    let candidates = SEGMENTS.into_iter().flat_map(|segments| {
        let locked = locked(UNITS, segments, Selection::Random);
        let published = Segmented::new(UNITS, segments, Choice::Random, lock);
        let works = [
            ("Stock", work(striped(UNITS, segments), refuse)),
            ("LockedStock, random", work(locked, refuse)),
            ("segment locks, random", work(published, refuse)),
        ];
        at(segments as f64, works)
    });
    let panel = "refuse more than there is, 1 thread";
    let measured = lines(effort, 1, OVER_SEGMENTS, panel, candidates.collect());
    results.curves.extend(measured);
}

/// Three units going out and back, with less and less left of a million.
pub fn over_what_is_left(effort: Effort, results: &mut Results) {
    let threads = cpu::cores();
    let candidates = LEFT_COUNTERS.into_iter().flat_map(|counter| {
        LEFT.map(|left| Line {
            name: counter.name(),
            x: left as f64,
            work: counter.open(1_000_000, threads, SoldDownTo(left)),
        })
    });
    let panel = format!("three units out and back, {threads} threads");
    let measured = lines(
        effort,
        threads,
        OVER_WHAT_IS_LEFT,
        &panel,
        candidates.collect(),
    );
    results.curves.extend(measured);
}

/// Sells from a million down to so many, and then as many go out as come back.
struct SoldDownTo(u64);

impl Visit for SoldDownTo {
    type Answer = Work;
    fn visit<C: Candidate>(self, open: impl Fn() -> C) -> Work {
        let counter = open();
        let till = counter.till(0);
        let mut sold = 0;
        while sold < 1_000_000 - self.0 {
            let order = (1_000_000 - self.0 - sold).min(9);
            assert!(till.take(order), "there is more than that");
            sold += order;
        }
        work(counter, |till| some_out_and_back(till, black_box(3)))
    }
}

/// What a flow does to the CPU; the clock would cost more than the shortest of them.
fn flow(rounds: u64) {
    (0..rounds).for_each(|round| _ = black_box(round));
}

/// How long a flow takes on a CPU of its own.
fn ns_of(rounds: u64) -> f64 {
    const BATCH: u32 = 100;
    let sample = |_| {
        let began = Instant::now();
        (0..BATCH).for_each(|_| flow(black_box(rounds)));
        began.elapsed().as_nanos() as f64 / f64::from(BATCH)
    };
    median(&mut (0..25).map(sample).collect::<Vec<f64>>())
}

/// As many calls as the other candidates' windows have, however long the flow.
fn flowing(rounds: u64, call: impl Fn() + Send + Sync + 'static) -> Work {
    let work = Work::new(move |_, calls| (0..calls).for_each(|_| call()));
    work.in_chunks_of((30_000 / (rounds + 60)).clamp(1, 512))
}

/// The flow after a deduct, held by nothing.
fn before_flow(rounds: u64, stock: impl Till + Send + Sync + 'static) -> Work {
    flowing(rounds, move || {
        one(&stock);
        flow(rounds);
    })
}

/// An order with its flow under the lock.
fn under_lock(rounds: u64, segments: usize, selection: Selection) -> Work {
    let stock = locked(PLENTY, segments, selection);
    let order = move || -> Result<(), Infallible> {
        flow(rounds);
        Ok(())
    };
    let call = move || _ = black_box(stock.deduct_with(1, order).is_ok());
    flowing(rounds, call).parks(true)
}

/// Orders with their flow, by how the segment is chosen.
fn choices(rounds: u64, segments: usize) -> Vec<Line> {
    let published = |choice| before_flow(rounds, Segmented::new(PLENTY, segments, choice, atomic));
    let works = [
        (
            "LockedStock, random",
            under_lock(rounds, segments, Selection::Random),
        ),
        (
            "LockedStock, by thread",
            under_lock(rounds, segments, Selection::ByThread),
        ),
        ("segment atomics, random", published(Choice::Random)),
        ("segment atomics, by thread", published(Choice::ByThread)),
    ];
    at(rounds as f64, works)
}

/// What has no segment to choose, or no say in it.
fn without_a_choice(rounds: u64) -> Vec<Line> {
    let one_segment = under_lock(rounds, 1, Selection::Random);
    let stock = before_flow(rounds, striped(PLENTY, counters::SEGMENTS));
    let works = [
        ("the flow alone", flowing(rounds, move || flow(rounds))),
        ("LockedStock, 1 segment", one_segment),
        ("Stock", stock),
    ];
    at(rounds as f64, works)
}

fn at<const N: usize>(x: f64, works: [(&'static str, Work); N]) -> Vec<Line> {
    works.map(|(name, work)| Line { name, x, work }).into()
}

/// What an order takes, flow and all, over the length of the flow: under the lock of the locked ones,
/// after the deduct of the others. There is a segment for each thread.
pub fn selection(effort: Effort, threads: usize, results: &mut Results) {
    let both = |rounds| {
        without_a_choice(rounds)
            .into_iter()
            .chain(choices(rounds, counters::SEGMENTS))
    };
    let candidates = FLOWS.into_iter().flat_map(both).collect();
    over_the_flow(
        effort,
        threads,
        counters::SEGMENTS,
        &FLOWS,
        candidates,
        results,
    );
}

/// The same with more threads than segments, where it matters more who meets whom.
pub fn few_segments(effort: Effort, threads: usize, segments: usize, results: &mut Results) {
    let candidates = FEW_FLOWS
        .into_iter()
        .flat_map(|rounds| choices(rounds, segments))
        .collect();
    over_the_flow(effort, threads, segments, &FEW_FLOWS, candidates, results);
}

fn over_the_flow(
    effort: Effort,
    threads: usize,
    segments: usize,
    flows: &[u64],
    candidates: Vec<Line>,
    results: &mut Results,
) {
    let panel = format!("{threads} threads, {segments} segments");
    let mut curves = lines(effort, threads, SELECTION, &panel, candidates);
    // In place of rounds: how long they take. 1 ns stands for no flow at all.
    let lengths: Vec<f64> = flows.iter().map(|&rounds| ns_of(rounds).max(1.0)).collect();
    for curve in &mut curves {
        for (point, &length) in curve.points.iter_mut().zip(&lengths) {
            point.0 = length;
        }
    }
    results.curves.extend(curves);
}
