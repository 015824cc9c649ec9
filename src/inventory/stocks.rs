//! [`Stocks`]: the map from SKU to stock, and how a stock is taken out of it.
//!
//! A call finds its stock while it is *pinned*: the map frees no entry that a pinned thread may have found. That
//! alone is what makes a removal exact, so that no other call pays for it:
//!
//! 1. The remover replaces the stock's entry by a *tombstone*. A call that finds the tombstone waits until the
//!    removal is decided.
//! 2. The map drops the replaced entry when the last thread unpins that may have found it. The entry hands its
//!    engine over to the remover then: by its `Drop`, which has the only reference.
//! 3. The remover, alone with the engine, decides: it takes the tombstone away, or puts the engine back.
//!
//! A call on the stock that races with a removal
//! - found the stock before step 1: it is over before step 2, and the remover sees what it changed;
//! - finds the tombstone: it waits, and then finds the stock or no such SKU.
//!
//! loom sees neither the map nor its pins. Under loom a lock of readers and writers takes the place of the pins
//! (`stocks/checked.rs`), so that it explores the three steps. That the map keeps its word is tested by threads:
//! `removing_takes_all_that_was_answered` in `tests/inventory/removal.rs`.

#[cfg(any(loom, shuttle))]
mod checked;
#[cfg(not(any(loom, shuttle)))]
mod handed_over;

#[cfg(any(loom, shuttle))]
use checked as entry;
#[cfg(not(any(loom, shuttle)))]
use handed_over as entry;

use entry::Entry;
pub(super) use entry::TakenOut;

use super::known_thread::{on_known_thread, thread_is_known};
use super::sku::Sku;
use crate::stock::Engine;
use entry::{Passing, Removal};
use papaya::{HashMapRef, LocalGuard, OwnedGuard, ResizeMode};
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

/// The map from SKU to stock.
pub(super) struct Stocks<K, S> {
    map: papaya::HashMap<K, Entry, S>,
    removal: Removal,
}

/// What a thread may look up while it is pinned. Whoever waits for the sums must not be: a removal holds them while
/// it waits for pinned threads.
pub(super) struct Pinned<'a, K, S> {
    map: Pin<'a, K, S>,
    _passing: Passing<'a>,
}

/// What a thread may look up that the map knows.
pub(super) struct PinnedKnown<'a, K, S> {
    map: HashMapRef<'a, K, Entry, S, LocalGuard<'a>>,
    _passing: Passing<'a>,
}

impl<K: Sku, S: BuildHasher> PinnedKnown<'_, K, S> {
    /// The SKU as the map has it, and its entry, which may be a tombstone.
    #[inline]
    pub(super) fn get<Q>(&self, sku: &Q) -> Option<(&K, &Entry)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.get_key_value(sku)
    }
}

enum Pin<'a, K, S> {
    Local(HashMapRef<'a, K, Entry, S, LocalGuard<'a>>),
    Owned(HashMapRef<'a, K, Entry, S, OwnedGuard<'a>>),
}

/// Calls a method of whichever pin it is.
macro_rules! on_pin {
    ($pinned:expr, $map:ident => $call:expr) => {
        match &$pinned.map {
            Pin::Local($map) => $call,
            Pin::Owned($map) => $call,
        }
    };
}

impl<K: Sku, S: BuildHasher + Send + Sync> Stocks<K, S> {
    /// While the map grows, whoever inserts waits, and nobody else does. In the incremental mode a replaced entry
    /// can outlive the pins by any time.
    pub(super) fn new(capacity: usize, hasher: S) -> Self {
        Self {
            map: papaya::HashMap::builder()
                .capacity(capacity)
                .hasher(hasher)
                .resize_mode(ResizeMode::Blocking)
                .build(),
            removal: Removal::new(),
        }
    }

    /// Pins the calling thread. In the destructor of a thread-local, when the map does not know the thread any
    /// more, it costs two turns of a lock that all threads share. Such a pin reads and replaces entries. It does not change
    /// their number: where that changes, the map asks for the number of the thread, which it does not have.
    pub(super) fn pin(&self) -> Pinned<'_, K, S> {
        let map = if thread_is_known() {
            Pin::Local(self.map.pin())
        } else {
            Pin::Owned(self.map.pin_owned())
        };
        let _passing = self.removal.pass();
        Pinned { map, _passing }
    }

    /// Pins the calling thread, if the map knows it. The sort of the pin is decided once, and not at each step of a
    /// call, which saves a deduct 3 of 25 ns.
    #[inline]
    pub(super) fn pin_known(&self) -> Option<PinnedKnown<'_, K, S>> {
        thread_is_known().then(|| PinnedKnown {
            map: self.map.pin(),
            _passing: self.removal.pass(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn reserve(&self, additional: usize) {
        on_known_thread(|| self.map.pin().reserve(additional));
    }

    /// Whether the map had no `sku` before, and has it now.
    pub(super) fn insert(&self, sku: K, stock: Engine) -> bool {
        on_known_thread(|| {
            let entry = Entry::new(stock);
            on_pin!(self.pin(), map => map.try_insert(sku, entry).is_ok())
        })
    }

    /// Takes the stock of `sku` out of the map, leaves a tombstone, and returns the stock when no other thread
    /// works on it. Called by one thread at a time, which is not pinned.
    ///
    /// A known thread does it, though it only replaces entries: the map drops them in batches by thread. Each pin of an
    /// unknown thread may have another batch, and the one that has the stock might never be full.
    pub(super) fn take_out(&self, sku: &K) -> Option<TakenOut> {
        on_known_thread(|| self.removal.take_out(self, sku))
    }

    /// Puts back what was [taken out](Self::take_out). Any thread can: the entry replaces a tombstone, and nobody waits
    /// until that is dropped.
    pub(super) fn put_back(&self, sku: K, stock: TakenOut) {
        self.pin().replace(sku, Entry::put_back(stock));
    }

    /// Takes the tombstone away.
    pub(super) fn forget(&self, sku: &K) {
        on_known_thread(|| on_pin!(self.pin(), map => drop(map.remove(sku))));
    }
}

impl<K: Sku, S: BuildHasher> Pinned<'_, K, S> {
    /// The SKU as the map has it, and its entry, which may be a tombstone.
    #[inline]
    pub(super) fn get<Q>(&self, sku: &Q) -> Option<(&K, &Entry)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        on_pin!(self, map => map.get_key_value(sku))
    }

    fn replace(&self, sku: K, entry: Entry) {
        on_pin!(self, map => _ = map.insert(sku, entry));
    }

    pub(super) fn keys(&self) -> Vec<K> {
        on_pin!(self, map => map.keys().cloned().collect())
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{Engine, Stocks, thread_is_known};
    use std::cell::RefCell;
    use std::collections::hash_map::RandomState;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    /// A removal that is refused in the destructor of a thread-local.
    struct AtEnd {
        stocks: Arc<Stocks<u64, RandomState>>,
        was_known: Arc<AtomicBool>,
    }

    impl Drop for AtEnd {
        fn drop(&mut self) {
            self.was_known.store(thread_is_known(), Ordering::Relaxed);
            let stock = self.stocks.take_out(&1).expect("it is there");
            self.stocks.put_back(1, stock);
        }
    }

    thread_local! {
        static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    }

    #[test]
    fn a_stock_is_put_back_by_a_thread_that_the_map_does_not_know_any_more() {
        let stocks = Arc::new(Stocks::new(0, RandomState::new()));
        let was_known = Arc::new(AtomicBool::new(true));
        assert!(stocks.insert(1, Engine::new(5)));
        let left = AtEnd {
            stocks: Arc::clone(&stocks),
            was_known: Arc::clone(&was_known),
        };
        let ends = thread::spawn(|| {
            // Destructors run in the reverse sequence of the first uses, on most platforms.
            AT_END.with_borrow(|left| assert!(left.is_none()));
            assert!(left.stocks.pin().get(&1).is_some());
            AT_END.set(Some(left));
        });
        ends.join().unwrap();
        assert!(!was_known.load(Ordering::Relaxed) || cfg!(not(target_os = "linux")));
        let pinned = stocks.pin();
        let (_, stock) = pinned.get(&1).expect("it is put back");
        assert!(!stock.is_tombstone());
        assert_eq!((stock.available(), stocks.len()), (5, 1));
    }
}
