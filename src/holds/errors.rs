//! Why a call on holds changed nothing.

use super::answers::Resolution;
use crate::error::NotReserved;
use std::error::Error;
use std::fmt;

const ZERO_TTL: &str = "a hold needs a time to live";
const TTL_OVERFLOW: &str = "the deadline is further away than the clock can tell";
const ZERO_UNITS: &str = "a hold needs at least one unit";
const OVERDUE: &str = "the hold is past its deadline and not freed yet";
const DECLINED: &str = "the hook declined the change";

/// Nothing was placed. What was known of the key before is known still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlaceError<E> {
    /// `reserve` failed, and no expired hold was left to free.
    Refused(E),
    /// `reserve` failed while expired holds could not be freed: another call works on them, expiry is
    /// [left to its owner](crate::HoldsBuilder::expiry_by_owner), or the [hook](crate::Hook) declined
    /// it. Ask again.
    Busy(E),
    /// The key was placed before, for this request, and that hold ended. To use the key for another
    /// order, [forget](crate::Holds::forget) it.
    Resolved(Resolution),
    /// The key was placed before, for this request. Its deadline has passed, and the units are still
    /// reserved, for one of the reasons at [`Busy`](Self::Busy).
    Overdue,
    /// The key was placed before, for another request.
    Conflict,
    /// Another call works on the key just now. Ask again.
    InProgress,
    /// The [hook](crate::Hook) declined.
    Declined,
    /// The reservation has no units.
    ZeroUnits,
    /// The time to live is zero.
    ZeroTtl,
    /// The deadline is further away than the clock can tell (some 584 years).
    TtlOverflow,
}

#[cfg(feature = "inventory")]
impl PlaceError<std::convert::Infallible> {
    /// The error of a call that reserves nothing, as one of a call that does.
    pub(crate) fn widen<E>(self) -> PlaceError<E> {
        match self {
            Self::Refused(never) | Self::Busy(never) => match never {},
            Self::Resolved(resolution) => PlaceError::Resolved(resolution),
            Self::Overdue => PlaceError::Overdue,
            Self::Conflict => PlaceError::Conflict,
            Self::InProgress => PlaceError::InProgress,
            Self::Declined => PlaceError::Declined,
            Self::ZeroUnits => PlaceError::ZeroUnits,
            Self::ZeroTtl => PlaceError::ZeroTtl,
            Self::TtlOverflow => PlaceError::TtlOverflow,
        }
    }
}

impl<E> PlaceError<E> {
    /// Whether the reserve was refused, for whatever reason its error names.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// What a key that is not held says to a place of its request.
    pub(super) fn of_key(error: HoldError) -> Self {
        match error {
            HoldError::Confirmed => Self::Resolved(Resolution::Confirmed),
            HoldError::Released => Self::Resolved(Resolution::Released),
            HoldError::Expired => Self::Resolved(Resolution::Expired),
            HoldError::Overdue => Self::Overdue,
            HoldError::InProgress => Self::InProgress,
            HoldError::Declined => Self::Declined,
            HoldError::ZeroTtl => Self::ZeroTtl,
            HoldError::TtlOverflow => Self::TtlOverflow,
            HoldError::Held | HoldError::Unknown => unreachable!("a place finds no such error"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for PlaceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Busy(error) => write!(f, "{error}; expired holds are not freed yet"),
            Self::Resolved(resolution) => write!(f, "the hold was placed before, and {resolution}"),
            Self::Overdue => f.write_str(OVERDUE),
            Self::Conflict => f.write_str("the key was placed before, for something else"),
            Self::InProgress => f.write_str("another call works on the key"),
            Self::Declined => f.write_str(DECLINED),
            Self::ZeroUnits => f.write_str(ZERO_UNITS),
            Self::ZeroTtl => f.write_str(ZERO_TTL),
            Self::TtlOverflow => f.write_str(TTL_OVERFLOW),
        }
    }
}

impl<E: Error + 'static> Error for PlaceError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) | Self::Busy(error) => Some(error),
            _ => None,
        }
    }
}

/// A hold did not change as asked. It is as it was before; or it expired, if its deadline had passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HoldError {
    /// The key was never placed, or its retention has ended.
    Unknown,
    /// The deadline has passed, and the units are back.
    Expired,
    /// It was released before, and its units are back.
    Released,
    /// It was confirmed before, and its units are sold.
    Confirmed,
    /// The key is held, and its deadline has not passed.
    Held,
    /// The deadline has passed, and the units are still reserved: expiry is
    /// [left to its owner](crate::HoldsBuilder::expiry_by_owner), or the [hook](crate::Hook) declined it.
    Overdue,
    /// Another call works on the key just now. Ask again.
    InProgress,
    /// The [hook](crate::Hook) declined.
    Declined,
    /// The time to live is zero.
    ZeroTtl,
    /// The new deadline is further away than the clock can tell (some 584 years).
    TtlOverflow,
}

impl From<Resolution> for HoldError {
    fn from(resolution: Resolution) -> Self {
        match resolution {
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
            Self::Held => "the key is held",
            Self::Overdue => OVERDUE,
            Self::InProgress => "another call works on the hold",
            Self::Declined => DECLINED,
            Self::ZeroTtl => ZERO_TTL,
            Self::TtlOverflow => TTL_OVERFLOW,
        })
    }
}

impl Error for HoldError {}

/// An expired hold was not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetakeError<E> {
    /// The hold had expired, and its units could not be reserved again.
    Refused(E),
    /// Likewise, while expired holds could not be freed, as for [`PlaceError::Busy`]. Ask again.
    Busy(E),
    /// The hold had expired, and the new reservation has no units.
    ZeroUnits,
    /// The key cannot be confirmed, expired or not.
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
            Self::Busy(error) => {
                write!(f, "the hold expired: {error}; others are not freed yet")
            }
            Self::ZeroUnits => f.write_str("the hold expired, and no units were reserved again"),
            Self::Hold(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for RetakeError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) | Self::Busy(error) => Some(error),
            Self::ZeroUnits => None,
            Self::Hold(error) => Some(error),
        }
    }
}

/// A hold was not amended: what is held, and what for, is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AmendError<E> {
    /// What is missing could not be reserved.
    Refused(E),
    /// Likewise, while expired holds could not be freed, as for [`PlaceError::Busy`]. Ask again.
    Busy(E),
    /// What was to be given back is not held.
    NotReserved(NotReserved),
    /// What was reserved in addition is of another stock or inventory than the hold.
    OtherStock,
    /// Nothing would stay held: [release](crate::Holds::release) the hold instead.
    ZeroUnits,
    /// The key is not held, or the hook declined.
    Hold(HoldError),
}

impl<E> From<HoldError> for AmendError<E> {
    fn from(error: HoldError) -> Self {
        Self::Hold(error)
    }
}

impl<E: fmt::Display> fmt::Display for AmendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Busy(error) => write!(f, "{error}; expired holds are not freed yet"),
            Self::NotReserved(error) => error.fmt(f),
            Self::OtherStock => f.write_str("what was reserved is of another stock than the hold"),
            Self::ZeroUnits => f.write_str(ZERO_UNITS),
            Self::Hold(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for AmendError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) | Self::Busy(error) => Some(error),
            Self::NotReserved(error) => Some(error),
            Self::OtherStock | Self::ZeroUnits => None,
            Self::Hold(error) => Some(error),
        }
    }
}

/// A part of a hold was not settled: the hold is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartError {
    /// The part is not held in full.
    NotReserved(NotReserved),
    /// The part has no units.
    ZeroUnits,
    /// The key is not held, or the hook declined.
    Hold(HoldError),
}

impl From<HoldError> for PartError {
    fn from(error: HoldError) -> Self {
        Self::Hold(error)
    }
}

impl fmt::Display for PartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReserved(error) => error.fmt(f),
            Self::ZeroUnits => f.write_str("the part has no units"),
            Self::Hold(error) => error.fmt(f),
        }
    }
}

impl Error for PartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotReserved(error) => Some(error),
            Self::ZeroUnits => None,
            Self::Hold(error) => Some(error),
        }
    }
}
