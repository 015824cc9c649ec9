//! [`SaleError`]: why a sale cannot be opened, or a node cannot join it.

use super::version::VERSION;
use crate::durable::not_durable;
use crate::encoding::lacks_letters;
use segstock_remote::{InvalidId, InvalidPatience, Unknown};
use std::fmt;

/// Why a call on a whole sale failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaleError {
    /// The text is no URL of `PostgreSQL`, or names what this build does not reach.
    Url(String),
    /// A sale's name has 1 to 63 of `a` to `z`, `0` to `9` and `_`, and does not begin with a digit or with `pg_`.
    Name(String),
    /// The name is no node's: it has the letters of an [`OrderId`](segstock_remote::OrderId).
    Node(InvalidId),
    /// The times of the sale do not fit together.
    Patience(InvalidPatience),
    /// The heartbeat is not shorter than the lease.
    Heartbeat,
    /// The schema has tables of others.
    NotASale,
    /// The schema is not there: nobody installed the sale.
    NotInstalled,
    /// The name is kept for a sale that is made aside, see [`Sale::claim`](super::Sale::claim).
    Claimed {
        /// What makes it, or of what it is made.
        by: String,
    },
    /// The tables are of another release: this one knows [`VERSION`].
    Version {
        /// What is there.
        found: i32,
    },
    /// The server has a setting off without which it loses what was answered when its machine stops.
    NotDurable {
        /// `fsync` or `full_page_writes`.
        setting: String,
    },
    /// The database's text is not in UTF-8: it cannot keep the name of every SKU.
    Encoding {
        /// What it is in.
        found: String,
    },
    /// The server is a standby, or lets nobody write.
    ReadOnly,
    /// A SKU is 1 to 128 bytes long, without control characters.
    Sku(String),
    /// A SKU has at most [`MAX_UNITS`](segstock_remote::MAX_UNITS), and its safety stock is not more than its units.
    Units,
    /// The SKU is there already, with other figures.
    Exists,
    /// The audit found what is not accounted for, in words.
    Audit(String),
    /// The server refuses, in its words.
    Refused(String),
    /// The server did not answer in time; it may have happened.
    Unknown(Unknown),
}

impl fmt::Display for SaleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(words) => write!(f, "the URL of PostgreSQL: {words}"),
            Self::Name(name) => {
                write!(f, "{name:?} is no sale's name: it has a to z, 0 to 9 and _")
            }
            Self::Node(invalid) => write!(f, "no node's name: {invalid}"),
            Self::Patience(invalid) => invalid.fmt(f),
            Self::Heartbeat => write!(f, "the heartbeat must be shorter than the lease"),
            Self::NotASale => write!(f, "the schema has tables that are not a sale's"),
            Self::NotInstalled => write!(f, "there is no sale of this name"),
            Self::Claimed { by } => write!(f, "its name is kept for a sale that is made of {by}"),
            Self::Version { found } => write!(
                f,
                "the sale's tables have version {found}, and this release knows {VERSION}"
            ),
            Self::NotDurable { setting } => f.write_str(&not_durable(setting)),
            Self::Encoding { found } => f.write_str(&lacks_letters(found, "a sale")),
            Self::ReadOnly => write!(
                f,
                "the server is a standby, or lets nobody write: nodes join at the primary"
            ),
            Self::Sku(sku) => write!(
                f,
                "{sku:?} is no SKU: it has 1 to 128 bytes and no control characters"
            ),
            Self::Units => write!(f, "too many units, or more safety stock than units"),
            Self::Exists => write!(f, "the SKU is there already, with other figures"),
            Self::Audit(words) => write!(f, "the audit does not balance: {words}"),
            Self::Refused(words) => write!(f, "the server refuses: {words}"),
            Self::Unknown(unknown) => unknown.fmt(f),
        }
    }
}

impl std::error::Error for SaleError {}
