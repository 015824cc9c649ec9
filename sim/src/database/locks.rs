//! Row locks: held to the end of a transaction, granted in the sequence in which they were asked for.

use crate::world::Slot;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// The transaction waited for one that waits for it, and must roll back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlock;

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two transactions wait for each other")
    }
}

impl std::error::Error for Deadlock {}

/// Who has which row locked, and who waits.
pub(super) struct RowLocks<K> {
    locks: BTreeMap<K, Lock>,
    /// The rows that each transaction has locked.
    held: BTreeMap<u64, Vec<K>>,
    /// The row that each transaction waits for, if it does.
    waits: BTreeMap<u64, K>,
}

struct Lock {
    holder: u64,
    waiting: VecDeque<(u64, Slot<()>)>,
}

impl<K> Default for RowLocks<K> {
    fn default() -> Self {
        Self {
            locks: BTreeMap::new(),
            held: BTreeMap::new(),
            waits: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> RowLocks<K> {
    /// Locks a row, or returns the slot that is filled when it is locked.
    pub(super) fn acquire(
        &mut self,
        key: &K,
        transaction: u64,
    ) -> Result<Option<Slot<()>>, Deadlock> {
        let Some(holder) = self.holder(key) else {
            self.grant(key.clone(), transaction, VecDeque::new());
            return Ok(None);
        };
        if holder == transaction {
            return Ok(None);
        }
        if self.waits_for(holder, transaction) {
            return Err(Deadlock);
        }
        let granted = Slot::new();
        if let Some(lock) = self.locks.get_mut(key) {
            lock.waiting.push_back((transaction, granted.clone()));
        }
        self.waits.insert(transaction, key.clone());
        Ok(Some(granted))
    }

    fn holder(&self, key: &K) -> Option<u64> {
        Some(self.locks.get(key)?.holder)
    }

    fn grant(&mut self, key: K, holder: u64, waiting: VecDeque<(u64, Slot<()>)>) {
        self.held.entry(holder).or_default().push(key.clone());
        self.locks.insert(key, Lock { holder, waiting });
    }

    /// Whether `who` waits for `whom`, directly or through others.
    fn waits_for(&self, mut who: u64, whom: u64) -> bool {
        while who != whom {
            let holder = self.waits.get(&who).and_then(|key| self.holder(key));
            match holder {
                Some(holder) => who = holder,
                None => return false,
            }
        }
        true
    }

    /// Whether the transaction has the row locked.
    pub(super) fn holds(&self, key: &K, transaction: u64) -> bool {
        self.holder(key) == Some(transaction)
    }

    /// Releases the lock of one row, for the next transaction that waits.
    pub(super) fn release_one(&mut self, key: &K) {
        let Some(mut lock) = self.locks.remove(key) else {
            return;
        };
        if let Some(held) = self.held.get_mut(&lock.holder) {
            held.retain(|held| held != key);
        }
        if let Some((next, granted)) = lock.waiting.pop_front() {
            self.waits.remove(&next);
            self.grant(key.clone(), next, lock.waiting);
            granted.fill(());
        }
    }

    /// Releases every lock of a transaction.
    pub(super) fn release(&mut self, transaction: u64) {
        for key in self.held.remove(&transaction).unwrap_or_default() {
            self.release_one(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_to_wait_is_the_deadlock() {
        let mut locks = RowLocks::default();
        assert!(locks.acquire(&'a', 1).unwrap().is_none());
        assert!(locks.acquire(&'b', 2).unwrap().is_none());
        assert!(locks.acquire(&'c', 3).unwrap().is_none());
        assert!(locks.acquire(&'b', 1).unwrap().is_some());
        assert!(locks.acquire(&'c', 2).unwrap().is_some());
        assert_eq!(locks.acquire(&'a', 3).unwrap_err(), Deadlock);
        locks.release(3);
        locks.release(2);
        assert!(locks.acquire(&'b', 1).unwrap().is_none(), "1 has it");
        assert!(locks.acquire(&'c', 4).unwrap().is_none(), "it is free");
    }
}
