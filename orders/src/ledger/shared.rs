//! [`Shared`]: what writer and driver share.

use super::backups::Backups;
use super::queue::Queue;
use super::waiters::Waiters;
use super::{Batch, LedgerError};
use crate::sums::{Moved as _, Sums};
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What writer and driver share.
pub(super) struct Shared<K> {
    pub(super) queue: Queue<K>,
    pub(super) waiters: Arc<Waiters>,
    pub(super) sums: RwLock<Sums>,
    pub(super) batches: AtomicU64,
    pub(super) unsettled: Mutex<Option<LedgerError>>,
    pub(super) dead: OnceLock<LedgerError>,
    pub(super) backups: Backups,
}

impl<K> Shared<K> {
    /// Why nothing is written any more.
    pub(super) fn reason(&self) -> Option<&LedgerError> {
        self.dead.get()
    }

    /// A batch is durable, whose entries had this many places beyond the others. The sums come first: a call that is woken finds
    /// the batch in them.
    pub(super) fn is_durable(&self, batch: &Batch<K>, beyond: usize) {
        let mut sums = self.sums.write();
        batch.entries.iter().for_each(|entry| sums.add(entry));
        drop(sums);
        if self.unsettled.lock().take().is_some() {
            self.queue.lag(false);
        }
        self.queue.free_beyond(batch.entries.len(), beyond);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.waiters.advance(batch.last());
    }

    /// It is not known yet what became of a batch.
    pub(super) fn is_unsettled(&self, error: LedgerError, lags: bool) {
        *self.unsettled.lock() = Some(error);
        self.queue.lag(lags);
    }

    /// Nothing is written any more. The first reason stays.
    pub(super) fn die(&self, error: &LedgerError) {
        _ = self.dead.set(error.clone());
        self.queue.close();
        self.backups.close();
        self.waiters.die();
    }
}
