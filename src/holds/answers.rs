//! What the holds answer: the outcomes, and the errors.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A hold that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Held {
    /// Units that are set aside.
    pub units: u64,
    /// Time until the deadline; never zero.
    pub remaining: Duration,
}

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It is held.
    Held(Held),
    /// It was.
    Resolved(Resolution),
}

/// What came of [`place`](super::Holds::place).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use = "the hold may not be a new one, or not be one any more"]
pub enum Placed {
    /// Units were set aside by this call.
    Now(Held),
    /// The same was placed before and is held: nothing was set aside by this call.
    Before(Held),
    /// The same was placed before, and this became of it: nothing was set aside by this call.
    Resolved(Resolution),
}

impl Placed {
    /// The hold, if there is one, whichever call placed it.
    #[must_use]
    pub const fn held(&self) -> Option<Held> {
        match self {
            Self::Now(held) | Self::Before(held) => Some(*held),
            Self::Resolved(_) => None,
        }
    }
}

/// What came of a call that settles a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Settled {
    /// This call did it.
    Now,
    /// An earlier call had done the same: nothing was settled by this one.
    Before,
}

/// Nothing was placed: what is known of the key is what was known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlaceError<E> {
    /// The reserve was refused, and nothing was due that could have been taken back.
    Refused(E),
    /// The key was placed before, for something else.
    Conflict,
    /// Another call is placing the same key just now, or selling it once more after it expired: ask
    /// again.
    InProgress,
    /// The reservation has no units.
    ZeroUnits,
    /// The deadline would be now.
    ZeroTtl,
    /// The deadline is further away than the clock can tell (some 584 years).
    TtlOverflow,
}

impl<E> PlaceError<E> {
    /// Whether the reserve was refused: for whatever reason its error names, not only for lack of units.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl<E: fmt::Display> fmt::Display for PlaceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Conflict => f.write_str("the key was placed before, for something else"),
            Self::InProgress => f.write_str("the key is being placed by another call"),
            Self::ZeroUnits => f.write_str("a hold needs at least one unit"),
            Self::ZeroTtl => f.write_str(ZERO_TTL),
            Self::TtlOverflow => f.write_str(TTL_OVERFLOW),
        }
    }
}

impl<E: Error + 'static> Error for PlaceError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

const ZERO_TTL: &str = "a hold needs a time to live";
const TTL_OVERFLOW: &str = "the deadline is further away than the clock can tell";

/// A hold was not settled or extended as asked. It is as it was; unless it was due, and then it is
/// expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HoldError {
    /// The key was never placed, or so long ago that it is forgotten.
    Unknown,
    /// Its deadline has passed, and its units are back.
    Expired,
    /// It was released before, and its units are back.
    Released,
    /// It was confirmed before, and its units are sold.
    Confirmed,
    /// Another call is placing the same key just now, or selling it once more after it expired: ask
    /// again.
    InProgress,
    /// The new deadline would be now.
    ZeroTtl,
    /// The new deadline is further away than the clock can tell (some 584 years).
    TtlOverflow,
}

impl From<Resolution> for HoldError {
    fn from(outcome: Resolution) -> Self {
        match outcome {
            Resolution::Confirmed => Self::Confirmed,
            Resolution::Released => Self::Released,
            Resolution::Expired => Self::Expired,
        }
    }
}

impl fmt::Display for HoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "no such hold",
            Self::Expired => "the hold expired",
            Self::Released => "the hold was released",
            Self::Confirmed => "the hold was confirmed",
            Self::InProgress => "another call is at the hold",
            Self::ZeroTtl => ZERO_TTL,
            Self::TtlOverflow => TTL_OVERFLOW,
        })
    }
}

impl Error for HoldError {}

/// An expired hold was not sold once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetakeError<E> {
    /// It had expired, and reserving anew was refused.
    Refused(E),
    /// It had expired, and what was reserved anew has no units.
    ZeroUnits,
    /// It could not be sold at all.
    Hold(HoldError),
}

impl<E> From<HoldError> for RetakeError<E> {
    fn from(error: HoldError) -> Self {
        Self::Hold(error)
    }
}

impl<E: fmt::Display> fmt::Display for RetakeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the hold expired: {error}"),
            Self::ZeroUnits => f.write_str("the hold expired, and no units were reserved anew"),
            Self::Hold(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for RetakeError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            Self::ZeroUnits => None,
            Self::Hold(error) => Some(error),
        }
    }
}
