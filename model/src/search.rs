//! The search for an order that explains a history.
//!
//! Calls are placed one after another, each time one that no unplaced call precedes, and when the
//! model says no to all of them the search goes back (Wing and Gong, *Testing and verifying
//! concurrent objects*, 1993), and remembers where it has been (Lowe, *Testing for
//! linearizability*, 2017). What is special about a counter makes that fast:
//!
//! - **Sums commute.** What a call did is known from its answer, so the stock after some calls is the
//!   same in whatever order they were placed: how many calls of each thread were placed says it all,
//!   and that is all that is remembered. (Holds, whose deadlines depend on the order, are remembered
//!   with the stock.)
//! - **What changes nothing is placed at once.** If a refusal or a read can stand here, nothing is
//!   gained by leaving it for later: it takes nothing from the others. So there is a choice only
//!   between calls that sell, add or move units.
//! - **Calls of unknown outcome** are never required and never precede anything. Equal ones are alike, so
//!   they are placed in the sequence of their calls, and a count of each kind is remembered.

use crate::{Call, Model, Op, Outcome};
use std::collections::{BTreeMap, HashSet};

/// A call that must be placed.
#[derive(Debug, Clone, Copy)]
pub struct Item {
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

/// Calls with the same effect of which each may have happened, from its stamp on.
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
    /// Of each thread, one after another.
    pub threads: Vec<Vec<Item>>,
    /// Calls of unknown outcome, by kind.
    pub maybes: Vec<Maybe>,
}

/// What the search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There is an order.
    Order,
    /// There is none.
    NoOrder,
    /// The budget is spent.
    Nothing,
}

impl Problem {
    /// The calls of a history, which come in the sequence of their first stamps, on a stock that opens as
    /// `start`.
    #[must_use]
    pub fn new(start: Model, calls: &[Call]) -> Self {
        let mut threads: BTreeMap<usize, Vec<Item>> = BTreeMap::new();
        let mut problem = Self {
            start,
            threads: Vec::new(),
            maybes: Vec::new(),
        };
        for (index, call) in calls.iter().enumerate() {
            if call.outcome == Outcome::Unknown {
                if !call.op.is_read() {
                    problem.add_maybe(call.op, call.called);
                }
                continue;
            }
            threads.entry(call.thread).or_default().push(Item {
                called: call.called,
                returned: call.returned,
                op: call.op,
                outcome: call.outcome,
                index,
            });
        }
        problem.threads = threads.into_values().collect();
        problem
    }

    /// One call more that may have happened.
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
        let of_hold = |op| {
            matches!(
                op,
                Op::Place { .. } | Op::Confirm { .. } | Op::ReleaseHold { .. } | Op::Advance { .. }
            )
        };
        let mut items = self.threads.iter().flatten();
        items.any(|item| of_hold(item.op))
            || (self.maybes.iter()).any(|maybe| of_hold(maybe.op) || is_up_to(maybe.op))
    }

    /// Searches, and counts the states that it looks at into `states`, until they exceed `budget`.
    pub fn solve(&self, budget: u64, states: &mut u64) -> Found {
        Search {
            problem: self,
            placed: vec![0; self.threads.len() + self.maybes.len()],
            seen: HashSet::new(),
            ordered: self.is_ordered(),
            budget,
            states,
        }
        .run()
    }
}

/// Unknown, it takes what depends on the instant.
fn is_up_to(op: Op) -> bool {
    matches!(op, Op::DeductUpTo(_))
}

/// A call that can be placed next: its thread, or beyond the threads its kind; and the stock then.
type Choice = (usize, Model);

struct Search<'a> {
    problem: &'a Problem,
    /// How many calls of each thread, then of each kind of maybe, are placed.
    placed: Vec<u32>,
    seen: HashSet<(Box<[u32]>, Option<Model>)>,
    ordered: bool,
    budget: u64,
    states: &'a mut u64,
}

impl Search<'_> {
    fn run(mut self) -> Found {
        // Those that are left to try, for each call placed so far; the last is tried first.
        let mut path: Vec<Vec<Choice>> = Vec::new();
        let mut taken: Vec<usize> = Vec::new();
        let Some(first) = self.choices(&self.problem.start) else {
            return Found::Order;
        };
        path.push(first);
        while let Some(choices) = path.last_mut() {
            let Some((who, stock)) = choices.pop() else {
                path.pop();
                if let Some(who) = taken.pop() {
                    self.placed[who] -= 1;
                }
                continue;
            };
            self.placed[who] += 1;
            if !self.is_new(&stock) {
                self.placed[who] -= 1;
                continue;
            }
            *self.states += 1;
            if *self.states > self.budget {
                return Found::Nothing;
            }
            let Some(choices) = self.choices(&stock) else {
                return Found::Order;
            };
            path.push(choices);
            taken.push(who);
        }
        Found::NoOrder
    }

    fn is_new(&mut self, stock: &Model) -> bool {
        let stock = self.ordered.then(|| stock.clone());
        self.seen.insert((self.placed.clone().into(), stock))
    }

    /// What can be placed next, the best last; nothing is left to place if there is no answer.
    fn choices(&self, stock: &Model) -> Option<Vec<Choice>> {
        let next = |thread: usize| self.problem.threads[thread].get(self.placed[thread] as usize);
        let threads = self.problem.threads.len();
        let first_return = (0..threads)
            .filter_map(next)
            .map(|item| item.returned)
            .min()?;
        let mut choices = Vec::new();
        for thread in 0..threads {
            let Some(item) = next(thread).filter(|item| item.called <= first_return) else {
                continue;
            };
            let Some(after) = stock.step(item.op, item.outcome) else {
                continue;
            };
            if after == *stock {
                return Some(vec![(thread, after)]);
            }
            choices.push((item.returned, thread, after));
        }
        // Who returned first was probably first.
        choices.sort_by_key(|(returned, ..)| std::cmp::Reverse(*returned));
        let known = choices
            .into_iter()
            .map(|(_, thread, after)| (thread, after));
        let mut all = self.maybes(stock, first_return);
        all.extend(known);
        Some(all)
    }

    fn maybes(&self, stock: &Model, first_return: u64) -> Vec<Choice> {
        let kinds = self.problem.maybes.iter().enumerate();
        let choices = kinds.filter_map(|(kind, maybe)| {
            let who = self.problem.threads.len() + kind;
            let called = *maybe.called.get(self.placed[who] as usize)?;
            let after = stock.step(maybe.op, Outcome::Unknown)?;
            (called <= first_return && after != *stock).then_some((who, after))
        });
        choices.collect()
    }
}
