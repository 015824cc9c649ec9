//! [`Snapshot`]: what a stock was at one instant.

/// The figures of a stock at one instant of the call that made it.
///
/// In every snapshot `initial + restocked + owed == available + reserved + sold + withdrawn`. The sums over a
/// stock's life (`restocked`, `sold`, `withdrawn`, and so that equation) are modulo 2^64, which a stock that is
/// emptied and refilled to the limit a billion times a second reaches, and a shop does not. *Owed* and *withdrawn*
/// are 0 unless units were [withdrawn](crate::Stock::withdraw).
///
/// All figures are of one instant; for the one exception see
/// [`Stock::snapshot`](crate::Stock::snapshot).
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
    /// Units that were reserved, by reservations and leases, and not settled yet.
    pub reserved: u64,
    /// Units that were deducted, or reserved and then committed.
    pub sold: u64,
    /// Units that were withdrawn and are still to come back: nobody gets a unit before they are paid.
    pub owed: u64,
    /// Units that were withdrawn, those that are owed included.
    pub withdrawn: u64,
}

impl Snapshot {
    /// Of a stock that owes nothing and of which nothing was withdrawn.
    pub(crate) const fn new(initial: u64, restocked: u64, available: u64, reserved: u64) -> Self {
        Self {
            initial,
            restocked,
            available,
            reserved,
            sold: 0,
            owed: 0,
            withdrawn: 0,
        }
        .with_debt(0, 0)
    }

    /// The one sum that is not counted follows from those that are.
    pub(crate) const fn with_debt(self, owed: u64, withdrawn: u64) -> Self {
        let came = self.initial.wrapping_add(self.restocked).wrapping_add(owed);
        let here = self.available.wrapping_add(self.reserved);
        Self {
            sold: came.wrapping_sub(here).wrapping_sub(withdrawn),
            owed,
            withdrawn,
            ..self
        }
    }
}

/// What a withdraw found; from [`Stock::withdraw`](crate::Stock::withdraw).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use]
pub struct Withdrawn {
    /// Units that were in stock and are no longer.
    pub taken: u64,
    /// Units that are owed besides.
    pub owed: u64,
}
