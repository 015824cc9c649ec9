//! [`SkuLimits`]: what is set for a SKU.

/// What is set for a SKU; by [`OrderBook::limit`](crate::OrderBook::limit). [`Default`] limits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(default)
)]
#[non_exhaustive]
pub struct SkuLimits {
    /// Units that are not for sale. While fewer are on hand, units that come back fill them up first. To sell none at all, a
    /// SKU is [closed](Self::closed).
    pub safety: u64,
    /// Whether no new order has it. Orders that have it are paid for, shipped and returned as before.
    pub closed: bool,
    /// Units that may wait at most; see [`OrderBook::place_or_wait`](crate::OrderBook::place_or_wait).
    pub waiting: u64,
    /// Units of the orders of one customer that wait, are held, paid for or shipped at most. It counts the orders that are
    /// placed, and the units that are added, while such a limit is set or after it was. An order of no customer is refused; and one
    /// that was placed before cannot be amended to more.
    pub per_customer: Option<u64>,
    /// How many percent of the units on hand, rounded up, can be held without being paid for; more than 100 is no limit. If
    /// it is not set, [what the book says](crate::OrderBookBuilder::unpaid). At the limit an order is refused until others
    /// are paid for, cancelled or expired. An order that waited is served all the same, and counts.
    pub unpaid: Option<u8>,
    /// Below how many units that orders can have the SKU is low; 0 is never. It is for the
    /// [feed](crate::OrderBook::events).
    pub low: u64,
}

impl Default for SkuLimits {
    fn default() -> Self {
        Self {
            safety: 0,
            closed: false,
            waiting: u64::MAX,
            per_customer: None,
            unpaid: None,
            low: 0,
        }
    }
}
