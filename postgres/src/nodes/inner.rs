//! [`Inner`]: what the tasks and the handles of a node share.

use super::Sale;
use super::looks::Looks;
use super::memory::Memory;
use super::rows::{Life, Rows};
use super::serving::Serving;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore, watch};

/// What the tasks and the handles of a node share.
pub(super) struct Inner {
    pub life: Life,
    pub sale: Sale,
    /// Of the one writer.
    pub writes: Rows,
    /// Of proofs: one statement at a time.
    pub proves: Rows,
    /// Of all else.
    pub rows: Rows,
    pub memory: Mutex<Memory>,
    /// When the heartbeat was sent that was answered last.
    pub beat: Mutex<Instant>,
    pub serving: Serving,
    pub looks: Looks,
    pub calls: Arc<Semaphore>,
    pub wake: Notify,
    /// A notification came: the next thing is a heartbeat.
    pub beats: AtomicBool,
    /// The writer has something under way.
    pub works: AtomicBool,
    /// Orders that waited are being served.
    pub serves: AtomicBool,
    /// It does what it does for all nodes.
    pub keeps_up: AtomicBool,
    /// All calls have ended: the session may end, too.
    pub leaves: AtomicBool,
    /// Why the node serves no calls any more.
    pub over: watch::Sender<Option<String>>,
}

impl Inner {
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn beat(&self) -> MutexGuard<'_, Instant> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.borrow().is_some()
    }

    /// Another node notified this one that something changed.
    pub(super) fn notified(&self) {
        self.beats.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Serves no calls any more, for this reason; unless there was one before.
    pub(super) fn end(&self, reason: &str) {
        // Who hears that it is over finds it without blocks.
        let mut memory = self.memory();
        memory.end();
        self.over.send_if_modified(|over| {
            let is_first = over.is_none();
            over.get_or_insert_with(|| reason.to_owned());
            is_first
        });
        drop(memory);
        self.wake.notify_one();
    }

    pub(super) fn ended(&self) -> watch::Receiver<Option<String>> {
        self.over.subscribe()
    }
}
