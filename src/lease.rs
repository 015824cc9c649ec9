//! [`Lease`]: a batch of units for one thread.

use crate::counter::Reserving;
use crate::error::OutOfStock;
use std::fmt;

/// A worker's own till: it reserves a batch from the stock and sells from that with plain arithmetic.
///
/// When it runs short it tops up with another batch; when the stock has no whole batch left, with only what the
/// order needs. [`settle`](Self::settle) and dropping release what is left.
///
/// **Nobody else can get units that are in a till.** The stock shows them as reserved until they are
/// settled, units that were sold from the till included, and other threads may be refused meanwhile. That
/// is the price of a deduct that costs nothing. So:
///
/// - choose a batch that is small beside what is left, some hundredth of it for each worker, and
///   settle or drop the till when work pauses;
/// - 64 is plenty: a batch of 64 already spreads the cost of one exchange over 64 orders;
/// - towards the end of a sale go back to [`Stock::deduct`](crate::Stock::deduct), whose refusals
///   are exact.
///
/// # Consistency
///
/// A refusal by the lease is exact for the stock and this till together; units in other tills are not in stock.
/// What a till sells is sold for the stock when the till settles it: when it tops up, is settled or is dropped.
/// A lease that is forgotten ([`mem::forget`](std::mem::forget)) leaves all of its units reserved for
/// ever, those that were sold from it as well as those that are left.
///
/// # Examples
///
/// ```
/// use segstock::Stock;
///
/// let stock = Stock::new(100);
/// let mut till = stock.lease(64);
/// till.deduct(3)?;
/// assert_eq!(stock.available(), 36, "a batch is out");
///
/// let sold = till.settle();
/// assert_eq!(sold, 3);
/// assert_eq!(stock.available(), 97, "the rest is back");
/// # Ok::<(), segstock::OutOfStock>(())
/// ```
#[must_use = "a lease that is dropped releases its units at once"]
pub struct Lease<S: Reserving> {
    stock: S,
    batch: u64,
    /// Units left in the till: all that a sale writes.
    left: u64,
    /// Units reserved and not settled yet: those that are left, and those sold since.
    reserved: u64,
    /// Units sold and settled.
    settled: u64,
}

impl<S: Reserving> Lease<S> {
    /// An empty till that takes `batch` units at a time. The general form of
    /// [`Stock::lease`](crate::Stock::lease), for every handle.
    ///
    /// With a batch of 0 every order goes to the stock.
    pub const fn new(stock: S, batch: u64) -> Self {
        Self {
            stock,
            batch,
            left: 0,
            reserved: 0,
            settled: 0,
        }
    }

    /// Sells `units` from the till: all of them, or none.
    ///
    /// # Errors
    ///
    /// [`OutOfStock`] if the till is short, and at some instant of the call the stock did not have
    /// what it lacks. What was available counts what is in the till.
    ///
    /// # Panics
    ///
    /// If it tops up within an order of its [`LockedStock`](crate::LockedStock), which it would
    /// wait for.
    #[inline]
    pub fn deduct(&mut self, units: u64) -> Result<(), OutOfStock> {
        if units > self.left {
            self.top_up(units)?;
        }
        self.left -= units;
        Ok(())
    }

    /// Units left in the till.
    #[must_use]
    pub const fn units(&self) -> u64 {
        self.left
    }

    /// Releases what is left, and returns how many units were sold from the till.
    pub fn settle(mut self) -> u64 {
        self.settle_sales();
        self.settled
        // Dropping does the rest.
    }

    /// Reserves until the till has `units`.
    #[cold]
    #[inline(never)]
    fn top_up(&mut self, units: u64) -> Result<(), OutOfStock> {
        self.settle_sales();
        let short_of = units - self.left;
        let batch = self.batch.max(short_of);
        let new = if self.stock.reserve_units(batch).is_ok() {
            batch
        } else {
            let only = self.stock.reserve_units(short_of);
            only.map_err(|refusal| {
                OutOfStock::new(units, refusal.available.saturating_add(self.left))
            })?;
            short_of
        };
        self.left += new;
        self.reserved = self.left;
        Ok(())
    }

    fn settle_sales(&mut self) {
        let sold = self.reserved - self.left;
        if sold > 0 {
            self.reserved = self.left;
            self.stock.commit_units(sold);
            self.settled += sold;
        }
    }
}

impl<S: Reserving> Drop for Lease<S> {
    fn drop(&mut self) {
        self.settle_sales();
        if self.left > 0 {
            self.stock.release_units(self.left);
        }
    }
}

impl<S: Reserving> fmt::Debug for Lease<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("batch", &self.batch)
            .field("left", &self.left)
            .field("sold", &(self.settled + self.reserved - self.left))
            .finish_non_exhaustive()
    }
}
