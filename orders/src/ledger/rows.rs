//! What every ledger that keeps its entries as rows of tables does: entries to rows and back, and rows that nobody needs
//! any more.
//!
//! | table | a row |
//! |---|---|
//! | `owner` | one: epoch, number of the last batch, position of the last entry, the book's time, the wall clock's time |
//! | `entry` | position, time, the order that it changes, its request, what changed; request and change are JSON |
//! | `sku` | how many units left for good, less those that came, by rows that are gone |
//!
//! # Rows that go
//!
//! When the book forgets an order, the order's rows are deleted, and what it took for good is added to the row of each of
//! its SKUs. What changed shelves by itself is kept until the keys of such requests are forgotten. Then one row stands for
//! all restocks, counts and units written off of a SKU, and at most three for its limits: customers are counted from the
//! first on that limits them. Rows of moves, and of sendings of which all has arrived, are deleted, and their units added
//! to the rows of both SKUs. All this happens in the transaction of a batch, a few rows at a time: [`Upkeep`] says which.

mod moves;
mod shelves;
mod upkeep;

pub(crate) use upkeep::stands_for;
pub use upkeep::{Plan, Upkeep};

use crate::entry::{Entry, Position};
use crate::lines::SkuId;
#[cfg(feature = "rows")]
use serde::{Serialize, de::DeserializeOwned};
#[cfg(feature = "rows")]
use std::{error::Error, fmt};

/// An entry as a row.
#[cfg(feature = "rows")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The number of its position.
    pub position: u64,
    /// Its time.
    pub time: u64,
    /// The number of the order that it changes, if it changes one that was there.
    pub of_order: Option<u64>,
    /// The key of its request, as JSON.
    pub request: Option<String>,
    /// What changed, as JSON.
    pub change: String,
}

#[cfg(feature = "rows")]
impl Row {
    /// The row of an entry.
    ///
    /// # Errors
    ///
    /// [`RowError`] if the SKU has no JSON.
    pub fn of<K: Serialize>(position: Position, entry: &Entry<K>) -> Result<Self, RowError> {
        let request = entry.request.as_ref().map(serde_json::to_string);
        Ok(Self {
            position: position.number(),
            time: entry.time,
            of_order: entry.change.order().map(Position::number),
            request: request.transpose()?,
            change: serde_json::to_string(&entry.change)?,
        })
    }

    /// The entry of a row: its time, its request and its change.
    ///
    /// # Errors
    ///
    /// [`RowError`] if no ledger of this release writes such a row.
    pub fn entry<K: DeserializeOwned>(
        time: u64,
        request: Option<&str>,
        change: &str,
    ) -> Result<Entry<K>, RowError> {
        let request = request.map(serde_json::from_str).transpose()?;
        let change = serde_json::from_str(change)?;
        Ok(Entry::new(time, change).with_request(request))
    }
}

/// A row that is no entry, or an entry that has no row.
#[cfg(feature = "rows")]
#[derive(Debug)]
pub struct RowError(serde_json::Error);

#[cfg(feature = "rows")]
impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "rows")]
impl Error for RowError {}

#[cfg(feature = "rows")]
impl From<serde_json::Error> for RowError {
    fn from(error: serde_json::Error) -> Self {
        Self(error)
    }
}

/// The entries that stand for rows that are gone, at the end of all others: after `after`, at most `limit`. `last` and `time`
/// are those of the last batch, and `left` gives the rows of the SKUs in the sequence of their numbers, from this SKU on, up to a
/// limit. The entry of a SKU has the position that is so far behind the last as the SKU's number says.
///
/// # Errors
///
/// Those of `left`.
pub fn at_the_end<K, E>(
    (last, time): (Position, u64),
    after: Position,
    limit: usize,
    left: impl FnOnce(SkuId, usize) -> Result<Vec<(SkuId, i64)>, E>,
) -> Result<Vec<(Position, Entry<K>)>, E> {
    let from = after.number().saturating_sub(last.number());
    let Ok(from) = u32::try_from(from) else {
        return Ok(Vec::new());
    };
    let entry = |(sku, units): (SkuId, i64)| {
        let position = last.number() + 1 + u64::from(sku.number());
        (Position::new(position), stands_for(time, sku, units))
    };
    Ok(left(SkuId::new(from), limit)?
        .into_iter()
        .map(entry)
        .collect())
}
