//! [`Orders`]: a history of orders with a caller's code in them, some of which panicked.

use crate::checker::Verdict;
use crate::explain::Explanation;
use crate::judge::Ruling;
use crate::options::Options;
use crate::play::Played;
use segstock_model::{Call, Op, Outcome, exact_when_alone};
use std::collections::BTreeMap;

/// A flow that ran, in the call of `thread` that began at `called`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    pub(super) thread: usize,
    pub(super) called: u64,
    pub(super) began: u64,
    pub(super) ended: u64,
    /// It panicked, and the panic came back to the caller.
    pub(super) panicked: bool,
}

/// Whether some order explains a history.
pub(super) enum Sound {
    Yes,
    Undecided,
    /// An order explains it only if orders that panicked may have lost units.
    ButForPanics(Box<Explanation>),
    /// No order explains it, whatever the orders that panicked did.
    No,
}

/// What an order whose flow panicked did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Panicked {
    /// It gave all units back.
    Nothing,
    /// It may have lost any part of its units.
    Anything,
}

pub(super) struct Orders {
    initial: u64,
    /// The calls. A read that no call ran beside counts as exact.
    calls: Vec<Call>,
    flows: BTreeMap<(usize, u64), Flow>,
}

impl Orders {
    pub(super) fn new(played: &Played, flows: &[Flow]) -> Self {
        let flows: BTreeMap<_, _> = flows
            .iter()
            .map(|flow| ((flow.thread, flow.called), *flow))
            .collect();
        let mut calls = played.history.calls().to_vec();
        // An order that panicked has ended, so that a later read does not run beside it.
        let is_over = |call: &Call| {
            let flow = flows.get(&(call.thread, call.called));
            flow.is_some_and(|flow| flow.panicked)
        };
        for call in calls.iter_mut().filter(|call| is_over(call)) {
            call.outcome = Outcome::Done;
        }
        Self {
            initial: played.history.initial(),
            calls: exact_when_alone(&calls),
            flows,
        }
    }

    /// An order under a lock happens at one instant. An order whose units are reserved first happens at two. Either is
    /// right, so the history is kept if one of the two readings explains it.
    pub(super) fn judge(&self, options: &Options) -> Sound {
        let readings = |panicked| [self.at_once(panicked), self.in_two_steps(panicked)];
        let rule = |calls: &[Call]| self.rule(calls, options);
        let strict = readings(Panicked::Nothing).map(|calls| rule(&calls));
        if strict.contains(&Ruling::Kept) {
            return Sound::Yes;
        }
        let lenient = readings(Panicked::Anything).map(|calls| rule(&calls));
        if [strict, lenient]
            .iter()
            .flatten()
            .any(|ruling| *ruling == Ruling::Undecided)
        {
            return Sound::Undecided;
        }
        if !lenient.contains(&Ruling::Kept) {
            return Sound::No;
        }
        self.explain(options)
    }

    fn rule(&self, calls: &[Call], options: &Options) -> Ruling {
        let calls = promised(calls, options);
        Ruling::from(&options.checker().decide(self.initial, &calls))
    }

    fn explain(&self, options: &Options) -> Sound {
        let calls = promised(&self.at_once(Panicked::Nothing), options);
        let panicked = self.flows.values().filter(|flow| flow.panicked).count();
        match options.checker().check_calls(self.initial, &calls) {
            Verdict::NotLinearizable(why) => {
                let before = format!(
                    "{panicked} orders panicked in their flows, and the counter kept units of theirs or lost \
                     them; else this could not be:"
                );
                Sound::ButForPanics(Box::new(why.with_words_before(&before)))
            }
            _ => Sound::Undecided,
        }
    }

    fn flow(&self, call: &Call) -> Option<Flow> {
        self.flows.get(&(call.thread, call.called)).copied()
    }

    fn at_once(&self, panicked: Panicked) -> Vec<Call> {
        let mut calls = Vec::with_capacity(self.calls.len());
        for call in &self.calls {
            match self.flow(call) {
                Some(flow) if flow.panicked && panicked == Panicked::Nothing => {}
                Some(flow) if flow.panicked => calls.extend(parts(call)),
                _ => calls.push(*call),
            }
        }
        calls
    }

    fn in_two_steps(&self, panicked: Panicked) -> Vec<Call> {
        let mut calls = Vec::with_capacity(2 * self.calls.len());
        for call in &self.calls {
            let (Some(flow), Op::Deduct(units)) = (self.flow(call), call.op) else {
                calls.push(*call);
                continue;
            };
            calls.push(Call {
                returned: flow.began,
                op: Op::Reserve(units),
                outcome: Outcome::Done,
                ..*call
            });
            let then = |op, outcome| Call {
                called: flow.ended,
                op,
                outcome,
                ..*call
            };
            match call.outcome {
                Outcome::Done if !flow.panicked => {
                    calls.push(then(Op::Commit(units), Outcome::Done));
                }
                _ if flow.panicked && panicked == Panicked::Anything => {
                    for _ in 0..units {
                        calls.push(then(Op::Release(1), Outcome::Unknown));
                        calls.push(then(Op::Commit(1), Outcome::Unknown));
                    }
                }
                Outcome::Done if panicked == Panicked::Nothing => {
                    calls.push(then(Op::Release(units), Outcome::Done));
                }
                Outcome::Refused(_) => calls.push(then(Op::Release(units), Outcome::Done)),
                _ => {
                    calls.push(then(Op::Release(units), Outcome::Unknown));
                    calls.push(then(Op::Commit(units), Outcome::Unknown));
                }
            }
        }
        calls.sort_by_key(|call| call.called);
        calls
    }
}

/// An order that may have lost any part of its units, as orders of one unit with an unknown outcome.
fn parts(call: &Call) -> Vec<Call> {
    let Op::Deduct(units) = call.op else {
        return Vec::new();
    };
    let part = Call {
        op: Op::Deduct(1),
        outcome: Outcome::Unknown,
        ..*call
    };
    (0..units).map(|_| part).collect()
}

fn promised(calls: &[Call], options: &Options) -> Vec<Call> {
    let promised = options.promised();
    let calls = calls.iter().copied();
    calls.filter(|call| promised.covers(call)).collect()
}
