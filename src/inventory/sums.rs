//! [`Sums`]: the figures of a SKU that its stock does not keep.

use super::sku::Sku;
use super::snapshot::SkuSnapshot;
use crate::stock::Engine;
use std::collections::BTreeMap;

/// The sums that a stock does not keep, and the thresholds of low stock. They lie under one lock with whatever
/// changes them, so that all figures of a SKU are of one instant. Most SKUs have none.
#[derive(Debug)]
pub(super) struct Sums<K> {
    by_sku: BTreeMap<K, SkuSums>,
}

/// What went is modulo 2^64, as the sums that the stock keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SkuSums {
    pub(super) written_off: u64,
    pub(super) moved_out: u64,
    /// Reserved in the stock, on the way to another.
    pub(super) on_the_way: u64,
    /// Withdrawn and owed, but for the stock: it owes them once the holds of a snapshot are placed again.
    pub(super) owed_after_holds: u64,
    /// The SKU is low below this; 0 is never.
    pub(super) low_stock: u64,
}

impl<K: Sku> Sums<K> {
    pub(super) const fn new() -> Self {
        Self {
            by_sku: BTreeMap::new(),
        }
    }

    pub(super) fn forget(&mut self, sku: &K) {
        self.by_sku.remove(sku);
    }

    /// Changes the sums of a SKU.
    pub(super) fn change(&mut self, sku: &K, change: impl FnOnce(&mut SkuSums)) {
        if let Some(sums) = self.by_sku.get_mut(sku) {
            return change(sums);
        }
        let mut sums = SkuSums::default();
        change(&mut sums);
        if sums != SkuSums::default() {
            self.by_sku.insert(sku.clone(), sums);
        }
    }

    /// Below how many units a SKU is low.
    pub(super) fn low_stock(&self, sku: &K) -> u64 {
        self.by_sku.get(sku).map_or(0, |sums| sums.low_stock)
    }

    /// The SKUs that have a threshold, and the threshold.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = (&K, u64)> {
        let thresholds = self.by_sku.iter().map(|(sku, sums)| (sku, sums.low_stock));
        thresholds.filter(|&(_, threshold)| threshold > 0)
    }

    /// The snapshot of a SKU. It divides what the stock calls reserved and sold.
    pub(super) fn snapshot(&self, sku: &K, stock: &Engine) -> SkuSnapshot {
        let stock = stock.snapshot();
        let sums = self.by_sku.get(sku).copied().unwrap_or_default();
        // What is on the way is reserved in the stock, and stays so while the sums are locked.
        debug_assert!(
            stock.reserved >= sums.on_the_way,
            "reserved units are missing"
        );
        SkuSnapshot {
            initial: stock.initial,
            restocked: stock.restocked,
            available: stock.available,
            reserved: stock.reserved.saturating_sub(sums.on_the_way),
            on_the_way: sums.on_the_way,
            sold: stock
                .sold
                .wrapping_sub(sums.written_off)
                .wrapping_sub(sums.moved_out),
            written_off: sums.written_off,
            moved_out: sums.moved_out,
            owed: stock.owed + sums.owed_after_holds,
            withdrawn: stock.withdrawn.wrapping_add(sums.owed_after_holds),
        }
    }
}
