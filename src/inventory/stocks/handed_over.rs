//! Entries that hand their stock over when nobody can find them any more.

use super::{Pinned, Stocks};
use crate::inventory::sku::Sku;
use crate::stock::Engine;
use crossbeam_utils::Backoff;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A stock in the map, or a tombstone.
pub(in crate::inventory) struct Entry {
    stock: Engine,
    /// Which removal waits for the stock; 0 while none does.
    removal: AtomicU64,
}

/// What the removal of a tombstone is.
const TOMBSTONE: u64 = u64::MAX;

/// A stock that no other thread works on.
pub(in crate::inventory) type TakenOut = Engine;

/// The stocks that were handed over and not fetched yet, by removal. One map for all inventories: an entry has
/// eight bytes to say who waits for it, and no reference to its inventory.
static HANDED_OVER: Mutex<BTreeMap<u64, Engine>> = Mutex::new(BTreeMap::new());

impl Entry {
    pub(in crate::inventory) fn new(stock: Engine) -> Self {
        let removal = AtomicU64::new(0);
        Self { stock, removal }
    }

    pub(super) fn put_back(stock: TakenOut) -> Self {
        Self::new(stock)
    }

    fn tombstone() -> Self {
        Self {
            stock: Engine::new(0),
            removal: AtomicU64::new(TOMBSTONE),
        }
    }

    /// Whether the SKU is being removed: wait, and look again. A tombstone has no units.
    #[inline]
    pub(in crate::inventory) fn is_tombstone(&self) -> bool {
        // Relaxed: an entry is a tombstone from the beginning, or never.
        self.removal.load(Ordering::Relaxed) == TOMBSTONE
    }
}

impl Deref for Entry {
    type Target = Engine;

    #[inline]
    fn deref(&self) -> &Engine {
        &self.stock
    }
}

impl Drop for Entry {
    #[inline]
    fn drop(&mut self) {
        let removal = *self.removal.get_mut();
        if removal != 0 && removal != TOMBSTONE {
            let stock = mem::replace(&mut self.stock, Engine::new(0));
            HANDED_OVER.lock().insert(removal, stock);
        }
    }
}

/// That a thread is pinned is all that it needs.
pub(super) struct Passing<'a>(PhantomData<&'a ()>);

/// How a stock is taken out.
pub(super) struct Removal;

impl Removal {
    pub(super) const fn new() -> Self {
        Self
    }

    #[inline]
    pub(super) const fn pass(&self) -> Passing<'_> {
        Passing(PhantomData)
    }

    pub(super) fn take_out<K: Sku, S: BuildHasher + Send + Sync>(
        &self,
        stocks: &Stocks<K, S>,
        sku: &K,
    ) -> Option<TakenOut> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let removal = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        {
            let pinned = stocks.pin();
            let (_, entry) = pinned.get(sku)?;
            // Relaxed: the entry is dropped after it is replaced, which comes after this.
            entry.removal.store(removal, Ordering::Relaxed);
            replace_a_batch(&pinned, sku);
        }
        let waiting = Backoff::new();
        for turn in 1_u64.. {
            if let Some(stock) = HANDED_OVER.lock().remove(&removal) {
                return Some(stock);
            }
            if turn.is_power_of_two() {
                replace_a_batch(&stocks.pin(), sku);
            }
            if waiting.is_completed() {
                thread::sleep(Duration::from_micros(50));
            }
            waiting.snooze();
        }
        unreachable!("there are more turns than anybody waits")
    }
}

/// Replaces the entry by a tombstone, and that by others. The map drops what was replaced in batches, and a batch
/// needs an entry at least for each thread that is pinned. If this one has too few, a later one has more.
fn replace_a_batch<K: Sku, S: BuildHasher>(pinned: &Pinned<'_, K, S>, sku: &K) {
    /// What the map has in a batch at least.
    const BATCH: usize = 32;
    for _ in 0..=BATCH {
        pinned.replace(sku.clone(), Entry::tombstone());
    }
}
