//! The crate's sequential model, and the calls of its own tests.

use segstock::{OutOfStock, RestockOverflow, Snapshot};
use segstock_model::{self as model, Op, Outcome, Refusal};

/// A stock at one instant, of which nothing is held under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Model {
    pub initial: u64,
    pub restocked: u64,
    pub available: u64,
    pub reserved: u64,
}

/// A call, and what it returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Deduct(u64, Result<(), OutOfStock>),
    DeductUpTo(u64, u64),
    Restock(u64, Result<(), RestockOverflow>),
    Available(u64),
    Snapshot(Snapshot),
    /// A snapshot that nothing runs beside: exact in every figure.
    AtRest(Snapshot),
    /// Units set aside, by a reservation or a lease.
    Reserve(u64, Result<(), OutOfStock>),
    /// Units sold that were set aside.
    Commit(u64),
    /// Units given back that were set aside.
    Release(u64),
}

impl Call {
    /// In the words of the model; nothing if a refusal speaks of another call.
    fn told(self) -> Option<(Op, Outcome)> {
        Some(match self {
            Self::Deduct(units, result) => (Op::Deduct(units), took(units, result)?),
            Self::Reserve(units, result) => (Op::Reserve(units), took(units, result)?),
            Self::DeductUpTo(units, taken) => (Op::DeductUpTo(units), Outcome::Took(taken)),
            Self::Restock(units, Ok(())) => (Op::Restock(units), Outcome::Done),
            Self::Restock(units, Err(overflow)) => {
                let on_hand = Some(overflow.on_hand);
                let refused = Outcome::Refused(Refusal::Overflow { on_hand });
                (overflow.requested == units).then_some((Op::Restock(units), refused))?
            }
            // A bound at one instant.
            Self::Available(bound) => (Op::Available, Outcome::AtMost(bound)),
            Self::Snapshot(books) => (Op::Snapshot, Outcome::Snapshot(figures(books))),
            Self::AtRest(books) => (Op::Snapshot, Outcome::ExactSnapshot(figures(books))),
            Self::Commit(units) => (Op::Commit(units), Outcome::Done),
            Self::Release(units) => (Op::Release(units), Outcome::Done),
        })
    }
}

fn took(units: u64, result: Result<(), OutOfStock>) -> Option<Outcome> {
    let Err(refusal) = result else {
        return Some(Outcome::Done);
    };
    let available = Some(refusal.available);
    let refused = Outcome::Refused(Refusal::Short { available });
    (refusal.requested == units).then_some(refused)
}

impl Model {
    pub fn new(units: u64) -> Self {
        Self {
            initial: units,
            restocked: 0,
            available: units,
            reserved: 0,
        }
    }

    pub fn sold(&self) -> u64 {
        self.initial + self.restocked - self.available - self.reserved
    }

    /// The stock after `call`, if the call could have returned that at this instant.
    pub fn step(self, call: &Call) -> Option<Self> {
        let (op, outcome) = call.told()?;
        let books = model::Snapshot {
            initial: self.initial,
            restocked: self.restocked,
            available: self.available,
            reserved: self.reserved,
            sold: self.sold(),
        };
        let after = model::Model::new(0).at(books).step(op, outcome)?.snapshot();
        Some(Self {
            initial: after.initial,
            restocked: after.restocked,
            available: after.available,
            reserved: after.reserved,
        })
    }
}

/// In the words of the model.
pub fn figures(snapshot: Snapshot) -> model::Snapshot {
    model::Snapshot {
        initial: snapshot.initial,
        restocked: snapshot.restocked,
        available: snapshot.available,
        reserved: snapshot.reserved,
        sold: snapshot.sold,
    }
}
