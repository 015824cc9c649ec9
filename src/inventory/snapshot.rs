//! [`InventorySnapshot`]: what is kept of an inventory, and how it is opened again.

use super::moves::Entry;
use super::{Inventory, InventoryBuilder, InventoryHandle, OrderHolds, OrderRefused};
use super::{OrderReservation, Sku};
use crate::stock::Engine;
use crate::{Clock, MAX_UNITS, PlaceError, Placed};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// The form of snapshots that this version writes and reads.
pub(super) const VERSION: u32 = 1;

/// The books of one SKU at one instant.
///
/// In every one, `initial + restocked == available + reserved + on_the_way + sold + written_off +
/// moved_out`. The sums over a SKU's life are modulo 2^64, and so is the equation; a snapshot with a sum
/// that has wrapped is refused when it is [restored](InventoryBuilder::restore). Calls that run beside it
/// may show units as sold that are reserved, never the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[must_use]
pub struct SkuSnapshot {
    /// Units that the SKU was opened with.
    pub initial: u64,
    /// Units that came since: restocked, found in a count, moved in.
    pub restocked: u64,
    /// Units in stock.
    pub available: u64,
    /// Units that are set aside by reservations and orders.
    pub reserved: u64,
    /// Units on the way to another SKU.
    pub on_the_way: u64,
    /// Units that were sold.
    pub sold: u64,
    /// Units that were written off, or missing in a count.
    pub written_off: u64,
    /// Units that arrived at another SKU.
    pub moved_out: u64,
}

impl SkuSnapshot {
    /// Units that are still of this SKU: available, reserved, and on the way.
    #[must_use]
    pub const fn on_hand(&self) -> u64 {
        self.available
            .saturating_add(self.reserved)
            .saturating_add(self.on_the_way)
    }

    /// With as many units reserved as are held: the stock's figure may lag towards sold while calls
    /// run, that of the holds does not.
    fn reserving_at_least(self, held: u64) -> Self {
        let missed = held.saturating_sub(self.reserved);
        Self {
            reserved: self.reserved + missed,
            sold: self.sold.wrapping_sub(missed),
            ..self
        }
    }

    /// In more bits than the sums have, so that none of them can be made up by wrapping.
    fn came(&self) -> u128 {
        u128::from(self.initial) + u128::from(self.restocked)
    }

    fn went(&self) -> u128 {
        let gone = [self.sold, self.written_off, self.moved_out];
        let here = [self.available, self.reserved, self.on_the_way];
        gone.into_iter().chain(here).map(u128::from).sum()
    }
}

/// One SKU in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SkuRow<K> {
    /// The SKU.
    pub sku: K,
    /// Its books.
    pub books: SkuSnapshot,
    /// Below how many units somebody is told; 0 is never.
    pub low_stock: u64,
}

/// One hold in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct HoldRow<N, K> {
    /// The key that it was placed under.
    pub key: N,
    /// The lines that it was placed for.
    pub lines: Vec<(K, u64)>,
    /// How long it was still good.
    pub remaining: Duration,
}

/// An inventory as it was: every SKU with its sums, and the holds on its orders. With feature `serde`
/// it goes to and comes from JSON and any other format.
///
/// `K` is the SKU, `N` the key of the holds.
///
/// # Consistency
///
/// Each SKU's books are of one instant of the call, one SKU after another; units on the way are shown
/// once, as on the way. What the holds hold never exceeds what is reserved: no hold is settled
/// while the SKUs that are held are looked at.
///
/// # What a crash loses
///
/// Whatever happened after the last snapshot that was written: orders that were confirmed since are
/// unknown to it, and their units would be sold again. So the book of record is a database, and
/// this is for what the database does not have. See [how to keep it](crate::docs::inventory#keeping-it).
/// The answers of holds that are settled are not in it: after a restore, a retried confirm of an order
/// that was sold says *unknown*, and a retried place reserves anew. Ask the database first.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "serde")] {
/// use segstock::Inventory;
/// use segstock::inventory::InventorySnapshot;
///
/// let shop = Inventory::new();
/// shop.insert("phone".to_owned(), 10)?;
/// shop.deduct("phone", 3)?;
/// let kept = serde_json::to_string(&shop.snapshot())?;
///
/// let kept: InventorySnapshot<String> = serde_json::from_str(&kept)?;
/// let (shop, restored) = Inventory::builder().restore(&kept)?;
/// assert_eq!(shop.get("phone").map(|books| (books.available, books.sold)), Some((7, 3)));
/// assert_eq!(restored.freed, 0);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
#[must_use]
pub struct InventorySnapshot<K, N = ()> {
    /// The form of the snapshot. Of another than this one reads, the rest is not read either.
    pub version: u32,
    /// The SKUs, in no sequence.
    pub skus: Vec<SkuRow<K>>,
    /// The holds that were good.
    pub holds: Vec<HoldRow<N, K>>,
}

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// All SKUs with their books.
    pub fn snapshot(&self) -> InventorySnapshot<K> {
        let _still = self.arrivals.lock();
        self.capture(Vec::new(), BTreeMap::new())
    }

    /// All SKUs with their books, and the holds on orders of this inventory; those on orders of others
    /// are left out.
    ///
    /// Calls on the holds wait while the SKUs that are held are looked at, and not for the others.
    pub fn snapshot_with<N, I, C, H>(
        &self,
        holds: &OrderHolds<N, I, C, H>,
    ) -> InventorySnapshot<K, N>
    where
        N: Hash + Eq + Clone,
        I: InventoryHandle<Sku = K>,
        C: Clock,
        H: BuildHasher,
    {
        // Nothing is settled from here on, so that what is held stays reserved.
        let frozen = holds.freeze();
        let _still = self.arrivals.lock();
        let mut held = BTreeMap::<K, u64>::new();
        let mut rows = Vec::new();
        let ours = std::ptr::from_ref(self).addr();
        for hold in frozen.held().filter(|hold| hold.hold.is_of(ours)) {
            for (sku, units) in hold.hold.lines() {
                *held.entry(sku.clone()).or_default() += units;
            }
            rows.push(HoldRow {
                key: hold.key.clone(),
                lines: hold.request.clone(),
                remaining: hold.remaining,
            });
        }
        let books = held.into_iter().filter_map(|(sku, units)| {
            let books = self.get(&sku)?;
            Some((sku, books.reserving_at_least(units)))
        });
        let books = books.collect();
        drop(frozen);
        self.capture(rows, books)
    }

    /// Adds all other SKUs to those that were looked at, which may be gone by now. Called while nothing
    /// arrives, so that nothing is seen both here and there.
    fn capture<N>(
        &self,
        holds: Vec<HoldRow<N, K>>,
        seen: BTreeMap<K, SkuSnapshot>,
    ) -> InventorySnapshot<K, N> {
        let row = |(sku, books)| {
            let low_stock = self.alerts.threshold(&sku);
            SkuRow {
                sku,
                books,
                low_stock,
            }
        };
        let others = self.iter_but(|sku| seen.contains_key(sku));
        let mut skus: Vec<_> = others.map(row).collect();
        skus.extend(seen.into_iter().map(row));
        InventorySnapshot {
            version: VERSION,
            skus,
            holds,
        }
    }
}

/// What became of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Restored {
    /// SKUs that were opened.
    pub skus: usize,
    /// Units that were reserved without a hold, or on the way, and are available again.
    pub freed: u64,
}

impl<K: Sku, S: BuildHasher + Clone + Send + Sync> InventoryBuilder<K, S> {
    /// Opens an inventory as it was. Units that were reserved are available, for its
    /// [holds](InventorySnapshot::place_holds) to be placed again before anything else is sold.
    ///
    /// A SKU that is below its [threshold](Inventory::set_low_stock) when its holds are placed was told
    /// of before it was kept, and is not told of again until it has been at the threshold or above.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]: the snapshot cannot be true, or is of another version.
    pub fn restore<N: Ord>(
        self,
        snapshot: &InventorySnapshot<K, N>,
    ) -> Result<(Inventory<K, S>, Restored), RestoreError<K>> {
        let unheld = snapshot.check()?;
        let mut freed = 0_u64;
        let inventory = self.capacity(snapshot.skus.len()).build();
        for SkuRow {
            sku,
            books,
            low_stock,
        } in &snapshot.skus
        {
            let stock = Engine::with_books(books.initial, books.restocked, books.on_hand());
            if inventory.open(sku.clone(), stock).is_err() {
                return Err(RestoreError::DuplicateSku(sku.clone()));
            }
            if (books.written_off, books.moved_out) != (0, 0) {
                let entry = Entry {
                    written_off: books.written_off,
                    moved_out: books.moved_out,
                    on_the_way: 0,
                };
                inventory.ledger.lock().open(sku.clone(), entry);
            }
            let free = unheld.get(sku).copied().unwrap_or(0) + books.on_the_way;
            freed = freed.saturating_add(free);
            inventory.watch_again(sku, *low_stock, books.available + free);
        }
        let skus = snapshot.skus.len();
        Ok((inventory, Restored { skus, freed }))
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// Sets the threshold that a SKU had which will have `available` units once its holds are placed again.
    /// If they are few, it was told when they became so, and neither opening nor placing tells it again.
    fn watch_again(&self, sku: &K, threshold: u64, available: u64) {
        let stocks = self.stocks.pin();
        match stocks.get(sku) {
            Some(stock) if available < threshold => self.alerts.set_told(sku, stock, threshold),
            Some(stock) => self.alerts.set(sku, stock, threshold),
            None => {}
        }
    }
}

impl<K: Sku, N: Ord> InventorySnapshot<K, N> {
    /// Whether it can be true; of each SKU, the units that are reserved without a hold.
    fn check(&self) -> Result<BTreeMap<&K, u64>, RestoreError<K>> {
        if self.version != VERSION {
            return Err(RestoreError::UnknownVersion(self.version));
        }
        let mut reserve_units = BTreeMap::new();
        for SkuRow { sku, books, .. } in &self.skus {
            if books.on_hand() > MAX_UNITS {
                return Err(RestoreError::TooManyUnits(sku.clone()));
            }
            // Sums that have wrapped cannot be told from such as were never true; so they do not pass.
            if books.came() != books.went() {
                return Err(RestoreError::Sums(sku.clone()));
            }
            if books.reserved > 0 && reserve_units.insert(sku, books.reserved).is_some() {
                return Err(RestoreError::DuplicateSku(sku.clone()));
            }
        }
        for hold in self.holds.iter().filter(|hold| !hold.remaining.is_zero()) {
            if hold.lines.is_empty() {
                return Err(RestoreError::EmptyHold);
            }
            for (sku, units) in &hold.lines {
                if *units == 0 {
                    return Err(RestoreError::ZeroUnits(sku.clone()));
                }
                let reserved = reserve_units.get_mut(sku);
                let left = reserved.and_then(|left| {
                    *left = left.checked_sub(*units)?;
                    Some(())
                });
                left.ok_or_else(|| RestoreError::NotReserved(sku.clone()))?;
            }
        }
        let mut keys: Vec<&N> = self.holds.iter().map(|hold| &hold.key).collect();
        keys.sort_unstable();
        if keys.is_sorted_by(|a, b| a < b) {
            Ok(reserve_units)
        } else {
            Err(RestoreError::DuplicateHold)
        }
    }
}

impl<K: Sku, N: Hash + Ord + Clone> InventorySnapshot<K, N> {
    /// Places the holds again, each for the time that it was still good, and returns how many. For
    /// an inventory that was [restored](InventoryBuilder::restore) from the same snapshot, before
    /// anything else is sold from it.
    ///
    /// # Errors
    ///
    /// Those of [`Holds::place`](crate::Holds::place): something was sold meanwhile, the key is in
    /// use, or a hold is good for longer than the clock counts. The holds before that one are placed; to call it
    /// again places the others.
    pub fn place_holds<I, C, H>(
        &self,
        inventory: &I,
        holds: &OrderHolds<N, I, C, H>,
    ) -> Result<usize, PlaceError<OrderRefused<K>>>
    where
        I: InventoryHandle<Sku = K> + Clone,
        C: Clock,
        H: BuildHasher,
    {
        let mut placed = 0;
        for hold in self.holds.iter().filter(|hold| !hold.remaining.is_zero()) {
            let (key, lines) = (hold.key.clone(), hold.lines.clone());
            let answer = holds.place(key, lines, hold.remaining, |lines| {
                OrderReservation::new(inventory.clone(), lines.iter().cloned())
            })?;
            placed += usize::from(matches!(answer, Placed::Now(_)));
        }
        Ok(placed)
    }
}

/// A snapshot cannot be opened: it is of another version, or cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RestoreError<K> {
    /// It is of a version that this one does not read.
    UnknownVersion(u32),
    /// The SKU stands in it twice.
    DuplicateSku(K),
    /// The sums of the SKU do not add up: they were never true, or one of them has wrapped.
    Sums(K),
    /// More units of the SKU than a stock holds.
    TooManyUnits(K),
    /// More units of the SKU are held than are reserved, or it is not there.
    NotReserved(K),
    /// A hold has a line of no units of the SKU.
    ZeroUnits(K),
    /// A hold has no lines.
    EmptyHold,
    /// The key of a hold stands in it twice.
    DuplicateHold,
}

impl<K: fmt::Display> fmt::Display for RestoreError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion(version) => {
                write!(f, "a snapshot of version {version}; this reads {VERSION}")
            }
            Self::DuplicateSku(sku) => write!(f, "SKU {sku} stands in the snapshot twice"),
            Self::Sums(sku) => write!(f, "the sums of SKU {sku} do not add up"),
            Self::TooManyUnits(sku) => {
                write!(f, "more than {MAX_UNITS} units of SKU {sku} are on hand")
            }
            Self::NotReserved(sku) => {
                write!(
                    f,
                    "more units of SKU {sku} are held than are reserved, or it is not there"
                )
            }
            Self::ZeroUnits(sku) => write!(f, "a hold has a line of no units of SKU {sku}"),
            Self::EmptyHold => f.write_str("a hold has no lines"),
            Self::DuplicateHold => f.write_str("a hold stands in the snapshot twice"),
        }
    }
}

impl<K: fmt::Debug + fmt::Display> Error for RestoreError<K> {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_reserved_even_where_the_stock_lags() {
        let books = SkuSnapshot {
            initial: 10,
            restocked: 0,
            available: 2,
            reserved: 3,
            on_the_way: 0,
            sold: 5,
            written_off: 0,
            moved_out: 0,
        };
        assert_eq!(books.reserving_at_least(3), books);
        let more = books.reserving_at_least(7);
        assert_eq!((more.reserved, more.sold), (7, 1));
        assert_eq!(more.came(), more.went());
    }
}
