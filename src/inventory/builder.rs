//! [`InventoryBuilder`].

use super::Inventory;
use super::sku::Sku;
use super::stocks::Stocks;
use super::sums::Sums;
use crate::sync::Mutex;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

/// Opens an [`Inventory`]; made by [`Inventory::builder`].
///
/// # Examples
///
/// ```
/// use segstock::Inventory;
///
/// let shop = Inventory::builder().capacity(100_000).build();
/// shop.insert("phone", 12)?;
/// # Ok::<(), segstock::inventory::InsertError>(())
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct InventoryBuilder<K, S = RandomState> {
    capacity: usize,
    hasher: S,
    skus: std::marker::PhantomData<fn() -> K>,
}

impl<K> InventoryBuilder<K> {
    pub(super) fn new() -> Self {
        Self {
            capacity: 0,
            hasher: RandomState::new(),
            skus: std::marker::PhantomData,
        }
    }
}

impl<K, S> InventoryBuilder<K, S> {
    /// Makes room for `skus` SKUs at once.
    pub fn capacity(mut self, skus: usize) -> Self {
        self.capacity = skus;
        self
    }

    /// Hashes SKUs by another function. The default is safe against SKUs that a stranger chose.
    pub fn hasher<T: BuildHasher>(self, hasher: T) -> InventoryBuilder<K, T> {
        InventoryBuilder {
            capacity: self.capacity,
            hasher,
            skus: self.skus,
        }
    }

    /// Opens an inventory without SKUs.
    pub fn build(self) -> Inventory<K, S>
    where
        K: Sku,
        S: BuildHasher + Send + Sync,
    {
        Inventory {
            stocks: Stocks::new(self.capacity, self.hasher),
            arrivals: Mutex::new(()),
            sums: Mutex::new(Sums::new()),
        }
    }
}

impl<K, S> fmt::Debug for InventoryBuilder<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InventoryBuilder")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
