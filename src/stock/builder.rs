//! Builds a stock whose segments are chosen.

use super::Stock;
use super::engine::Engine;
use super::moves::Moves;
use super::stripes::Stripes;
use super::tuning::Tuning;
use crate::error::BuildError;
use crate::limits::MAX_SEGMENTS;

/// Makes a [`Stock`] that has segments from the start, or that may grow only so far; from
/// [`Stock::builder`].
///
/// # Examples
///
/// ```
/// use segstock::{BuildError, Stock};
///
/// let phones = Stock::builder(1_000).segments(20).build()?;
/// assert_eq!(phones.holdings(), vec![50; 20]);
///
/// let refused = Stock::builder(1_000).segments(0).build();
/// assert_eq!(refused.unwrap_err(), BuildError::ZeroSegments);
/// # Ok::<(), BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder builds nothing until `build` is called"]
pub struct StockBuilder {
    units: u64,
    segments: usize,
    wide: bool,
    tuning: Tuning,
}

impl StockBuilder {
    pub(super) fn new(units: u64) -> Self {
        Self {
            units,
            segments: MAX_SEGMENTS,
            wide: false,
            tuning: Tuning::DEFAULT,
        }
    }

    /// The stock is wide from the start, with exactly this number of segments, from 1 to [`MAX_SEGMENTS`], and the units
    /// dealt out evenly. With 1 it never widens: it is a plain atomic counter. Replaces
    /// [`max_segments`](Self::max_segments).
    pub fn segments(mut self, segments: usize) -> Self {
        self.segments = segments;
        self.wide = segments > 1;
        self
    }

    /// How far the stock may grow by itself, from 1 (never) to [`MAX_SEGMENTS`] (the default); it
    /// grows to the number of threads that the machine runs at once, rounded up to a power of two. Replaces
    /// [`segments`](Self::segments).
    pub fn max_segments(mut self, segments: usize) -> Self {
        self.segments = segments;
        self.wide = false;
        self
    }

    /// When it changes its form; for tests.
    #[doc(hidden)]
    pub fn tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Opens the stock.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for no segments, for more than [`MAX_SEGMENTS`], and for more than
    /// [`MAX_UNITS`](crate::MAX_UNITS) units.
    pub fn build(self) -> Result<Stock, BuildError> {
        BuildError::check(self.units, self.segments)?;
        let tuning = Tuning {
            // At most `MAX_SEGMENTS`, which fits.
            max_segments: self.segments as u16,
            ..self.tuning
        };
        let engine = Engine::with_tuning(self.units, tuning);
        if self.wide {
            let stripes = engine.stripes.set(Stripes::new(self.segments));
            debug_assert!(stripes.is_ok(), "nobody else has the stock yet");
            Moves::begin(&engine).spread();
        }
        Ok(Stock { engine })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_grow_does_not() {
        for builder in [
            Stock::builder(1_000).segments(1),
            Stock::builder(1_000).max_segments(1),
        ] {
            let stock = builder.build().unwrap();
            let mine = stock.engine.word.load();
            assert!(!mine.is_wide());
            stock.deduct(1).unwrap();
            stock.engine.lost_word(mine, 1);
            assert_eq!(
                (stock.segments(), stock.engine.word.load().is_wide()),
                (1, false)
            );
        }
        let stock = Stock::builder(1_000).max_segments(3).build().unwrap();
        stock.engine.lost_word(stock.engine.word.load(), 1);
        assert!((2..=3).contains(&stock.segments()) && stock.engine.word.load().is_wide());
    }

    #[test]
    fn contended_takes_are_counted() {
        let stock = Stock::builder(1_000).segments(2).build().unwrap();
        stock.engine.stripes().leave_own();
        stock.engine.stripes().leave_own();
        assert_eq!(stock.stats().contended, 2);
    }

    #[test]
    fn restocks_far_from_the_limit_leave_a_wide_stock_wide() {
        let stock = Stock::builder(1_000).segments(2).build().unwrap();
        for _ in 0..100 {
            stock.restock(1).unwrap();
        }
        let stats = stock.stats();
        assert_eq!((stats.widenings, stats.narrowings), (0, 0));
        assert_eq!(stock.snapshot().restocked, 100);
    }
}
