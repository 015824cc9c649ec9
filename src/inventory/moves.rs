//! What changes stock beside orders and deliveries: counting, writing off, moving.

use super::{Inventory, InventoryHandle, Sku, SkuError, SkuSnapshot};
use crate::stock::Engine;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::BuildHasher;

/// The sums that a stock does not keep. Under one lock with whatever moves them, so that the books of
/// a SKU are of one instant; all of this is cold.
#[derive(Debug)]
pub(super) struct Ledger<K> {
    entries: BTreeMap<K, Entry>,
}

/// What went is modulo 2^64, as the sums that the stock keeps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) written_off: u64,
    pub(super) moved_out: u64,
    /// Reserved in the stock, on the way to another.
    pub(super) on_the_way: u64,
}

impl<K: Sku> Ledger<K> {
    pub(super) const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }

    pub(super) fn forget(&mut self, sku: &K) {
        self.entries.remove(sku);
    }

    pub(super) fn open(&mut self, sku: K, entry: Entry) {
        self.entries.insert(sku, entry);
    }

    fn entry(&mut self, sku: &K) -> &mut Entry {
        self.entries.entry(sku.clone()).or_default()
    }

    /// The books of a SKU: what the stock calls reserved and sold, told apart.
    pub(super) fn books(&self, sku: &K, stock: &Engine) -> SkuSnapshot {
        let books = stock.snapshot();
        let entry = self.entries.get(sku).copied().unwrap_or_default();
        // The stock's figure may lag while calls run, towards sold: never below nothing.
        let reserved = books.reserved.saturating_sub(entry.on_the_way);
        SkuSnapshot {
            initial: books.initial,
            restocked: books.restocked,
            available: books.available,
            reserved,
            on_the_way: entry.on_the_way,
            sold: books
                .initial
                .wrapping_add(books.restocked)
                .wrapping_sub(books.available)
                .wrapping_sub(reserved)
                .wrapping_sub(entry.on_the_way)
                .wrapping_sub(entry.written_off)
                .wrapping_sub(entry.moved_out),
            written_off: entry.written_off,
            moved_out: entry.moved_out,
        }
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Books what a count of the shelf found: applies the difference between what the book said
    /// when counting began and what was counted, so that sales in between are not undone.
    ///
    /// Both are units on hand, reserved ones included. Units that were found are restocked, units that
    /// are missing written off.
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`] if more are missing than are available, since what is reserved is
    /// promised; [`SkuError::Overflow`]; [`SkuError::UnknownSku`].
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 100)?;
    /// let book = shop.get("phone").map(|books| books.on_hand()).unwrap_or(0);
    /// shop.deduct("phone", 5)?; // while they count
    /// shop.stocktake("phone", book, 97)?;
    /// assert_eq!(shop.available("phone"), Some(92));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stocktake<Q>(&self, sku: &Q, book: u64, counted: u64) -> Result<(), SkuError>
    where
        Q: papaya::Equivalent<K> + std::hash::Hash + ?Sized,
    {
        match counted.checked_sub(book) {
            Some(found) => self.restock(sku, found),
            None => self.write_off(sku, book - counted),
        }
    }

    /// Takes `units` of `sku` off the books that are broken, lost or given away: not sold.
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`] as exactly as a deduct; [`SkuError::UnknownSku`].
    pub fn write_off<Q>(&self, sku: &Q, units: u64) -> Result<(), SkuError>
    where
        Q: papaya::Equivalent<K> + std::hash::Hash + ?Sized,
    {
        let stocks = self.stocks.pin();
        let mut ledger = self.ledger.lock();
        let passing = self.gate.pass();
        let (sku, stock) = stocks.get_key_value(sku).ok_or(SkuError::UnknownSku)?;
        stock.deduct(units)?;
        let entry = ledger.entry(sku);
        entry.written_off = entry.written_off.wrapping_add(units);
        drop((passing, ledger));
        self.alerts.after_take(sku, stock, units);
        Ok(())
    }

    /// Moves `units` of one SKU to another, or from one location to another where the SKU names
    /// it; at once. For a way that takes time see [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`] of the first, [`SkuError::Overflow`] of the second;
    /// [`SkuError::UnknownSku`] if one of them is. Nothing is moved.
    pub fn move_units(&self, from: &K, to: &K, units: u64) -> Result<(), SkuError> {
        self.send(from, to, units)?
            .arrive()
            .map_err(|(error, _)| error)
    }

    fn reserve_on_the_way(&self, from: &K, to: &K, units: u64) -> Result<(), SkuError> {
        let stocks = self.stocks.pin();
        let mut ledger = self.ledger.lock();
        let passing = self.gate.pass();
        let both = stocks.get(from).filter(|_| stocks.contains_key(to));
        let stock = both.ok_or(SkuError::UnknownSku)?;
        stock.reserve_units(units)?;
        ledger.entry(from).on_the_way += units;
        drop((passing, ledger));
        self.alerts.after_take(from, stock, units);
        Ok(())
    }

    /// Sends `units` of one SKU on the way to another. Until they [arrive](OnTheWay::arrive) they are
    /// on the way: in the books of the first, and available nowhere.
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`]; [`SkuError::UnknownSku`] if one of them is.
    pub fn send(&self, from: &K, to: &K, units: u64) -> Result<OnTheWay<&Self>, SkuError> {
        OnTheWay::new(self, from, to, units)
    }
}

/// Units on the way from one SKU to another, or from location to location. Dropping it turns them
/// back.
///
/// # Examples
///
/// ```
/// use segstock::Inventory;
///
/// let shop = Inventory::new();
/// shop.insert("phone@north", 10)?;
/// shop.insert("phone@south", 0)?;
/// let lorry = shop.send(&"phone@north", &"phone@south", 4)?;
/// let books = shop.get("phone@north").expect("it is there");
/// assert_eq!((books.available, books.on_the_way), (6, 4));
/// lorry.arrive().expect("there is room");
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
    /// [`SkuError::OutOfStock`]; [`SkuError::UnknownSku`] if one of them is.
    pub fn new(inventory: I, from: &I::Sku, to: &I::Sku, units: u64) -> Result<Self, SkuError> {
        let mut on_the_way = Self {
            inventory,
            from: from.clone(),
            to: to.clone(),
            units: 0,
        };
        on_the_way
            .inventory
            .inventory()
            .reserve_on_the_way(from, to, units)?;
        on_the_way.units = units;
        Ok(on_the_way)
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
    /// Why they cannot be put there, [`SkuError::UnknownSku`] or [`SkuError::Overflow`], and the units, still
    /// on the way.
    pub fn arrive(mut self) -> Result<(), (SkuError, Self)> {
        self.try_arrive().map_err(|error| (error, self))
    }

    fn try_arrive(&mut self) -> Result<(), SkuError> {
        let shop = self.inventory.inventory();
        let stocks = shop.stocks.pin();
        // No snapshot is being taken: they are here or there, and never both.
        let arriving = shop.arrivals.lock();
        let mut ledger = shop.ledger.lock();
        let passing = shop.gate.pass();
        let (to, stock) = stocks.get_key_value(&self.to).ok_or(SkuError::UnknownSku)?;
        stock.restock(self.units)?;
        let entry = ledger.entry(&self.from);
        entry.on_the_way -= self.units;
        entry.moved_out = entry.moved_out.wrapping_add(self.units);
        shop.commit_units(&self.from, self.units);
        // They are there, whatever comes: nothing is left that could turn back.
        self.units = 0;
        drop((passing, ledger, arriving));
        shop.alerts.after_put(to, stock);
        Ok(())
    }
}

impl<I: InventoryHandle> Drop for OnTheWay<I> {
    fn drop(&mut self) {
        if self.units == 0 {
            return;
        }
        let shop = self.inventory.inventory();
        let stocks = shop.stocks.pin();
        let Some((from, stock)) = stocks.get_key_value(&self.from) else {
            return;
        };
        {
            let mut ledger = shop.ledger.lock();
            ledger.entry(from).on_the_way -= self.units;
            stock.release_units(self.units);
        }
        shop.alerts.after_return(from, stock);
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
