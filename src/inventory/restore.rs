//! How an inventory is opened from its snapshot.

use super::snapshot::VERSION;
use super::{Inventory, InventoryBuilder, InventoryHandle, InventorySnapshot, OrderHolds};
use super::{OrderRefused, OrderReservation, RestoreError, Sku, SkuRow};
use crate::stock::Engine;
use crate::{Clock, Holds, MAX_UNITS, PlaceError, Placed, Settle};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};

/// What was opened from a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Restored {
    /// SKUs that were opened.
    pub skus: usize,
    /// Units that were reserved without a hold, or on the way, and are available again.
    pub freed: u64,
}

impl<K: Sku, S: BuildHasher + Send + Sync> InventoryBuilder<K, S> {
    /// Opens an inventory as it was. Reserved units come back as available. Call
    /// [`place_holds`](InventorySnapshot::place_holds) first, before any other sale.
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
        for SkuRow {
            sku,
            books,
            low_stock,
        } in &snapshot.skus
        {
            let stock = Engine::restored(books.initial, books.restocked, books.on_hand());
            if inventory.open(sku.clone(), stock).is_err() {
                return Err(RestoreError::DuplicateSku(sku.clone()));
            }
            inventory.sums.lock().change(sku, |sums| {
                sums.written_off = books.written_off;
                sums.moved_out = books.moved_out;
                sums.low_stock = *low_stock;
            });
            let free = unheld.get(sku).copied().unwrap_or(0) + books.on_the_way;
            freed = freed.saturating_add(free);
        }
        let skus = snapshot.skus.len();
        Ok((inventory, Restored { skus, freed }))
    }
}

impl<K: Sku, N: Ord, Q> InventorySnapshot<K, N, Q> {
    /// Whether it can be true; of each SKU, the units that are reserved without a hold.
    fn check(&self) -> Result<BTreeMap<&K, u64>, RestoreError<K>> {
        if self.version != VERSION {
            return Err(RestoreError::UnknownVersion(self.version));
        }
        let mut unheld = BTreeMap::new();
        for SkuRow { sku, books, .. } in &self.skus {
            if books.on_hand() > MAX_UNITS {
                return Err(RestoreError::TooManyUnits(sku.clone()));
            }
            // Sums that have wrapped cannot be told from sums that were never true. So they are refused.
            if books.came() != books.went() {
                return Err(RestoreError::Sums(sku.clone()));
            }
            if books.reserved > 0 && unheld.insert(sku, books.reserved).is_some() {
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
        let mut keys: Vec<&N> = self.holds.iter().map(|hold| &hold.key).collect();
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
    /// it.
    ///
    /// # Errors
    ///
    /// Those of [`Holds::place`]: something was sold meanwhile, the key is in use, or a hold ends later than the
    /// clock counts. The holds before that one are placed; to call it again places the others.
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
        self.place_holds_with(inventory, holds, |_, order| order)
    }
}

impl<K: Sku, N: Hash + Ord + Clone, Q: Clone + PartialEq> InventorySnapshot<K, N, Q> {
    /// [`place_holds`](Self::place_holds) for holds of a type of your own: `wrap` gets the key and the order.
    ///
    /// # Errors
    ///
    /// Those of [`place_holds`](Self::place_holds).
    pub fn place_holds_with<I, R, C, H>(
        &self,
        inventory: &I,
        holds: &Holds<N, R, Q, C, H>,
        wrap: impl Fn(&N, OrderReservation<I>) -> R,
    ) -> Result<usize, PlaceError<OrderRefused<K>>>
    where
        I: InventoryHandle<Sku = K> + Clone,
        R: Settle,
        C: Clock,
        H: BuildHasher,
    {
        let mut placed = 0;
        for hold in self.active_holds() {
            let (key, request) = (hold.key.clone(), hold.request.clone());
            let answer = holds.place(key, request, hold.remaining, |_| {
                let order = OrderReservation::new(inventory.clone(), hold.lines.iter().cloned())?;
                Ok(wrap(&hold.key, order))
            })?;
            placed += usize::from(matches!(answer, Placed::Now(_)));
        }
        Ok(placed)
    }
}
