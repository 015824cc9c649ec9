//! What a client hears: an answer, or the figures of a SKU.

use crate::calls::{Answered, Call};
use segstock_orders::{Entry, Position, SkuId};

/// An answer that a client had.
#[derive(Debug)]
pub struct Answer {
    pub call: Call,
    pub answered: Answered,
    pub rests_on: Position,
    /// The entry at that position, if this life of the book appended it.
    pub entry: Option<Entry<String>>,
    /// The client takes it that nothing changed.
    pub nothing_changed: bool,
}

/// Figures that a client was shown.
#[derive(Debug)]
pub struct Shown {
    pub sku: SkuId,
    pub on_hand: i64,
    pub available: u64,
    /// What was durable before.
    pub durable: Position,
}
