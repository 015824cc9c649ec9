//! What a stock was at one instant.

/// The books of a stock at one instant of the call that made it.
///
/// In every snapshot `initial + restocked == available + reserved + sold`. The sums over a stock's
/// life (`restocked`, `sold`, and so that equation) are modulo 2^64, which a stock that is emptied
/// and refilled to the brim a billion times a second reaches, and a shop does not.
///
/// `initial`, `restocked` and `available`, and so the total of the other two, are exact at one
/// instant. How that total divides into reserved and sold may lag: calls that run beside the
/// snapshot may show units as sold that are reserved, never the other way round. At rest it is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use]
pub struct Snapshot {
    /// Units that the stock was opened with.
    pub initial: u64,
    /// Units that were added since.
    pub restocked: u64,
    /// Units in stock.
    pub available: u64,
    /// Units that were set aside, by reservations and leases, and not settled yet.
    pub reserved: u64,
    /// Units that were deducted, or reserved and then sold.
    pub sold: u64,
}

impl Snapshot {
    /// The one sum that is not counted follows from the four that are.
    pub(crate) const fn new(initial: u64, restocked: u64, available: u64, reserved: u64) -> Self {
        Self {
            initial,
            restocked,
            available,
            reserved,
            sold: initial
                .wrapping_add(restocked)
                .wrapping_sub(available)
                .wrapping_sub(reserved),
        }
    }
}
