//! What a stock was at one instant.

/// The books of a stock at one instant of the call that made it.
///
/// In every snapshot `initial + restocked == available + sold`. The three sums over a stock's life
/// (`restocked`, `sold`, and so that equation) are modulo 2^64, which a stock that is emptied and
/// refilled to the brim a billion times a second reaches, and a shop does not.
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
    /// Units that were deducted.
    pub sold: u64,
}

impl Snapshot {
    /// The one sum that is not counted follows from the three that are.
    pub(crate) const fn new(initial: u64, restocked: u64, available: u64) -> Self {
        Self {
            initial,
            restocked,
            available,
            sold: initial.wrapping_add(restocked).wrapping_sub(available),
        }
    }
}
