//! A stock with a say in its segments.

use super::stripes::Stripes;
use super::{Stock, Tuning};
use crate::{BuildError, MAX_SEGMENTS};

/// Makes a [`Stock`] that is striped from the start, or that may grow only so far; from
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
    striped: bool,
    tuning: Tuning,
}

impl StockBuilder {
    pub(super) fn new(units: u64) -> Self {
        Self {
            units,
            segments: MAX_SEGMENTS,
            striped: false,
            tuning: Tuning::DEFAULT,
        }
    }

    /// Striped from the start into exactly `segments`, from 1 to [`MAX_SEGMENTS`], the units dealt
    /// out evenly. 1 never widens: it is a plain atomic counter. Takes the place of
    /// [`max_segments`](Self::max_segments).
    pub fn segments(mut self, segments: usize) -> Self {
        self.segments = segments;
        self.striped = segments > 1;
        self
    }

    /// How far the stock may grow by itself, from 1 (never) to [`MAX_SEGMENTS`] (the default); it
    /// grows to as many segments as the machine runs threads, rounded up to a power of two. Takes
    /// the place of [`segments`](Self::segments).
    pub fn max_segments(mut self, segments: usize) -> Self {
        self.segments = segments;
        self.striped = false;
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
        let stock = Stock::with_tuning(self.units, tuning);
        if self.striped {
            let stripes = stock.stripes.set(Stripes::new(self.segments));
            debug_assert!(stripes.is_ok(), "nobody else has the stock yet");
            stock.moves().spread();
        }
        Ok(stock)
    }
}
