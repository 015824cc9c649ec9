//! The gate between those who work on stocks and who takes one away.

use crate::stock::probe;
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, parallelism};
use crossbeam_utils::CachePadded;

/// A lock of readers and writers in stripes, one for each core: who passes locks the stripe of the
/// calling thread, which is a cache line of its own; who closes locks them all.
///
/// Taking a SKU away is rare. In return for two writes to a line that the core has anyway, it can be
/// argued in one sentence: while the gate is closed, no call is in the middle of anything.
#[derive(Debug)]
pub(super) struct Gate {
    stripes: Box<[CachePadded<RwLock<()>>]>,
}

impl Gate {
    pub(super) fn new() -> Self {
        let stripe = |_| CachePadded::new(RwLock::new(()));
        Self {
            stripes: (0..parallelism()).map(stripe).collect(),
        }
    }

    /// Until the guard is dropped nothing is taken away. Not to be passed twice by one thread.
    #[inline]
    pub(super) fn pass(&self) -> RwLockReadGuard<'_, ()> {
        self.stripes[probe::segment(self.stripes.len())].read()
    }

    /// Waits until nobody is in, and lets nobody in until the guards are dropped.
    pub(super) fn close(&self) -> Vec<RwLockWriteGuard<'_, ()>> {
        // Always in the same sequence, so that two who close do not wait for each other.
        self.stripes.iter().map(|stripe| stripe.write()).collect()
    }
}
