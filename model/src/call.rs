//! [`Call`]: what a thread called, when, and what it was answered.

use crate::op::Op;
use crate::outcome::Outcome;

/// A call of one thread, with its stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Call {
    /// The thread that called, any number.
    pub thread: usize,
    /// Taken before the call, in nanoseconds since the history began.
    pub called: u64,
    /// Taken after its return; `u64::MAX` if it had not returned when the history ended.
    pub returned: u64,
    /// What was called.
    pub op: Op,
    /// What it answered.
    pub outcome: Outcome,
}

impl Call {
    /// A call of `thread` that was under way from `called` to `returned`.
    #[must_use]
    pub const fn new(thread: usize, called: u64, returned: u64, op: Op, outcome: Outcome) -> Self {
        Self {
            thread,
            called,
            returned,
            op,
            outcome,
        }
    }
}

/// The calls of a whole history, with reads that nothing ran beside taken at their word.
#[must_use]
pub fn exact_when_alone(calls: &[Call]) -> Vec<Call> {
    let alone = alone(calls);
    let calls = calls.iter().zip(alone).map(|(call, alone)| {
        let outcome = match call.outcome {
            Outcome::AtMost(units) if alone => Outcome::Exactly(units),
            Outcome::Snapshot(sums) if alone => Outcome::ExactSnapshot(sums),
            outcome => outcome,
        };
        Call { outcome, ..*call }
    });
    calls.collect()
}

/// Of each call, whether none ran beside it. They come in the sequence of their first stamps.
fn alone(calls: &[Call]) -> Vec<bool> {
    let mut alone = vec![true; calls.len()];
    // The call that returns last of those before, calls that never return included.
    let mut latest: Option<(u64, usize)> = None;
    for (index, call) in calls.iter().enumerate() {
        let returned = match call.outcome {
            Outcome::Unknown => u64::MAX,
            _ => call.returned,
        };
        match latest {
            Some((until, last)) => {
                if until >= call.called {
                    alone[index] = false;
                    alone[last] = false;
                }
                if returned > until {
                    latest = Some((returned, index));
                }
            }
            None => latest = Some((returned, index)),
        }
    }
    alone
}
