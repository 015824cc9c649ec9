//! Which promise a history breaks: each is judged by the calls that it is about.

use super::play::Played;
use super::search::Found;
use super::{Call, Checker, Explanation, Promise, Verdict};
use crate::model::{Op, Outcome, Refusal};

/// What a counter may leave unpromised, apart from what it does not offer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promised {
    pub(super) exact_refusals: bool,
    pub(super) bounds: bool,
}

/// How a history stands to a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ruling {
    Kept,
    Broken,
    Undecided,
}

pub(super) struct Judge<'a> {
    checker: Checker,
    promised: Promised,
    played: &'a Played,
}

impl<'a> Judge<'a> {
    pub(super) const fn new(checker: Checker, promised: Promised, played: &'a Played) -> Self {
        Self {
            checker,
            promised,
            played,
        }
    }

    /// The history's rulings; none about what is not promised.
    pub(super) fn rulings(&self) -> Vec<(Promise, Ruling)> {
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
        if self.promised.exact_refusals && oversold == Ruling::Kept {
            rulings.push((Promise::ExactRefusal, of(self.refused())));
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
        match self.checker.decide(self.played.history.initial(), calls) {
            Found::Order => Ruling::Kept,
            Found::NoOrder => Ruling::Broken,
            Found::Nothing => Ruling::Undecided,
        }
    }

    /// Everything that is promised to be true.
    fn all(&self) -> Vec<Call> {
        let calls = self.played.history.calls().iter();
        calls
            .copied()
            .filter(|call| self.is_promised(call))
            .collect()
    }

    fn is_promised(&self, call: &Call) -> bool {
        match call.outcome {
            Outcome::Refused(Refusal::Short { .. }) => self.promised.exact_refusals,
            Outcome::AtMost(_) => self.promised.bounds,
            _ => true,
        }
    }

    /// What was sold, added and moved, whatever anybody was told.
    fn taken(&self) -> Vec<Call> {
        self.played
            .history
            .calls()
            .iter()
            .filter_map(effect)
            .collect()
    }

    /// The same, and what was seen when all was over. Who is refused then is refused falsely; unless
    /// nothing else tells how much is left, that is another matter.
    fn conserved(&self) -> Vec<Call> {
        let (before, at_rest) = self.parts();
        let at_rest = at_rest
            .iter()
            .copied()
            .filter(|call| self.is_promised(call));
        before.iter().filter_map(effect).chain(at_rest).collect()
    }

    /// What was sold, added and moved, and who was told that there was too little for it.
    fn refused(&self) -> Vec<Call> {
        let calls = self.played.history.calls().iter();
        let calls = calls.filter_map(|call| match call.outcome {
            Outcome::Refused(Refusal::Short { .. }) => Some(*call),
            _ => effect(call),
        });
        calls.collect()
    }

    fn parts(&self) -> (&'a [Call], &'a [Call]) {
        let calls = self.played.history.calls();
        calls.split_at(calls.len() - self.played.at_rest)
    }

    /// A snapshot that loses units or has them twice.
    fn unbalanced(&self) -> Option<Call> {
        let mut calls = self.played.history.calls().iter();
        let unbalanced = calls.find(|call| match call.outcome {
            Outcome::Books(books) | Outcome::AtRest(books) => !books.balanced(),
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
