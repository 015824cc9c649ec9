//! The refusals of an inventory.

use super::form::VERSION;
use crate::error::{OutOfStock, RestockOverflow};
use crate::limits::MAX_UNITS;
use std::error::Error;
use std::fmt;

/// A SKU was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InsertError {
    /// There is such a SKU already, and it stays as it was.
    AlreadyThere,
    /// More than [`MAX_UNITS`] units.
    TooManyUnits {
        /// The units that were asked for.
        requested: u64,
    },
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyThere => f.write_str("the SKU is there already"),
            Self::TooManyUnits { requested } => {
                write!(f, "{requested} units exceed the limit of {MAX_UNITS}")
            }
        }
    }
}

impl Error for InsertError {}

/// A SKU was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoveError {
    /// There is no such SKU.
    UnknownSku,
    /// Units of it are reserved: settle them first.
    Reserved {
        /// How many.
        units: u64,
    },
}

impl fmt::Display for RemoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSku => f.write_str("unknown SKU"),
            Self::Reserved { units: 1 } => f.write_str("1 unit of the SKU is reserved"),
            Self::Reserved { units } => write!(f, "{units} units of the SKU are reserved"),
        }
    }
}

impl Error for RemoveError {}

/// Units of a SKU were not deducted, reserved, restocked or written off. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkuError {
    /// There is no such SKU.
    UnknownSku,
    /// Fewer units were in stock.
    OutOfStock(OutOfStock),
    /// More units than a stock holds.
    Overflow(RestockOverflow),
}

impl SkuError {
    /// Whether there is such a SKU and it had too few units.
    #[must_use]
    pub const fn is_out_of_stock(&self) -> bool {
        matches!(self, Self::OutOfStock(_))
    }

    /// Whether there is no such SKU.
    #[must_use]
    pub const fn is_unknown_sku(&self) -> bool {
        matches!(self, Self::UnknownSku)
    }
}

impl From<OutOfStock> for SkuError {
    fn from(refusal: OutOfStock) -> Self {
        Self::OutOfStock(refusal)
    }
}

impl From<RestockOverflow> for SkuError {
    fn from(overflow: RestockOverflow) -> Self {
        Self::Overflow(overflow)
    }
}

impl fmt::Display for SkuError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSku => f.write_str("unknown SKU"),
            Self::OutOfStock(refusal) => refusal.fmt(f),
            Self::Overflow(overflow) => overflow.fmt(f),
        }
    }
}

impl Error for SkuError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::UnknownSku => None,
            Self::OutOfStock(refusal) => Some(refusal),
            Self::Overflow(overflow) => Some(overflow),
        }
    }
}

/// A line of an order that could not be served.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ShortLine<K> {
    /// The SKU.
    pub sku: K,
    /// The units that were asked for, in all lines of the order with this SKU.
    pub requested: u64,
    /// At an instant of the call, no more than this was in stock.
    pub available: u64,
}

impl<K> ShortLine<K> {
    /// A line that asked for `requested` units of `sku`, of which no more than `available` were in stock.
    #[must_use]
    pub const fn new(sku: K, requested: u64, available: u64) -> Self {
        Self {
            sku,
            requested,
            available,
        }
    }
}

/// An order was refused. Nothing of it is reserved.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderRefused<K> {
    /// It has no lines.
    Empty,
    /// A line asks for nothing.
    ZeroUnits {
        /// Its SKU.
        sku: K,
    },
    /// Lines of one SKU ask for more than a stock holds.
    TooManyUnits {
        /// The SKU.
        sku: K,
    },
    /// There are no such SKUs: all of them that the order names.
    UnknownSkus(Vec<K>),
    /// These lines lack units: all of them.
    OutOfStock(Vec<ShortLine<K>>),
}

impl<K> OrderRefused<K> {
    /// The lines that lack units.
    #[must_use]
    pub fn short_lines(&self) -> &[ShortLine<K>] {
        match self {
            Self::OutOfStock(lines) => lines,
            _ => &[],
        }
    }

    /// Whether lines lacked units, so that the order may be served later.
    #[must_use]
    pub const fn is_out_of_stock(&self) -> bool {
        matches!(self, Self::OutOfStock(_))
    }
}

impl<K: fmt::Display> fmt::Display for OrderRefused<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the order has no lines"),
            Self::ZeroUnits { sku } => write!(f, "a line asks for no units of {sku}"),
            Self::TooManyUnits { sku } => {
                write!(f, "more than {MAX_UNITS} units of {sku} are asked for")
            }
            Self::UnknownSkus(skus) => {
                f.write_str("unknown SKUs:")?;
                skus.iter().try_for_each(|sku| write!(f, " {sku}"))
            }
            Self::OutOfStock(lines) => {
                f.write_str("out of stock:")?;
                for (index, line) in lines.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    let (sku, requested, available) = (&line.sku, line.requested, line.available);
                    write!(
                        f,
                        "{comma} {sku} ({requested} requested, {available} available)"
                    )?;
                }
                Ok(())
            }
        }
    }
}

impl<K: fmt::Debug + fmt::Display> Error for OrderRefused<K> {}

/// A snapshot cannot be opened: it is of another version, or cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RestoreError<K> {
    /// It is of a version that this one does not read.
    UnknownVersion(u32),
    /// The SKU stands in it twice.
    DuplicateSku(K),
    /// What came to the SKU is not what it has and what left it, or it owes more than was withdrawn: the sums were
    /// never true, or one of them has wrapped. Sums that add up may still be untrue.
    Sums(K),
    /// More units of the SKU than a stock holds, or owes.
    TooManyUnits(K),
    /// More units of the SKU are held than are reserved, or the snapshot does not have it.
    NotReserved(K),
    /// A hold has a line of no units of the SKU.
    ZeroUnits(K),
    /// A hold has no lines.
    EmptyHold,
    /// The key of a hold stands in it twice.
    DuplicateHold,
}

impl<K: fmt::Display> fmt::Display for RestoreError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion(version) => {
                write!(f, "a snapshot of version {version}; this reads {VERSION}")
            }
            Self::DuplicateSku(sku) => write!(f, "SKU {sku} stands in the snapshot twice"),
            Self::Sums(sku) => write!(f, "the sums of SKU {sku} do not add up"),
            Self::TooManyUnits(sku) => {
                write!(
                    f,
                    "more than {MAX_UNITS} units of SKU {sku} are on hand or owed"
                )
            }
            Self::NotReserved(sku) => {
                write!(
                    f,
                    "more units of SKU {sku} are held than are reserved, or it is not there"
                )
            }
            Self::ZeroUnits(sku) => write!(f, "a hold has a line of no units of SKU {sku}"),
            Self::EmptyHold => f.write_str("a hold has no lines"),
            Self::DuplicateHold => f.write_str("a hold stands in the snapshot twice"),
        }
    }
}

impl<K: fmt::Debug + fmt::Display> Error for RestoreError<K> {}
