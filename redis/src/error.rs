//! [`OpenError`]: why a stock cannot be opened.

use segstock_remote::{InvalidId, InvalidPatience, InvalidUnits, Unknown};
use std::fmt;

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
    /// A stock has 1 to 1,000 segments.
    Segments {
        /// What was asked for.
        segments: usize,
    },
    /// No server was named.
    NoServers,
    /// Ids are forgotten while copies of their requests can be under way.
    Patience(InvalidPatience),
    /// There is a stock of this name.
    Exists,
    /// There is no stock of this name.
    NoStock,
    /// The stock of this name was made by another design: open it with that.
    OtherDesign,
    /// The server may throw keys away when its memory is full, and forget ids.
    Evicts {
        /// Its `maxmemory-policy`.
        policy: String,
    },
    /// The server has a library of this name with other functions.
    OtherFunctions {
        /// The library's name.
        library: String,
    },
    /// The server did not answer.
    Unknown(Unknown),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => write!(f, "no server's URL: {error}"),
            Self::Name(error) => write!(f, "no stock's name: {error}"),
            Self::Units(error) => error.fmt(f),
            Self::Segments { segments } => {
                write!(f, "a stock has 1 to 1000 segments, and this has {segments}")
            }
            Self::NoServers => write!(f, "a stock needs a server"),
            Self::Patience(error) => error.fmt(f),
            Self::Exists => write!(f, "there is a stock of this name"),
            Self::NoStock => write!(f, "there is no stock of this name"),
            Self::OtherDesign => write!(f, "the stock of this name was made by another design"),
            Self::Evicts { policy } => write!(
                f,
                "the server's maxmemory-policy is {policy}: when its memory is full it forgets orders"
            ),
            Self::OtherFunctions { library } => {
                write!(
                    f,
                    "the server's library {library} has other functions than this release"
                )
            }
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
