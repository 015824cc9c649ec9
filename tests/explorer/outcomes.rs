//! What the threads of a scenario can be answered, as text: `outcomes.txt`, which the scenarios of loom
//! read. Each outcome that loom sees must be one that the explorer came to.

use crate::histories::Answers;
use crate::op::Answer;
use crate::scenarios::Scenario;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The file, as it was when this was compiled.
const WRITTEN: &str = include_str!("outcomes.txt");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/explorer/outcomes.txt");

/// A line that names the scenario, and one for each outcome.
pub fn describe(scenario: &Scenario, outcomes: &BTreeSet<Answers>) -> String {
    let scripts = scenario.scripts.iter().map(|script| format!("{script:?}"));
    let scripts = scripts.collect::<Vec<_>>().join(", ");
    let mut text = format!("{}: {scripts}\n", scenario.name);
    let lines: BTreeSet<String> = outcomes.iter().map(line).collect();
    for line in lines {
        _ = writeln!(text, "  {line}");
    }
    text
}

fn line(outcome: &Answers) -> String {
    let threads = outcome.iter().map(|answers| {
        let answers: Vec<String> = answers.iter().map(word).collect();
        answers.join(", ")
    });
    threads.collect::<Vec<_>>().join(" | ")
}

/// An answer. The bound of `available` is left out: with weak memory a pass may read older values of `taken`
/// than any interleaving shows, and the bound is higher by that.
fn word(answer: &Answer) -> String {
    match answer {
        Answer::AtMost(_) => "at_most".to_owned(),
        answer => answer.to_string(),
    }
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
