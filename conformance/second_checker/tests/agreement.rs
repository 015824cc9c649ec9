//! The checker against the linearizability tester of `stateright`, on histories that are drawn at random.
//!
//! Of snapshots they say different things (a snapshot may show a commit beside it as not made yet), so these histories
//! have none. `tests/independent` has them.

#[path = "../../tests/independent/draw.rs"]
mod draw;
#[path = "../../tests/independent/shop.rs"]
mod shop;

use draw::{Mix, compare};
use segstock_conformance::{Call, History};
use segstock_model::{Op, Outcome};
use shop::{Shop, is_honest};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

impl SequentialSpec for Shop {
    type Op = Op;
    type Ret = Outcome;

    fn invoke(&mut self, op: &Op) -> Outcome {
        self.serve(*op)
    }

    fn is_valid_step(&mut self, op: &Op, said: &Outcome) -> bool {
        let truth = self.serve(*op);
        is_honest(*op, truth, *said, 0)
    }
}

/// The history without its snapshots.
fn counted(history: History) -> History {
    let calls = history.calls().iter().copied();
    let calls = calls.filter(|call| call.op != Op::Snapshot).collect();
    History::new(history.initial(), calls).expect("no thread is in two calls")
}

/// What nothing ran beside is exact.
fn outcome(calls: &[Call], at: usize) -> Outcome {
    let end = |call: &Call| match call.outcome {
        Outcome::Unknown => u64::MAX,
        _ => call.returned,
    };
    let call = &calls[at];
    let beside = |other: &Call| other.called <= end(call) && call.called <= end(other);
    let is_alone = (0..calls.len()).all(|other| other == at || !beside(&calls[other]));
    match call.outcome {
        Outcome::AtMost(units) if is_alone => Outcome::Exactly(units),
        outcome => outcome,
    }
}

/// What the tester of stateright says. A call of unknown outcome never returns in its history, and what its thread
/// calls later is another thread's. `None` if a thread calls at the instant at which its call before returned: the
/// tester knows no instants, and such a call may still overlap with what others did at it.
fn is_linearizable(history: &History) -> Option<bool> {
    let calls = history.calls();
    // At one instant, calls begin before others return: they overlap.
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        events.push((call.called, false, at));
        if call.outcome != Outcome::Unknown {
            events.push((call.returned, true, at));
        }
    }
    events.sort_unstable();
    let mut tester = LinearizabilityTester::new(Shop::new(history.initial()));
    for (_, returns, at) in events {
        let call = &calls[at];
        let lost = calls[..at]
            .iter()
            .filter(|before| before.thread == call.thread && before.outcome == Outcome::Unknown);
        let thread = (call.thread, lost.count());
        let step = if returns {
            tester.on_return(thread, outcome(calls, at)).map(drop)
        } else {
            tester.on_invoke(thread, call.op).map(drop)
        };
        step.ok()?;
    }
    Some(tester.is_consistent())
}

#[test]
fn agrees_with_stateright_on_counts() {
    compare(Mix::Counts, 30_000, counted, is_linearizable);
}

#[test]
fn agrees_with_stateright_on_unknown_sales_and_restocks() {
    compare(Mix::Unknown, 30_000, counted, is_linearizable);
}

#[test]
fn agrees_with_stateright_on_holds() {
    compare(Mix::Holds, 30_000, counted, is_linearizable);
}
