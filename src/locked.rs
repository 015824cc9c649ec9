//! [`LockedStock`]: segment locks as published, with the whole order flow under one of them.

mod builder;
mod locking;
mod orders;
mod owed;
mod reserving;
mod segment;

pub use builder::{LockedStockBuilder, Selection};

use crate::counter::{Reserving, StockCounter, forward_to_inherent};
use crate::error::{BuildError, OrderError, OutOfStock, RestockOverflow};
use crate::lease::Lease;
use crate::limits::MAX_UNITS;
use crate::reservation::Reservation;
use crate::shares::shares;
use crate::snapshot::{Snapshot, Withdrawn};
use crate::stock::probe;
use crate::sync;
use crossbeam_utils::CachePadded;
use locking::freeze;
use owed::{Debt, open_gates};
use segment::Segment;
use std::fmt;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// Units of one product in segments with a lock each, and an order flow that runs under it.
///
/// This is the segment locking of the articles: 1,000 phones in 20 segments of 50 serve 20 orders
/// at once. An order takes the lock of a segment that has its units and that nobody is at, runs its
/// flow, and deducts. What the articles leave open is settled here: an order is refused only when
/// too few units truly were in stock, units in several segments are brought together, and a flow that
/// fails or panics leaves everything as it was. With one segment it is the single lock that it is
/// compared with.
///
/// Use it where the flow must not begin unless the units are in stock, must not sell them unless it
/// succeeds, and is **synchronous**. The lock is held by a thread: an async flow would hold it over
/// an `await`, and keep other tasks of its thread from running. For such a flow
/// [reserve](crate::Stock::reserve) from a [`Stock`](crate::Stock), await, and commit: a task that
/// fails or is cancelled gives back what it reserved ([patterns](crate::docs::patterns)). Without
/// a flow, [`Stock`](crate::Stock) is the faster by far.
///
/// # Consistency
///
/// All calls but [`available`](Self::available) and [`holdings`](Self::holdings) are linearizable.
/// Units under an order in flight still count as stock, since the order may fail: a deduct that
/// only those could serve waits for it. Restocking, refusing, [`available`](Self::available) and
/// [`snapshot`](Self::snapshot) never wait for an order in flight.
///
/// # Memory ordering
///
/// Orders under the lock of one segment happen one after another. A deduct that is served by units
/// of a restock happens after it.
///
/// # Examples
///
/// ```
/// use segstock::{LockedStock, OrderError};
///
/// let phones = LockedStock::new(1_000, 20)?;
///
/// let receipt = phones.deduct_with(2, || Ok::<_, String>("paid"));
/// assert_eq!(receipt, Ok("paid"));
///
/// let declined = phones.deduct_with(1, || Err::<(), _>("card declined"));
/// assert_eq!(declined, Err(OrderError::Order("card declined")));
/// assert_eq!(phones.available(), 998);
/// # Ok::<(), segstock::BuildError>(())
/// ```
pub struct LockedStock {
    segments: Box<[CachePadded<Segment>]>,
    initial: u64,
    selection: Selection,
    debt: sync::Mutex<Debt>,
}

impl LockedStock {
    /// A stock of `units` under one lock.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if `units` exceed [`MAX_UNITS`].
    pub fn single(units: u64) -> Result<Self, BuildError> {
        Self::new(units, 1)
    }

    /// A stock of `units`, dealt out evenly to `segments`, of which each order chooses one at
    /// random.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for no segments, for more than [`MAX_SEGMENTS`](crate::MAX_SEGMENTS), and for
    /// more than [`MAX_UNITS`] units.
    pub fn new(units: u64, segments: usize) -> Result<Self, BuildError> {
        Self::builder(units).segments(segments).build()
    }

    /// A stock of `units` with a say in how an order chooses its segment.
    pub fn builder(units: u64) -> LockedStockBuilder {
        LockedStockBuilder::new(units)
    }

    fn with(units: u64, segments: usize, selection: Selection) -> Self {
        let rooms = shares(MAX_UNITS - units, segments);
        Self {
            segments: shares(units, segments)
                .zip(rooms)
                .map(|(share, room)| CachePadded::new(Segment::new(share, room)))
                .collect(),
            initial: units,
            selection,
            debt: sync::Mutex::new(Debt::default()),
        }
    }

    /// Takes `units` out of stock: all of them, or none. `deduct(0)` succeeds and does nothing.
    ///
    /// # Errors
    ///
    /// [`OutOfStock`] if at some instant of the call fewer than `units` were in stock, wherever they
    /// lay.
    ///
    /// # Panics
    ///
    /// If it is called from within an order of this stock, which it would wait for.
    #[track_caller]
    pub fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        orders::panic_if_within(self);
        self.lock(units)?.take(units);
        Ok(())
    }

    /// Runs `order` while the units are locked, and deducts them if it returns `Ok`.
    ///
    /// If `order` returns an error or panics, the stock is as it was. It runs at most once, and not
    /// at all if the stock refuses.
    ///
    /// # Errors
    ///
    /// - [`OrderError::OutOfStock`] if at some instant of the call fewer than `units` were in stock;
    /// - [`OrderError::Order`] with the error of `order`.
    ///
    /// # Panics
    ///
    /// If it is called from within an order of this stock, which it would wait for. Orders of
    /// two *different* stocks may be nested, always in one sequence: else two threads can wait
    /// for each other, as with any two locks.
    ///
    /// # Consistency
    ///
    /// The deduct happens when `order` has returned. A segment that is busy is passed over while
    /// another may serve. An order that no single segment can serve locks several in
    /// the sequence of their index.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::LockedStock;
    ///
    /// let seats = LockedStock::new(40, 4)?;
    /// let order = seats.deduct_with(25, || {
    ///     // 25 seats are locked, out of several segments.
    ///     assert_eq!(seats.available(), 40);
    ///     Ok::<_, std::io::Error>("booked")
    /// });
    /// assert_eq!(order.unwrap(), "booked");
    /// assert_eq!(seats.available(), 15);
    /// # Ok::<(), segstock::BuildError>(())
    /// ```
    #[track_caller]
    pub fn deduct_with<T, E>(
        &self,
        units: u64,
        order: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, OrderError<E>> {
        orders::panic_if_within(self);
        let locked = self.lock(units)?;
        let outcome = {
            let _within = orders::enter(self);
            catch_unwind(AssertUnwindSafe(order))
        };
        match outcome {
            Ok(Ok(receipt)) => {
                locked.take(units);
                Ok(receipt)
            }
            Ok(Err(error)) => Err(OrderError::Order(error)),
            // Nothing was taken. The locks go before the panic does, so that whatever it meets on
            // its way finds the stock in order; and since loom's locks are poisoned otherwise.
            Err(panic) => {
                drop(locked);
                resume_unwind(panic)
            }
        }
    }

    /// Takes `units`, or all that are in stock if these are fewer, and returns how many it took: 0 if none were in
    /// stock.
    ///
    /// # Panics
    ///
    /// If it is called from within an order of this stock, which it would wait for.
    ///
    /// # Consistency
    ///
    /// Linearizable: what it returns is the smaller of `units` and of what was in stock at one
    /// instant of the call. To know what there is, it may have to wait for every order in flight.
    #[must_use = "the units that it returns are no longer in stock"]
    #[track_caller]
    pub fn deduct_up_to(&self, units: u64) -> u64 {
        orders::panic_if_within(self);
        self.take_up_to(units, |_, _| ())
    }

    /// Adds `units` to the stock: all of them, or none. It never waits for an order in flight, and
    /// may be called from within one.
    ///
    /// If `units` are enough for one in each segment, they are dealt out to all; fewer go to the segment
    /// of the calling thread.
    ///
    /// # Errors
    ///
    /// [`RestockOverflow`] if available and reserved units would exceed [`MAX_UNITS`]; exact, and
    /// checked before anything is written.
    pub fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        let few = units < self.segments.len() as u64;
        if few && self.own().lock_counters().put_if_room(units) {
            return Ok(());
        }
        let mut counters = freeze(self.iter());
        let mut debt = self.debt.lock();
        let paid = units.min(debt.owed);
        let rest = units - paid;
        let on_hand = self.on_hand();
        let Some(room) = MAX_UNITS.checked_sub(on_hand.saturating_add(rest)) else {
            return Err(RestockOverflow::new(units, on_hand));
        };
        debt.owed -= paid;
        debt.paid = debt.paid.wrapping_add(paid);
        if few {
            counters[probe::segment(self.segments.len())].put(rest);
        } else {
            for (counters, share) in counters.iter().zip(shares(rest, counters.len())) {
                counters.put(share);
            }
        }
        if debt.owed == 0 {
            open_gates(&mut counters, room);
        }
        Ok(())
    }

    /// Reserves `units`, to be committed or released by the [`Reservation`].
    ///
    /// # Errors
    ///
    /// [`OutOfStock`] if at some instant of the call fewer than `units` were in stock, as for
    /// [`deduct`](Self::deduct). `reserve(0)` succeeds and reserves nothing.
    ///
    /// # Panics
    ///
    /// If it is called from within an order of this stock, which it would wait for.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::LockedStock;
    ///
    /// let stock = LockedStock::new(12, 4)?;
    /// let reservation = stock.reserve(10)?;
    /// assert_eq!(stock.available(), 2);
    /// drop(reservation); // the payment failed
    /// assert_eq!(stock.available(), 12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn reserve(&self, units: u64) -> Result<Reservation<&Self>, OutOfStock> {
        Reservation::new(self, units)
    }

    /// Reserves `units`, or all that are in stock if these are fewer. The [`Reservation`] says how many, which may be
    /// none.
    ///
    /// # Panics
    ///
    /// If it is called from within an order of this stock, which it would wait for.
    ///
    /// # Consistency
    ///
    /// Linearizable, as [`deduct_up_to`](Self::deduct_up_to) is, and like that it may have to wait for every order in
    /// flight.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::LockedStock;
    ///
    /// let stock = LockedStock::new(12, 4)?;
    /// assert_eq!(stock.reserve_up_to(20).units(), 12);
    /// # Ok::<(), segstock::BuildError>(())
    /// ```
    #[track_caller]
    pub fn reserve_up_to(&self, units: u64) -> Reservation<&Self> {
        let units = self.reserve_units_up_to(units);
        Reservation::of_reserved(self, units)
    }

    /// [Reserves](Self::reserve) `units` in a reservation that owns its stock, for tasks. See
    /// [owned reservations](Reservation#owned-reservations) for what that costs.
    ///
    /// # Errors
    ///
    /// Those of [`reserve`](Self::reserve).
    ///
    /// # Panics
    ///
    /// If it is called from within an order of this stock, which it would wait for.
    #[inline]
    #[track_caller]
    pub fn reserve_owned(
        self: Arc<Self>,
        units: u64,
    ) -> Result<Reservation<Arc<Self>>, OutOfStock> {
        Reservation::new(self, units)
    }

    /// A till for one worker that reserves `batch` units at a time; see [`Lease`] for what that means
    /// to the others, and what batch to choose.
    pub const fn lease(&self, batch: u64) -> Lease<&Self> {
        Lease::new(self, batch)
    }

    /// Units in stock, in one cheap pass that waits for nobody. Units under an order in flight are
    /// in stock.
    ///
    /// # Consistency
    ///
    /// At one instant of the call, no more than this was in stock. It is exact when nothing runs
    /// beside it. For a figure that is exact under any traffic, see [`snapshot`](Self::snapshot).
    #[must_use]
    pub fn available(&self) -> u64 {
        self.bound()
    }

    /// The figures of the stock at one instant of the call, under any traffic. It waits for
    /// no order in flight, and may be called from within one. Units under an order in flight are
    /// available: nobody has sold them yet.
    ///
    /// # Consistency
    ///
    /// Linearizable in every figure. It locks all counters for as long as it takes to read them: a call for a
    /// dashboard, not for every order.
    pub fn snapshot(&self) -> Snapshot {
        let counters = freeze(self.iter());
        let debt = *self.debt.lock();
        let sum = |counter: fn(&Segment) -> u64| {
            counters
                .iter()
                .map(|it| counter(it.segment))
                .fold(0, u64::wrapping_add)
        };
        let restocked = sum(Segment::added).wrapping_add(debt.paid);
        let restocked = restocked.wrapping_sub(self.initial);
        let (held, reserved) = (sum(Segment::held), sum(Segment::reserved));
        let snapshot = Snapshot::new(self.initial, restocked, held, reserved);
        snapshot.with_debt(debt.owed, debt.withdrawn)
    }

    /// How many segments there are.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Units in each segment, read one after another: for people who tune, not for deciding.
    #[must_use]
    pub fn holdings(&self) -> Vec<u64> {
        self.iter().map(Segment::held).collect()
    }

    fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().map(|padded| &**padded)
    }

    /// At one instant of the call, no more than this was in stock.
    ///
    /// Every `taken` can only have grown since it was read, and what came can only grow until
    /// it is read: at the instant in between, the difference was not too low. So a refusal rests on
    /// it, without a lock, whatever orders and restocks run meanwhile. A deduct that is half written
    /// to several segments makes it no lower than the whole deduct will. The fence pairs with itself in
    /// another thread, as in [`Stock`](crate::Stock): of two threads that restock and then ask for
    /// both, the one whose fence comes second sees both. Tested by `store_buffering` in `tests/loom_locked.rs`.
    fn bound(&self) -> u64 {
        let taken = self.iter().map(Segment::taken).fold(0, u64::wrapping_add);
        sync::fence(sync::Ordering::SeqCst);
        let came = self.iter().map(Segment::came).fold(0, u64::wrapping_add);
        came.wrapping_sub(taken)
    }

    /// Available and reserved; with all counters locked.
    fn on_hand(&self) -> u64 {
        let sum =
            |counter: fn(&Segment) -> u64| self.iter().map(counter).fold(0, u64::wrapping_add);
        sum(Segment::held).wrapping_add(sum(Segment::reserved))
    }

    /// The calling thread's segment, for what comes in.
    fn own(&self) -> &Segment {
        &self.segments[probe::segment(self.segments.len())]
    }
}

forward_to_inherent!(LockedStock);

/// Shows numbers that were read one after another.
impl fmt::Debug for LockedStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedStock")
            .field("available", &self.available())
            .field("initial", &self.initial)
            .field("holdings", &self.holdings())
            .field("selection", &self.selection)
            .finish()
    }
}

// An order that panics leaves everything as it was.
impl RefUnwindSafe for LockedStock {}
impl UnwindSafe for LockedStock {}
