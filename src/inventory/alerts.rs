//! Who is told when a SKU runs low.

use super::Sku;
use crate::stock::Engine;
use crate::sync::{AtomicU64, Mutex, Ordering, fence};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
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

/// The thresholds, apart from the stocks: most SKUs have none.
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
/// And while a SKU is low, who takes from it writes nothing here, but asks whether it was told already. So
/// there is the same to agree on with who arms it just then:
///
/// | who takes | who arms |
/// |---|---|
/// | takes units | marks the alert as armed |
/// | fence | fence |
/// | armed? then it looks, and tells | looks at the stock again: low? then it tells |
///
/// Tested by the scenarios of low stock in `tests/loom_inventory.rs`.
pub(super) struct Alerts<K, S> {
    alerts: papaya::HashMap<K, Alert, S>,
    /// How many alerts there are of each threshold.
    thresholds: Mutex<BTreeMap<u64, usize>>,
    /// The highest threshold: above it nothing is looked up.
    highest: AtomicU64,
    /// At least how many have been told and not armed again: counted before they are marked.
    told: AtomicU64,
    tell: Tell<K>,
}

#[derive(Debug)]
struct Alert {
    threshold: u64,
    /// Where the stock lies that it is of, which the map never moves. Another of the same SKU lies elsewhere,
    /// for as long as anybody has this one in hand.
    stock: usize,
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

    fn is_of(&self, stock: &Engine) -> bool {
        self.stock == address(stock)
    }

    fn is(&self, state: u64) -> bool {
        self.state.load(Ordering::Acquire) == state
    }

    /// How much there is, if it is less than the threshold.
    fn low(&self, stock: &Engine) -> Option<u64> {
        Some(stock.available()).filter(|&available| available < self.threshold)
    }

    /// Whether the stock had as much as the threshold at one instant of the call: not only by its bound,
    /// which units that are being moved can raise, or one crossing would be told twice.
    fn has_enough(&self, stock: &Engine) -> bool {
        stock.available() >= self.threshold && stock.snapshot().available >= self.threshold
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> Alerts<K, S> {
    pub(super) fn new(hasher: S, tell: Tell<K>) -> Self {
        Self {
            alerts: papaya::HashMap::with_hasher(hasher),
            thresholds: Mutex::new(BTreeMap::new()),
            highest: AtomicU64::new(0),
            told: AtomicU64::new(0),
            tell,
        }
    }

    /// From now on `sku` is low below `threshold`, and nobody has been told. Called while nobody is in
    /// the middle of a take: who takes later knows of it.
    pub(super) fn set(&self, sku: &K, stock: &Engine, threshold: u64) {
        self.put(sku, stock, threshold, ARMED);
    }

    /// The same, of a SKU that was below `threshold` when it was kept: that it was told then counts.
    pub(super) fn set_told(&self, sku: &K, stock: &Engine, threshold: u64) {
        self.put(sku, stock, threshold, TOLD);
    }

    fn put(&self, sku: &K, stock: &Engine, threshold: u64, state: u64) {
        self.forget(sku);
        if threshold == 0 {
            return;
        }
        let alert = Alert {
            threshold,
            stock: address(stock),
            state: AtomicU64::new(state),
        };
        self.told
            .fetch_add(u64::from(state == TOLD), Ordering::AcqRel);
        self.alerts.pin().insert(sku.clone(), alert);
        self.count(|thresholds| *thresholds.entry(threshold).or_default() += 1);
    }

    pub(super) fn forget(&self, sku: &K) {
        let alerts = self.alerts.pin();
        let Some(alert) = alerts.remove(sku) else {
            return;
        };
        if alert.state.swap(GONE, Ordering::AcqRel) == TOLD {
            self.told.fetch_sub(1, Ordering::AcqRel);
        }
        self.count(|thresholds| {
            if let Entry::Occupied(mut of) = thresholds.entry(alert.threshold) {
                *of.get_mut() -= 1;
                if *of.get() == 0 {
                    of.remove();
                }
            }
        });
    }

    /// Changes what there is of each threshold, and says which is the highest now.
    fn count(&self, change: impl FnOnce(&mut BTreeMap<u64, usize>)) {
        let mut thresholds = self.thresholds.lock();
        change(&mut thresholds);
        let highest = thresholds
            .last_key_value()
            .map_or(0, |(&highest, _)| highest);
        self.highest.store(highest, Ordering::Release);
    }

    /// The threshold of `sku`; 0 if it has none.
    pub(super) fn threshold(&self, sku: &K) -> u64 {
        self.alerts
            .pin()
            .get(sku)
            .map_or(0, |alert| alert.threshold)
    }

    /// Called when `units` were taken from `stock`.
    #[inline]
    pub(super) fn after_take(&self, sku: &K, stock: &Engine, units: u64) {
        let highest = self.highest.load(Ordering::Acquire);
        if highest > 0 && stock.serves_from_less_than(highest) {
            self.after_little(sku, stock, units);
        }
    }

    #[cold]
    #[inline(never)]
    fn after_little(&self, sku: &K, stock: &Engine, units: u64) {
        let alerts = self.alerts.pin();
        if let Some(alert) = alerts.get(sku)
            && alert.is_of(stock)
            && stock.is_time_to_look(alert.threshold, units)
        {
            fence(Ordering::SeqCst);
            self.tell_if_low(sku, stock, alert);
        }
    }

    /// Called when a threshold was set.
    pub(super) fn look(&self, sku: &K, stock: &Engine) {
        let alerts = self.alerts.pin();
        if let Some(alert) = alerts.get(sku).filter(|alert| alert.is_of(stock)) {
            self.tell_if_low(sku, stock, alert);
        }
    }

    /// Each turn of the loop is one crossing that is told.
    fn tell_if_low(&self, sku: &K, stock: &Engine, alert: &Alert) {
        // First whether it was told: so all who take from a SKU that is low write nothing here.
        while alert.is(ARMED)
            && let Some(available) = alert.low(stock)
        {
            self.told.fetch_add(1, Ordering::AcqRel);
            if !alert.turn(ARMED, TOLD) {
                self.told.fetch_sub(1, Ordering::AcqRel);
                return;
            }
            let low = LowStock {
                threshold: alert.threshold,
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

    /// Called when units came to `stock` behind the gate: where no threshold was set before it, one that is
    /// set meanwhile is looked at with these units.
    #[inline]
    pub(super) fn after_put(&self, sku: &K, stock: &Engine) {
        if self.highest.load(Ordering::Acquire) > 0 {
            self.after_return(sku, stock);
        }
    }

    /// Called when units came to `stock` past the gate, maybe just while its first threshold is set.
    #[inline]
    pub(super) fn after_return(&self, sku: &K, stock: &Engine) {
        fence(Ordering::SeqCst);
        if self.told.load(Ordering::Acquire) > 0 {
            self.arm_if_enough(sku, stock);
        }
    }

    #[cold]
    #[inline(never)]
    fn arm_if_enough(&self, sku: &K, stock: &Engine) {
        let alerts = self.alerts.pin();
        let Some(alert) = alerts.get(sku) else {
            return;
        };
        let told = alert.is_of(stock) && alert.is(TOLD);
        if told && alert.has_enough(stock) && self.arm(alert) {
            // Units that were taken before it was armed told nobody.
            self.tell_if_low(sku, stock, alert);
        }
    }

    /// Arms it; who did looks at the stock again.
    fn arm(&self, alert: &Alert) -> bool {
        let armed = alert.turn(TOLD, ARMED);
        if armed {
            self.told.fetch_sub(1, Ordering::AcqRel);
            fence(Ordering::SeqCst);
        }
        armed
    }
}

/// Where it lies: to be compared only.
fn address(stock: &Engine) -> usize {
    std::ptr::from_ref(stock).addr()
}

impl<K, S> fmt::Debug for Alerts<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts")
            .field("highest", &self.highest)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::Stock;
    use std::collections::hash_map::RandomState;

    type Few = Alerts<&'static str, RandomState>;

    /// The highest threshold, and how many count as told.
    fn sums(alerts: &Few) -> (u64, u64) {
        let sum = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        (sum(&alerts.highest), sum(&alerts.told))
    }

    #[test]
    fn what_is_taken_away_costs_nothing_more() {
        let alerts = Few::new(RandomState::new(), Box::new(|_, _| ()));
        let stock = Engine::new(100);
        alerts.set(&"a", &stock, 10);
        alerts.set(&"b", &stock, 10);
        alerts.set(&"c", &stock, 20);
        alerts.set_told(&"d", &stock, 30);
        assert_eq!(sums(&alerts), (30, 1));
        alerts.set(&"d", &stock, 20);
        assert_eq!(sums(&alerts), (20, 0), "it has another one now");
        for (sku, highest) in [("c", 20), ("d", 10), ("a", 10), ("b", 0), ("none", 0)] {
            alerts.forget(&sku);
            assert_eq!(sums(&alerts), (highest, 0), "without {sku}");
        }
        alerts.set_told(&"a", &stock, 5);
        alerts.forget(&"a");
        assert_eq!((sums(&alerts), alerts.threshold(&"a")), ((0, 0), 0));
        assert!(format!("{alerts:?}").contains("highest: 0, told: 0"));
    }

    #[test]
    fn units_that_are_being_moved_arm_nothing() {
        let alerts = Few::new(RandomState::new(), Box::new(|_, _| ()));
        let stock = Stock::builder(1_000).segments(2).build().unwrap().engine;
        alerts.set_told(&"a", &stock, 1_200);
        stock.announce(500);
        assert_eq!(stock.available(), 1_500, "at most");
        alerts.after_return(&"a", &stock);
        assert_eq!(sums(&alerts), (1_200, 1));
        stock.restock(200).unwrap();
        alerts.after_return(&"a", &stock);
        assert_eq!(sums(&alerts), (1_200, 0));
    }
}
