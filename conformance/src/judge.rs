//! Which promise a history breaks: each is judged by the calls that it is about.

use crate::play::Played;
use crate::{Call, Checker, Explanation, Promise, Undecided, Unjudged, Verdict};
use segstock_model::{Op, Outcome, Refusal, exact_when_alone};
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
    /// The history's calls, reads that nothing ran beside taken at their word. What ran beside them is
    /// known of the whole history only: a refusal that is not judged may be a sale that was not found.
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

    /// The history's rulings; none about what is not promised.
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

    /// Whether there is a call that a promise is about, be its outcome known or not.
    fn asks_of(&self, promise: Promise) -> bool {
        let (_, at_rest) = self.parts();
        match promise {
            Promise::NeverOversold | Promise::ExactRefusal => self.calls.iter().any(takes),
            Promise::Conservation => !at_rest.is_empty(),
            _ => !self.calls.is_empty(),
        }
    }

    /// Whether a promise could have been seen to break: what is unknown proves nothing.
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
                any(before, happened) && any(at_rest, is_known) || any(&self.calls, has_books)
            }
            Promise::ExactRefusal => any(&self.calls, |call| takes(call) && is_known(call)),
            _ => any(&self.calls, happened),
        }
    }

    fn found(&self) -> Vec<(Promise, Ruling)> {
        let mut rulings = Vec::new();
        let whole = self.rule(&self.all());
        rulings.push((Promise::Linearizable, whole));
        // What a whole history keeps, its parts keep: one search for most of them.
        let of = |calls: Vec<Call>| match whole {
            Ruling::Kept => Ruling::Kept,
            _ => self.rule(&calls),
        };
        let oversold = of(self.taken());
        rulings.push((Promise::NeverOversold, oversold));
        let conserved = if self.unbalanced().is_some() {
            Ruling::Broken
        } else {
            of(self.conserved())
        };
        rulings.push((Promise::Conservation, conserved));
        // Beside units that were never there, nobody can say what was in stock.
        if self.promised.exact_refusals {
            let refused = match oversold {
                Ruling::Kept => of(self.refused()),
                _ => Ruling::Unjudged(Unjudged::Masked),
            };
            rulings.push((Promise::ExactRefusal, refused));
        }
        rulings
    }

    /// Why the history breaks a promise.
    pub(super) fn explain(&self, promise: Promise) -> Option<Explanation> {
        let calls = match promise {
            Promise::NeverOversold => self.taken(),
            Promise::Conservation => match self.unbalanced() {
                Some(call) => vec![call],
                None => self.conserved(),
            },
            Promise::ExactRefusal => self.refused(),
            _ => self.all(),
        };
        match self
            .checker
            .check_calls(self.played.history.initial(), &calls)
        {
            Verdict::NotLinearizable(why) => Some(*why),
            _ => None,
        }
    }

    fn rule(&self, calls: &[Call]) -> Ruling {
        let initial = self.played.history.initial();
        let found = self.checker.decide(initial, calls);
        if let Err(why) = found {
            self.undecided.set(Some(why));
        }
        Ruling::from(&found)
    }

    /// Everything that is promised to be true.
    fn all(&self) -> Vec<Call> {
        let calls = self.calls.iter().copied();
        calls.filter(|call| self.promised.covers(call)).collect()
    }

    /// What was sold, added and moved, whatever anybody was told.
    fn taken(&self) -> Vec<Call> {
        self.calls.iter().filter_map(effect).collect()
    }

    /// The same, and what was seen when all was over. Who is refused then is refused falsely; unless
    /// nothing else tells how much is left, that is another matter.
    fn conserved(&self) -> Vec<Call> {
        let (before, at_rest) = self.parts();
        let at_rest = at_rest
            .iter()
            .copied()
            .filter(|call| self.promised.covers(call));
        before.iter().filter_map(effect).chain(at_rest).collect()
    }

    /// What was sold, added and moved, and who was told that there was too little for it.
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

    /// A snapshot that loses units or has them twice.
    fn unbalanced(&self) -> Option<Call> {
        let mut calls = self.calls.iter();
        let unbalanced = calls.find(|call| match call.outcome {
            Outcome::Snapshot(books) | Outcome::ExactSnapshot(books) => !books.balanced(),
            _ => false,
        });
        unbalanced.copied()
    }
}

/// What a call did, if it did something.
fn effect(call: &Call) -> Option<Call> {
    match call.outcome {
        Outcome::Done | Outcome::Unknown => Some(*call),
        Outcome::Took(units) => Some(Call {
            op: Op::Deduct(units),
            outcome: Outcome::Done,
            ..*call
        }),
        _ => None,
    }
}

fn takes(call: &Call) -> bool {
    matches!(
        call.op,
        Op::Deduct(_) | Op::DeductUpTo(_) | Op::Reserve(_) | Op::Place { .. }
    )
}

fn happened(call: &Call) -> bool {
    matches!(call.outcome, Outcome::Done | Outcome::Took(_))
}

fn has_books(call: &Call) -> bool {
    matches!(
        call.outcome,
        Outcome::Snapshot(_) | Outcome::ExactSnapshot(_)
    )
}

pub(super) fn is_known(call: &Call) -> bool {
    call.outcome != Outcome::Unknown
}
