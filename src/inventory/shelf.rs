//! [`Shelf`]: one SKU of an inventory, as the counter that a reservation stands on.

use super::{Inventory, SkuError};
use crate::stock::Engine;
use crate::{OutOfStock, Reservation, Reserving, RestockOverflow, StockCounter};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// What a SKU is made of. It is implemented for all that can be.
pub trait Sku: Hash + Ord + Clone + Send + Sync {}

impl<T: Hash + Ord + Clone + Send + Sync> Sku for T {}

/// Whatever leads to an inventory: a reference, or an [`Arc`].
pub trait InventoryHandle: Send + Sync {
    /// The SKUs of the inventory.
    type Sku: Sku;
    /// What hashes them.
    type Hasher: BuildHasher + Send + Sync;

    /// The inventory.
    fn inventory(&self) -> &Inventory<Self::Sku, Self::Hasher>;
}

impl<K: Sku, S: BuildHasher + Send + Sync> InventoryHandle for &Inventory<K, S> {
    type Sku = K;
    type Hasher = S;

    fn inventory(&self) -> &Inventory<K, S> {
        self
    }
}

impl<K: Sku, S: BuildHasher + Send + Sync> InventoryHandle for Arc<Inventory<K, S>> {
    type Sku = K;
    type Hasher = S;

    fn inventory(&self) -> &Inventory<K, S> {
        self
    }
}

/// One SKU of an inventory, as a counter: each call looks it up. A SKU that was removed is out of
/// stock, and cannot be restocked.
#[derive(Clone)]
pub struct Shelf<I: InventoryHandle> {
    inventory: I,
    sku: I::Sku,
}

impl<I: InventoryHandle> Shelf<I> {
    /// The SKU.
    pub const fn sku(&self) -> &I::Sku {
        &self.sku
    }

    fn take(&self, units: u64) -> Result<(), SkuError> {
        let inventory = self.inventory.inventory();
        let take = |stock: &Engine| stock.reserve_units(units).map(|()| units);
        inventory.take(&self.sku, take).map(drop)
    }
}

pub(super) fn reserve<I: InventoryHandle>(
    inventory: I,
    sku: &I::Sku,
    units: u64,
) -> Result<Reservation<Shelf<I>>, SkuError> {
    let sku = sku.clone();
    let shelf = Shelf { inventory, sku };
    // Not by way of the counter, which calls a SKU that is gone out of stock.
    shelf.take(units)?;
    Ok(Reservation::of_set_aside(shelf, units))
}

impl<I: InventoryHandle> StockCounter for Shelf<I> {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let deducted = self.inventory.inventory().deduct(&self.sku, units);
        deducted.map_err(|error| refusal(&error, units))
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        let restocked = self.inventory.inventory().restock(&self.sku, units);
        restocked.map_err(|error| match error {
            SkuError::Overflow(overflow) => overflow,
            _ => RestockOverflow::new(units, 0),
        })
    }

    fn available(&self) -> u64 {
        let available = self.inventory.inventory().available(&self.sku);
        available.unwrap_or(0)
    }
}

impl<I: InventoryHandle> Reserving for Shelf<I> {
    fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
        self.take(units).map_err(|error| refusal(&error, units))
    }

    fn commit_units(&self, units: u64) {
        self.inventory.inventory().commit_units(&self.sku, units);
    }

    fn release_units(&self, units: u64) {
        self.inventory.inventory().release_units(&self.sku, units);
    }

    fn address(&self) -> usize {
        let stocks = self.inventory.inventory().stocks.pin();
        let stock = stocks.get(&self.sku);
        stock.map_or(0, |stock| std::ptr::from_ref::<Engine>(stock).addr())
    }
}

fn refusal(error: &SkuError, units: u64) -> OutOfStock {
    match error {
        SkuError::OutOfStock(refusal) => *refusal,
        _ => OutOfStock::new(units, 0),
    }
}

impl<I: InventoryHandle<Sku: fmt::Debug>> fmt::Debug for Shelf<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shelf").field(&self.sku).finish()
    }
}
