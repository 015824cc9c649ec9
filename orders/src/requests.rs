//! [`Requests`]: how many keys of requests a book knows, and when those of its shelves are forgotten.

use crate::entry::Position;
use crate::lines::SkuId;
use crate::sync::{AtomicUsize, Mutex, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The keys of all orders and shelves. An order's are forgotten with the order; a shelf's by their time, whichever shelf a
/// call is about.
#[derive(Debug)]
pub(crate) struct Requests {
    known: AtomicUsize,
    max: usize,
    /// Those of shelves, by the time at which they are forgotten. Its lock is taken after those of gates.
    by_time: Mutex<ByTime>,
}

/// When and where a key was made known, and what and whose it is.
type ByTime = BTreeMap<(u64, Position), (SkuId, Arc<str>)>;

impl Requests {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            known: AtomicUsize::new(0),
            max,
            by_time: Mutex::default(),
        }
    }

    pub(crate) fn known(&self) -> usize {
        self.known.load(Ordering::Relaxed)
    }

    /// The limit, if it is reached.
    pub(crate) fn limit(&self) -> Option<usize> {
        (self.known() >= self.max).then_some(self.max)
    }

    pub(crate) fn add(&self) {
        self.known.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, requests: usize) {
        // Most orders have none.
        if requests > 0 {
            self.known.fetch_sub(requests, Ordering::Relaxed);
        }
    }

    /// Notes when the key of a shelf's request is forgotten.
    pub(crate) fn note(&self, until: u64, position: Position, sku: SkuId, key: Arc<str>) {
        self.by_time.lock().insert((until, position), (sku, key));
    }

    /// The next key of a shelf that is to be forgotten: it is noted no more.
    pub(crate) fn next(&self, now: u64) -> Option<(SkuId, Arc<str>, Position)> {
        let mut by_time = self.by_time.lock();
        let first = by_time.first_entry()?;
        let (until, position) = *first.key();
        if until > now {
            return None;
        }
        let (sku, key) = first.remove();
        Some((sku, key, position))
    }
}
