//! [`Step`]: what a thread of a scenario does.
//!
//! A scenario is a stock and a script for each thread. The model checkers and the tests with real threads
//! play the same scripts.

use crate::model::Model;
use crate::op::Op;
use crate::outcome::Outcome;

/// One step of a thread: a call, or what only a test can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// A call.
    Call(Op),
    /// From now on the thread works at this segment.
    Sit(usize),
    /// Make a narrow stock wide. No figure changes.
    Widen,
    /// Try once to make a wide stock narrow. No figure changes.
    Narrow,
    /// Begin to make a wide stock narrow, and leave it unfinished. No figure changes.
    Prove,
    /// Make a wide stock narrow, and wide again with all units in its word. No figure changes.
    Reopen,
    /// An order of some units whose flow fails: nothing is sold.
    FailingOrder(u64),
    /// An order of some units whose flow panics: nothing is sold.
    PanickingOrder(u64),
    /// An order of the first number of units, whose flow restocks the second.
    RestockingOrder(u64, u64),
}

/// The steps that change the form of a stock. No figure changes.
pub const FORMS: [Step; 3] = [Step::Widen, Step::Narrow, Step::Reopen];

/// The steps of one thread, one after another.
pub type Script = Vec<Step>;

impl From<Op> for Step {
    fn from(op: Op) -> Self {
        Self::Call(op)
    }
}

impl Step {
    /// Does the step while no other thread runs, and returns the calls that a history records of it.
    ///
    /// An order that fails takes nothing, so that it leaves a record only if it is refused. The restock
    /// within an order happens before its deduct.
    pub fn apply(self, stock: &mut Model) -> Vec<(Op, Outcome)> {
        let refusal = |stock: &Model, units| {
            let op = Op::Deduct(units);
            let answer = stock.clone().apply(op);
            (answer != Outcome::Done).then_some((op, answer))
        };
        match self {
            Self::Call(op) => vec![(op, stock.apply(op))],
            Self::FailingOrder(units) | Self::PanickingOrder(units) => {
                refusal(stock, units).into_iter().collect()
            }
            Self::RestockingOrder(units, more) => match refusal(stock, units) {
                Some(refused) => vec![refused],
                None => [Op::Restock(more), Op::Deduct(units)]
                    .map(|op| (op, stock.apply(op)))
                    .into(),
            },
            Self::Sit(_) | Self::Widen | Self::Narrow | Self::Prove | Self::Reopen => Vec::new(),
        }
    }
}

/// The units that were refused to a thread. Its script may commit or release them later: those units are
/// left out of such a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Refused(u64);

impl Refused {
    /// `step` without the units that were refused; `None` if nothing is left to do.
    #[must_use]
    pub fn admit(&mut self, step: Step) -> Option<Step> {
        let Step::Call(op @ (Op::Commit(units) | Op::Release(units))) = step else {
            return Some(step);
        };
        let part = units.min(self.0);
        self.0 -= part;
        match (op, units - part) {
            (_, 0) if part > 0 => None,
            (Op::Commit(_), rest) => Some(Step::Call(Op::Commit(rest))),
            (_, rest) => Some(Step::Call(Op::Release(rest))),
        }
    }

    /// Remembers what a call answered.
    pub const fn note(&mut self, op: Op, outcome: Outcome) {
        if op.reserves_units() {
            self.0 += op.units().saturating_sub(op.reserved(outcome));
        }
    }
}

/// A script of `calls` calls of up to 5 units each, in which everything that is reserved is committed or
/// released. `below(n)` draws a number below `n`.
pub fn drawn(calls: usize, mut below: impl FnMut(u64) -> u64) -> Script {
    let mut reserved = 0;
    let mut script = Vec::new();
    for _ in 0..calls {
        let op = match Op::drawn(below(Op::DRAWS), 1 + below(5)) {
            Op::Commit(units) => Op::Commit(units.min(reserved)),
            Op::Release(units) => Op::Release(units.min(reserved)),
            op => op,
        };
        match op {
            Op::Commit(units) | Op::Release(units) => reserved -= units,
            op => reserved += op.reserved(Outcome::Unknown),
        }
        script.push(op.into());
    }
    script.push(Op::Release(reserved).into());
    script
}
