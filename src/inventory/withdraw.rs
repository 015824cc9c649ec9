//! Units of a SKU that are withdrawn: those that are out are owed.

use super::Inventory;
use super::errors::SkuError;
use super::sku::Sku;
use crate::snapshot::Withdrawn;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Takes `units` of `sku` out of stock for good, or all that are in stock if these are fewer; the rest is *owed*.
    /// Whatever comes back to the SKU pays what is owed first, before anybody can have it: units that are restocked,
    /// released, found in a count or moved in.
    ///
    /// For a shelf that holds less than was promised, or seats that are no longer for sale. More is to be read at
    /// [`Stock::withdraw`](crate::Stock::withdraw). The [snapshot](super::SkuSnapshot) of the SKU shows what is owed and what was
    /// withdrawn, and so do snapshots. A SKU that owes can be [removed](Self::remove).
    ///
    /// # Errors
    ///
    /// [`SkuError::UnknownSku`].
    ///
    /// # Consistency
    ///
    /// Linearizable. While the SKU owes, a deduct of it is refused by one load, and a restock or a release takes a
    /// lock of the SKU.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("seats", 10)?;
    /// let order = shop.order([("seats", 7)])?;
    /// let withdrawn = shop.withdraw("seats", 5)?; // a row is broken
    /// assert_eq!((withdrawn.taken, withdrawn.owed), (3, 2));
    ///
    /// drop(order);
    /// assert_eq!(shop.available("seats"), Some(5), "2 of the 7 were owed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn withdraw<Q>(&self, sku: &Q, units: u64) -> Result<Withdrawn, SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let withdrawn = self.with_stock(sku, |_, stock| stock.withdraw(units));
        withdrawn.ok_or(SkuError::UnknownSku)
    }

    /// Owes `units` of `sku` fewer, or nothing if fewer are owed, as if they had never been withdrawn. Returns how
    /// many it is fewer.
    ///
    /// # Errors
    ///
    /// [`SkuError::UnknownSku`].
    ///
    /// # Consistency
    ///
    /// Linearizable.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("seats", 0)?;
    /// assert_eq!(shop.withdraw("seats", 5)?.owed, 5);
    /// assert_eq!(shop.forgive("seats", 3)?, 3);
    /// shop.restock("seats", 4)?;
    /// assert_eq!(shop.available("seats"), Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forgive<Q>(&self, sku: &Q, units: u64) -> Result<u64, SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut sums = self.sums.lock();
        let stocks = self.stocks.pin();
        let (sku, stock) = stocks.get(sku).ok_or(SkuError::UnknownSku)?;
        let mut forgiven = stock.forgive(units);
        sums.change(sku, |sums| {
            let more = sums.owed_after_holds.min(units - forgiven);
            sums.owed_after_holds -= more;
            forgiven += more;
        });
        Ok(forgiven)
    }

    /// The holds of a snapshot are placed again: has `sku` owe what waited for that. Units that no hold took pay.
    pub(super) fn owe_after_holds<Q>(&self, sku: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut sums = self.sums.lock();
        let stocks = self.stocks.pin();
        if let Some((sku, stock)) = stocks.get(sku) {
            sums.change(sku, |sums| {
                _ = stock.withdraw(std::mem::take(&mut sums.owed_after_holds));
            });
        }
    }
}
