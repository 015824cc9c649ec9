//! The errors. A call that can never succeed and one that cannot now have different types, and each carries its
//! numbers.

use crate::limits::{MAX_SEGMENTS, MAX_UNITS};
use std::error::Error;
use std::fmt;

/// "1 unit", "2 units".
struct Units(u64);

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.0 == 1 { "unit" } else { "units" };
        write!(f, "{} {noun}", self.0)
    }
}

/// A deduct was refused: fewer units were in stock than were asked for.
///
/// # Consistency
///
/// At one instant between the call and its return, no more than [`available`](Self::available)
/// units were in stock, and that was fewer than [`requested`](Self::requested).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OutOfStock {
    /// The units that were asked for.
    pub requested: u64,
    /// What the stock did not exceed at the instant of the refusal.
    pub available: u64,
}

impl OutOfStock {
    /// A refusal of `requested` units by a stock that held no more than `available`; for
    /// implementations of [`StockCounter`](crate::StockCounter).
    #[must_use]
    #[inline]
    pub const fn new(requested: u64, available: u64) -> Self {
        Self {
            requested,
            available,
        }
    }
}

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requested,
            available,
        } = self;
        write!(
            f,
            "out of stock: {} requested, {available} available",
            Units(*requested)
        )
    }
}

impl Error for OutOfStock {}

/// A restock was refused: the stock would hold more than [`MAX_UNITS`]. Nothing was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RestockOverflow {
    /// The units that were to be added.
    pub requested: u64,
    /// The units that were on hand (available and reserved) at the instant of the refusal.
    pub on_hand: u64,
}

impl RestockOverflow {
    /// A refusal to add `requested` units to `on_hand`; for implementations of
    /// [`StockCounter`](crate::StockCounter).
    #[must_use]
    #[inline]
    pub const fn new(requested: u64, on_hand: u64) -> Self {
        Self { requested, on_hand }
    }
}

impl fmt::Display for RestockOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requested, on_hand } = self;
        write!(
            f,
            "restock overflow: {} on top of {on_hand} would exceed the limit of {MAX_UNITS}",
            Units(*requested)
        )
    }
}

impl Error for RestockOverflow {}

/// A reservation was asked for more units than it has. It is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NotReserved {
    /// The units that were asked for.
    pub requested: u64,
    /// The units that are reserved.
    pub reserved: u64,
}

impl NotReserved {
    /// For reservations of your own: see [`SettleParts`](crate::SettleParts).
    #[must_use]
    pub const fn new(requested: u64, reserved: u64) -> Self {
        Self {
            requested,
            reserved,
        }
    }
}

impl fmt::Display for NotReserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requested,
            reserved,
        } = self;
        write!(
            f,
            "not reserved: {} requested, {reserved} reserved",
            Units(*requested)
        )
    }
}

impl Error for NotReserved {}

/// A builder was asked for a stock that is impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BuildError {
    /// No segments: there must be at least one.
    ZeroSegments,
    /// More than [`MAX_SEGMENTS`] segments.
    TooManySegments {
        /// The segments that were asked for.
        requested: usize,
    },
    /// More than [`MAX_UNITS`] units.
    TooManyUnits {
        /// The units that were asked for.
        requested: u64,
    },
}

impl BuildError {
    /// The check that every builder makes.
    pub(crate) fn check(units: u64, segments: usize) -> Result<(), Self> {
        if segments == 0 {
            return Err(Self::ZeroSegments);
        }
        if segments > MAX_SEGMENTS {
            return Err(Self::TooManySegments {
                requested: segments,
            });
        }
        if units > MAX_UNITS {
            return Err(Self::TooManyUnits { requested: units });
        }
        Ok(())
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroSegments => write!(f, "a stock needs at least one segment"),
            Self::TooManySegments { requested } => {
                write!(f, "{requested} segments exceed the limit of {MAX_SEGMENTS}")
            }
            Self::TooManyUnits { requested } => {
                write!(f, "{requested} units exceed the limit of {MAX_UNITS}")
            }
        }
    }
}

impl Error for BuildError {}

/// An order run by [`LockedStock::deduct_with`](crate::LockedStock::deduct_with) sold nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderError<E> {
    /// There was not enough; the order flow was not run.
    OutOfStock(OutOfStock),
    /// The order flow ran and returned this error; the stock is as it was.
    Order(E),
}

impl<E> OrderError<E> {
    /// Whether too few units were in stock, so that the order flow never ran.
    #[must_use]
    pub const fn is_out_of_stock(&self) -> bool {
        matches!(self, Self::OutOfStock(_))
    }

    /// The error of the order flow, if that is what went wrong.
    pub fn into_order(self) -> Option<E> {
        match self {
            Self::Order(error) => Some(error),
            Self::OutOfStock(_) => None,
        }
    }
}

impl<E> From<OutOfStock> for OrderError<E> {
    fn from(refusal: OutOfStock) -> Self {
        Self::OutOfStock(refusal)
    }
}

impl<E: fmt::Display> fmt::Display for OrderError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfStock(refusal) => refusal.fmt(f),
            Self::Order(error) => write!(f, "the order failed: {error}"),
        }
    }
}

impl<E: Error + 'static> Error for OrderError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::OutOfStock(refusal) => Some(refusal),
            Self::Order(error) => Some(error),
        }
    }
}
