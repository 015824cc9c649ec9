//! [`Outcome`]: what a call answers.

use crate::snapshot::Snapshot;
use std::fmt;

/// What a call answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Outcome {
    /// It happened.
    Done,
    /// It happened, and this is the number of units that it took, up to those that were asked for.
    #[cfg_attr(feature = "serde", serde(rename = "took"))]
    UpTo(u64),
    /// At some instant of the call no more units than this were in stock.
    AtMost(u64),
    /// At some instant of the call exactly this number of units was in stock.
    Exactly(u64),
    /// The sums of some instant of the call; commits that overlap it may be shown as not made yet, each as a whole. What is shown
    /// as reserved was reserved at some instant of the call, and what is shown as sold never falls from one snapshot to the next.
    Snapshot(Snapshot),
    /// The sums of some instant of the call, each of them right.
    ExactSnapshot(Snapshot),
    /// It did not happen, and changed nothing.
    Refused(Refusal),
    /// Nobody knows, for instance after a time-out: it may have happened, or happen later, or never.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => write!(f, "done"),
            Self::UpTo(units) => write!(f, "took {units}"),
            Self::AtMost(units) => write!(f, "at most {units}"),
            Self::Exactly(units) => write!(f, "{units}"),
            Self::Snapshot(sums) | Self::ExactSnapshot(sums) => write!(f, "{sums}"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Unknown => write!(f, "unknown"),
        }
    }
}

/// Why a call was refused. A counter need not say its numbers; if it does, they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Refusal {
    /// Fewer units were in stock than were asked for.
    Short {
        /// What the stock did not exceed.
        #[cfg_attr(
            feature = "serde",
            serde(default, skip_serializing_if = "Option::is_none")
        )]
        available: Option<u64>,
    },
    /// The stock would hold more than it can count.
    Overflow {
        /// What was on hand, available and reserved.
        #[cfg_attr(
            feature = "serde",
            serde(default, skip_serializing_if = "Option::is_none")
        )]
        on_hand: Option<u64>,
    },
    /// Fewer units are reserved than the call was to settle.
    NotReserved,
    /// Nothing was ever held under the key.
    NoHold,
    /// Other units were placed under the key.
    Conflict,
    /// The deadline passed first.
    Expired,
    /// It was confirmed before.
    Confirmed,
    /// It was released before.
    Released,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { available: None } => write!(f, "too few in stock"),
            Self::Short { available: Some(n) } => write!(f, "at most {n} in stock"),
            Self::Overflow { on_hand: None } => write!(f, "too many"),
            Self::Overflow { on_hand: Some(n) } => write!(f, "too many beside {n} on hand"),
            Self::NotReserved => write!(f, "not reserved"),
            Self::NoHold => write!(f, "no such hold"),
            Self::Conflict => write!(f, "another hold has the key"),
            Self::Expired => write!(f, "expired"),
            Self::Confirmed => write!(f, "confirmed before"),
            Self::Released => write!(f, "released before"),
        }
    }
}
