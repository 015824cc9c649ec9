//! [`Snapshot`]: the sums of one instant.

use std::fmt;

/// The sums of a stock at one instant, in units. Those over its life (`restocked`, `sold`) are modulo
/// 2^64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
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
    /// Units that are reserved.
    pub reserved: u64,
    /// Units that are gone for good.
    pub sold: u64,
    /// Units that were withdrawn and are still to come back.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_zero"))]
    pub owed: u64,
    /// Units that were withdrawn, those that are owed included.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "is_zero"))]
    pub withdrawn: u64,
}

impl Snapshot {
    /// The first rule of conservation: every unit that ever came is in exactly one place.
    #[must_use]
    pub const fn balanced(&self) -> bool {
        let came = self.initial.wrapping_add(self.restocked);
        let known = self.available.wrapping_add(self.reserved);
        let gone = self.sold.wrapping_add(self.withdrawn);
        came.wrapping_add(self.owed) == known.wrapping_add(gone)
    }

    /// Units that are not sold.
    #[must_use]
    pub const fn on_hand(&self) -> u64 {
        self.available.wrapping_add(self.reserved)
    }

    /// Whether a snapshot may answer `said` when these are the sums, beside commits of `committed` units. It may show
    /// those commits as not made yet: their units are reserved in it still. A counter that had to keep both sums in
    /// step would pay for it in every commit.
    pub(super) const fn may_be_read_as(&self, said: &Self, committed: u64) -> bool {
        self.initial == said.initial
            && self.restocked == said.restocked
            && self.available == said.available
            && self.owed == said.owed
            && self.withdrawn == said.withdrawn
            && said.balanced()
            && said.reserved >= self.reserved
            && said.reserved - self.reserved <= committed
    }
}

#[cfg(feature = "serde")]
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(units: &u64) -> bool {
    *units == 0
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at first + {} restocked, {} available + {} reserved + {} sold",
            self.initial, self.restocked, self.available, self.reserved, self.sold
        )?;
        if self.withdrawn > 0 {
            write!(f, ", {} withdrawn and {} owed", self.withdrawn, self.owed)?;
        }
        Ok(())
    }
}
