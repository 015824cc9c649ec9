//! [`Inventory`]: from SKU to stock, and orders of many lines. Feature `inventory`.
//!
//! # Examples
//!
//! ```
//! use segstock::Inventory;
//!
//! let shop = Inventory::new();
//! shop.insert("phone", 10)?;
//! shop.insert("case", 1)?;
//!
//! // All lines, or none; a refusal names every line that lacks units.
//! shop.order([("phone", 1), ("case", 1)])?.commit();
//! let refused = shop.order([("phone", 1), ("case", 1)]).unwrap_err();
//! assert_eq!(refused.to_string(), "out of stock: case (1 requested, 0 available)");
//! assert_eq!(shop.available("phone"), Some(9));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alerts;
mod builder;
mod errors;
mod gate;
mod moves;
mod order;
#[cfg(feature = "serde")]
mod reading;
mod shelf;
mod snapshot;

pub use alerts::LowStock;
pub use builder::InventoryBuilder;
pub use errors::{InsertError, OrderRefused, RemoveError, ShortLine, SkuError};
pub use moves::OnTheWay;
pub use order::{OrderHolds, OrderReservation};
pub use shelf::{InventoryHandle, Shelf, Sku};
pub use snapshot::{HoldRow, InventorySnapshot, RestoreError, Restored, SkuRow, SkuSnapshot};

use crate::stock::Engine;
use crate::sync::Mutex;
use crate::{MAX_UNITS, OutOfStock, Reservation, Stock};
use alerts::Alerts;
use gate::Gate;
use moves::Ledger;
use papaya::Equivalent;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// A [`Stock`] for each SKU: hundreds of thousands of them, of which a few are hot at any moment.
///
/// Looking up a SKU takes no lock; what nobody fights over is 64 bytes beside its key, and what is hot
/// grows its segments by itself. `K` is the SKU, `S` hashes it.
///
/// # Consistency
///
/// Each SKU by itself is as exact as its [`Stock`]: never oversold, refused only when there truly was
/// not enough, its books of one instant. Across SKUs:
///
/// - [`order`](Self::order) takes all its lines or none. While it is being decided, what it has set
///   aside so far counts as reserved: another order may be refused because of it, rightly so, even if
///   this one then fails for another line. No instant shows an order that has failed as sold.
/// - [`remove`](Self::remove) happens at one instant for all calls on the SKU: what they answered
///   before is in the final books, and later they find no such SKU.
/// - [`iter`](Self::iter) and [`snapshot`](Self::snapshot) are exact for each SKU, one after another.
///
/// # Memory ordering
///
/// As for [`Stock`]: a deduct happens after the restock that brought its units.
pub struct Inventory<K, S = RandomState> {
    /// Each stays where it is until it is taken away: when the map grows, it moves pointers to its entries. The
    /// alerts know a stock by where it lies.
    stocks: papaya::HashMap<K, Engine, S>,
    gate: Gate,
    alerts: Alerts<K, S>,
    // The locks are taken in this sequence: those of the holds, the arrivals, the ledger, the gate. So
    // nobody waits for another with the gate passed, and a snapshot, which has the arrivals stand still, is
    // in the way of no sale.
    arrivals: Mutex<()>,
    ledger: Mutex<Ledger<K>>,
}

impl<K: Sku> Inventory<K> {
    /// An inventory without SKUs.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }
}

impl<K: Sku> Default for Inventory<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Inventory<K> {
    /// An inventory with a say in its capacity, its hashing, and who is told of low stock.
    pub fn builder() -> InventoryBuilder<K> {
        InventoryBuilder::new()
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Opens `sku` with `units` in stock, and without a [threshold](Self::set_low_stock): one that it had
    /// before it was taken away went with it.
    ///
    /// # Errors
    ///
    /// [`InsertError::AlreadyThere`]; [`InsertError::TooManyUnits`] beyond [`MAX_UNITS`].
    pub fn insert(&self, sku: K, units: u64) -> Result<(), InsertError> {
        if units > MAX_UNITS {
            return Err(InsertError::TooManyUnits { requested: units });
        }
        self.open(sku, Engine::new(units))
    }

    /// Opens `sku` with a stock in any form; for tests.
    #[doc(hidden)]
    pub fn insert_stock(&self, sku: K, stock: Stock) -> Result<(), InsertError> {
        self.open(sku, stock.engine)
    }

    fn open(&self, sku: K, stock: Engine) -> Result<(), InsertError> {
        let stocks = self.stocks.pin();
        match stocks.try_insert(sku, stock) {
            Ok(_) => Ok(()),
            Err(_) => Err(InsertError::AlreadyThere),
        }
    }

    /// Takes `sku` away, and returns its final books: no unit that a call answered for is missing
    /// from them. Calls that come later find no such SKU.
    ///
    /// It stops all calls on the inventory for the moment that a snapshot takes.
    ///
    /// # Errors
    ///
    /// [`RemoveError::Reserved`] while units of it are reserved or on the way elsewhere;
    /// [`RemoveError::UnknownSku`].
    pub fn remove<Q>(&self, sku: &Q) -> Result<SkuSnapshot, RemoveError>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let mut ledger = self.ledger.lock();
        // Reservations are settled without the gate. That is no harm: none is made meanwhile, so that
        // nothing reserved now stays nothing.
        let _alone = self.gate.close();
        let stocks = self.stocks.pin();
        let (key, stock) = stocks.get_key_value(sku).ok_or(RemoveError::UnknownSku)?;
        let books = ledger.books(key, stock);
        let units = books.reserved + books.on_the_way;
        if units > 0 {
            return Err(RemoveError::Reserved { units });
        }
        ledger.forget(key);
        self.alerts.forget(key);
        stocks.remove(sku);
        Ok(books)
    }

    /// The books of `sku`, exact at one instant of the call.
    pub fn get<Q>(&self, sku: &Q) -> Option<SkuSnapshot>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        // The ledger before the look, so that what is found is not forgotten in between.
        let ledger = self.ledger.lock();
        let stocks = self.stocks.pin();
        let (sku, stock) = stocks.get_key_value(sku)?;
        Some(ledger.books(sku, stock))
    }

    /// Units of `sku` in stock, in one cheap pass; see [`Stock::available`].
    pub fn available<Q>(&self, sku: &Q) -> Option<u64>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let stocks = self.stocks.pin();
        stocks.get(sku).map(Engine::available)
    }

    /// Whether there is such a SKU.
    pub fn contains<Q>(&self, sku: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.stocks.pin().contains_key(sku)
    }

    /// How many SKUs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stocks.len()
    }

    /// Whether there is no SKU.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stocks.is_empty()
    }

    /// The SKUs and their books. The list of SKUs is drawn up first, each once; those that are removed
    /// meanwhile are left out, so that the inventory may be changed while it is walked.
    pub fn iter(&self) -> impl Iterator<Item = (K, SkuSnapshot)> + '_ {
        self.iter_but(|_| false)
    }

    /// The same without those that are seen already.
    fn iter_but(&self, seen: impl Fn(&K) -> bool) -> impl Iterator<Item = (K, SkuSnapshot)> {
        let stocks = self.stocks.pin();
        let mut skus: Vec<K> = stocks.keys().filter(|sku| !seen(sku)).cloned().collect();
        drop(stocks);
        // The walk meets a SKU twice that is taken away and comes again meanwhile: it lies elsewhere then.
        skus.sort_unstable();
        skus.dedup();
        skus.into_iter()
            .filter_map(|sku| self.get(&sku).map(|books| (sku, books)))
    }

    /// Takes `units` of `sku` out of stock: all of them, or none.
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`] as exactly as [`Stock::deduct`]; [`SkuError::UnknownSku`].
    #[inline]
    pub fn deduct<Q>(&self, sku: &Q, units: u64) -> Result<(), SkuError>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let take = |stock: &Engine| stock.deduct(units).map(|()| units);
        self.take(sku, take).map(drop)
    }

    /// Takes as many of `units` of `sku` as there are, and returns how many. Nothing if there is no
    /// such SKU.
    pub fn deduct_up_to<Q>(&self, sku: &Q, units: u64) -> Option<u64>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.take(sku, |stock| Ok(stock.deduct_up_to(units))).ok()
    }

    /// Adds `units` to `sku`.
    ///
    /// # Errors
    ///
    /// [`SkuError::Overflow`] beyond [`MAX_UNITS`] on hand; [`SkuError::UnknownSku`].
    #[inline]
    pub fn restock<Q>(&self, sku: &Q, units: u64) -> Result<(), SkuError>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let stocks = self.stocks.pin();
        let passing = self.gate.pass();
        let (sku, stock) = stocks.get_key_value(sku).ok_or(SkuError::UnknownSku)?;
        stock.restock(units)?;
        drop(passing);
        self.alerts.after_put(sku, stock);
        Ok(())
    }

    /// Sets `units` of `sku` aside: all of them, or none.
    ///
    /// # Errors
    ///
    /// Those of [`deduct`](Self::deduct).
    pub fn reserve(&self, sku: &K, units: u64) -> Result<Reservation<Shelf<&Self>>, SkuError> {
        shelf::reserve(self, sku, units)
    }

    /// The same with a handle of its own, for tasks.
    ///
    /// # Errors
    ///
    /// Those of [`deduct`](Self::deduct).
    pub fn reserve_owned(
        self: Arc<Self>,
        sku: &K,
        units: u64,
    ) -> Result<Reservation<Shelf<Arc<Self>>>, SkuError> {
        shelf::reserve(self, sku, units)
    }

    /// Sets aside what an order asks for: all lines, or none. A SKU that stands twice is summed
    /// first.
    ///
    /// # Errors
    ///
    /// [`OrderRefused`], which lists every line that lacks units, or every SKU that is unknown; and for
    /// what is no order: no lines, a line of no units, more of a SKU than any stock holds. The first of these
    /// that is found is told, an order that cannot be before SKUs that are not, and those before what is short.
    ///
    /// # Consistency
    ///
    /// The lines are taken in the sequence of their SKUs, so that of two orders for the same SKUs one
    /// is served; what is set aside for an order that fails goes back at once. For each line that is
    /// listed there was an instant of the call at which the stock lacked those units.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 10)?;
    /// shop.insert("case", 10)?;
    /// let mut order = shop.order([("phone", 2), ("case", 2), ("phone", 1)])?;
    /// order.commit_line(&"phone")?; // shipped; the case follows
    /// drop(order); // or not
    /// assert_eq!(shop.available("phone"), Some(7));
    /// assert_eq!(shop.available("case"), Some(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn order(
        &self,
        lines: impl IntoIterator<Item = (K, u64)>,
    ) -> Result<OrderReservation<&Self>, OrderRefused<K>> {
        OrderReservation::new(self, lines)
    }

    /// The same with a handle of its own, for tasks and [`Holds`](crate::Holds): one `Arc` for all
    /// lines.
    ///
    /// # Errors
    ///
    /// Those of [`order`](Self::order).
    pub fn order_owned(
        self: Arc<Self>,
        lines: impl IntoIterator<Item = (K, u64)>,
    ) -> Result<OrderReservation<Arc<Self>>, OrderRefused<K>> {
        OrderReservation::new(self, lines)
    }

    /// Has the owner told once whenever `sku` goes below `units` in stock, and again once it was at
    /// `units` or above in between; at once if it is below now. With 0 never.
    ///
    /// Plenty costs nothing: only a deduct that leaves less than the highest threshold of all SKUs where it
    /// took its units looks further. A stock that is one word is told of with the deduct that crosses. In a
    /// wide one a look goes over all segments, and is taken now and then: it is told of late, at
    /// about an eighth of the threshold below it at the latest, and by what is deducted beside the look; and
    /// never twice for one crossing. Setting it stops all calls on the inventory for a moment. It is
    /// [kept](Self::snapshot) with the SKU.
    ///
    /// # Errors
    ///
    /// [`SkuError::UnknownSku`].
    pub fn set_low_stock(&self, sku: &K, units: u64) -> Result<(), SkuError> {
        let stocks = self.stocks.pin();
        // Takes that do not know of it yet are over when it is set, and seen by the look that follows.
        let alone = self.gate.close();
        let stock = stocks.get(sku).ok_or(SkuError::UnknownSku)?;
        self.alerts.set(sku, stock, units);
        drop(alone);
        self.alerts.look(sku, stock);
        Ok(())
    }

    /// Looks `sku` up, takes, and has somebody told if little is left; returns how much was taken.
    #[inline]
    fn take<Q>(
        &self,
        sku: &Q,
        take: impl FnOnce(&Engine) -> Result<u64, OutOfStock>,
    ) -> Result<u64, SkuError>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        let stocks = self.stocks.pin();
        // First the gate, then the look: what is found stays until the gate is left.
        let passing = self.gate.pass();
        let (sku, stock) = stocks.get_key_value(sku).ok_or(SkuError::UnknownSku)?;
        let taken = take(stock)?;
        drop(passing);
        self.alerts.after_take(sku, stock, taken);
        Ok(taken)
    }

    /// Sells units that are reserved, so that the SKU is there.
    fn commit_units(&self, sku: &K, units: u64) {
        if let Some(stock) = self.stocks.pin().get(sku) {
            stock.commit_units(units);
        }
    }

    /// Puts units back that are reserved, so that the SKU is there.
    fn release_units(&self, sku: &K, units: u64) {
        if let Some(stock) = self.stocks.pin().get(sku) {
            stock.release_units(units);
            self.alerts.after_return(sku, stock);
        }
    }
}

/// Shows numbers.
impl<K: Sku, S: BuildHasher + Send + Sync> fmt::Debug for Inventory<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory")
            .field("skus", &self.len())
            .finish_non_exhaustive()
    }
}
