//! [`Stock`]: the façade over the engine, in a cache line of its own.

mod books;
mod builder;
mod engine;
mod moves;
pub(crate) mod probe;
mod reserving;
mod segment;
mod slow;
mod stats;
mod stripes;
mod taken;
pub mod testing;
mod tuning;
mod word;

pub use builder::StockBuilder;
pub(crate) use engine::Engine;
pub use stats::Stats;

use crate::sync::const_unless_loom;
use crate::{Lease, MAX_UNITS, OutOfStock, Reservation, Reserving, RestockOverflow, Snapshot};
use std::fmt;
use std::sync::Arc;

/// Units of one product, counted without a lock: never oversold, refused only when there truly was
/// not enough.
///
/// A new stock is one cache line with one atomic word, and as fast as that. When two threads fight
/// over it, it grows cache-padded segments, one for each core, and every thread works on its own;
/// when it runs low, it is one word again, so that what is left is never scattered and a refusal
/// stays one load. See [how it works](crate::docs::algorithm).
///
/// It is for counting, not for waiting: an order flow runs outside of it, before the deduct or
/// after. To run a flow under a lock, see [`LockedStock`](crate::LockedStock).
///
/// # Consistency
///
/// All calls but [`available`](Self::available), [`holdings`](Self::holdings) and
/// [`stats`](Self::stats) are linearizable: they act as if each happened whole at one instant
/// between its call and its return. More in [consistency](crate::docs::consistency).
///
/// # Memory ordering
///
/// A deduct that is served by units of a [`restock`](Self::restock) happens after what the
/// restocking thread did before. Do not use a stock to publish anything else: which restock serves
/// a deduct is not for the caller to choose.
///
/// # Examples
///
/// ```
/// use segstock::Stock;
///
/// static PHONES: Stock = Stock::new(1_000);
///
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| while PHONES.deduct(3).is_ok() {});
///     }
/// });
/// assert_eq!(PHONES.available(), 1, "333 orders of 3 were sold, and not one more");
///
/// let refusal = PHONES.deduct(3).unwrap_err();
/// assert_eq!((refusal.requested, refusal.available), (3, 1));
/// ```
#[repr(align(64))]
pub struct Stock {
    pub(crate) engine: Engine,
}

impl Stock {
    const_unless_loom! {
        /// A stock of `units`.
        ///
        /// `const`, so that a stock can be a `static`; not under `--cfg loom`, where atomics are
        /// not.
        ///
        /// # Panics
        ///
        /// If `units` exceed [`MAX_UNITS`]; in a `static` when it is compiled. To get an error
        /// instead, use [`builder`](Self::builder).
        ///
        /// # Examples
        ///
        /// ```
        /// use segstock::Stock;
        ///
        /// static SEATS: Stock = Stock::new(350);
        /// assert_eq!(SEATS.available(), 350);
        /// ```
        ///
        /// ```compile_fail,E0080
        /// use segstock::{MAX_UNITS, Stock};
        ///
        /// static TOO_MANY: Stock = Stock::new(MAX_UNITS + 1);
        /// ```
        #[must_use]
        #[track_caller]
        pub const fn new(units: u64) -> Self {
            assert!(units <= MAX_UNITS, "a stock holds at most MAX_UNITS units");
            Self { engine: Engine::new(units) }
        }
    }

    /// A stock of `units` with a say in its segments, and with an error in place of a panic.
    pub fn builder(units: u64) -> StockBuilder {
        StockBuilder::new(units)
    }

    /// Takes `units` out of stock: all of them, or none.
    ///
    /// `deduct(0)` succeeds and does nothing.
    ///
    /// # Errors
    ///
    /// [`OutOfStock`] if at some instant of the call fewer than `units` were in stock, wherever they
    /// lay. Nothing was taken. Asked for far more than any stock can hold, it may say no more of
    /// what is available than that it is at most [`MAX_UNITS`].
    ///
    /// # Consistency
    ///
    /// Linearizable. Lock-free while some segment has the units. When they must be gathered from
    /// several, gathers take turns.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Stock;
    ///
    /// let stock = Stock::new(12);
    /// assert!(stock.deduct(10).is_ok());
    /// assert_eq!(
    ///     stock.deduct(10).unwrap_err().to_string(),
    ///     "out of stock: 10 units requested, 2 available"
    /// );
    /// ```
    #[inline(always)]
    pub fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        self.engine.deduct(units)
    }

    /// Takes as many of `units` as there are, and returns how many: 0 if none were in stock.
    ///
    /// # Consistency
    ///
    /// Linearizable: what it returns is the smaller of `units` and of what was in stock at one
    /// instant of the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Stock;
    ///
    /// let stock = Stock::new(12);
    /// assert_eq!(stock.deduct_up_to(10), 10);
    /// assert_eq!(stock.deduct_up_to(10), 2);
    /// assert_eq!(stock.deduct_up_to(10), 0);
    /// ```
    #[must_use = "the units that it returns are no longer in stock"]
    pub fn deduct_up_to(&self, units: u64) -> u64 {
        self.engine.deduct_up_to(units)
    }

    /// Adds `units` to the stock: all of them, or none.
    ///
    /// # Errors
    ///
    /// [`RestockOverflow`] if available and reserved units would exceed [`MAX_UNITS`]; checked before anything
    /// is written, and by the exact number: what was deducted can be given back, however the units
    /// lie, unless others filled the stock meanwhile. Restocks that race at the very limit may each be accepted by what they saw, and
    /// overshoot it by less than 2^20 units a thread; those units are counted and sold like any.
    ///
    /// # Consistency
    ///
    /// Linearizable, and visible to every call that begins after it returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::{MAX_UNITS, Stock};
    ///
    /// let stock = Stock::new(0);
    /// stock.restock(5)?;
    /// assert_eq!(stock.available(), 5);
    /// assert!(stock.restock(MAX_UNITS).is_err());
    /// # Ok::<(), segstock::RestockOverflow>(())
    /// ```
    #[inline(always)]
    pub fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.engine.restock(units)
    }

    /// Sets `units` aside, to be sold or given back by the [`Reservation`].
    ///
    /// # Errors
    ///
    /// [`OutOfStock`] if at some instant of the call fewer than `units` were in stock, as for
    /// [`deduct`](Self::deduct). `reserve(0)` succeeds and sets nothing aside.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Stock;
    ///
    /// let stock = Stock::new(12);
    /// let reservation = stock.reserve(10)?;
    /// assert_eq!(stock.available(), 2);
    /// drop(reservation); // the payment failed
    /// assert_eq!(stock.available(), 12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn reserve(&self, units: u64) -> Result<Reservation<&Self>, OutOfStock> {
        Reservation::new(self, units)
    }

    /// The same with a handle of its own, for tasks. See
    /// [owned reservations](Reservation#owned-reservations) for what that costs.
    ///
    /// # Errors
    ///
    /// Those of [`reserve`](Self::reserve).
    #[inline]
    pub fn reserve_owned(
        self: Arc<Self>,
        units: u64,
    ) -> Result<Reservation<Arc<Self>>, OutOfStock> {
        Reservation::new(self, units)
    }

    /// A till for one worker that takes `batch` units at a time; see [`Lease`] for what that means
    /// to the others, and what batch to choose.
    pub const fn lease(&self, batch: u64) -> Lease<&Self> {
        Lease::new(self, batch)
    }

    /// Units in stock, in one cheap pass.
    ///
    /// # Consistency
    ///
    /// At one instant of the call, no more than this was in stock. It is exact when nothing runs
    /// beside it, and while the stock is one word; while units are being moved between segments it
    /// may be too high by as many. For a figure that is exact under any traffic, see
    /// [`snapshot`](Self::snapshot).
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Stock;
    ///
    /// assert_eq!(Stock::new(12).available(), 12);
    /// ```
    #[must_use]
    #[inline]
    pub fn available(&self) -> u64 {
        self.engine.available()
    }

    /// The books of the stock, exact at one instant of the call, under any traffic.
    ///
    /// # Consistency
    ///
    /// Linearizable, but that how the units that left divide into reserved and sold may lag by calls
    /// that are under way (see [`Snapshot`]). A wide stock is brought together into one word for it,
    /// which traffic may make it try a few times, and then dealt out again: a call for a dashboard,
    /// not for every order. It is not wait-free.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Stock;
    ///
    /// let stock = Stock::new(12);
    /// stock.deduct(10)?;
    /// stock.restock(5).unwrap();
    /// let books = stock.snapshot();
    /// assert_eq!((books.initial, books.restocked), (12, 5));
    /// assert_eq!((books.available, books.sold), (7, 10));
    /// # Ok::<(), segstock::OutOfStock>(())
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        self.engine.snapshot()
    }

    /// Segments that the stock has: 1 until it grows. The number never falls; whether units lie in
    /// them just now, [`holdings`](Self::holdings) tells.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.engine.segments()
    }

    /// Units in each segment, read one after another: for people who tune, not for deciding.
    ///
    /// One number while the stock is one word; units on their way between segments are in none.
    #[must_use]
    pub fn holdings(&self) -> Vec<u64> {
        self.engine.holdings()
    }

    /// How often the stock left its fast path: for people who tune. Counting costs the fast path
    /// nothing.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }
}

impl Reserving for Stock {
    #[inline(always)]
    fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
        self.engine.reserve_units(units)
    }

    #[inline(always)]
    fn commit_units(&self, units: u64) {
        self.engine.commit_units(units);
    }

    #[inline(always)]
    fn release_units(&self, units: u64) {
        self.engine.release_units(units);
    }
}

/// Shows numbers, as one after another was read.
impl fmt::Debug for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}

// What a stock costs that nobody fights over: one cache line.
#[cfg(all(not(any(loom, shuttle)), target_pointer_width = "64"))]
const _: () = assert!(size_of::<Stock>() == 64);
