//! [`outcomes`]: every answer that the model allows to the threads of a scenario.

use crate::model::Model;
use crate::outcome::{Outcome, Refusal};
use crate::script::{Refused, Script};
use std::collections::BTreeSet;
use std::fmt;

/// The outcomes of a scenario, thread by thread, in a short form that can be compared and listed.
///
/// Bounds are left out, since many are right: a refusal is `no`, whatever it says was available. A snapshot is
/// the units in stock and those reserved: `2+1`. A thread's answers stand in the sequence of its calls, and `|` stands
/// between two threads.
///
/// ```
/// use segstock_model::{Answers, Outcome, Refusal};
///
/// let mut answers = Answers::new(2);
/// answers.note(0, Outcome::Done);
/// answers.note(0, Outcome::UpTo(3));
/// answers.note(1, Outcome::Refused(Refusal::Short { available: Some(2) }));
/// assert_eq!(answers.to_string(), "ok 3 | no");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Answers(Vec<Vec<Answer>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Answer {
    Yes,
    No,
    Full,
    Units(u64),
    Snapshot { available: u64, reserved: u64 },
    Unknown,
}

impl Answers {
    /// No answer yet, to any of `threads` threads.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self(vec![Vec::new(); threads])
    }

    /// One answer more of a thread.
    pub fn note(&mut self, thread: usize, outcome: Outcome) {
        self.0[thread].push(match outcome {
            Outcome::Done => Answer::Yes,
            Outcome::Refused(Refusal::Overflow { .. }) => Answer::Full,
            Outcome::Refused(_) => Answer::No,
            Outcome::UpTo(units) | Outcome::AtMost(units) | Outcome::Exactly(units) => {
                Answer::Units(units)
            }
            Outcome::Snapshot(figures) | Outcome::ExactSnapshot(figures) => {
                let (available, reserved) = (figures.available, figures.reserved);
                Answer::Snapshot {
                    available,
                    reserved,
                }
            }
            Outcome::Unknown => Answer::Unknown,
        });
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |answer: &Answer| match answer {
            Answer::Yes => "ok".to_owned(),
            Answer::No => "no".to_owned(),
            Answer::Full => "full".to_owned(),
            Answer::Units(units) => units.to_string(),
            Answer::Snapshot {
                available,
                reserved,
            } => format!("{available}+{reserved}"),
            Answer::Unknown => "?".to_owned(),
        };
        let thread = |answers: &Vec<Answer>| {
            let words: Vec<String> = answers.iter().map(word).collect();
            words.join(" ")
        };
        let threads: Vec<String> = self.0.iter().map(thread).collect();
        f.write_str(&threads.join(" | "))
    }
}

/// Every outcome of `scripts` on a stock that opens as `start`, in every order in which each thread's steps
/// follow one another.
#[must_use]
pub fn outcomes(start: &Model, scripts: &[Script]) -> BTreeSet<Answers> {
    let mut all = BTreeSet::new();
    let state = State {
        stock: start.clone(),
        answers: Answers::new(scripts.len()),
        done: vec![0; scripts.len()],
        refused: vec![Refused::default(); scripts.len()],
    };
    state.go_on(scripts, &mut all);
    all
}

/// Somewhere on the way.
#[derive(Clone)]
struct State {
    stock: Model,
    answers: Answers,
    /// Of each thread, how many steps.
    done: Vec<usize>,
    refused: Vec<Refused>,
}

impl State {
    fn go_on(self, scripts: &[Script], all: &mut BTreeSet<Answers>) {
        let mut is_over = true;
        for (thread, script) in scripts.iter().enumerate() {
            let Some(&step) = script.get(self.done[thread]) else {
                continue;
            };
            is_over = false;
            let mut next = self.clone();
            next.done[thread] += 1;
            if let Some(step) = next.refused[thread].admit(step) {
                for (op, outcome) in step.apply(&mut next.stock) {
                    next.refused[thread].note(op, outcome);
                    next.answers.note(thread, outcome);
                }
            }
            next.go_on(scripts, all);
        }
        if is_over {
            all.insert(self.answers);
        }
    }
}
