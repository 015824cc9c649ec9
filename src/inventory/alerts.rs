//! Who is told when a SKU runs low.

use super::Sku;
use crate::Stock;
use crate::sync::{AtomicU64, Ordering, fence};
use std::fmt;
use std::hash::BuildHasher;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
///
/// At rest, of a SKU with a threshold that has enough, nobody counts as told. Two threads have to agree on
/// that: one that takes and marks the alert, and one that puts and asks whether any is marked. Each writes
/// first, and reads what the other writes after a fence, so that one of them sees the other:
///
/// | who takes | who puts |
/// |---|---|
/// | counts and marks the alert as told | puts units |
/// | fence | fence |
/// | looks at the stock again: enough? then it arms | anything told? then it arms |
///
/// Tested by `low_stock_against_restock` in `tests/loom_inventory.rs`.
pub(super) struct Alerts<K, S> {
    alerts: papaya::HashMap<K, Alert, S>,
    /// At least every threshold: above it nothing is looked up.
    highest: AtomicU64,
    /// At least how many have been told and not armed again: counted before they are marked.
    told: AtomicU64,
    tell: Tell<K>,
}

#[derive(Debug)]
struct Alert {
    threshold: u64,
    state: AtomicU64,
}

/// What an alert is; it goes between the first two until it is taken away.
const ARMED: u64 = 0;
const TOLD: u64 = 1;
const GONE: u64 = 2;

impl Alert {
    fn turn(&self, from: u64, to: u64) -> bool {
        self.state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Whether the stock had as much as the threshold at one instant of the call: not only by its bound,
    /// which units that are being moved can raise, or one crossing would be told twice.
    fn has_enough(&self, stock: &Stock) -> bool {
        stock.available() >= self.threshold && stock.snapshot().available >= self.threshold
    }
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

    /// From now on `sku` is low below `threshold`, and nobody has been told. Called while nobody is in
    /// the middle of a take: who takes later knows of it.
    pub(super) fn set(&self, sku: &K, threshold: u64) {
        self.forget(sku);
        if threshold > 0 {
            let state = AtomicU64::new(ARMED);
            self.alerts
                .pin()
                .insert(sku.clone(), Alert { threshold, state });
            self.highest.fetch_max(threshold, Ordering::AcqRel);
        }
    }

    pub(super) fn forget(&self, sku: &K) {
        if let Some(alert) = self.alerts.pin().remove(sku)
            && alert.state.swap(GONE, Ordering::AcqRel) == TOLD
        {
            self.told.fetch_sub(1, Ordering::AcqRel);
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
        if let Some(alert) = alerts.get(sku) {
            self.tell_if_low(sku, stock, alert);
        }
    }

    /// Each turn of the loop is one crossing that is told.
    fn tell_if_low(&self, sku: &K, stock: &Stock, alert: &Alert) {
        let threshold = alert.threshold;
        while stock.serves_from_less_than(threshold) {
            let available = stock.available();
            if available >= threshold {
                return;
            }
            self.told.fetch_add(1, Ordering::AcqRel);
            if !alert.turn(ARMED, TOLD) {
                self.told.fetch_sub(1, Ordering::AcqRel);
                return;
            }
            let low = LowStock {
                threshold,
                available,
            };
            self.tell(sku, low);
            // Units that came before it was marked armed nothing.
            fence(Ordering::SeqCst);
            if !(alert.has_enough(stock) && self.arm(alert)) {
                return;
            }
        }
    }

    /// Tells, in the middle of a caller's call, which is done but not returned: often a drop. A panic of
    /// who is told would take its units along, or end the process if it is unwinding already; so it ends here.
    fn tell(&self, sku: &K, low: LowStock) {
        let told = catch_unwind(AssertUnwindSafe(|| (self.tell)(sku, low)));
        // What it carries may panic once more when it is dropped.
        told.unwrap_or_else(mem::forget);
    }

    /// Called when units came to `stock`.
    #[inline]
    pub(super) fn after_put(&self, sku: &K, stock: &Stock) {
        if self.highest.load(Ordering::Acquire) == 0 {
            return;
        }
        fence(Ordering::SeqCst);
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
        let told = alert.state.load(Ordering::Acquire) == TOLD;
        if told && alert.has_enough(stock) && self.arm(alert) {
            // Units that were taken before it was armed told nobody.
            self.tell_if_low(sku, stock, alert);
        }
    }

    fn arm(&self, alert: &Alert) -> bool {
        let armed = alert.turn(TOLD, ARMED);
        if armed {
            self.told.fetch_sub(1, Ordering::AcqRel);
        }
        armed
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
