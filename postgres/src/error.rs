//! [`OpenError`]: why a stock cannot be opened.

use segstock_remote::{InvalidId, InvalidPatience, InvalidUnits, Unknown};
use std::fmt;

/// The most parts of a stock.
pub const MAX_PARTS: usize = 1_000;

/// Why a stock cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL is none, or names what this build does not reach.
    Url(String),
    /// The stock's name is none: it has the alphabet and the length of an order's id.
    Name(InvalidId),
    /// The stock cannot begin with this number of units.
    Units(InvalidUnits),
    /// A stock has 1 to [`MAX_PARTS`] parts.
    Parts {
        /// What was asked for.
        parts: usize,
    },
    /// Ids are forgotten while copies of their requests can be under way.
    Patience(InvalidPatience),
    /// There is a stock of this name.
    Exists,
    /// There is no stock of this name.
    NoStock,
    /// The server did not answer.
    Unknown(Unknown),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => write!(f, "the URL of PostgreSQL: {error}"),
            Self::Name(error) => write!(f, "no stock's name: {error}"),
            Self::Units(error) => error.fmt(f),
            Self::Parts { parts } => {
                write!(
                    f,
                    "a stock has 1 to {MAX_PARTS} parts, and this has {parts}"
                )
            }
            Self::Patience(error) => error.fmt(f),
            Self::Exists => write!(f, "there is a stock of this name"),
            Self::NoStock => write!(f, "there is no stock of this name"),
            Self::Unknown(unknown) => unknown.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<Unknown> for OpenError {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl From<InvalidId> for OpenError {
    fn from(invalid: InvalidId) -> Self {
        Self::Name(invalid)
    }
}
