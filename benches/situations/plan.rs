//! What is measured, step by step, and until when.

use crate::curves::{self, OVER_SEGMENTS, OVER_WHAT_IS_LEFT, SELECTION};
use crate::flows::{self, Held, ORDER_FLOW};
use crate::progress::Progress;
use crate::results::Results;
use crate::situation;
use crate::support::windows::Effort;
use std::time::{Duration, Instant};

pub struct Step {
    /// By which it is chosen; that of a row, or of a plot.
    name: &'static str,
    pub what: String,
    pub estimate: Duration,
    pub run: Box<dyn FnOnce(&mut Results)>,
}

/// The quick form ends after that, whatever is left: CI waits for it.
pub const QUICK_LIMIT: Duration = Duration::from_secs(85);

/// 1, 2, 4, … up to the cores, and two and four times as many.
pub fn threads(cores: usize) -> Vec<usize> {
    let doubling = std::iter::successors(Some(1), |threads| Some(threads * 2));
    let mut threads: Vec<usize> = doubling.take_while(|&threads| threads < cores).collect();
    threads.extend([cores, 2 * cores, 4 * cores]);
    threads
}

/// All steps on a machine of so many cores, or those whose name contains `only`.
pub fn steps(cores: usize, effort: Effort, quick: bool, only: Option<&str>) -> Vec<Step> {
    let mut steps = rows(cores, effort);
    steps.extend(plots(cores, effort));
    steps.extend(order_flows(effort, quick));
    steps.retain(|step| only.is_none_or(|wanted| step.name.contains(wanted)));
    steps
}

fn rows(cores: usize, effort: Effort) -> Vec<Step> {
    let row = |threads| {
        situation::ALL.iter().map(move |situation| Step {
            name: situation.name,
            what: format!("{}, threads: {threads}", situation.name),
            estimate: situation.estimate(effort, cores, threads),
            run: Box::new(move |results| {
                results.cells.extend(situation.measure(effort, threads));
            }),
        })
    };
    threads(cores).into_iter().flat_map(row).collect()
}

fn plots(cores: usize, effort: Effort) -> Vec<Step> {
    let plot = |name, threads, lines, run: Box<dyn FnOnce(&mut Results)>| Step {
        name,
        what: format!("{name}, threads: {threads}"),
        estimate: effort.estimate(cores, threads, lines),
        run,
    };
    let selection = |threads| {
        let run = move |to: &mut Results| curves::selection(effort, threads, to);
        plot(
            SELECTION,
            threads,
            curves::LINES_OF_SELECTION,
            Box::new(run),
        )
    };
    let crowd = 4 * cores;
    let few_segments = |segments| {
        let run = move |to: &mut Results| curves::few_segments(effort, crowd, segments, to);
        plot(
            SELECTION,
            crowd,
            curves::LINES_OF_FEW_SEGMENTS,
            Box::new(run),
        )
    };
    vec![
        plot(
            OVER_SEGMENTS,
            cores,
            curves::LINES_OVER_SEGMENTS,
            Box::new(move |to| curves::over_segments(effort, to)),
        ),
        plot(
            OVER_SEGMENTS,
            1,
            curves::LINES_REFUSING,
            Box::new(move |to| curves::refusing_over_segments(effort, to)),
        ),
        plot(
            OVER_WHAT_IS_LEFT,
            cores,
            curves::LINES_OVER_WHAT_IS_LEFT,
            Box::new(move |to| curves::over_what_is_left(effort, to)),
        ),
        selection(cores),
        selection(crowd),
        few_segments(cores),
        few_segments(2 * cores),
    ]
}

fn order_flows(effort: Effort, quick: bool) -> Vec<Step> {
    let sale = flows::sale(quick);
    let step = |held: Held| Step {
        name: ORDER_FLOW,
        what: format!("{ORDER_FLOW}, {}", held.full_name()),
        estimate: flows::estimate(sale, effort.flow, held),
        run: Box::new(move |to| flows::order_flow(sale, effort.flow, held, to)),
    };
    Held::ALL.map(step).into()
}

/// Measures one step after the other, and returns what the limit left out.
pub fn run(
    steps: Vec<Step>,
    limit: Option<Duration>,
    results: &mut Results,
    mut progress: Progress,
) -> Vec<String> {
    let began = Instant::now();
    let mut left_out = Vec::new();
    for step in steps {
        if limit.is_some_and(|limit| began.elapsed() >= limit) {
            left_out.push(step.what);
            continue;
        }
        progress.begin(&step.what);
        (step.run)(results);
        progress.end(step.estimate);
    }
    progress.close();
    left_out
}

/// The names that `--only` looks in.
pub fn names() -> Vec<&'static str> {
    let rows = situation::ALL.iter().map(|situation| situation.name);
    rows.chain([OVER_SEGMENTS, OVER_WHAT_IS_LEFT, SELECTION, ORDER_FLOW])
        .collect()
}
