//! How an inventory is opened from its snapshot.

use super::Inventory;
use super::builder::InventoryBuilder;
use super::errors::{OrderRefused, RestoreError};
use super::form::VERSION;
use super::order::{OrderHolds, OrderReservation};
use super::shelf::InventoryHandle;
use super::sku::Sku;
use super::snapshot::{InventorySnapshot, SkuSnapshot};
use crate::clock::Clock;
use crate::holds::{Holds, Hook, PlaceError, Resolution};
use crate::limits::MAX_UNITS;
use crate::settle::Settle;
use crate::stock::Engine;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// What was opened from a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Restored {
    /// SKUs that were opened.
    pub skus: usize,
    /// Units that were reserved without a hold, or on the way, and are available again. Those that paid what was
    /// owed are not.
    pub freed: u64,
}

impl<K: Sku, S: BuildHasher + Send + Sync> InventoryBuilder<K, S> {
    /// Opens an inventory as it was. Reserved units come back as available. Call
    /// [`place_holds`](InventorySnapshot::place_holds) first, before any other sale.
    ///
    /// Where a SKU owes, what comes back pays that first, as it always does; but the units of active holds do not.
    /// What is still owed then keeps everybody from the SKU's units as soon as the holds are placed.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]: the snapshot cannot be true, or is of another version.
    pub fn restore<N: Ord, Q>(
        self,
        snapshot: &InventorySnapshot<K, N, Q>,
    ) -> Result<(Inventory<K, S>, Restored), RestoreError<K>> {
        let unheld = snapshot.check()?;
        let mut freed = 0_u64;
        let inventory = self.capacity(snapshot.skus.len()).build();
        for row in &snapshot.skus {
            let (sku, was) = (&row.sku, &row.snapshot);
            let unheld = unheld.get(sku).copied().unwrap_or(0);
            let reopened = Reopened::new(was, unheld);
            if inventory.open(sku.clone(), reopened.stock).is_err() {
                return Err(RestoreError::DuplicateSku(sku.clone()));
            }
            inventory.sums.lock().change(sku, |sums| {
                sums.written_off = was.written_off;
                sums.moved_out = was.moved_out;
                sums.owed_after_holds = reopened.owed_after_holds;
                sums.low_stock = row.low_stock;
            });
            freed = freed.saturating_add(reopened.freed);
        }
        let skus = snapshot.skus.len();
        Ok((inventory, Restored { skus, freed }))
    }
}

/// A SKU as it comes back.
struct Reopened {
    stock: Engine,
    /// What the stock owes once the holds are placed: until then their units are available.
    owed_after_holds: u64,
    freed: u64,
}

impl Reopened {
    /// `unheld` of the units that are reserved are not those of a hold.
    fn new(was: &SkuSnapshot, unheld: u64) -> Self {
        let freed = unheld + was.on_the_way;
        let paid = was.owed.min(was.available + freed);
        let owed = was.owed - paid;
        let is_held = was.reserved > unheld;
        let owed_after_holds = if is_held { owed } else { 0 };
        let stock = Engine::restored(was.initial, was.restocked, was.on_hand() - paid)
            .owing(owed - owed_after_holds, was.withdrawn - owed_after_holds);
        Self {
            stock,
            owed_after_holds,
            freed: freed - paid.saturating_sub(was.available),
        }
    }
}

impl<K: Sku, N: Ord, Q> InventorySnapshot<K, N, Q> {
    /// Whether it can be true; of each SKU, the units that are reserved without a hold.
    fn check(&self) -> Result<BTreeMap<&K, u64>, RestoreError<K>> {
        if self.version != VERSION {
            return Err(RestoreError::UnknownVersion(self.version));
        }
        let mut unheld = BTreeMap::new();
        for row in &self.skus {
            let (sku, was) = (&row.sku, &row.snapshot);
            if was.on_hand().max(was.owed) > MAX_UNITS {
                return Err(RestoreError::TooManyUnits(sku.clone()));
            }
            // Nothing distinguishes sums that have wrapped from sums that were never true. So they are refused.
            if was.came() != was.went() || was.owed > was.withdrawn {
                return Err(RestoreError::Sums(sku.clone()));
            }
            if was.reserved > 0 && unheld.insert(sku, was.reserved).is_some() {
                return Err(RestoreError::DuplicateSku(sku.clone()));
            }
        }
        for hold in self.active_holds() {
            if hold.lines.is_empty() {
                return Err(RestoreError::EmptyHold);
            }
            for (sku, units) in &hold.lines {
                if *units == 0 {
                    return Err(RestoreError::ZeroUnits(sku.clone()));
                }
                let reserved = unheld.get_mut(sku);
                let left = reserved.and_then(|left| {
                    *left = left.checked_sub(*units)?;
                    Some(())
                });
                left.ok_or_else(|| RestoreError::NotReserved(sku.clone()))?;
            }
        }
        let resolved = self.resolved.iter().map(|row| &row.key);
        let keys = self.holds.iter().map(|hold| &hold.key);
        let mut keys: Vec<&N> = keys.chain(resolved).collect();
        keys.sort_unstable();
        if keys.is_sorted_by(|a, b| a < b) {
            Ok(unheld)
        } else {
            Err(RestoreError::DuplicateHold)
        }
    }
}

impl<K, N, Q> InventorySnapshot<K, N, Q> {
    fn active_holds(&self) -> impl Iterator<Item = &super::HoldRow<N, K, Q>> {
        self.holds.iter().filter(|hold| !hold.remaining.is_zero())
    }
}

impl<K: Sku, N: Hash + Ord + Clone> InventorySnapshot<K, N> {
    /// Places the holds again, each with what it held and for the time that was left, and returns how many. For an
    /// inventory that was [restored](InventoryBuilder::restore) from this snapshot, before anything else is sold from
    /// it. A [`Hook`] of the holds is not called: the holds are not new.
    ///
    /// # Errors
    ///
    /// Those of [`Holds::place`]: something was sold meanwhile, the key is in use, or a hold ends later than the
    /// clock counts. The holds before that one are placed; to call it again places the others, also when some of the first
    /// have ended meanwhile.
    pub fn place_holds<I, C, H, W>(
        &self,
        inventory: &I,
        holds: &OrderHolds<N, I, C, H, W>,
    ) -> Result<usize, PlaceError<OrderRefused<K>>>
    where
        I: InventoryHandle<Sku = K> + Clone,
        C: Clock,
        H: BuildHasher,
        W: Hook<N, OrderReservation<I>, Vec<(K, u64)>, Mark: Default>,
    {
        self.place_holds_with(inventory, holds, |_, order| order)
    }
}

impl<K: Sku, N: Hash + Ord + Clone, Q: Clone + PartialEq> InventorySnapshot<K, N, Q> {
    /// [`place_holds`](Self::place_holds) for holds of a type of your own: `wrap` gets the key and the order.
    ///
    /// # Errors
    ///
    /// Those of [`place_holds`](Self::place_holds).
    pub fn place_holds_with<I, R, C, H, W>(
        &self,
        inventory: &I,
        holds: &Holds<N, R, Q, C, H, W>,
        wrap: impl Fn(&N, OrderReservation<I>) -> R,
    ) -> Result<usize, PlaceError<OrderRefused<K>>>
    where
        I: InventoryHandle<Sku = K> + Clone,
        R: Settle,
        C: Clock,
        H: BuildHasher,
        W: Hook<N, R, Q, Mark: Default>,
    {
        let mut placed = 0;
        for hold in self.active_holds() {
            let (key, request) = (hold.key.clone(), hold.request.clone());
            let reserve = || {
                let order = OrderReservation::new(inventory.clone(), hold.lines.iter().cloned())?;
                Ok(wrap(&hold.key, order))
            };
            if holds.get(&key).is_some() {
                // Placed by an earlier call, or in use: its answer says which.
                match holds.place(key, request, hold.remaining, |_| reserve()) {
                    // It has ended since.
                    Err(PlaceError::Resolved(_) | PlaceError::Overdue) => {}
                    answer => _ = answer?,
                }
                continue;
            }
            let order = reserve().map_err(PlaceError::Refused)?;
            let mark = W::Mark::default();
            let answer = holds.restore(key, request, order, hold.remaining, mark);
            _ = answer.map_err(PlaceError::widen)?;
            placed += 1;
        }
        let owing = self.skus.iter().filter(|row| row.snapshot.owed > 0);
        owing.for_each(|row| inventory.inventory().owe_after_holds(&row.sku));
        Ok(placed)
    }

    /// Has `holds` know the keys again whose hold had ended, with what is left of their retention, and returns how many
    /// it did not know. So an order that is retried after the restart gets the answer that it had before. Call it
    /// before the holds are used.
    ///
    /// A hold of the snapshot that has no time left is noted as expired, for a whole retention.
    pub fn note_resolved<R, C, H, W>(&self, holds: &Holds<N, R, Q, C, H, W>) -> usize
    where
        R: Settle,
        C: Clock,
        H: BuildHasher,
        W: Hook<N, R, Q, Mark: Default>,
    {
        let resolved = self.resolved.iter().filter(|row| {
            let ended = (row.resolution, row.units);
            let (key, request) = (row.key.clone(), row.request.clone());
            holds.restore_resolved(key, request, ended, row.remaining, W::Mark::default())
        });
        let expired = self.holds.iter().filter(|hold| {
            // Nobody has checked these sums: the hold is not placed.
            let units = hold.lines.iter().map(|line| line.1);
            let units = units.fold(0, u64::saturating_add);
            let (key, request) = (hold.key.clone(), hold.request.clone());
            let ended = (Resolution::Expired, units);
            hold.remaining.is_zero()
                && holds.restore_resolved(key, request, ended, Duration::MAX, W::Mark::default())
        });
        resolved.count() + expired.count()
    }
}
