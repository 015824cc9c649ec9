//! What the calls on holds answer; the errors are in `errors.rs`.

use crate::settle::SettleParts;
use std::fmt;
use std::time::Duration;

/// Units that are held under a key until a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Held {
    /// Units that are reserved.
    pub units: u64,
    /// Time until the deadline; never zero.
    pub remaining: Duration,
}

impl Held {
    /// For tests of code that takes answers: holds make their own.
    #[must_use]
    pub const fn new(units: u64, remaining: Duration) -> Self {
        Self { units, remaining }
    }
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Resolution {
    /// It was confirmed, and its units are sold.
    Confirmed,
    /// It was released, and its units are back.
    Released,
    /// Its deadline passed, and its units are back.
    Expired,
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confirmed => "confirmed",
            Self::Released => "released",
            Self::Expired => "expired",
        })
    }
}

/// What is known of a key; answered by [`get`](crate::Holds::get).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status<Q> {
    /// Another call works on the key just now: it reserves units, to place the key, to amend it, or to
    /// confirm it after it expired. Ask again.
    InProgress,
    /// The key is held.
    Held {
        /// What is held, and for how long.
        held: Held,
        /// What it was placed for.
        request: Q,
    },
    /// The deadline has passed, and the units are still reserved: expiry is
    /// [left to its owner](crate::HoldsBuilder::expiry_by_owner), or the [hook](crate::Hook) declined it.
    Overdue {
        /// Units that are reserved.
        units: u64,
        /// What it was placed for.
        request: Q,
    },
    /// The hold ended.
    Resolved {
        /// How it ended.
        resolution: Resolution,
        /// Units that were held at the end.
        units: u64,
        /// What it was placed for.
        request: Q,
    },
}

impl<Q> Status<Q> {
    /// The hold, if the key is held.
    #[must_use]
    pub const fn held(&self) -> Option<Held> {
        match self {
            Self::Held { held, .. } => Some(*held),
            _ => None,
        }
    }

    /// How the hold ended, if it did.
    #[must_use]
    pub const fn resolution(&self) -> Option<Resolution> {
        match self {
            Self::Resolved { resolution, .. } => Some(*resolution),
            _ => None,
        }
    }

    /// What the key was placed for, unless a call works on it.
    #[must_use]
    pub const fn request(&self) -> Option<&Q> {
        match self {
            Self::InProgress => None,
            Self::Held { request, .. }
            | Self::Overdue { request, .. }
            | Self::Resolved { request, .. } => Some(request),
        }
    }
}

/// The answer of [`place`](crate::Holds::place) and [`amend`](crate::Holds::amend): the key is held for the request of the call.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Placed {
    /// This call did it.
    Now(Held),
    /// An earlier call with this request did it, and the key is held: this call changed nothing.
    Before(Held),
}

impl Placed {
    /// The hold, whichever call placed it.
    #[must_use]
    pub const fn held(&self) -> Held {
        match self {
            Self::Now(held) | Self::Before(held) => *held,
        }
    }
}

/// The answer of a call that confirms or releases a hold: it is so.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settled {
    /// This call did it.
    Now,
    /// An earlier call did it: this call changed nothing.
    Before,
}

/// How the reservation of a hold is to change; made by the closure of
/// [`amend`](crate::Holds::amend).
#[derive(Debug)]
#[must_use = "what was taken is given back when it is dropped"]
pub struct Amendment<R: SettleParts> {
    /// What was reserved in addition.
    pub taken: Option<R>,
    /// The part of the hold that is to be given back.
    pub given: Option<R::Part>,
}

impl<R: SettleParts> Amendment<R> {
    /// Another request, and no change of what is reserved.
    pub const fn none() -> Self {
        Self {
            taken: None,
            given: None,
        }
    }

    /// Adds what was just reserved.
    pub const fn take(taken: R) -> Self {
        Self {
            taken: Some(taken),
            given: None,
        }
    }

    /// Gives a part back.
    pub const fn give(given: R::Part) -> Self {
        Self {
            taken: None,
            given: Some(given),
        }
    }
}
