//! [`Op`]: what is called.

use crate::outcome::Outcome;
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
    /// Reserve the units, or all that are in stock if these are fewer.
    ReserveUpTo(u64),
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

/// The most that a call does to a stock: units that it adds to those in stock, takes from them, and sells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) adds: u64,
    pub(crate) takes: u64,
    pub(crate) sells: u64,
}

impl Most {
    const fn of(adds: u64, takes: u64, sells: u64) -> Self {
        Self { adds, takes, sells }
    }
}

impl Op {
    /// Every operation of a counter without holds, on some units, and how often it is drawn.
    const DRAWN: [(u64, OfUnits); 11] = [
        (6, Self::Deduct),
        (2, Self::DeductUpTo),
        (4, Self::Restock),
        (4, Self::Reserve),
        (2, Self::ReserveUpTo),
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

    /// Every operation of a counter without holds, on `units`, once.
    pub fn each(units: u64) -> impl Iterator<Item = Self> {
        Self::DRAWN.into_iter().map(move |(_, op)| op(units))
    }

    /// Whether it changes nothing, whatever it answers.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Available | Self::Snapshot)
    }

    /// What it is called, without its numbers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deduct(_) => "deduct",
            Self::DeductUpTo(_) => "deduct_up_to",
            Self::Restock(_) => "restock",
            Self::Reserve(_) => "reserve",
            Self::ReserveUpTo(_) => "reserve_up_to",
            Self::Commit(_) => "commit",
            Self::Release(_) => "release",
            Self::Withdraw(_) => "withdraw",
            Self::Forgive(_) => "forgive",
            Self::Available => "available",
            Self::Snapshot => "snapshot",
            Self::Place { .. } => "place",
            Self::Confirm { .. } => "confirm",
            Self::ReleaseHold { .. } => "release_hold",
            Self::Advance { .. } => "advance",
        }
    }

    /// The units that it names; 0 if it names none.
    #[must_use]
    pub const fn units(mut self) -> u64 {
        match self.named() {
            Some(units) => *units,
            None => 0,
        }
    }

    /// The same call with the units that `change` makes of its own, if it names some.
    #[must_use]
    pub fn with_units(mut self, change: impl FnOnce(u64) -> u64) -> Self {
        if let Some(units) = self.named() {
            *units = change(*units);
        }
        self
    }

    const fn named(&mut self) -> Option<&mut u64> {
        match self {
            Self::Deduct(units)
            | Self::DeductUpTo(units)
            | Self::Restock(units)
            | Self::Reserve(units)
            | Self::ReserveUpTo(units)
            | Self::Commit(units)
            | Self::Release(units)
            | Self::Withdraw(units)
            | Self::Forgive(units)
            | Self::Place { units, .. } => Some(units),
            Self::Available
            | Self::Snapshot
            | Self::Confirm { .. }
            | Self::ReleaseHold { .. }
            | Self::Advance { .. } => None,
        }
    }

    /// Whether it sells units that are in stock, or reserves them. (A hold is placed under a key, and is not among these.)
    #[must_use]
    pub const fn sells_or_reserves(self) -> bool {
        self.reserves_units() || matches!(self, Self::Deduct(_) | Self::DeductUpTo(_))
    }

    /// Whether it takes units out of stock.
    #[must_use]
    pub const fn takes_units(self) -> bool {
        self.sells_or_reserves() || matches!(self, Self::Withdraw(_) | Self::Place { .. })
    }

    /// Whether it reserves units that later calls commit or release. (A hold is settled by its key alone.)
    #[must_use]
    pub const fn reserves_units(self) -> bool {
        matches!(self, Self::Reserve(_) | Self::ReserveUpTo(_))
    }

    /// Whether it settles units that were [reserved](Self::reserves_units).
    #[must_use]
    pub const fn settles_units(self) -> bool {
        matches!(self, Self::Commit(_) | Self::Release(_))
    }

    /// The units that it [reserved](Self::reserves_units) if it was answered `outcome`: the most, if that is unknown.
    #[must_use]
    pub const fn reserved(self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Done | Outcome::Unknown if self.reserves_units() => self.units(),
            Outcome::UpTo(units) if self.reserves_units() => units,
            _ => 0,
        }
    }

    /// The units that it sold if it was answered `outcome`: the most, if that is unknown. A hold's are not among them.
    #[must_use]
    pub const fn sold(self, outcome: Outcome) -> u64 {
        let most = self.most().sells;
        match outcome {
            Outcome::Done | Outcome::Unknown => most,
            Outcome::UpTo(units) if most > 0 => units,
            _ => 0,
        }
    }

    /// What a call did that took `units`: a deduct of them or, if it [reserves](Self::reserves_units), a reserve.
    #[must_use]
    pub const fn of_taken(self, units: u64) -> Self {
        if self.reserves_units() {
            Self::Reserve(units)
        } else {
            Self::Deduct(units)
        }
    }

    /// Whether its number is only a limit: the answer says how many units it was.
    #[must_use]
    pub const fn is_up_to(self) -> bool {
        matches!(
            self,
            Self::DeductUpTo(_) | Self::ReserveUpTo(_) | Self::Withdraw(_) | Self::Forgive(_)
        )
    }

    /// The most that it does, if it happens.
    pub(crate) const fn most(self) -> Most {
        match self {
            Self::Deduct(units) | Self::DeductUpTo(units) => Most::of(0, units, units),
            Self::Reserve(units) | Self::ReserveUpTo(units) | Self::Place { units, .. } => {
                Most::of(0, units, 0)
            }
            Self::Restock(units) | Self::Release(units) => Most::of(units, 0, 0),
            Self::Commit(units) => Most::of(0, 0, units),
            Self::Available | Self::Snapshot => Most::of(0, 0, 0),
            // The place of a hold counts as if its units were never taken, and as if they never came back.
            Self::Confirm { .. } | Self::ReleaseHold { .. } | Self::Advance { .. } => {
                Most::of(0, 0, 0)
            }
            // Of what is withdrawn, the sums know only what was taken: the answer says how much that was.
            Self::Withdraw(_) | Self::Forgive(_) => Most::of(0, 0, 0),
        }
    }

    /// Whether `outcome` is an answer to such a call, be it true or not.
    #[must_use]
    pub const fn has_answer(self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Done => !self.is_up_to() && !self.is_read(),
            Outcome::UpTo(units) => self.is_up_to() && units <= self.units(),
            Outcome::AtMost(_) | Outcome::Exactly(_) => matches!(self, Self::Available),
            Outcome::Snapshot(_) | Outcome::ExactSnapshot(_) => matches!(self, Self::Snapshot),
            Outcome::Refused(_) => !self.is_read(),
            Outcome::Unknown => true,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Available | Self::Snapshot => write!(f, "{name}()"),
            Self::Place { key, units, ttl } => {
                write!(f, "{name}(key {key}, {units} units, {ttl} ticks)")
            }
            Self::Confirm { key } | Self::ReleaseHold { key } => write!(f, "{name}(key {key})"),
            Self::Advance { by } => write!(f, "{name}({by} ticks)"),
            op => write!(f, "{name}({})", op.units()),
        }
    }
}
