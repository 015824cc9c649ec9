//! [`Snapshot`]: the sums of one instant.

use std::fmt;

/// The sums of a stock at one instant, in units. Those over its life (`restocked`, `sold`) are modulo
/// 2^64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Snapshot {
    /// Units that the stock was opened with.
    pub initial: u64,
    /// Units that were added since.
    pub restocked: u64,
    /// Units in stock.
    pub available: u64,
    /// Units that are set aside.
    pub reserved: u64,
    /// Units that are gone for good.
    pub sold: u64,
}

impl Snapshot {
    /// The first rule of conservation: every unit that ever came is in exactly one place.
    #[must_use]
    pub const fn balanced(&self) -> bool {
        let came = self.initial.wrapping_add(self.restocked);
        let known = self.available.wrapping_add(self.reserved);
        came == known.wrapping_add(self.sold)
    }

    /// Units that are not sold.
    #[must_use]
    pub const fn on_hand(&self) -> u64 {
        self.available.wrapping_add(self.reserved)
    }

    /// Whether `said` could be read off these books by calls that run beside others: how what left
    /// the shelf divides into reserved and sold may lag, towards sold, since a counter that had to
    /// keep both in step would pay for it in every sale.
    pub(super) const fn may_be_read_as(&self, said: &Self) -> bool {
        self.initial == said.initial
            && self.restocked == said.restocked
            && self.available == said.available
            && said.balanced()
            && said.reserved <= self.reserved
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at first + {} restocked, {} available + {} reserved + {} sold",
            self.initial, self.restocked, self.available, self.reserved, self.sold
        )
    }
}
