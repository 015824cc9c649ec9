//! The limits of every counter.

/// The most units that a stock has on hand, available and reserved together: 2^40, about 1.1 million
/// million.
pub const MAX_UNITS: u64 = 1 << 40;

/// The most segments that a stock has.
pub const MAX_SEGMENTS: usize = 1_024;
