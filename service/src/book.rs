//! What the service stands on: the order book, and what requests may ask of it.

use segstock_orders::OrderBook;
use std::time::Duration;

/// A SKU.
pub type Sku = String;
/// The order book.
pub type Book = OrderBook<Sku>;

/// What requests may ask for, and how long they may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Bytes of a list of stock.
    pub list: usize,
    /// SKUs.
    pub skus: usize,
    /// How long an order is held that does not say.
    pub hold: Duration,
    /// The longest time for which an order is held.
    pub longest_hold: Duration,
    /// How long a request may take, its body included.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 128 * 1024,
            list: 16 * 1024 * 1024,
            skus: 1_000_000,
            hold: Duration::from_secs(10 * 60),
            longest_hold: Duration::from_secs(60 * 60),
            request: Duration::from_secs(10),
        }
    }
}
