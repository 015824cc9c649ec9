//! Who is told when a SKU runs low.

use super::Sku;
use crate::Stock;
use crate::sync::{AtomicU64, Ordering};
use std::fmt;
use std::hash::BuildHasher;

/// A SKU went below its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LowStock {
    /// What it went below.
    pub threshold: u64,
    /// What was in stock, at most, when it was looked at.
    pub available: u64,
}

/// Who is told. On the thread whose call left so little, after it is done and without any lock.
pub(super) type Tell<K> = Box<dyn Fn(&K, LowStock) + Send + Sync>;

/// The thresholds, apart from the stocks: most SKUs have none, and a stock fills its cache line.
pub(super) struct Alerts<K, S> {
    alerts: papaya::HashMap<K, Alert, S>,
    /// At least every threshold: above it nothing is looked up.
    highest: AtomicU64,
    /// How many have been told and not armed again.
    told: AtomicU64,
    tell: Tell<K>,
}

/// The orderings are those of read-modify-writes throughout; what an alert says of units it reads
/// from the stock anew.
#[derive(Debug)]
struct Alert {
    threshold: u64,
    /// 1 from when it is told until it is armed again.
    told: AtomicU64,
}

impl<K: Sku, S: BuildHasher + Send + Sync> Alerts<K, S> {
    pub(super) fn new(hasher: S, tell: Tell<K>) -> Self {
        Self {
            alerts: papaya::HashMap::with_hasher(hasher),
            highest: AtomicU64::new(0),
            told: AtomicU64::new(0),
            tell,
        }
    }

    /// From now on `sku` is low below `threshold`, and nobody has been told.
    pub(super) fn set(&self, sku: &K, threshold: u64) {
        self.forget(sku);
        if threshold > 0 {
            let told = AtomicU64::new(0);
            let alert = Alert { threshold, told };
            self.alerts.pin().insert(sku.clone(), alert);
            self.highest.fetch_max(threshold, Ordering::AcqRel);
        }
    }

    pub(super) fn forget(&self, sku: &K) {
        if let Some(alert) = self.alerts.pin().remove(sku) {
            self.arm(alert);
        }
    }

    /// The threshold of `sku`; 0 if it has none.
    pub(super) fn threshold(&self, sku: &K) -> u64 {
        self.alerts
            .pin()
            .get(sku)
            .map_or(0, |alert| alert.threshold)
    }

    /// Called when units were taken from `stock`.
    #[inline]
    pub(super) fn after_take(&self, sku: &K, stock: &Stock) {
        let highest = self.highest.load(Ordering::Acquire);
        if highest > 0 && stock.serves_from_less_than(highest) {
            self.look(sku, stock);
        }
    }

    #[cold]
    #[inline(never)]
    fn look(&self, sku: &K, stock: &Stock) {
        let alerts = self.alerts.pin();
        let Some(alert) = alerts.get(sku) else {
            return;
        };
        let threshold = alert.threshold;
        if !stock.serves_from_less_than(threshold) {
            return;
        }
        let available = stock.available();
        if available < threshold && alert.told.fetch_or(1, Ordering::AcqRel) == 0 {
            self.told.fetch_add(1, Ordering::AcqRel);
            (self.tell)(
                sku,
                LowStock {
                    threshold,
                    available,
                },
            );
        }
    }

    /// Called when units came to `stock`.
    #[inline]
    pub(super) fn after_put(&self, sku: &K, stock: &Stock) {
        if self.told.load(Ordering::Acquire) > 0 {
            self.arm_if_enough(sku, stock);
        }
    }

    #[cold]
    #[inline(never)]
    fn arm_if_enough(&self, sku: &K, stock: &Stock) {
        let alerts = self.alerts.pin();
        let Some(alert) = alerts.get(sku) else {
            return;
        };
        if stock.available() >= alert.threshold {
            self.arm(alert);
            // Units that were taken before it was armed told nobody.
            self.look(sku, stock);
        }
    }

    fn arm(&self, alert: &Alert) {
        if alert.told.fetch_and(0, Ordering::AcqRel) == 1 {
            self.told.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl<K, S> fmt::Debug for Alerts<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts")
            .field("highest", &self.highest)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
