//! [`InventoryBuilder`].

use super::alerts::{Alerts, LowStock, Tell};
use super::gate::Gate;
use super::moves::Ledger;
use super::{Inventory, Sku};
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
/// use std::sync::mpsc;
///
/// let (tell, told) = mpsc::channel();
/// let shop = Inventory::builder()
///     .on_low_stock(move |sku: &&str, low| {
///         // If nobody receives any more, nobody need be told.
///         _ = tell.send((*sku, low.available));
///     })
///     .build();
/// shop.insert("phone", 12)?;
/// shop.set_low_stock(&"phone", 10)?;
/// shop.deduct("phone", 1)?;
/// shop.deduct("phone", 2)?;
/// shop.deduct("phone", 3)?;
/// assert_eq!(told.try_iter().collect::<Vec<_>>(), [("phone", 9)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct InventoryBuilder<K, S = RandomState> {
    capacity: usize,
    hasher: S,
    tell: Tell<K>,
}

impl<K> InventoryBuilder<K> {
    pub(super) fn new() -> Self {
        Self {
            capacity: 0,
            hasher: RandomState::new(),
            tell: Box::new(|_, _| ()),
        }
    }
}

impl<K, S> InventoryBuilder<K, S> {
    /// Makes room for so many SKUs at once.
    pub fn capacity(mut self, skus: usize) -> Self {
        self.capacity = skus;
        self
    }

    /// Hashes SKUs by another function. The default is safe against SKUs that a stranger chose.
    pub fn hasher<T: BuildHasher + Clone>(self, hasher: T) -> InventoryBuilder<K, T> {
        InventoryBuilder {
            capacity: self.capacity,
            hasher,
            tell: self.tell,
        }
    }

    /// Who is told when a SKU goes below its [threshold](Inventory::set_low_stock): on the thread whose
    /// call left so little, after it and without any lock of the inventory, so that it may use it. It
    /// should be quick, and must not call [`Holds`](crate::Holds), which may be just settling: send it to a
    /// channel.
    ///
    /// # Panics
    ///
    /// It had better not, and if it does, no unit is lost: the panic hook reports it, and there it ends. The
    /// call goes on as if it had been told, and returns what it would have. For it may be called while
    /// a reservation is dropped, where a panic could end the process. What it shares with others must bear that it stops
    /// in the middle, as a poisoned mutex says.
    pub fn on_low_stock(mut self, tell: impl Fn(&K, LowStock) + Send + Sync + 'static) -> Self {
        self.tell = Box::new(tell);
        self
    }

    /// Opens an inventory without SKUs.
    pub fn build(self) -> Inventory<K, S>
    where
        K: Sku,
        S: BuildHasher + Clone + Send + Sync,
    {
        let hasher = self.hasher.clone();
        Inventory {
            stocks: papaya::HashMap::with_capacity_and_hasher(self.capacity, hasher),
            gate: Gate::new(),
            alerts: Alerts::new(self.hasher, self.tell),
            arrivals: Mutex::new(()),
            ledger: Mutex::new(Ledger::new()),
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
