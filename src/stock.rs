//! [`Stock`]: the façade over the engine, in a cache line of its own.

mod builder;
mod engine;
mod exact;
mod exchanges;
mod moves;
mod owed;
pub(crate) mod probe;
mod put;
mod segment;
mod stats;
mod stripes;
mod sums;
mod take;
mod taken;
pub mod testing;
mod tuning;
mod word;

pub use builder::StockBuilder;
pub(crate) use engine::Engine;
pub use stats::Stats;

use crate::counter::{Reserving, StockCounter, forward_to_inherent};
use crate::error::{OutOfStock, RestockOverflow};
use crate::lease::Lease;
use crate::limits::MAX_UNITS;
use crate::reservation::Reservation;
use crate::snapshot::{Snapshot, Withdrawn};
use crate::sync::const_unless_loom;
use std::fmt;
use std::sync::Arc;

/// Units of one product, counted without a lock on the usual path: never oversold, refused only when too few
/// units truly were in stock.
///
/// A new stock is one cache line with one atomic word, and as fast as one atomic word. When two threads fight
/// over it, it grows cache-padded segments, about one for each core, and every thread works on its own;
/// when it runs low, it is one word again, so that what is left is never scattered and a refusal
/// stays one load. See [how it works](crate::docs::algorithm).
///
/// It is for counting, not for waiting: an order flow runs outside of it, before the deduct or
/// after. To run a flow under a lock, see [`LockedStock`](crate::LockedStock).
///
/// # Consistency
///
/// All calls but [`available`](Self::available), [`holdings`](Self::holdings) and
/// [`stats`](Self::stats) are linearizable: each acts as if it happened whole at one instant
/// between its call and its return. The documentation of [`snapshot`](Self::snapshot) states its one exception. More in
/// [consistency](crate::docs::consistency).
///
/// # Memory ordering
///
/// A deduct that is served by units of a [`restock`](Self::restock) happens after what the
/// restocking thread did before. Do not use a stock to publish anything else: the caller cannot choose
/// which restock serves a deduct.
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
#[doc(alias = "semaphore")]
#[doc(alias = "counter")]
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

    /// Begins a stock of `units` whose segments can be chosen, and which returns an error in place of a panic.
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
    /// lay. Nothing was taken. If `units` are more than [`MAX_UNITS`], the error may report `MAX_UNITS` as
    /// available.
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
    #[doc(alias = "decrement")]
    #[doc(alias = "acquire")]
    #[doc(alias = "sell")]
    #[inline(always)]
    pub fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        self.engine.deduct(units)
    }

    /// Takes `units`; if fewer are in stock, takes all of those. Returns how many it took: 0 if none were in
    /// stock.
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
    /// If the stock [owes](Self::withdraw), the units pay that first, and the rest is in stock.
    ///
    /// # Errors
    ///
    /// [`RestockOverflow`] if available and reserved units would exceed [`MAX_UNITS`]. Nothing was added. The
    /// refusal is exact: at one instant of the call the units on hand left no room for `units`. The limit is exact with
    /// one exception. (To exceed it takes thousands of threads that are all stopped in the middle of a restock, or one
    /// such thread beside a restock of nearly 2^32 units or more. Each exceeds it by less than 2^20 units, which are
    /// counted and sold like any.)
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
    #[doc(alias = "increment")]
    #[doc(alias = "refund")]
    #[doc(alias = "return")]
    #[inline(always)]
    pub fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.engine.restock(units)
    }

    /// Reserves `units`, to be committed or released by the [`Reservation`].
    ///
    /// # Errors
    ///
    /// [`OutOfStock`] if at some instant of the call fewer than `units` were in stock, as for
    /// [`deduct`](Self::deduct). `reserve(0)` succeeds and reserves nothing.
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
    #[doc(alias = "permit")]
    #[doc(alias = "try_acquire")]
    #[doc(alias = "basket")]
    #[inline]
    pub fn reserve(&self, units: u64) -> Result<Reservation<&Self>, OutOfStock> {
        Reservation::new(self, units)
    }

    /// Reserves `units`; if fewer are in stock, reserves all of those. The [`Reservation`] says how many, which may be
    /// none.
    ///
    /// # Consistency
    ///
    /// Linearizable: what it reserves is the smaller of `units` and of what was in stock at one instant of the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Stock;
    ///
    /// let stock = Stock::new(12);
    /// assert_eq!(stock.reserve_up_to(10).units(), 10); // and dropped
    /// assert_eq!(stock.reserve_up_to(20).units(), 12);
    /// ```
    pub fn reserve_up_to(&self, units: u64) -> Reservation<&Self> {
        Reservation::of_reserved(self, self.engine.reserve_up_to(units))
    }

    /// [Reserves](Self::reserve) `units` in a reservation that owns its stock, for tasks. See
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

    /// Makes a till for one worker. The till reserves `batch` units at a time; see [`Lease`] for what that means
    /// to the others, and what batch to choose.
    pub const fn lease(&self, batch: u64) -> Lease<&Self> {
        Lease::new(self, batch)
    }

    /// Units in stock, in one cheap pass.
    ///
    /// # Consistency
    ///
    /// At one instant of the call, no more than this was in stock. It is exact when nothing runs
    /// beside it, and while the stock is one word. Units that are being moved between segments may be
    /// counted twice. For a figure that is exact under any traffic, see [`snapshot`](Self::snapshot).
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

    /// The figures of the stock at one instant of the call, under any traffic.
    ///
    /// # Consistency
    ///
    /// Linearizable: all figures are of one instant of the call. A rush of commits that does not pause is the one
    /// exception: after some tries the snapshot shows commits that overlap it as not made yet, those units as
    /// reserved still. So in every case
    ///
    /// - `reserved` is at least the units of the reservations that existed before the snapshot began and that no call
    ///   touched until it returned, and at most what was reserved at some instant of the call;
    /// - `sold` is at least what was sold before the call, at most what was sold when it returned, and it never
    ///   falls from one snapshot to the next. `restocked` never falls either.
    ///
    /// It brings the units of a wide stock together in one word, and then deals them out again. Under traffic it may have
    /// to try several times: a call for a dashboard, not for every order. It is not wait-free.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Stock;
    ///
    /// let stock = Stock::new(12);
    /// stock.deduct(10)?;
    /// stock.restock(5).unwrap();
    /// let snapshot = stock.snapshot();
    /// assert_eq!((snapshot.initial, snapshot.restocked), (12, 5));
    /// assert_eq!((snapshot.available, snapshot.sold), (7, 10));
    /// # Ok::<(), segstock::OutOfStock>(())
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        self.engine.snapshot()
    }

    /// Segments that the stock has: 1 until it grows or units are withdrawn. The number never falls; see
    /// [`holdings`](Self::holdings) for whether units lie in them just now.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.engine.segments()
    }

    /// Units in each segment, read one after another: for people who tune, not for deciding.
    ///
    /// One number while the stock is one word. Otherwise units in the word, and units that are just on their way between
    /// segments, are in no number.
    #[must_use]
    pub fn holdings(&self) -> Vec<u64> {
        self.engine.holdings()
    }

    /// How often the stock left its fast path: for people who tune. Counting costs the fast path
    /// nothing.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// Takes `units` out of stock for good; if fewer are in stock, takes all of those, and the rest is *owed*.
    ///
    /// For a capacity that is lowered, seats that are no longer for sale, a shelf that holds less than was promised.
    /// Whatever comes back, by [`restock`](Self::restock) or by the release of a reservation, pays what is owed first,
    /// at the instant at which it comes, before anybody can have it. Until all is paid, nothing is in stock. A second
    /// withdraw adds to what is owed; [`forgive`](Self::forgive) lowers it. The
    /// [`Snapshot`] shows both what is owed and what was withdrawn.
    ///
    /// At most [`MAX_UNITS`] are owed at a time: a withdraw beyond that withdraws less, as the result shows.
    ///
    /// # Consistency
    ///
    /// Linearizable. It takes what is in stock and owes the rest at one instant. It brings the units of a wide stock
    /// together in one word, as [`snapshot`](Self::snapshot) does. While the stock owes, it is one word, each restock
    /// and release takes a lock, and deducts are refused by one load, as of any stock that is sold out.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Stock;
    ///
    /// let permits = Stock::new(10);
    /// let in_use = permits.reserve(7)?;
    /// let withdrawn = permits.withdraw(5); // a capacity of 5 is enough
    /// assert_eq!((withdrawn.taken, withdrawn.owed), (3, 2));
    ///
    /// drop(in_use);
    /// assert_eq!(permits.available(), 5, "2 of the 7 were owed");
    /// # Ok::<(), segstock::OutOfStock>(())
    /// ```
    #[doc(alias = "forget_permits")]
    #[doc(alias = "shrink")]
    pub fn withdraw(&self, units: u64) -> Withdrawn {
        self.engine.withdraw(units)
    }

    /// Reduces what is owed by `units`, or to nothing if fewer are owed, as if those had never been withdrawn. Returns by
    /// how many it is reduced.
    ///
    /// # Consistency
    ///
    /// Linearizable.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Stock;
    ///
    /// let stock = Stock::new(0);
    /// assert_eq!(stock.withdraw(5).owed, 5);
    /// assert_eq!(stock.forgive(3), 3);
    /// stock.restock(4).unwrap();
    /// assert_eq!(stock.available(), 2);
    /// ```
    pub fn forgive(&self, units: u64) -> u64 {
        self.engine.forgive(units)
    }
}

impl Reserving for Stock {
    #[inline(always)]
    fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
        self.engine.reserve_units(units)
    }

    fn try_reserve_up_to(&self, units: u64) -> Option<u64> {
        Some(self.engine.reserve_up_to(units))
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

forward_to_inherent!(Stock);

/// Shows numbers that were read one after another.
impl fmt::Debug for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}

// A stock that nobody fights over costs one cache line.
#[cfg(all(not(any(loom, shuttle)), target_pointer_width = "64"))]
const _: () = assert!(size_of::<Stock>() == 64);
