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

mod builder;
mod errors;
mod form;
#[doc(hidden)]
pub mod known_thread;
mod low_stock;
mod moves;
mod order;
mod order_lines;
#[cfg(feature = "serde")]
mod reading;
mod restore;
mod shelf;
mod sku;
mod snapshot;
mod stocks;
mod stocktake;
mod sums;
mod withdraw;

pub use builder::InventoryBuilder;
pub use errors::{InsertError, OrderRefused, RemoveError, RestoreError, ShortLine, SkuError};
pub use low_stock::LowStock;
pub use moves::OnTheWay;
pub use order::{OrderHolds, OrderMergeError, OrderReservation};
pub use restore::Restored;
pub use shelf::{InventoryHandle, Shelf};
pub use sku::Sku;
pub use snapshot::{HoldRow, InventorySnapshot, ResolvedRow, SkuRow, SkuSnapshot};

use crate::error::OutOfStock;
use crate::limits::MAX_UNITS;
use crate::stock::Engine;
use crate::stock::Stock;
use crate::sync::Mutex;
use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::panic::{RefUnwindSafe, UnwindSafe};
use stocks::Stocks;
use sums::Sums;

/// Many SKUs, each with a [`Stock`] of its own; and orders of many lines, which get all of them or none.
///
/// # Examples
///
/// ```
/// use segstock::Inventory;
///
/// let shop = Inventory::new();
/// shop.insert("phone", 10)?;
/// shop.insert("case", 10)?;
///
/// let order = shop.order([("phone", 1), ("case", 2)])?; // reserved; dropped, it is released
/// order.commit(); // sold
/// assert_eq!(shop.available("case"), Some(8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Keys
///
/// `K` is the [SKU](Sku), `S` hashes it. [`insert`](Self::insert) and the lines of an order take SKUs; every other
/// call takes any borrowed form of one, as maps do: `&str` for a `String`.
///
/// # Costs
///
/// It is made for hundreds of thousands of SKUs, of which a few are hot at any moment. Looking up a SKU takes no
/// lock. What nobody fights over is 64 bytes beside its key; what is hot grows its segments by itself.
///
/// # Consistency
///
/// Each SKU by itself is as exact as its [`Stock`]: never oversold, refused only when too few units truly were in
/// stock, its [snapshot](SkuSnapshot) of one instant. Across SKUs:
///
/// - [`order`](Self::order) takes all its lines or none. While it is being decided, the lines that it has taken so
///   far count as reserved: another order may be refused because of them, rightly so, even if this one then fails for
///   another line. No instant shows an order that has failed as sold.
/// - [`remove`](Self::remove) happens at one instant for all calls on the SKU: what they answered before is in the
///   final snapshot, and later they find no such SKU.
/// - [`iter`](Self::iter) and [`snapshot`](Self::snapshot) are exact for each SKU, one after another.
///
/// # Memory ordering
///
/// As for [`Stock`]: a deduct happens after the restock that brought its units.
#[doc(alias = "sku")]
#[doc(alias = "warehouse")]
#[doc(alias = "catalog")]
pub struct Inventory<K, S = RandomState> {
    stocks: Stocks<K, S>,
    // The locks are taken in this sequence: those of the holds, the arrivals, the sums. A thread pins the map after
    // it has locked them, never before: a removal holds the sums while it waits for pinned threads.
    arrivals: Mutex<()>,
    sums: Mutex<Sums<K>>,
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
    /// An inventory with a say in its capacity and its hashing.
    pub fn builder() -> InventoryBuilder<K> {
        InventoryBuilder::new()
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Opens `sku` with `units` in stock, and without a [threshold](Self::set_low_stock).
    ///
    /// It waits while the inventory makes room for more SKUs, which [capacity](InventoryBuilder::capacity) avoids;
    /// calls on the SKUs that it has do not.
    ///
    /// # Errors
    ///
    /// [`InsertError::AlreadyThere`]; [`InsertError::TooManyUnits`] beyond [`MAX_UNITS`].
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 10)?;
    /// assert!(shop.insert("phone", 5).is_err());
    /// assert_eq!(shop.available("phone"), Some(10));
    /// # Ok::<(), segstock::inventory::InsertError>(())
    /// ```
    pub fn insert(&self, sku: K, units: u64) -> Result<(), InsertError> {
        if units > MAX_UNITS {
            return Err(InsertError::TooManyUnits { requested: units });
        }
        self.open(sku, Engine::new(units))
    }

    /// Makes room for `additional` SKUs, so that to open them does not wait for the map to grow. For whoever is going to
    /// open many, and did not know that when the inventory was [built](InventoryBuilder::capacity).
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.reserve_skus(10_000);
    /// for sku in 0..10_000 {
    ///     shop.insert(sku, 1)?;
    /// }
    /// # Ok::<(), segstock::inventory::InsertError>(())
    /// ```
    pub fn reserve_skus(&self, additional: usize) {
        self.stocks.reserve(additional);
    }

    /// Opens `sku` with a stock in any form; for tests.
    #[doc(hidden)]
    pub fn insert_stock(&self, sku: K, stock: Stock) -> Result<(), InsertError> {
        self.open(sku, stock.engine)
    }

    fn open(&self, sku: K, stock: Engine) -> Result<(), InsertError> {
        // The inventory has a SKU until its removal is decided: a tombstone counts.
        let inserted = self.stocks.insert(sku, stock);
        inserted.then_some(()).ok_or(InsertError::AlreadyThere)
    }

    /// Takes `sku` away, and returns its final snapshot: no unit that a call answered for is missing from it. Calls
    /// that come later find no such SKU.
    ///
    /// It waits for the calls that run on the inventory when it begins. Calls on the SKU wait until it is decided;
    /// calls on other SKUs do not, and pay nothing for it.
    ///
    /// # Errors
    ///
    /// [`RemoveError::Reserved`] while units of it are reserved or on the way elsewhere; [`RemoveError::UnknownSku`].
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 10)?;
    /// shop.deduct("phone", 3)?;
    /// let last = shop.remove("phone")?;
    /// assert_eq!((last.available, last.sold), (7, 3));
    /// assert!(shop.restock("phone", 1).unwrap_err().is_unknown_sku());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "retire")]
    pub fn remove<Q>(&self, sku: &Q) -> Result<SkuSnapshot, RemoveError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut sums = self.sums.lock();
        let sku = {
            let stocks = self.stocks.pin();
            let (sku, stock) = stocks.get(sku).ok_or(RemoveError::UnknownSku)?;
            // Mostly that is all: then no call has to wait.
            removable(&sums.snapshot(sku, stock))?;
            sku.clone()
        };
        let stock = self.stocks.take_out(&sku).ok_or(RemoveError::UnknownSku)?;
        let last = sums.snapshot(&sku, &stock);
        match removable(&last) {
            Ok(()) => {
                sums.forget(&sku);
                self.stocks.forget(&sku);
                Ok(last)
            }
            Err(reserved) => {
                self.stocks.put_back(sku, stock);
                Err(reserved)
            }
        }
    }

    /// The snapshot of `sku`, exact at one instant of the call.
    pub fn get<Q>(&self, sku: &Q) -> Option<SkuSnapshot>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let found = self.snapshot_and_threshold(sku);
        found.map(|(snapshot, _)| snapshot)
    }

    /// The snapshot of `sku`, and below how many units it is low.
    fn snapshot_and_threshold<Q>(&self, sku: &Q) -> Option<(SkuSnapshot, u64)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        // The sums before the look: while they are locked no SKU is being removed.
        let sums = self.sums.lock();
        let stocks = self.stocks.pin();
        let (sku, stock) = stocks.get(sku)?;
        Some((sums.snapshot(sku, stock), sums.low_stock(sku)))
    }

    /// Units of `sku` in stock, in one cheap pass; see [`Stock::available`].
    pub fn available<Q>(&self, sku: &Q) -> Option<u64>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.with_stock(sku, |_, stock| stock.available())
    }

    /// Whether there is such a SKU.
    pub fn contains<Q>(&self, sku: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.stocks.pin().get(sku).is_some()
    }

    /// How many SKUs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stocks.len()
    }

    /// Whether there is no SKU.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The SKUs and their snapshots. The list of SKUs is drawn up first, each once; those that are removed meanwhile are
    /// left out, so that the inventory may be changed while it is walked.
    pub fn iter(&self) -> impl Iterator<Item = (K, SkuSnapshot)> + '_ {
        let skus = self.skus_but(|_| false).into_iter();
        skus.filter_map(|sku| self.get(&sku).map(|snapshot| (sku, snapshot)))
    }

    /// The SKUs but those that are `seen` already, each once.
    fn skus_but(&self, seen: impl Fn(&K) -> bool) -> Vec<K> {
        let mut skus = self.stocks.pin().keys();
        // The walk meets a SKU twice that is removed and inserted again meanwhile: it lies elsewhere then.
        skus.sort_unstable();
        skus.dedup();
        skus.retain(|sku| !seen(sku));
        skus
    }

    /// Takes `units` of `sku` out of stock: all of them, or none.
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`] as exactly as [`Stock::deduct`]; [`SkuError::UnknownSku`].
    #[inline]
    pub fn deduct<Q>(&self, sku: &Q, units: u64) -> Result<(), SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.take(sku, |_, stock| stock.deduct(units))
    }

    /// Takes `units` of `sku`, or all that are in stock if these are fewer, and returns how many it took. `None` if the
    /// inventory has no such SKU.
    pub fn deduct_up_to<Q>(&self, sku: &Q, units: u64) -> Option<u64>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.with_stock(sku, |_, stock| stock.deduct_up_to(units))
    }

    /// Adds `units` to `sku`.
    ///
    /// # Errors
    ///
    /// [`SkuError::Overflow`] beyond [`MAX_UNITS`] on hand; [`SkuError::UnknownSku`].
    #[inline]
    pub fn restock<Q>(&self, sku: &Q, units: u64) -> Result<(), SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let restocked = self.with_stock(sku, |_, stock| stock.restock(units));
        Ok(restocked.ok_or(SkuError::UnknownSku)??)
    }

    /// Looks `sku` up and calls with its stock, and with the SKU as the inventory has it. Nothing if there is no such
    /// SKU. If the SKU is just being removed, it waits until that is decided.
    #[inline]
    fn with_stock<Q, T>(&self, sku: &Q, call: impl Fn(&K, &Engine) -> T) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(stocks) = self.stocks.pin_known() {
            let (sku, stock) = stocks.get(sku)?;
            if !stock.is_tombstone() {
                return Some(call(sku, stock));
            }
        }
        self.with_stock_slow(sku, call)
    }

    /// Goes on with a call that found a tombstone, and with one at the end of a thread.
    #[cold]
    #[inline(never)]
    fn with_stock_slow<Q, T>(&self, sku: &Q, call: impl Fn(&K, &Engine) -> T) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        loop {
            let stocks = self.stocks.pin();
            let (sku, stock) = stocks.get(sku)?;
            if !stock.is_tombstone() {
                return Some(call(sku, stock));
            }
            drop(stocks);
            self.wait_for_removal();
        }
    }

    /// Takes units by `take`.
    #[inline]
    fn take<Q, T>(
        &self,
        sku: &Q,
        take: impl Fn(&K, &Engine) -> Result<T, OutOfStock>,
    ) -> Result<T, SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let taken = self.with_stock(sku, take);
        Ok(taken.ok_or(SkuError::UnknownSku)??)
    }

    /// Waits until the removal that left a tombstone is decided. The caller is not pinned.
    #[cold]
    #[inline(never)]
    fn wait_for_removal(&self) {
        drop(self.sums.lock());
    }

    /// Sells units that are reserved: the SKU cannot have been removed.
    fn commit_units<Q>(&self, sku: &Q, units: u64)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.with_stock(sku, |_, stock| stock.commit_units(units));
    }

    /// Releases units that are reserved: the SKU cannot have been removed.
    fn release_units<Q>(&self, sku: &Q, units: u64)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.with_stock(sku, |_, stock| stock.release_units(units));
    }
}

/// Whether a SKU with this snapshot can be removed.
fn removable(snapshot: &SkuSnapshot) -> Result<(), RemoveError> {
    match snapshot.reserved + snapshot.on_the_way {
        0 => Ok(()),
        units => Err(RemoveError::Reserved { units }),
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

// The code of a caller that runs inside is that of `K` and `S`. If it panics, the call has changed nothing.
impl<K: UnwindSafe, S: UnwindSafe> UnwindSafe for Inventory<K, S> {}
impl<K: RefUnwindSafe, S: RefUnwindSafe> RefUnwindSafe for Inventory<K, S> {}
