//! Figures for people who tune a stock.

/// How often a [`Stock`](crate::Stock) left its fast path; from [`Stock::stats`](crate::Stock::stats).
///
/// All are zero until the stock grows. They are read one after another, and may miss what happens meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use]
pub struct Stats {
    /// How often units were gathered from several segments: for an order that no single segment could serve, for a
    /// reserve of 128 units and more, and for an *up to* that found too few in its own segment. If there are many of
    /// the first kind while the stock has plenty, orders are too large for the share of a segment: use fewer segments.
    pub gathers: u64,
    /// How often the stock was made wide.
    pub widenings: u64,
    /// How often the stock was made narrow. If narrowings and widenings are both many, the stock hovers
    /// between plenty and little.
    pub narrowings: u64,
    /// Takes that lost a segment to another thread at least once. If they are many, there are more threads than
    /// segments.
    pub contended: u64,
}
