//! [`ReplayError`]: why entries make no book.

use crate::entry::Position;
use std::error::Error;
use std::fmt;

/// An entry cannot follow those before it: they are not all entries of one book, in their sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ReplayError {
    /// Where the entry stands.
    pub position: Position,
    /// What is wrong with it.
    pub reason: ReplayReason,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplayReason {
    /// Its position is not after that of the entry before.
    Sequence,
    /// It is about a SKU that was not opened, or opens one that is open or not the next.
    Sku,
    /// It is about an order that was not placed, or places one whose id is known.
    Order,
    /// It moves units that are not on hand.
    Units,
    /// This release does not know such changes.
    Unknown,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            ReplayReason::Sequence => "does not come after the entry before it",
            ReplayReason::Sku => "is about a SKU that is not as it says",
            ReplayReason::Order => "is about an order that is not as it says",
            ReplayReason::Units => "moves units that are not on hand",
            ReplayReason::Unknown => "is of a kind that this release does not know",
        };
        write!(f, "entry {} {reason}", self.position.number())
    }
}

impl Error for ReplayError {}
