//! [`Op`]: what is called.

use super::Outcome;
use std::fmt;

/// A call on a stock counter. Numbers are units, if nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Op {
    /// Sell the units: all or none.
    Deduct(u64),
    /// Sell the units, or all that are in stock if these are fewer.
    DeductUpTo(u64),
    /// Add the units: all or none.
    Restock(u64),
    /// Reserve the units: all or none.
    Reserve(u64),
    /// Sell units that were reserved.
    Commit(u64),
    /// Release units that were reserved: they are in stock again.
    Release(u64),
    /// Take the units out of stock for good. Those that are not in stock are owed.
    Withdraw(u64),
    /// Owe fewer units: by this number, or by all that are owed if these are fewer.
    Forgive(u64),
    /// How many units are in stock?
    Available,
    /// The sums of one instant.
    Snapshot,
    /// Reserve units under a key until a deadline.
    Place {
        /// Names the hold in later calls, and in a retry of this one.
        key: u64,
        /// Units to reserve.
        units: u64,
        /// Time until the deadline, in ticks of the model's clock.
        ttl: u64,
    },
    /// Sell what is held under a key.
    Confirm {
        /// The hold's.
        key: u64,
    },
    /// Release what is held under a key.
    ReleaseHold {
        /// The hold's.
        key: u64,
    },
    /// Time passes.
    Advance {
        /// Ticks of the model's clock.
        by: u64,
    },
}

/// The operation of some units.
type OfUnits = fn(u64) -> Op;

impl Op {
    /// Every operation of a counter without holds, on some units, and how often it is drawn.
    const DRAWN: [(u64, OfUnits); 10] = [
        (6, Self::Deduct),
        (2, Self::DeductUpTo),
        (4, Self::Restock),
        (4, Self::Reserve),
        (3, Self::Commit),
        (2, Self::Release),
        (1, Self::Withdraw),
        (1, Self::Forgive),
        (1, |_| Self::Available),
        (1, |_| Self::Snapshot),
    ];

    /// How many numbers [`drawn`](Self::drawn) tells apart.
    pub const DRAWS: u64 = {
        let (mut sum, mut kind) = (0, 0);
        while kind < Self::DRAWN.len() {
            sum += Self::DRAWN[kind].0;
            kind += 1;
        }
        sum
    };

    /// The operation of a counter that `number` (modulo [`DRAWS`](Self::DRAWS)) selects, on `units`: for tests
    /// that draw calls at random. Frequent operations have several numbers. Holds are not among them.
    #[must_use]
    pub fn drawn(number: u64, units: u64) -> Self {
        let mut rest = number % Self::DRAWS;
        for (weight, op) in Self::DRAWN {
            if rest < weight {
                return op(units);
            }
            rest -= weight;
        }
        unreachable!("the weights add up to DRAWS")
    }

    /// Whether it changes nothing, whatever it answers.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Available | Self::Snapshot)
    }

    /// Whether its number is only a limit: the answer says how many units it was.
    const fn takes_up_to(self) -> bool {
        matches!(
            self,
            Self::DeductUpTo(_) | Self::Withdraw(_) | Self::Forgive(_)
        )
    }

    /// Whether `outcome` is an answer to such a call, be it true or not.
    #[must_use]
    pub const fn has_answer(self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Done => !self.takes_up_to() && !self.is_read(),
            Outcome::Took(units) => match self {
                Self::DeductUpTo(most) | Self::Withdraw(most) | Self::Forgive(most) => {
                    units <= most
                }
                _ => false,
            },
            Outcome::AtMost(_) | Outcome::Exactly(_) => matches!(self, Self::Available),
            Outcome::Snapshot(_) | Outcome::ExactSnapshot(_) => matches!(self, Self::Snapshot),
            Outcome::Refused(_) => !self.is_read(),
            Outcome::Unknown => true,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deduct(units) => write!(f, "deduct({units})"),
            Self::DeductUpTo(units) => write!(f, "deduct_up_to({units})"),
            Self::Restock(units) => write!(f, "restock({units})"),
            Self::Reserve(units) => write!(f, "reserve({units})"),
            Self::Commit(units) => write!(f, "commit({units})"),
            Self::Release(units) => write!(f, "release({units})"),
            Self::Withdraw(units) => write!(f, "withdraw({units})"),
            Self::Forgive(units) => write!(f, "forgive({units})"),
            Self::Available => write!(f, "available()"),
            Self::Snapshot => write!(f, "snapshot()"),
            Self::Place { key, units, ttl } => {
                write!(f, "place(key {key}, {units} units, {ttl} ticks)")
            }
            Self::Confirm { key } => write!(f, "confirm(key {key})"),
            Self::ReleaseHold { key } => write!(f, "release_hold(key {key})"),
            Self::Advance { by } => write!(f, "advance({by} ticks)"),
        }
    }
}
