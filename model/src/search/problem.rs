//! [`Problem`]: the calls of a history that are to be explained.

use crate::call::Call;
use crate::model::Model;
use crate::op::Op;
use crate::outcome::Outcome;
use std::collections::BTreeMap;

/// A call that must be placed.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// The thread that called.
    pub thread: usize,
    /// Stamp before the call.
    pub called: u64,
    /// Stamp after its return.
    pub returned: u64,
    /// What was called.
    pub op: Op,
    /// What it answered.
    pub outcome: Outcome,
    /// Its place in the history.
    pub index: usize,
}

/// Calls with equal effects of which each may have happened, from its stamp on.
#[derive(Debug, Clone)]
pub struct Maybe {
    /// What was called.
    pub op: Op,
    /// The stamps of the calls, ascending.
    pub called: Vec<u64>,
}

/// What is to be explained.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The stock when the history begins.
    pub start: Model,
    /// Lanes of calls that follow each other: those of one thread, or of several of which each ended before the
    /// next began.
    pub threads: Vec<Vec<Item>>,
    /// Calls of unknown outcome, by kind.
    pub maybes: Vec<Maybe>,
}

/// What the search found.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There is an order.
    Order,
    /// There is none.
    NoOrder,
    /// The effort is spent.
    Nothing,
}

impl Problem {
    /// The calls of a history, which come in the sequence of their first stamps, on a stock that opens as
    /// `start`.
    #[must_use]
    pub fn new(start: Model, calls: &[Call]) -> Self {
        let mut lanes = Lanes::default();
        let mut problem = Self {
            start,
            threads: Vec::new(),
            maybes: Vec::new(),
        };
        let mut maybes: BTreeMap<Op, Vec<u64>> = BTreeMap::new();
        for (index, call) in calls.iter().enumerate() {
            if call.outcome == Outcome::Unknown {
                if !call.op.is_read() {
                    maybes.entry(call.op).or_default().push(call.called);
                }
                continue;
            }
            let item = Item {
                thread: call.thread,
                called: call.called,
                returned: call.returned,
                op: call.op,
                outcome: call.outcome,
                index,
            };
            lanes.add(call.thread, item);
        }
        problem.threads = lanes.lanes;
        for (op, mut called) in maybes {
            called.sort_unstable();
            problem.maybes.push(Maybe { op, called });
        }
        problem
    }

    /// Adds a call that may have happened.
    pub fn add_maybe(&mut self, op: Op, called: u64) {
        let kind = self.maybes.iter().position(|maybe| maybe.op == op);
        let kind = kind.unwrap_or(self.maybes.len());
        if kind == self.maybes.len() {
            let called = Vec::new();
            self.maybes.push(Maybe { op, called });
        }
        let stamps = &mut self.maybes[kind].called;
        stamps.insert(stamps.partition_point(|&stamp| stamp <= called), called);
    }

    /// Whether the stock depends on more than which calls were placed.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.has_holds()
            || self.maybes.iter().any(|maybe| maybe.op.is_up_to())
            || self.owes_the_most()
    }

    pub(super) fn has_holds(&self) -> bool {
        let of_hold = |op| {
            matches!(
                op,
                Op::Place { .. } | Op::Confirm { .. } | Op::ReleaseHold { .. } | Op::Advance { .. }
            )
        };
        let mut items = self.threads.iter().flatten();
        items.any(|item| of_hold(item.op)) || self.maybes.iter().any(|maybe| of_hold(maybe.op))
    }

    /// Whether more may be withdrawn than a stock can owe: how much of it is owed then depends on the order.
    fn owes_the_most(&self) -> bool {
        let withdrawn = |op| match op {
            Op::Withdraw(units) => u128::from(units),
            _ => 0,
        };
        let known = self.threads.iter().flatten();
        let known: u128 = known.map(|item| withdrawn(item.op)).sum();
        let maybes = self.maybes.iter();
        let maybes = maybes.map(|maybe| maybe.called.len() as u128 * withdrawn(maybe.op));
        let owed = u128::from(self.start.snapshot().owed);
        owed + known + maybes.sum::<u128>() > u128::from(self.start.limit)
    }

    /// Whether units are withdrawn, or were before: what comes back then pays what is owed.
    pub(super) fn owes(&self) -> bool {
        let owes = |op| matches!(op, Op::Withdraw(_) | Op::Forgive(_));
        let mut items = self.threads.iter().flatten();
        self.start.snapshot().owed > 0
            || items.any(|item| owes(item.op))
            || self.maybes.iter().any(|maybe| owes(maybe.op))
    }

    /// How many calls must be placed, and how many may be.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        [
            self.threads.iter().map(Vec::len).sum(),
            self.maybes.iter().map(|maybe| maybe.called.len()).sum(),
        ]
    }
}

/// Calls in as few sequences as their stamps allow, so that thousands of threads that call once
/// cost no more than the few that call at once.
#[derive(Default)]
struct Lanes {
    lanes: Vec<Vec<Item>>,
    /// Of each thread, the lane of its last call, and how many calls that lane had then.
    last: BTreeMap<usize, (usize, usize)>,
}

impl Lanes {
    fn add(&mut self, thread: usize, item: Item) {
        let own = self.last.get(&thread).copied();
        let own = own.filter(|&(lane, calls)| self.lanes[lane].len() == calls);
        let lane = own.map(|(lane, _)| lane).or_else(|| {
            self.lanes.iter().position(|lane| {
                lane.last()
                    .is_some_and(|before| before.returned < item.called)
            })
        });
        let lane = lane.unwrap_or_else(|| {
            self.lanes.push(Vec::new());
            self.lanes.len() - 1
        });
        self.lanes[lane].push(item);
        self.last.insert(thread, (lane, self.lanes[lane].len()));
    }
}
