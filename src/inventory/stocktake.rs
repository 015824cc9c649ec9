//! What changes stock beside sales and deliveries: a stocktake, and units that are written off.

use super::Inventory;
use super::errors::SkuError;
use super::sku::Sku;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Enters what a count of the shelf found. It applies the difference between what was on hand when counting
    /// began and what was counted, so that sales in between are not undone.
    ///
    /// Both are units on hand, reserved ones included. Units that were found are restocked, units that are missing
    /// are written off.
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`] if more are missing than are available, since what is reserved is promised;
    /// [`SkuError::Overflow`]; [`SkuError::UnknownSku`].
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 100)?;
    /// let book = shop.get("phone").map(|snapshot| snapshot.on_hand()).unwrap_or(0);
    /// shop.deduct("phone", 5)?; // while they count
    /// shop.stocktake("phone", book, 97)?;
    /// assert_eq!(shop.available("phone"), Some(92));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stocktake<Q>(&self, sku: &Q, book: u64, counted: u64) -> Result<(), SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match counted.checked_sub(book) {
            Some(found) => self.restock(sku, found),
            None => self.write_off(sku, book - counted),
        }
    }

    /// Takes `units` of `sku` out of stock that are broken, lost or given away: not sold.
    ///
    /// # Errors
    ///
    /// [`SkuError::OutOfStock`] as exactly as a deduct; [`SkuError::UnknownSku`].
    pub fn write_off<Q>(&self, sku: &Q, units: u64) -> Result<(), SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut sums = self.sums.lock();
        let stocks = self.stocks.pin();
        let (sku, stock) = stocks.get(sku).ok_or(SkuError::UnknownSku)?;
        stock.deduct(units)?;
        sums.change(sku, |sums| {
            sums.written_off = sums.written_off.wrapping_add(units);
        });
        Ok(())
    }
}
