//! [`Reservation`]: units that are reserved, until they are committed or released.

use crate::counter::Reserving;
use crate::error::{NotReserved, OutOfStock};
use crate::settle::{Settle, SettleParts};
use std::fmt;
use std::mem;

/// Units that are reserved: nobody else can have them, and they are not sold yet.
///
/// [`commit`](Self::commit) sells them. Dropping releases them, so that an order that fails,
/// panics or is cancelled leaves nothing behind. Each unit is settled once, by whoever owns it: there
/// is no key to look up and nothing to expire. For flows that span requests, put the reservation
/// under a key with a deadline: [`Holds`](crate::Holds).
///
/// `S` is a handle to the counter: `&Stock`, `Arc<Stock>`, and likewise for
/// [`LockedStock`](crate::LockedStock) or any [`Reserving`].
///
/// # Owned reservations
///
/// A reservation of a `static` is `'static` and can go into any task, at no cost. An
/// [`Arc`](std::sync::Arc) counts its owners in one word that all threads write: two more contended
/// read-modify-writes for each reservation, several times the price of the reservation itself when
/// threads fight over it ([figures](crate::docs::performance)). Keep stocks in statics, in a
/// leaked box, or borrow.
///
/// # Consistency
///
/// A reserve is refused as exactly as a deduct. Units come back to the segment of the thread
/// that releases them, and a release is never refused. In every
/// [`Snapshot`](crate::Snapshot), `initial + restocked + owed == available + reserved + sold + withdrawn`.
///
/// A reservation that is forgotten ([`mem::forget`]) leaves its units reserved for ever: visible in
/// every snapshot, and never sold twice.
///
/// # Examples
///
/// ```
/// use segstock::Stock;
///
/// static SEATS: Stock = Stock::new(10);
///
/// let mut mine = SEATS.reserve(4)?;
/// let for_a_friend = mine.split(1)?;
/// mine.commit();
/// drop(for_a_friend); // did not come
///
/// let now = SEATS.snapshot();
/// assert_eq!((now.available, now.reserved, now.sold), (7, 0, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "permit")]
#[doc(alias = "basket")]
#[must_use = "a reservation that is dropped releases its units at once"]
pub struct Reservation<S: Reserving> {
    stock: S,
    units: u64,
}

impl<S: Reserving> Reservation<S> {
    /// Reserves `units` of `stock`: all of them, or none. The general form of
    /// [`Stock::reserve`](crate::Stock::reserve), for every handle.
    ///
    /// # Errors
    ///
    /// [`OutOfStock`] if at some instant of the call fewer than `units` were in stock.
    ///
    /// # Panics
    ///
    /// Within an order of this [`LockedStock`](crate::LockedStock), which it would wait for.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::{Reservation, Stock};
    /// use std::sync::Arc;
    ///
    /// let stock = Arc::new(Stock::new(2));
    /// let reservation = Reservation::new(Arc::clone(&stock), 2)?;
    /// let sale = std::thread::spawn(move || reservation.commit());
    /// sale.join().unwrap();
    /// assert_eq!(stock.snapshot().sold, 2);
    /// # Ok::<(), segstock::OutOfStock>(())
    /// ```
    #[inline]
    pub fn new(stock: S, units: u64) -> Result<Self, OutOfStock> {
        stock.reserve_units(units)?;
        Ok(Self { stock, units })
    }

    /// Reserves `units` of `stock`, or all that are in stock if these are fewer. The reservation says how many, which may
    /// be none. `None` if the counter does not offer it. The general form of
    /// [`Stock::reserve_up_to`](crate::Stock::reserve_up_to), for every handle.
    ///
    /// # Panics
    ///
    /// Within an order of this [`LockedStock`](crate::LockedStock), which it would wait for.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::{Reservation, Stock};
    /// use std::sync::Arc;
    ///
    /// let stock = Arc::new(Stock::new(2));
    /// let reservation = Reservation::up_to(Arc::clone(&stock), 3).expect("a stock offers it");
    /// assert_eq!((reservation.units(), stock.available()), (2, 0));
    /// ```
    pub fn up_to(stock: S, units: u64) -> Option<Self> {
        let units = stock.try_reserve_up_to(units)?;
        Some(Self { stock, units })
    }

    /// Of `units` that were just reserved.
    pub(crate) const fn of_reserved(stock: S, units: u64) -> Self {
        Self { stock, units }
    }

    /// Units that are reserved.
    #[must_use]
    pub const fn units(&self) -> u64 {
        self.units
    }

    /// The counter that they were reserved from.
    pub const fn stock(&self) -> &S {
        &self.stock
    }

    /// Sells all units.
    #[inline]
    pub fn commit(mut self) {
        self.stock.commit_units(mem::take(&mut self.units));
    }

    /// Puts all units back in stock, as dropping does.
    #[doc(alias = "cancel")]
    #[doc(alias = "refund")]
    #[inline]
    pub fn release(self) {
        drop(self);
    }

    /// Sells `units` of them and leaves the rest reserved.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if it has fewer. Nothing was sold.
    pub fn commit_part(&mut self, units: u64) -> Result<(), NotReserved> {
        self.split_off(units)?;
        self.stock.commit_units(units);
        Ok(())
    }

    /// Splits `units` off into a reservation of their own.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if it has fewer. It is as it was.
    pub fn split(&mut self, units: u64) -> Result<Self, NotReserved>
    where
        S: Clone,
    {
        // The clone may panic: first, so that nothing is lost then.
        let stock = self.stock.clone();
        self.split_off(units)?;
        Ok(Self { stock, units })
    }

    /// Makes one of two reservations of one stock.
    ///
    /// # Errors
    ///
    /// [`MergeError`] with both as they were, if they are of two stocks.
    pub fn merge(mut self, mut other: Self) -> Result<Self, MergeError<S>> {
        if self.stock.address() != other.stock.address() {
            return Err(MergeError {
                left: self,
                right: other,
            });
        }
        self.units += mem::take(&mut other.units);
        Ok(self)
    }

    fn split_off(&mut self, units: u64) -> Result<(), NotReserved> {
        match self.units.checked_sub(units) {
            Some(rest) => {
                self.units = rest;
                Ok(())
            }
            None => Err(NotReserved::new(units, self.units)),
        }
    }
}

impl<S: Reserving> Drop for Reservation<S> {
    #[inline]
    fn drop(&mut self) {
        if self.units > 0 {
            self.stock.release_units(self.units);
        }
    }
}

impl<S: Reserving> Settle for Reservation<S> {
    fn units(&self) -> u64 {
        self.units
    }

    fn commit(self) {
        self.commit();
    }

    fn release(self) {
        self.release();
    }
}

impl<S: Reserving + Clone> SettleParts for Reservation<S> {
    type Part = u64;

    fn all(&self) -> u64 {
        self.units
    }

    fn split(&mut self, units: &u64) -> Result<Self, NotReserved> {
        self.split(*units)
    }

    fn can_merge(&self, other: &Self) -> bool {
        self.stock.address() == other.stock.address()
    }

    fn merge(&mut self, mut other: Self) {
        self.units += mem::take(&mut other.units);
    }
}

impl<S: Reserving> fmt::Debug for Reservation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("units", &self.units)
            .finish_non_exhaustive()
    }
}

/// Two reservations are of two stocks and cannot be one. Both are in the error, as they were.
#[must_use = "both reservations are in it, and are released when it is dropped"]
pub struct MergeError<S: Reserving> {
    /// The reservation that was to take in the other.
    pub left: Reservation<S>,
    /// The other.
    pub right: Reservation<S>,
}

impl<S: Reserving> fmt::Debug for MergeError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeError")
            .field("left", &self.left)
            .field("right", &self.right)
            .finish()
    }
}

impl<S: Reserving> fmt::Display for MergeError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, right) = (self.left.units, self.right.units);
        write!(
            f,
            "reservations of {left} and {right} units are of two stocks"
        )
    }
}

impl<S: Reserving> std::error::Error for MergeError<S> {}
