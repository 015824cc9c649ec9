//! [`Counts`]: the last count of each SKU's shelf, by the key of its request.

use crate::book::Sku;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A count of a shelf, as its request names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The request's idempotency key.
    pub key: String,
    /// The units that were counted.
    pub units: u64,
}

/// The last count of each SKU: once sales go on, what it changed cannot be told from the books, and a
/// retry would book what was sold since as found. One for each SKU is as much as the SKUs are.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counts(BTreeMap<Sku, Count>);

/// How a count stands to the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recount {
    /// Another one.
    New,
    /// The same, asked for again.
    Retry,
    /// Of its key, and of other units.
    OtherUnits,
}

impl Counts {
    pub(crate) fn compare(&self, sku: &str, count: &Count) -> Recount {
        match self.0.get(sku) {
            Some(last) if last == count => Recount::Retry,
            Some(last) if last.key == count.key => Recount::OtherUnits,
            _ => Recount::New,
        }
    }

    pub(crate) fn note(&mut self, sku: Sku, count: Count) {
        self.0.insert(sku, count);
    }

    /// All of them, to keep.
    pub(crate) fn kept(&self) -> Self {
        Self(self.0.clone())
    }
}
