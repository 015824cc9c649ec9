//! What takes the place of the map's pins under the model checkers, which do not see the map.

use super::Stocks;
use crate::inventory::sku::Sku;
use crate::stock::Engine;
use crate::sync::{RwLock, RwLockReadGuard};
use std::hash::BuildHasher;
use std::ops::Deref;
use std::sync::Arc;

/// A stock in the map, or a tombstone.
pub(in crate::inventory) struct Entry {
    stock: Arc<Engine>,
    is_tombstone: bool,
}

/// A stock that no other thread works on.
pub(in crate::inventory) type TakenOut = Arc<Engine>;

impl Entry {
    pub(in crate::inventory) fn new(stock: Engine) -> Self {
        Self::put_back(Arc::new(stock))
    }

    pub(super) fn put_back(stock: TakenOut) -> Self {
        let is_tombstone = false;
        Self {
            stock,
            is_tombstone,
        }
    }

    pub(in crate::inventory) fn is_tombstone(&self) -> bool {
        self.is_tombstone
    }
}

impl Deref for Entry {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.stock
    }
}

/// Held while a thread is pinned.
pub(super) type Passing<'a> = RwLockReadGuard<'a, ()>;

/// How a stock is taken out.
pub(super) struct Removal(RwLock<()>);

impl Removal {
    pub(super) fn new() -> Self {
        Self(RwLock::new(()))
    }

    pub(super) fn pass(&self) -> Passing<'_> {
        self.0.read()
    }

    pub(super) fn take_out<K: Sku, S: BuildHasher + Send + Sync>(
        &self,
        stocks: &Stocks<K, S>,
        sku: &K,
    ) -> Option<TakenOut> {
        let stock = {
            let pinned = stocks.pin();
            let (_, entry) = pinned.get(sku)?;
            let stock = Arc::clone(&entry.stock);
            let tombstone = Entry {
                stock: Arc::new(Engine::new(0)),
                is_tombstone: true,
            };
            pinned.replace(sku.clone(), tombstone);
            stock
        };
        // Every thread that was pinned then is not any more.
        drop(self.0.write());
        Some(stock)
    }
}
