//! [`Queue`]: the entries that wait for the next batch, and the places that are left for more.

use crate::entry::{Entry, Position};
use crate::journal::NoPlace;
use crate::steps::Steps;
use parking_lot::{Condvar, Mutex};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many orders wait at most for their entries to be deleted.
const MOST_TO_FORGET: usize = 4096;
/// How many orders' entries one batch deletes: small steps, so that no batch is much longer than others.
const FORGOTTEN_IN_A_BATCH: usize = 64;

/// Entries on their way to the ledger. A place is in use from its permit until its entry is durable.
#[derive(Debug)]
pub(super) struct Queue<K> {
    places: usize,
    used: AtomicUsize,
    closed: AtomicBool,
    /// Whether the batch that is under way takes too long to queue more behind it.
    lags: AtomicBool,
    waiting: Mutex<Waiting<K>>,
    /// Notified when the queue is no longer empty, and when it is closed.
    filled: Condvar,
}

#[derive(Debug)]
struct Waiting<K> {
    /// The position of the last entry that was appended.
    last: u64,
    /// A list that never moves what it has: who appends waits for nothing that grows.
    entries: Steps<Entry<K>>,
    forget: Vec<Position>,
    /// Whether the writer's thread waits on `filled`.
    is_awaited: bool,
}

/// What a batch is made of.
#[derive(Debug)]
pub(super) struct Collected<K> {
    pub(super) first: Position,
    pub(super) entries: Steps<Entry<K>>,
    pub(super) forget: Vec<Position>,
}

impl<K> Queue<K> {
    pub(super) fn new(places: usize, last: Position) -> Self {
        Self {
            places,
            used: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            lags: AtomicBool::new(false),
            waiting: Mutex::new(Waiting {
                last: last.number(),
                entries: Steps::default(),
                forget: Vec::new(),
                is_awaited: false,
            }),
            filled: Condvar::new(),
        }
    }

    /// Sets a place aside.
    pub(super) fn permit(&self) -> Result<(), NoPlace> {
        if self.is_closed() {
            return Err(NoPlace::Unavailable);
        }
        if self.lags.load(Ordering::Relaxed) {
            return Err(NoPlace::Busy);
        }
        // A counter and nothing else: the entries are handed over by the lock.
        let more = |used| (used < self.places).then_some(used + 1);
        let used = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        used.map(|_| ()).map_err(|_| NoPlace::Busy)
    }

    /// Whether places are given no more until a batch is settled.
    pub(super) fn lag(&self, lags: bool) {
        // A hint: whoever does not see it yet waits like those before.
        self.lags.store(lags, Ordering::Relaxed);
    }

    /// Frees places: of a permit that is not needed, or of entries that are durable.
    pub(super) fn free(&self, places: usize) {
        self.used.fetch_sub(places, Ordering::Relaxed);
    }

    /// Appends to a place that was set aside.
    pub(super) fn append(&self, entry: Entry<K>) -> Position {
        let mut waiting = self.waiting.lock();
        waiting.entries.push(entry);
        waiting.last += 1;
        let position = Position::new(waiting.last);
        let notifies = mem::take(&mut waiting.is_awaited);
        drop(waiting);
        if notifies {
            self.filled.notify_one();
        }
        position
    }

    /// Has the entries of an order deleted. Returns whether there was room for it.
    pub(super) fn forget(&self, order: Position) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.forget.len() >= MOST_TO_FORGET {
            return false;
        }
        waiting.forget.push(order);
        let notifies = mem::take(&mut waiting.is_awaited);
        drop(waiting);
        if notifies {
            self.filled.notify_one();
        }
        true
    }

    /// All that is queued, if anything is.
    pub(super) fn collect(&self) -> Option<Collected<K>> {
        self.waiting.lock().collect()
    }

    /// Waits until something is queued. Nothing is left and will come: none.
    pub(super) fn wait_and_collect(&self) -> Option<Collected<K>> {
        let mut waiting = self.waiting.lock();
        loop {
            let collected = waiting.collect();
            if collected.is_some() || self.is_closed() {
                return collected;
            }
            waiting.is_awaited = true;
            self.filled.wait(&mut waiting);
        }
    }

    /// No more permits. What was permitted before can still be appended.
    pub(super) fn close(&self) {
        // Under the lock: the writer's thread either sees it before it waits, or is notified.
        let waiting = self.waiting.lock();
        self.closed.store(true, Ordering::Release);
        drop(waiting);
        self.filled.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn last(&self) -> Position {
        Position::new(self.waiting.lock().last)
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl<K> Waiting<K> {
    fn collect(&mut self) -> Option<Collected<K>> {
        if self.entries.len() == 0 && self.forget.is_empty() {
            return None;
        }
        let entries = mem::take(&mut self.entries);
        let steps = self.forget.len().min(FORGOTTEN_IN_A_BATCH);
        Some(Collected {
            first: Position::new(self.last + 1 - entries.len() as u64),
            entries,
            forget: self.forget.drain(..steps).collect(),
        })
    }
}
