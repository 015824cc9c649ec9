//! What a call does to the units in stock, and what it demands of them: as far as its answer tells.
//!
//! The [model](crate::Model) says what is right. What stands here follows from it, and is weaker: an
//! order that the model allows meets every demand.

use crate::op::Op;
use crate::outcome::{Outcome, Refusal};

/// Units that a call adds to those in stock and takes from them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Units added to those in stock.
    pub(super) adds: u64,
    /// Units taken from those in stock.
    pub(super) takes: u64,
    /// Whether it may have done nothing or undone it since: a hold's retry, or its release.
    pub(super) is_certain: bool,
}

impl Change {
    const NONE: Self = Self::adds(0);

    const fn adds(units: u64) -> Self {
        Self {
            adds: units,
            takes: 0,
            is_certain: true,
        }
    }

    const fn takes(units: u64) -> Self {
        Self {
            adds: 0,
            takes: units,
            is_certain: true,
        }
    }

    /// Of a call that was answered.
    pub(super) const fn of(op: Op, outcome: Outcome) -> Self {
        match outcome {
            Outcome::UpTo(units) if !matches!(op, Op::Forgive(_)) => Self::takes(units),
            Outcome::Done => Self::at_most(op),
            _ => Self::NONE,
        }
    }

    /// Of a call that may have happened, the most that it did.
    pub(super) const fn at_most(op: Op) -> Self {
        let most = op.most();
        Self {
            adds: most.adds,
            takes: most.takes,
            is_certain: !matches!(op, Op::Place { .. }),
        }
    }
}

/// What a call demands of the units in stock at its instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    Any,
    AtLeast(u64),
    AtMost(u64),
    Exactly(u64),
    /// No stock is like that.
    Never,
}

impl Demand {
    pub(super) const fn of(op: Op, outcome: Outcome) -> Self {
        match (op, outcome) {
            (
                Op::Deduct(units) | Op::Reserve(units) | Op::Place { units, .. },
                Outcome::Refused(Refusal::Short { available }),
            ) => match available {
                _ if units == 0 => Self::Never,
                None => Self::AtMost(units - 1),
                Some(said) if said < units => Self::AtMost(said),
                Some(_) => Self::Never,
            },
            (Op::Deduct(units) | Op::Reserve(units), Outcome::Done) => Self::AtLeast(units),
            (Op::Forgive(_), _) => Self::Any,
            (op, Outcome::UpTo(units)) if op.is_up_to() && units == op.units() => {
                Self::AtLeast(units)
            }
            (_, Outcome::UpTo(units) | Outcome::Exactly(units)) => Self::Exactly(units),
            (_, Outcome::AtMost(units)) => Self::AtMost(units),
            (_, Outcome::Snapshot(said) | Outcome::ExactSnapshot(said)) => {
                Self::Exactly(said.available)
            }
            _ => Self::Any,
        }
    }
}
