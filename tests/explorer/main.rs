//! The protocol of `Stock` as a small program of states, explored without a bound: every interleaving of
//! two to four threads, each state once. Run it with `.ci/explorer`.
//!
//! loom runs the code itself, with weak memory, and can do so for two preemptions of small scenarios. The
//! explorer runs a description of the code, in which every access is sequentially consistent, and ends:
//! three threads beside a narrowing take a fraction of a second. So it finds what is wrong with the steps
//! and their order, however many preemptions that takes; loom finds what is wrong with the memory orderings.
//!
//! | file | what |
//! |---|---|
//! | `steps` | the calls, one access a step |
//! | `memory`, `machine`, `rules` | what the threads share, a thread, and what does not change |
//! | `histories` | the orders that explain what was answered, by the sequential model |
//! | `explore`, `fingerprint` | the search, and by what a state is known |
//! | `scenarios` | those of loom, and larger ones |
//! | `omissions` | the steps that can be taken out; a test takes out each, and some scenario fails |
//! | `outcomes` | what can be answered, against which the scenarios of loom are checked |
//!
//! # What is a state
//!
//! The word; of each segment and of the pocket its counters; the cold mutex and what it guards; each
//! thread's place in its calls, with what it remembers at it; and the history: what was answered, and the
//! orders that explain it. Three things make few states of many, and leave out nothing:
//!
//! - What a thread does between two accesses belongs to the first of them: no other thread can tell.
//! - A counter that no call of the scenario writes is read without an access: its value never changes.
//! - Counters are counted from the present `taken` of their place on: see `Explorer::rebase`.
//!
//! In each state in which a call returns, some order must explain all that was answered. At the end of each
//! execution, a snapshot must say in every figure what the last state of the model is, with nothing in
//! the pocket. No thread may wait for ever, or go round for ever while no other can step.
//!
//! # What differs from the code
//!
//! - Numbers are bytes, so that large orders and the limit of a stock are left to loom and to the tests. The check
//!   of the limit takes the mutex, and finds the stock far from it.
//! - What the mutex guards is read and written without an access of its own. That a stock owes belongs to it, since
//!   only the holder of the mutex changes that.
//! - A snapshot looks again for as long as commits come, and not sixteen times.
//! - There are no statistics.
//!
//! So that nothing else differs, each outcome that loom sees with a clock must be one that the explorer came to. A
//! scenario of numbers that bytes hold fails under loom if the explorer does not have it.
#![cfg(not(any(loom, shuttle)))]

mod explore;
mod fingerprint;
mod histories;
mod machine;
mod memory;
mod omissions;
mod outcomes;
mod rules;
mod scenarios;
mod steps;
#[path = "../support/mod.rs"]
mod support;

use explore::{Report, explore};
use omissions::Omission;
use rules::Rules;
use scenarios::{HEAVY, LOOM, QUICK, Scenario};
use std::time::Duration;

/// Explores `scenario`, prints what came of it, and panics with the first fault.
#[track_caller]
fn run(scenario: &Scenario) -> Report {
    let report = explore(scenario, scenario.rules());
    println!(
        "{:<46} {:>2} threads {:>10} states {:>7.1} s {:>3} outcomes",
        scenario.name,
        scenario.scripts.len(),
        report.states,
        report.took.as_secs_f64(),
        report.outcomes.len()
    );
    if let Some(fault) = report.fault {
        panic!("{fault}");
    }
    report
}

fn run_all(name: &str, scenarios: &[Scenario]) {
    let reports: Vec<Report> = scenarios.iter().map(run).collect();
    let states: usize = reports.iter().map(|report| report.states).sum();
    let took: Duration = reports.iter().map(|report| report.took).sum();
    println!(
        "{name}: {} scenarios, {states} states, {:.1} s",
        scenarios.len(),
        took.as_secs_f64()
    );
    // Each run of CI explores all others: they may take two minutes at most.
    assert!(
        name == "heavy" || took < Duration::from_secs(120),
        "{took:?}"
    );
}

/// And comes to what `outcomes.txt` says, by which loom is checked.
#[test]
fn every_order_of_the_steps_is_explained_where_loom_looks_too() {
    let describe = |scenario: &Scenario| outcomes::describe(scenario, &run(scenario).outcomes);
    let text: String = LOOM.iter().map(describe).collect();
    outcomes::assert_written(&text);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes without optimizations")]
fn every_order_of_the_steps_is_explained_where_loom_does_not_end() {
    run_all("beyond loom", &QUICK);
}

#[test]
#[ignore = "minutes: .ci/explorer long"]
fn every_order_of_the_steps_is_explained_beside_two_turn_overs() {
    run_all("heavy", &HEAVY);
}

#[test]
fn each_step_that_is_taken_out_is_caught() {
    for &(step, name) in Omission::ALL {
        let mut scenarios = LOOM.iter().chain(&*QUICK);
        let scenario = scenarios.find(|it| it.name == name);
        let scenario = scenario.unwrap_or_else(|| panic!("no scenario has the name {name}"));
        let rules = Rules {
            omitted: Some(step),
            ..scenario.rules()
        };
        let fault = explore(scenario, rules).fault;
        let fault =
            fault.unwrap_or_else(|| panic!("{name} does not catch that {step:?} is left out"));
        println!(
            "without {step:<40?} {}",
            fault.lines().next().unwrap_or_default()
        );
    }
}
