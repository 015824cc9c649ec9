//! What the explorer of the protocol's steps knows: `tests/explorer`, which has no bound on preemptions.

use segstock_model::{Call, Model, Outcome, Refusal, Script, Step};
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// The outcomes of each scenario, as the explorer writes them.
const OUTCOMES: &str = include_str!("../explorer/outcomes.txt");

/// The outcomes, by the line that names the scenario and its scripts.
type Scenarios = HashMap<&'static str, HashSet<&'static str>>;

/// Whether the explorer can play a scenario: its numbers are bytes.
pub fn fits_explorer(start: &Model, scripts: &[Script]) -> bool {
    const MOST: u64 = u8::MAX as u64;
    let mut steps = scripts.iter().flatten();
    let is_small = |step: &Step| !matches!(step, Step::Call(op) if op.units() > MOST);
    start.snapshot().on_hand() <= MOST && steps.all(is_small)
}

/// Whether the explorer came to `outcome` in a scenario of these scripts. Panics if it does not have the scenario:
/// it has all that it can play.
///
/// The outcome must be that of an execution with a clock: without one, loom lets a thread read what is older
/// than all that happened before, which the explorer's steps never do.
pub fn explorer_knows(scenario: &str, scripts: &[Script], outcome: &str) -> bool {
    static SCENARIOS: OnceLock<Scenarios> = OnceLock::new();
    let known = SCENARIOS.get_or_init(parse);
    let line = format!("{scenario}: {}", listed(scripts));
    let outcomes = known.get(line.as_str());
    let outcomes = outcomes.unwrap_or_else(|| {
        panic!("outcomes.txt does not have `{line}`; list it in tests/support/stock_scenarios.rs")
    });
    outcomes.contains(outcome)
}

fn parse() -> Scenarios {
    let mut scenarios = Scenarios::new();
    let mut scenario = "";
    for line in OUTCOMES.lines() {
        match line.strip_prefix("  ") {
            Some(outcome) => _ = scenarios.entry(scenario).or_default().insert(outcome),
            None => scenario = line,
        }
    }
    scenarios
}

/// The scripts of a scenario.
pub fn listed(scripts: &[Script]) -> String {
    let step = |step: &Step| match step {
        Step::Call(op) => format!("{op:?}"),
        step => format!("{step:?}"),
    };
    let script = |script: &Script| {
        let steps: Vec<String> = script.iter().map(step).collect();
        format!("[{}]", steps.join(", "))
    };
    let scripts: Vec<String> = scripts.iter().map(script).collect();
    scripts.join(", ")
}

/// What the threads were answered.
pub fn outcome(threads: usize, calls: &[Call]) -> String {
    let mut answers = vec![Vec::new(); threads];
    for call in calls.iter().filter(|call| call.thread < threads) {
        answers[call.thread].push(call.outcome);
    }
    line(&answers)
}

/// The answers to each thread.
pub fn line(answers: &[Vec<Outcome>]) -> String {
    let thread = |answers: &Vec<Outcome>| {
        let words: Vec<String> = answers.iter().map(|&answer| word(answer)).collect();
        words.join(", ")
    };
    let threads: Vec<String> = answers.iter().map(thread).collect();
    threads.join(" | ")
}

/// An answer. The bound of `available` is left out: with weak memory a pass may read older values of `taken`
/// than any interleaving shows, and the bound is higher by that.
fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Refused(Refusal::Short {
            available: Some(bound),
        }) => format!("refused({bound})"),
        Outcome::UpTo(units) => format!("took({units})"),
        Outcome::AtMost(_) => "at_most".to_owned(),
        Outcome::ExactSnapshot(it) => format!(
            "snapshot({}+{}, {} restocked, {} of {} owed)",
            it.available, it.reserved, it.restocked, it.owed, it.withdrawn
        ),
        other => format!("{other:?}"),
    }
}
