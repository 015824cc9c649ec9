//! What a thread calls, and what it is answered.

use std::fmt;

/// A call of a script. Its `Debug` form is the one of the scenarios of loom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    Deduct(u8),
    DeductUpTo(u8),
    Restock(u8),
    Reserve(u8),
    /// Sells units that were reserved, by whichever thread.
    Commit(u8),
    /// Gives units back that were reserved, by whichever thread.
    Release(u8),
    Withdraw(u8),
    Forgive(u8),
    Available,
    Snapshot,
    /// Makes the stock wide.
    Widen,
    /// Tries once to make the stock narrow.
    Narrow,
    /// Begins to make the stock narrow, and does not go on.
    Prove,
    /// From here on the thread's segment is this one.
    Sit(u8),
}

impl Op {
    /// The units that are asked for.
    pub const fn units(self) -> u8 {
        match self {
            Self::Deduct(units)
            | Self::DeductUpTo(units)
            | Self::Restock(units)
            | Self::Reserve(units)
            | Self::Commit(units)
            | Self::Release(units)
            | Self::Withdraw(units)
            | Self::Forgive(units) => units,
            Self::Available
            | Self::Snapshot
            | Self::Widen
            | Self::Narrow
            | Self::Prove
            | Self::Sit(_) => 0,
        }
    }

    /// Whether it is part of the history: the others change no number and answer nothing.
    pub const fn has_answer(self) -> bool {
        !matches!(
            self,
            Self::Widen | Self::Narrow | Self::Prove | Self::Sit(_)
        )
    }

    /// The call, less the units that were `refused` to this thread and so cannot be settled; nothing
    /// if no unit is left.
    pub fn without(self, refused: &mut u8) -> Option<Self> {
        let (Self::Commit(units) | Self::Release(units)) = self else {
            return Some(self);
        };
        let part = units.min(*refused);
        *refused -= part;
        match (self, units - part) {
            (_, 0) => None,
            (Self::Commit(_), rest) => Some(Self::Commit(rest)),
            (_, rest) => Some(Self::Release(rest)),
        }
    }
}

/// What a call answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    Done,
    /// Refused: no more than this was in stock.
    Refused(u8),
    Took(u8),
    /// No more than this was in stock.
    AtMost(u8),
    Snapshot(Figures),
}

/// The figures of a snapshot; what was sold follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Figures {
    pub restocked: u8,
    pub available: u8,
    pub reserved: u8,
    pub owed: u8,
    pub withdrawn: u8,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => write!(f, "done"),
            Self::Refused(bound) => write!(f, "refused({bound})"),
            Self::Took(units) => write!(f, "took({units})"),
            Self::AtMost(bound) => write!(f, "at_most({bound})"),
            Self::Snapshot(it) => write!(
                f,
                "snapshot({}+{}, {} restocked, {} of {} owed)",
                it.available, it.reserved, it.restocked, it.owed, it.withdrawn
            ),
        }
    }
}
