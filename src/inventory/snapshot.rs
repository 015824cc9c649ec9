//! [`InventorySnapshot`]: an inventory as it was, to be written down.

use super::Inventory;
use super::form::VERSION;
use super::order::OrderReservation;
use super::shelf::InventoryHandle;
use super::sku::Sku;
use crate::clock::Clock;
use crate::holds::{Entry, Holds, Hook, Resolution};
use crate::settle::Settle;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// The figures of one SKU at one instant.
///
/// In every one, what came is what is here and what left:
///
/// `initial + restocked + owed == available + reserved + on_the_way + sold + written_off + moved_out + withdrawn`.
///
/// The sums over a SKU's life are modulo 2^64, and so is the equation; a snapshot with a sum that has wrapped is
/// refused when it is [restored](super::InventoryBuilder::restore). All figures are as exact as those of a
/// [`Snapshot`](crate::Snapshot).
///
/// For tests of your own, begin with `SkuSnapshot::default()` and set the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
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
    /// Units that reservations and orders have.
    pub reserved: u64,
    /// Units on the way to another SKU.
    pub on_the_way: u64,
    /// Units that were sold.
    pub sold: u64,
    /// Units that were written off, or missing in a count.
    pub written_off: u64,
    /// Units that arrived at another SKU.
    pub moved_out: u64,
    /// Units that were [withdrawn](Inventory::withdraw) and are still to come back: nobody gets a unit before they
    /// are paid. 0 in a snapshot that was written without it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub owed: u64,
    /// Units that were withdrawn, those that are owed included. 0 in a snapshot that was written without it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub withdrawn: u64,
}

impl SkuSnapshot {
    /// Units that are still of this SKU: available, reserved, and on the way.
    #[must_use]
    pub const fn on_hand(&self) -> u64 {
        self.available
            .saturating_add(self.reserved)
            .saturating_add(self.on_the_way)
    }

    /// All units that came, and those that are still to come. In more bits than the sums have, so that no sum can be
    /// made up by wrapping.
    pub(super) fn came(&self) -> u128 {
        let came = [self.initial, self.restocked, self.owed];
        came.into_iter().map(u128::from).sum()
    }

    /// All units that came, by where they are now.
    pub(super) fn went(&self) -> u128 {
        let gone = [self.sold, self.written_off, self.moved_out, self.withdrawn];
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
    /// Its figures.
    pub snapshot: SkuSnapshot,
    /// Below how many units it is low; 0 is never.
    pub low_stock: u64,
}

impl<K> SkuRow<K> {
    /// A SKU without a threshold of low stock.
    #[must_use]
    pub const fn new(sku: K, snapshot: SkuSnapshot) -> Self {
        Self {
            sku,
            snapshot,
            low_stock: 0,
        }
    }
}

/// One hold in a snapshot.
///
/// `N` is the key of the holds, `K` the SKU, `Q` what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct HoldRow<N, K, Q = Vec<(K, u64)>> {
    /// The key that it was placed under.
    pub key: N,
    /// What was asked for. A retry is known by it.
    pub request: Q,
    /// The units of each SKU that it holds: what its order has, which may be other than what was asked for.
    pub lines: Vec<(K, u64)>,
    /// Time until its deadline.
    pub remaining: Duration,
}

impl<N, K, Q> HoldRow<N, K, Q> {
    /// A hold of `lines` that was placed for `request`.
    #[must_use]
    pub const fn new(key: N, request: Q, lines: Vec<(K, u64)>, remaining: Duration) -> Self {
        Self {
            key,
            request,
            lines,
            remaining,
        }
    }
}

/// One key of a hold that ended, in a snapshot.
///
/// `N` is the key of the holds, `Q` what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ResolvedRow<N, Q> {
    /// The key that it was placed under.
    pub key: N,
    /// What was asked for. A retry is known by it.
    pub request: Q,
    /// How it ended.
    pub resolution: Resolution,
    /// Units that were held at the end.
    pub units: u64,
    /// Time until the key is forgotten.
    pub remaining: Duration,
}

impl<N, Q> ResolvedRow<N, Q> {
    /// A hold of `units` that was placed for `request` and ended in `resolution`.
    #[must_use]
    pub const fn new(
        key: N,
        request: Q,
        resolution: Resolution,
        units: u64,
        remaining: Duration,
    ) -> Self {
        Self {
            key,
            request,
            resolution,
            units,
            remaining,
        }
    }
}

/// An inventory as it was: every SKU with its sums, and the holds on its orders. With feature `serde` it goes to and
/// comes from JSON and any other format.
///
/// `K` is the SKU, `N` the key of the holds, `Q` what was asked for under it.
///
/// # Consistency
///
/// Each SKU's figures are of one instant of the call, one SKU after another; units on the way are shown once, as on the
/// way. What the holds hold never exceeds what is reserved: no hold is settled while the SKUs that are held are looked
/// at.
///
/// # What a crash loses
///
/// Whatever happened after the last snapshot that was written: orders that were confirmed since are unknown to it, and
/// their units would be sold again. So the durable record is a database, and this is for what the database does not
/// have. See [how to keep it](crate::docs::inventory#keeping-it). Keys that were resolved since are unknown, too: a
/// retried confirm says *unknown*, and a retried place reserves again. Ask the database first.
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
/// let written = serde_json::to_string(&shop.snapshot())?;
///
/// let read: InventorySnapshot<String> = serde_json::from_str(&written)?;
/// let (shop, restored) = Inventory::builder().restore(&read)?;
/// assert_eq!(shop.get("phone").map(|it| (it.available, it.sold)), Some((7, 3)));
/// assert_eq!(restored.freed, 0);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
#[must_use]
pub struct InventorySnapshot<K, N = (), Q = Vec<(K, u64)>> {
    /// The form of the snapshot. If this release does not know the version, the other fields stay empty and
    /// [`restore`](super::InventoryBuilder::restore) refuses.
    pub version: u32,
    /// The SKUs, in no sequence.
    pub skus: Vec<SkuRow<K>>,
    /// The holds that were active.
    pub holds: Vec<HoldRow<N, K, Q>>,
    /// The keys of holds that had ended and were not forgotten; those that were past their deadline are among them, also if no
    /// call had freed them yet. Those of all inventories: what they held is gone.
    pub resolved: Vec<ResolvedRow<N, Q>>,
}

impl<K, N, Q> InventorySnapshot<K, N, Q> {
    /// A snapshot of this version, without resolved keys.
    pub const fn new(skus: Vec<SkuRow<K>>, holds: Vec<HoldRow<N, K, Q>>) -> Self {
        let version = VERSION;
        Self {
            version,
            skus,
            holds,
            resolved: Vec::new(),
        }
    }

    /// The snapshot with the time that `passed` while nothing ran taken off every deadline and every retention. Leave
    /// it out if that time does not count.
    ///
    /// A hold whose deadline has passed by then is not placed again, and its units are
    /// [freed](super::Restored::freed); [`note_resolved`](Self::note_resolved) notes it as expired.
    pub fn after(mut self, passed: Duration) -> Self {
        for hold in &mut self.holds {
            hold.remaining = hold.remaining.saturating_sub(passed);
        }
        self.resolved.retain_mut(|row| {
            row.remaining = row.remaining.saturating_sub(passed);
            !row.remaining.is_zero()
        });
        self
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> Inventory<K, S> {
    /// All SKUs with their figures.
    pub fn snapshot(&self) -> InventorySnapshot<K> {
        let _still = self.arrivals.lock();
        self.capture(Vec::new(), BTreeMap::new())
    }

    /// All SKUs with their figures, the holds on orders of this inventory, and the keys whose hold ended. Holds on orders
    /// of other inventories are left out, and so are the marks of a [`Hook`].
    ///
    /// `R` is what is held: an [`OrderReservation`], or a type of your own that wraps one, to be notified when it is
    /// dropped, say. It leads to the order by `AsRef`.
    ///
    /// Calls on the holds wait while the SKUs that are held are looked at, and not for the others.
    pub fn snapshot_with<N, R, I, Q, C, H, W>(
        &self,
        holds: &Holds<N, R, Q, C, H, W>,
    ) -> InventorySnapshot<K, N, Q>
    where
        N: Hash + Eq + Clone,
        R: Settle + AsRef<OrderReservation<I>>,
        I: InventoryHandle<Sku = K>,
        Q: Clone,
        C: Clock,
        H: BuildHasher,
        W: Hook<N, R, Q>,
    {
        // Nothing is settled from here on, so that what is held stays reserved.
        let frozen = holds.freeze();
        let _still = self.arrivals.lock();
        let mut held = BTreeSet::new();
        let mut rows = Vec::new();
        let mut resolved = Vec::new();
        let here = std::ptr::from_ref(self).addr();
        for entry in frozen.entries() {
            let Entry::Held(hold) = entry else { continue };
            if hold.remaining.is_zero() {
                // Its units are reserved, and not held any more.
                let (key, request) = (hold.key.clone(), hold.request.clone());
                let (units, retention) = (hold.hold.units(), holds.retention());
                let expired = Resolution::Expired;
                resolved.push(ResolvedRow::new(key, request, expired, units, retention));
                continue;
            }
            let order = hold.hold.as_ref();
            if order.inventory_address() != here {
                continue;
            }
            let lines: Vec<_> = order.lines().map(|(sku, n)| (sku.clone(), n)).collect();
            held.extend(lines.iter().map(|(sku, _)| sku.clone()));
            let (key, request) = (hold.key.clone(), hold.request.clone());
            rows.push(HoldRow::new(key, request, lines, hold.remaining));
        }
        let skus = held.into_iter().filter_map(|sku| {
            let found = self.snapshot_and_threshold(&sku)?;
            Some((sku, found))
        });
        let skus = skus.collect();
        drop(frozen);
        add_resolved(&mut resolved, holds, &rows);
        InventorySnapshot {
            resolved,
            ..self.capture(rows, skus)
        }
    }

    /// Adds all other SKUs to those that were looked at, which may be removed by now. Called while nothing arrives, so
    /// that no unit is seen in two SKUs.
    fn capture<N, Q>(
        &self,
        holds: Vec<HoldRow<N, K, Q>>,
        seen: BTreeMap<K, (SkuSnapshot, u64)>,
    ) -> InventorySnapshot<K, N, Q> {
        let row = |(sku, (snapshot, low_stock))| SkuRow {
            sku,
            snapshot,
            low_stock,
        };
        let others = self.skus_but(|sku| seen.contains_key(sku)).into_iter();
        let others = others.filter_map(|sku| Some((self.snapshot_and_threshold(&sku)?, sku)));
        let mut skus: Vec<_> = others.map(|(found, sku)| row((sku, found))).collect();
        skus.extend(seen.into_iter().map(row));
        InventorySnapshot::new(skus, holds)
    }
}

/// Adds the keys whose hold ended, but those that are `held` in the snapshot or expired in it: these ended since. There may
/// be many, so they are read from one shard after another, when calls on the holds go on.
fn add_resolved<N, K, R, Q, C, H, W>(
    rows: &mut Vec<ResolvedRow<N, Q>>,
    holds: &Holds<N, R, Q, C, H, W>,
    held: &[HoldRow<N, K, Q>],
) where
    N: Hash + Eq + Clone,
    R: Settle,
    Q: Clone,
    C: Clock,
    H: BuildHasher,
    W: Hook<N, R, Q>,
{
    let expired = rows.iter().map(|row| &row.key);
    let known: HashSet<N> = held
        .iter()
        .map(|hold| &hold.key)
        .chain(expired)
        .cloned()
        .collect();
    holds.for_each(|entry| {
        if let Entry::Resolved(row) = entry
            && !known.contains(row.key)
        {
            let (key, request) = (row.key.clone(), row.request.clone());
            let (resolution, units) = (row.resolution, row.units);
            rows.push(ResolvedRow::new(
                key,
                request,
                resolution,
                units,
                row.remaining,
            ));
        }
    });
}
