//! Builds a locked stock, and chooses the segment of an order.

use super::LockedStock;
use crate::error::BuildError;
use crate::stock::probe;

/// How an order chooses the segment that it looks at first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Selection {
    /// At random for each order, as published. Right for flows of a millisecond and more, where
    /// waiting costs more than a cache line that moves between cores.
    #[default]
    Random,
    /// The segment of the calling thread. Right for short flows.
    ByThread,
}

impl Selection {
    /// Where an order begins to look.
    pub(super) fn first(self, segments: usize) -> usize {
        match self {
            Self::Random if segments == 1 => 0,
            Self::Random => random::below(segments),
            Self::ByThread => probe::segment(segments),
        }
    }
}

/// A generator for each thread, seeded by its number: nobody gains by predicting it.
#[cfg(not(any(loom, shuttle)))]
mod random {
    use crate::sync::thread_number;
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};
    use std::cell::RefCell;

    std::thread_local! {
        static RNG: RefCell<SmallRng> = RefCell::new(SmallRng::seed_from_u64(thread_number()));
    }

    pub(super) fn below(limit: usize) -> usize {
        // A thread that is ending has no generator any more; any choice is right.
        RNG.try_with(|rng| rng.borrow_mut().random_range(0..limit))
            .unwrap_or(0)
    }
}

/// Under a model checker the choice is the thread's segment: the choices must not differ from run to run.
#[cfg(any(loom, shuttle))]
mod random {
    pub(super) use crate::stock::probe::segment as below;
}

/// Makes a [`LockedStock`]; from [`LockedStock::builder`].
///
/// # Examples
///
/// ```
/// use segstock::{LockedStock, Selection};
///
/// let phones = LockedStock::builder(1_000)
///     .segments(20)
///     .selection(Selection::ByThread)
///     .build()?;
/// assert_eq!(phones.holdings(), vec![50; 20]);
/// # Ok::<(), segstock::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder builds nothing until `build` is called"]
pub struct LockedStockBuilder {
    units: u64,
    segments: usize,
    selection: Selection,
}

impl LockedStockBuilder {
    pub(super) fn new(units: u64) -> Self {
        Self {
            units,
            segments: 1,
            selection: Selection::default(),
        }
    }

    /// How many segments, from 1 (the default) to [`MAX_SEGMENTS`](crate::MAX_SEGMENTS). One order
    /// for each segment can run at once.
    pub fn segments(mut self, segments: usize) -> Self {
        self.segments = segments;
        self
    }

    /// How an order chooses its segment; [`Selection::Random`] by default.
    pub fn selection(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Opens the stock.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for no segments, for more than [`MAX_SEGMENTS`](crate::MAX_SEGMENTS), and for
    /// more than [`MAX_UNITS`](crate::MAX_UNITS) units.
    pub fn build(self) -> Result<LockedStock, BuildError> {
        BuildError::check(self.units, self.segments)?;
        Ok(LockedStock::with(self.units, self.segments, self.selection))
    }
}
