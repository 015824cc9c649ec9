//! Figures for people who tune a stock.

/// How often a [`Stock`](crate::Stock) left its fast path; from [`Stock::stats`](crate::Stock::stats).
///
/// All are zero until the stock grows. Each is counted for itself, and one read may miss what
/// happens beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use]
pub struct Stats {
    /// Deducts that no single segment could serve, so that units were gathered from several. Many
    /// of them beside plenty: the orders are too large for the share of a segment; use fewer.
    pub gathers: u64,
    /// How often the stock was made wide.
    pub widenings: u64,
    /// How often the stock was made narrow. Many narrowings and many widenings: the stock hovers
    /// between plenty and little.
    pub narrowings: u64,
    /// Takes that lost a segment to another thread at least once. Many: more threads than segments.
    pub contended: u64,
}
