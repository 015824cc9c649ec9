//! Low stock: the SKUs that have less than their threshold.

use super::Inventory;
use super::errors::SkuError;
use super::sku::Sku;
use crate::stock::Engine;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

/// A SKU has less in stock than its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LowStock {
    /// The SKU is low below this.
    pub threshold: u64,
    /// The units in stock: less than the threshold.
    pub available: u64,
}

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Sets the threshold of `sku`: it is [low](Self::low_stock) while fewer than `units` are in stock. With 0 it
    /// is never low. The threshold is part of a [snapshot](Self::snapshot), and goes with the SKU when that is
    /// removed.
    ///
    /// # Errors
    ///
    /// [`SkuError::UnknownSku`].
    pub fn set_low_stock<Q>(&self, sku: &Q, units: u64) -> Result<(), SkuError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut sums = self.sums.lock();
        let stocks = self.stocks.pin();
        let (sku, _) = stocks.get(sku).ok_or(SkuError::UnknownSku)?;
        sums.change(sku, |sums| sums.low_stock = units);
        Ok(())
    }

    /// The SKUs that have less in stock than their [threshold](Self::set_low_stock), in the sequence of the SKUs.
    ///
    /// It may be asked at any time, for example by a timer. No sale does anything for it: it looks at each SKU that
    /// has a threshold. The list of those is drawn up first.
    ///
    /// # Consistency
    ///
    /// One SKU after another. Each that it yields was low at one instant of its step, and each that it leaves out was not:
    /// a SKU that is low all the time is in every list, under any traffic. For most SKUs a step costs what
    /// [`available`](crate::Stock::available) costs. Only where that is not decisive, since the units in segments are close to
    /// the threshold or are being moved, it brings them together as [`snapshot`](crate::Stock::snapshot) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::Inventory;
    ///
    /// let shop = Inventory::new();
    /// shop.insert("phone", 12)?;
    /// shop.insert("case", 12)?;
    /// shop.set_low_stock("phone", 10)?;
    /// assert_eq!(shop.low_stock().count(), 0);
    ///
    /// shop.deduct("phone", 3)?;
    /// let low: Vec<_> = shop.low_stock().map(|(sku, low)| (sku, low.available)).collect();
    /// assert_eq!(low, [("phone", 9)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn low_stock(&self) -> impl Iterator<Item = (K, LowStock)> + '_ {
        let sums = self.sums.lock();
        let thresholds = sums.thresholds().map(|(sku, units)| (sku.clone(), units));
        let thresholds: Vec<_> = thresholds.collect();
        drop(sums);
        thresholds.into_iter().filter_map(|(sku, threshold)| {
            let look = |_: &K, stock: &Engine| stock.available_if_below(threshold);
            let available = self.with_stock(&sku, look)??;
            let low = LowStock {
                threshold,
                available,
            };
            Some((sku, low))
        })
    }
}
