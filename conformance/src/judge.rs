//! Which promises a history breaks. Each promise is judged by the calls that it is about.

use crate::checker::{Checker, Undecided};
use crate::explain::Explanation;
use crate::play::Played;
use crate::report::{Promise, Unjudged};
use segstock_model::{Call, Op, Outcome, Refusal, exact_when_alone};
use std::cell::Cell;

/// What a counter may leave unpromised, apart from what it does not offer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promised {
    pub(super) exact_refusals: bool,
    pub(super) bounds: bool,
}

impl Promised {
    /// Whether the answer is promised to be true.
    pub(super) const fn covers(self, call: &Call) -> bool {
        match call.outcome {
            Outcome::Refused(Refusal::Short { .. }) => self.exact_refusals,
            Outcome::AtMost(_) | Outcome::Exactly(_) => self.bounds,
            _ => true,
        }
    }
}

/// How a history stands to a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ruling {
    Kept,
    Broken,
    Undecided,
    Unjudged(Unjudged),
}

impl From<&Result<bool, Undecided>> for Ruling {
    fn from(found: &Result<bool, Undecided>) -> Self {
        match found {
            Ok(true) => Self::Kept,
            Ok(false) => Self::Broken,
            Err(_) => Self::Undecided,
        }
    }
}

pub(super) struct Judge<'a> {
    checker: Checker,
    promised: Promised,
    played: &'a Played,
    /// The history's calls. A read that no call ran beside counts as exact. That is looked up in the whole history,
    /// before calls are left out: also a refusal that is not judged ran beside a read.
    calls: Vec<Call>,
    undecided: Cell<Option<Undecided>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(checker: Checker, promised: Promised, played: &'a Played) -> Self {
        Self {
            checker,
            promised,
            played,
            calls: exact_when_alone(played.history.calls()),
            undecided: Cell::new(None),
        }
    }

    /// Why the last search was given up, if one was.
    pub(super) const fn undecided(&self) -> Option<Undecided> {
        self.undecided.get()
    }

    /// How the history stands to each promise that the counter makes.
    pub(super) fn rulings(&self) -> Vec<(Promise, Ruling)> {
        let mut rulings = self.found();
        for (promise, ruling) in &mut rulings {
            if *ruling == Ruling::Kept && !self.tells_of(*promise) {
                let why = if self.asks_of(*promise) {
                    Unjudged::NoAnswer
                } else {
                    Unjudged::NoCall
                };
                *ruling = Ruling::Unjudged(why);
            }
        }
        rulings
    }

    /// Whether a call that the promise is about was made, with a known outcome or an unknown one.
    fn asks_of(&self, promise: Promise) -> bool {
        let (_, at_rest) = self.parts();
        match promise {
            Promise::NeverOversold | Promise::ExactRefusal => self.calls.iter().any(takes),
            Promise::Conservation => !at_rest.is_empty(),
            _ => !self.calls.is_empty(),
        }
    }

    /// Whether the history can show that the promise is broken. An unknown outcome shows nothing.
    fn tells_of(&self, promise: Promise) -> bool {
        let (before, at_rest) = self.parts();
        let any = |calls: &[Call], is: fn(&Call) -> bool| {
            calls
                .iter()
                .any(|call| is(call) && self.promised.covers(call))
        };
        match promise {
            Promise::NeverOversold => any(&self.calls, |call| takes(call) && happened(call)),
            Promise::Conservation => {
                any(before, happened) && any(at_rest, is_known) || any(&self.calls, shows_sums)
            }
            Promise::ExactRefusal => any(&self.calls, |call| takes(call) && is_known(call)),
            _ => any(&self.calls, happened),
        }
    }

    fn found(&self) -> Vec<(Promise, Ruling)> {
        let mut rulings = Vec::new();
        // What was sold is judged by sums that time-outs do not blur, also of a counter that owes: so it comes first there,
        // and a history that was oversold is searched no more.
        let owes = |call: &Call| matches!(call.op, Op::Withdraw(_) | Op::Forgive(_));
        let first = self
            .calls
            .iter()
            .any(owes)
            .then(|| self.rule(&self.taken()));
        let whole = match first {
            Some(Ruling::Broken) => Ruling::Broken,
            _ => self.rule(&self.all()),
        };
        rulings.push((Promise::Linearizable, whole));
        // A promise that the whole history keeps, each part of it keeps: most histories need one search.
        let of = |calls: Vec<Call>| match whole {
            Ruling::Kept => Ruling::Kept,
            _ => self.rule(&calls),
        };
        let oversold = first.unwrap_or_else(|| of(self.taken()));
        rulings.push((Promise::NeverOversold, oversold));
        // What was sold is part of it.
        let conserved = if oversold == Ruling::Broken || self.unbalanced().is_some() {
            Ruling::Broken
        } else {
            of(self.conserved())
        };
        rulings.push((Promise::Conservation, conserved));
        // After an oversell the number of units in stock is not known, so a refusal cannot be judged.
        if self.promised.exact_refusals {
            let refused = match oversold {
                Ruling::Kept => of(self.refused()),
                _ => Ruling::Unjudged(Unjudged::Masked),
            };
            rulings.push((Promise::ExactRefusal, refused));
        }
        rulings
    }

    /// Why the history breaks a promise, of which it was ruled that it does.
    pub(super) fn explain(&self, promise: Promise) -> Explanation {
        let calls = match promise {
            Promise::NeverOversold => self.taken(),
            Promise::Conservation => match self.unbalanced() {
                Some(call) => vec![call],
                None => self.conserved(),
            },
            Promise::ExactRefusal => self.refused(),
            _ => self.all(),
        };
        self.checker.explain(self.played.history.initial(), &calls)
    }

    fn rule(&self, calls: &[Call]) -> Ruling {
        let initial = self.played.history.initial();
        let found = self.checker.decide(initial, calls);
        if let Err(why) = found {
            self.undecided.set(Some(why));
        }
        Ruling::from(&found)
    }

    /// The calls whose answers are promised to be true.
    fn all(&self) -> Vec<Call> {
        let calls = self.calls.iter().copied();
        calls.filter(|call| self.promised.covers(call)).collect()
    }

    /// The calls that sold, added or moved units. Reads and refusals are left out.
    fn taken(&self) -> Vec<Call> {
        self.calls.iter().filter_map(movement).collect()
    }

    /// The calls that sold, added or moved units, and the calls at rest.
    fn conserved(&self) -> Vec<Call> {
        let (before, at_rest) = self.parts();
        let at_rest = at_rest
            .iter()
            .copied()
            .filter(|call| self.promised.covers(call));
        before.iter().filter_map(effect).chain(at_rest).collect()
    }

    /// The calls that sold, added or moved units, and the refusals for too few units.
    fn refused(&self) -> Vec<Call> {
        let calls = self.calls.iter().filter_map(|call| match call.outcome {
            Outcome::Refused(Refusal::Short { .. }) => Some(*call),
            _ => effect(call),
        });
        calls.collect()
    }

    fn parts(&self) -> (&[Call], &[Call]) {
        let at_rest = self.calls.len() - self.played.at_rest;
        self.calls.split_at(at_rest)
    }

    /// The first snapshot whose figures do not add up.
    fn unbalanced(&self) -> Option<Call> {
        let mut calls = self.calls.iter();
        let unbalanced = calls.find(|call| match call.outcome {
            Outcome::Snapshot(sums) | Outcome::ExactSnapshot(sums) => !sums.balanced(),
            _ => false,
        });
        unbalanced.copied()
    }
}

/// The call as a change of the stock, if it changed it.
fn effect(call: &Call) -> Option<Call> {
    match (call.op, call.outcome) {
        // The number that a withdraw took decides how many units are owed.
        (_, Outcome::Done | Outcome::Unknown)
        | (Op::Withdraw(_) | Op::Forgive(_), Outcome::UpTo(_)) => Some(*call),
        (_, Outcome::UpTo(units)) => Some(taken(call, units)),
        _ => None,
    }
}

fn taken(call: &Call, units: u64) -> Call {
    Call {
        op: call.op.of_taken(units),
        outcome: Outcome::Done,
        ..*call
    }
}

/// The call as a change of the stock of a counter that never owes. Such a counter has no fewer units in stock than one
/// that owes, so that no sale is blamed for units that were paid.
fn movement(call: &Call) -> Option<Call> {
    match (call.op, call.outcome) {
        (Op::Forgive(_), _) => None,
        (Op::Withdraw(_), Outcome::UpTo(units)) => Some(taken(call, units)),
        _ => effect(call),
    }
}

const fn takes(call: &Call) -> bool {
    call.op.takes_units()
}

fn happened(call: &Call) -> bool {
    matches!(call.outcome, Outcome::Done | Outcome::UpTo(_))
}

fn shows_sums(call: &Call) -> bool {
    matches!(
        call.outcome,
        Outcome::Snapshot(_) | Outcome::ExactSnapshot(_)
    )
}

pub(super) fn is_known(call: &Call) -> bool {
    call.outcome != Outcome::Unknown
}
