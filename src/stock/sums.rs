//! [`Sums`]: what only the holder of the cold mutex writes.

/// Sums over a stock's life. The rest of each lies in the word's fields and in the segments' counters. Both wrap.
///
/// Packed, since the whole stock is one cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(Rust, packed)]
pub(super) struct Sums {
    /// Units restocked.
    pub(super) restocked: u64,
    /// Units reserved, less those that were released or committed. A move that brings units to a segment
    /// adds them here, since the segment counts them as released.
    pub(super) reserved: u64,
}

impl Sums {
    pub(super) const fn new(restocked: u64) -> Self {
        Self {
            restocked,
            reserved: 0,
        }
    }
}
