//! What is measured, step by step.

use crate::curves::{
    self, ORDER_FLOW, OVER_SEGMENTS, OVER_WHAT_IS_LEFT, SEGMENTS, SELECTION, candidates,
};
use crate::results::Results;
use crate::situation;
use crate::support::cpu;
use crate::support::windows::Effort;
use segstock::Selection;
use std::time::Duration;

pub struct Step {
    /// By which it is chosen; that of a row, or of a plot.
    name: &'static str,
    pub what: String,
    pub estimate: Duration,
    pub run: Box<dyn FnOnce(&mut Results)>,
}

/// 1, 2, 4, … up to the cores, and two and four times as many.
pub fn threads(cores: usize) -> Vec<usize> {
    let doubling = std::iter::successors(Some(1), |threads| Some(threads * 2));
    let mut threads: Vec<usize> = doubling.take_while(|&threads| threads < cores).collect();
    threads.extend([cores, 2 * cores, 4 * cores]);
    threads
}

/// All steps, or those whose name contains `only`.
pub fn steps(effort: Effort, quick: bool, only: Option<&str>) -> Vec<Step> {
    let mut steps = Vec::new();
    for threads in threads(cpu::cores()) {
        for situation in situation::ALL {
            steps.push(Step {
                name: situation.name,
                what: format!("{}, threads: {threads}", situation.name),
                estimate: situation.estimate(effort, threads),
                run: Box::new(move |results| {
                    results.cells.extend(situation.measure(effort, threads));
                }),
            });
        }
    }
    let cores = cpu::cores();
    let mut plot = |name, threads, run: Box<dyn FnOnce(&mut Results)>| {
        steps.push(Step {
            name,
            what: format!("{name}, threads: {threads}"),
            estimate: effort.estimate(threads, candidates(name)),
            run,
        });
    };
    plot(
        OVER_SEGMENTS,
        cores,
        Box::new(move |to| curves::over_segments(effort, to)),
    );
    plot(
        OVER_SEGMENTS,
        1,
        Box::new(move |to| curves::refusing_over_segments(effort, to)),
    );
    plot(
        OVER_WHAT_IS_LEFT,
        cores,
        Box::new(move |to| curves::over_what_is_left(effort, to)),
    );
    for threads in [cores, 4 * cores] {
        plot(
            SELECTION,
            threads,
            Box::new(move |to| curves::selection(effort, threads, to)),
        );
    }
    let sale = curves::sale(quick);
    let random = SEGMENTS.map(|segments| (segments, Selection::Random));
    for choice in random.into_iter().chain([(20, Selection::ByThread)]) {
        steps.push(Step {
            name: ORDER_FLOW,
            what: format!("{ORDER_FLOW}, segments: {}", choice.0),
            estimate: effort.flow + 5 * sale.flow,
            run: Box::new(move |to| curves::order_flow(sale, effort.flow, choice, to)),
        });
    }
    steps.retain(|step| only.is_none_or(|wanted| step.name.contains(wanted)));
    steps
}

/// The names that `--only` looks in.
pub fn names() -> Vec<&'static str> {
    let rows = situation::ALL.iter().map(|situation| situation.name);
    rows.chain([OVER_SEGMENTS, OVER_WHAT_IS_LEFT, SELECTION, ORDER_FLOW])
        .collect()
}
