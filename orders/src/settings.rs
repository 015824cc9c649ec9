//! [`Settings`]: what is set once for a book.

use std::time::Duration;

/// The longest id of an order, customer or request, in bytes.
pub const MAX_KEY: usize = 200;

/// What no call looks beyond, whatever the limit was when an order was placed.
pub(crate) const MOST_LINES: usize = 10_000;

/// What is set once for a book's life.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// In nanoseconds.
    pub(crate) retention: u64,
    /// For how long units of an order can come back, in nanoseconds.
    pub(crate) returns: u64,
    pub(crate) ships_at_once: bool,
    pub(crate) longest_hold: Duration,
    pub(crate) max_orders: usize,
    pub(crate) max_returnable: usize,
    pub(crate) max_skus: usize,
    pub(crate) max_customers: usize,
    pub(crate) max_lines: usize,
    pub(crate) max_all_lines: usize,
    pub(crate) max_units: u64,
    pub(crate) max_requests_of_order: usize,
    pub(crate) max_requests_of_sku: usize,
    pub(crate) max_requests: usize,
    pub(crate) max_sendings: usize,
    /// In percent; more than 100 is no limit.
    pub(crate) unpaid: u64,
}
