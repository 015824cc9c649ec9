//! Counters with a lock: a right one, and one that everybody writes once.

use segstock_conformance::{Answer, Subject};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Looks and takes under one lock.
pub struct OneLock(Mutex<u64>);

impl OneLock {
    pub fn new(units: u64) -> Self {
        Self(Mutex::new(units))
    }

    fn left(&self) -> MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subject for OneLock {
    fn deduct(&self, units: u64) -> Answer {
        let mut left = self.left();
        let enough = *left >= units;
        if enough {
            *left -= units;
        }
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let mut left = self.left();
        match left.checked_add(units) {
            Some(more) => *left = more,
            None => return Answer::OVERFLOW,
        }
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.left())
    }
}

/// Looks under the lock, does other things, and takes under the lock again.
pub struct LocksTwice(OneLock);

impl LocksTwice {
    pub fn new(units: u64) -> Self {
        Self(OneLock::new(units))
    }
}

impl Subject for LocksTwice {
    fn deduct(&self, units: u64) -> Answer {
        if *self.0.left() < units {
            return Answer::SHORT;
        }
        // The order's flow.
        std::thread::yield_now();
        let mut left = self.0.left();
        *left = left.saturating_sub(units);
        Answer::Done(())
    }

    fn restock(&self, units: u64) -> Answer {
        self.0.restock(units)
    }

    fn available(&self) -> Answer<u64> {
        self.0.available()
    }
}
