//! [`Checker`]: whether one sequence of the calls explains all answers.

use crate::explain::{self, Explanation, Numbers};
use crate::history::History;
use segstock_model::search::{Effort, Found, Problem, Spent};
use segstock_model::{Call, MAX_UNITS, Model, Outcome, exact_when_alone};
use std::fmt;
use std::time::Duration;

/// Judges histories.
///
/// A history is **linearizable** (Herlihy and Wing, 1990) if its calls can be put in one order in
/// which each answer is one that the [model](segstock_model::Model::step) allows, and in which a call
/// that returned before another began stands before it. Whoever uses the counter can then think as
/// if each call happened whole at one instant.
///
/// An answer of `available` that nothing ran beside must be exact; else it is a bound. Likewise for what a
/// snapshot says is reserved.
///
/// Its verdicts are compared on histories drawn at random with those of two checkers that share no code with it: one
/// that tries every order, in its tests, and the linearizability tester of
/// [stateright](https://docs.rs/stateright) (`.ci/heavy checker`).
///
/// # Examples
///
/// ```
/// use segstock_conformance::{Call, Checker, History, Verdict};
/// use segstock_model::{Op, Outcome, Refusal};
///
/// // Two units; one is sold while somebody who asks for one is refused.
/// let refused = Outcome::Refused(Refusal::Short { available: None });
/// let history = History::new(2, vec![
///     Call::new(0, 10, 40, Op::Deduct(1), Outcome::Done),
///     Call::new(1, 20, 30, Op::Deduct(1), refused),
/// ])?;
/// let Verdict::NotLinearizable(why) = Checker::new().check(&history) else {
///     panic!("that refusal was false");
/// };
/// assert!(why.to_string().contains("at least 1 unit was in stock"), "{why}");
/// # Ok::<(), segstock_conformance::HistoryError>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Checker {
    budget: u64,
    time: Duration,
    limit: u64,
}

/// What a [`Checker`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Verdict {
    /// There is an order that explains it.
    Linearizable,
    /// There is none; and why.
    NotLinearizable(Box<Explanation>),
    /// The search was given up before either was known: neither yes nor no.
    Undecided(Undecided),
}

/// Why a history could not be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undecided {
    /// States that were looked at.
    pub states: u64,
    /// Calls of the history.
    pub calls: usize,
    /// Those of them whose outcome is unknown.
    pub unknown: usize,
    /// Whether the time was spent, and not the states.
    pub out_of_time: bool,
}

impl Undecided {
    fn new(calls: &[Call], effort: &Effort) -> Self {
        let unknown = calls.iter().filter(|call| call.outcome == Outcome::Unknown);
        Self {
            states: effort.spent_states(),
            calls: calls.len(),
            unknown: unknown.count(),
            out_of_time: effort.spent() == Some(Spent::Time),
        }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            states,
            calls,
            unknown,
            out_of_time,
        } = self;
        let (spent, raise) = if *out_of_time {
            ("its time", "`time`")
        } else {
            ("its budget of states", "`budget`")
        };
        write!(
            f,
            "neither an order nor a contradiction was found: the search spent {spent}, after {states} states; \
             of {calls} calls {unknown} have an unknown outcome. Raise {raise}, or record shorter histories"
        )?;
        if *unknown > 0 {
            write!(f, " with fewer time-outs")?;
        }
        Ok(())
    }
}

impl Verdict {
    /// Whether it is a yes. Undecided is none.
    #[must_use]
    pub const fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable)
    }
}

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

impl Checker {
    /// Looks at two million states at most, which take some 200 MB, and takes ten seconds at most; counters
    /// count to [`MAX_UNITS`].
    pub const fn new() -> Self {
        Self {
            budget: 2_000_000,
            time: Duration::from_secs(10),
            limit: MAX_UNITS,
        }
    }

    /// States that the search may look at before it gives up. One for each call comes free, so that a long
    /// history of calls one after another needs no larger budget.
    pub const fn budget(self, states: u64) -> Self {
        let budget = states;
        Self { budget, ..self }
    }

    /// Time that the search may take before it gives up.
    pub const fn time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// The counter refuses to hold more than `units`, available and reserved.
    pub const fn limit(self, units: u64) -> Self {
        let limit = units;
        Self { limit, ..self }
    }

    /// Judges a history.
    pub fn check(&self, history: &History) -> Verdict {
        self.check_calls(history.initial(), &exact_when_alone(history.calls()))
    }

    /// Whether some order explains `calls`, which come in the sequence of their first stamps; what has
    /// to be taken [at its word](exact_when_alone) is.
    pub(super) fn decide(&self, initial: u64, calls: &[Call]) -> Result<bool, Undecided> {
        let mut effort = self.effort();
        match self.problem(initial, calls).solve_within(&mut effort) {
            Found::Order => Ok(true),
            Found::NoOrder => Ok(false),
            Found::Nothing => Err(Undecided::new(calls, &effort)),
        }
    }

    pub(super) fn check_calls(&self, initial: u64, calls: &[Call]) -> Verdict {
        match self.decide(initial, calls) {
            Ok(true) => Verdict::Linearizable,
            Ok(false) => Verdict::NotLinearizable(Box::new(self.explain(initial, calls))),
            Err(why) => Verdict::Undecided(why),
        }
    }

    /// Why no order explains `calls`, of which that is known. A wrong refusal is explained before a wrong number in one.
    pub(super) fn explain(&self, initial: u64, calls: &[Call]) -> Explanation {
        let plain: Vec<Call> = calls
            .iter()
            .map(|call| Call {
                outcome: explain::without_number(call.outcome),
                ..*call
            })
            .collect();
        let without_numbers = self.problem(initial, &plain);
        let found = without_numbers.solve_within(&mut explain::effort(self.budget));
        let (history, numbers) = match found {
            Found::NoOrder => (without_numbers, Numbers::LeftOut),
            Found::Order => (self.problem(initial, calls), Numbers::Wrong),
            Found::Nothing => (self.problem(initial, calls), Numbers::MayBeWrong),
        };
        explain::explain(&history, calls, self.budget, numbers)
    }

    fn effort(&self) -> Effort {
        Effort::states(self.budget).within(self.time)
    }

    pub(super) fn problem(&self, initial: u64, calls: &[Call]) -> Problem {
        Problem::new(Model::new(initial).limited_to(self.limit), calls)
    }
}
