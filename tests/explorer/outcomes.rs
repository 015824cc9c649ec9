//! What the threads of a scenario can be answered, as text: `outcomes.txt`, which the scenarios of loom
//! read. Each outcome that loom sees must be one that the explorer came to.

use crate::histories::Answers;
use crate::scenarios::Scenario;
use crate::support::explorer::{line, listed};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;

/// The file, as it was when this was compiled.
const WRITTEN: &str = include_str!("outcomes.txt");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/explorer/outcomes.txt");

/// A line that names the scenario, and one for each outcome.
pub fn describe(scenario: &Scenario, outcomes: &HashSet<Answers>) -> String {
    let mut text = format!("{}: {}\n", scenario.name, listed(&scenario.scripts));
    let lines: BTreeSet<String> = outcomes.iter().map(|outcome| line(outcome)).collect();
    for line in lines {
        _ = writeln!(text, "  {line}");
    }
    text
}

/// Asserts that the file says `text`, or writes it with `EXPLORER=write`.
pub fn assert_written(text: &str) {
    if std::env::var("EXPLORER").is_ok_and(|it| it == "write") {
        std::fs::write(PATH, text).expect("the file can be written");
    } else {
        assert!(
            text == WRITTEN,
            "outcomes.txt is not what the explorer came to; `.ci/explorer write` writes it"
        );
    }
}
