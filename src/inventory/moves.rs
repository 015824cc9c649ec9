//! [`OnTheWay`]: units that go from one SKU to another.

use super::Inventory;
use super::errors::SkuError;
use super::shelf::InventoryHandle;
use super::sku::Sku;
use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::mem;

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Moves `units` of one SKU to another, or from one location to another where the SKU names it; at once. For a
    /// way that takes time see [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`] of the first, [`SkuError::Overflow`] of the second; [`SkuError::UnknownSku`] if one
    /// of them is unknown. Nothing is moved.
    pub fn move_units<Q>(&self, from: &Q, to: &Q, units: u64) -> Result<(), SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.send(from, to, units)?
            .arrive()
            .map_err(|(error, _)| error)
    }

    /// Sends `units` of one SKU on the way to another. Until they [arrive](OnTheWay::arrive) they are on the way:
    /// in the snapshot of the first, and available nowhere.
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`]; [`SkuError::UnknownSku`] if one of them is unknown.
    pub fn send<Q>(&self, from: &Q, to: &Q, units: u64) -> Result<OnTheWay<&Self>, SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        OnTheWay::new(self, from, to, units)
    }

    /// Reserves the units that are sent, and returns both SKUs as the inventory has them.
    fn reserve_to_send<Q>(&self, from: &Q, to: &Q, units: u64) -> Result<[K; 2], SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut sums = self.sums.lock();
        let stocks = self.stocks.pin();
        let (from, stock) = stocks.get(from).ok_or(SkuError::UnknownSku)?;
        let (to, _) = stocks.get(to).ok_or(SkuError::UnknownSku)?;
        // First what is the caller's code and can panic: nothing is reserved then.
        let skus = [from.clone(), to.clone()];
        stock.reserve_units(units)?;
        sums.change(from, |sums| sums.on_the_way += units);
        Ok(skus)
    }
}

/// Units on the way from one SKU to another, or from location to location. Dropping it turns them back.
///
/// # Examples
///
/// ```
/// use segstock::Inventory;
///
/// let shop = Inventory::new();
/// shop.insert("phone@north", 10)?;
/// shop.insert("phone@south", 0)?;
/// let lorry = shop.send("phone@north", "phone@south", 4)?;
/// let snapshot = shop.get("phone@north").expect("it was inserted");
/// assert_eq!((snapshot.available, snapshot.on_the_way), (6, 4));
/// lorry.arrive().expect("the other has room");
/// assert_eq!(shop.available("phone@south"), Some(4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "units on the way turn back at once when it is dropped"]
pub struct OnTheWay<I: InventoryHandle> {
    inventory: I,
    from: I::Sku,
    to: I::Sku,
    units: u64,
}

impl<I: InventoryHandle> OnTheWay<I> {
    /// Sends units on their way; the general form of [`Inventory::send`].
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`]; [`SkuError::UnknownSku`] if one of them is unknown.
    pub fn new<Q>(inventory: I, from: &Q, to: &Q, units: u64) -> Result<Self, SkuError>
    where
        I::Sku: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let [from, to] = inventory.inventory().reserve_to_send(from, to, units)?;
        Ok(Self {
            inventory,
            from,
            to,
            units,
        })
    }

    /// Units on the way.
    #[must_use]
    pub const fn units(&self) -> u64 {
        self.units
    }

    /// Puts the units where they go.
    ///
    /// # Errors
    ///
    /// Why they cannot arrive, [`SkuError::UnknownSku`] or [`SkuError::Overflow`], and the units, still on the
    /// way.
    pub fn arrive(mut self) -> Result<(), (SkuError, Self)> {
        self.try_arrive().map_err(|error| (error, self))
    }

    fn try_arrive(&mut self) -> Result<(), SkuError> {
        let shop = self.inventory.inventory();
        // No snapshot is being taken: it shows the units on the way or arrived, and never both.
        let _arriving = shop.arrivals.lock();
        let mut sums = shop.sums.lock();
        let stocks = shop.stocks.pin();
        let (_, to) = stocks.get(&self.to).ok_or(SkuError::UnknownSku)?;
        to.restock(self.units)?;
        // They have arrived, whatever comes: nothing is left that could turn back.
        let units = mem::take(&mut self.units);
        sums.change(&self.from, |sums| {
            sums.on_the_way -= units;
            sums.moved_out = sums.moved_out.wrapping_add(units);
        });
        if let Some((_, from)) = stocks.get(&self.from) {
            from.commit_units(units);
        }
        Ok(())
    }
}

impl<I: InventoryHandle> Drop for OnTheWay<I> {
    fn drop(&mut self) {
        if self.units == 0 {
            return;
        }
        let shop = self.inventory.inventory();
        let mut sums = shop.sums.lock();
        let stocks = shop.stocks.pin();
        if let Some((from, stock)) = stocks.get(&self.from) {
            sums.change(from, |sums| sums.on_the_way -= self.units);
            stock.release_units(self.units);
        }
    }
}

impl<I: InventoryHandle<Sku: fmt::Debug>> fmt::Debug for OnTheWay<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnTheWay")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("units", &self.units)
            .finish_non_exhaustive()
    }
}
