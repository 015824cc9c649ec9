//! Where the keys of a shard lie: a slab of slots, and an index of it by hash.
//!
//! A slot stays where it is until its key is forgotten. So a call goes back to the key that it made
//! busy without looking for it, and what comes next is a queue of links between slots.

use super::answers::Resolution;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use slab::Slab;
use std::borrow::Borrow;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// Below so many slots nothing is given back.
const FEW: usize = 64;

/// Which slot; never zero, so that a link to none costs no more than one to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(NonZeroU32);

impl Id {
    fn of(index: usize) -> Self {
        let id = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self(id.expect("fewer than 2^32 keys in a shard: memory ends before"))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A key, what is known of it, and its place in a queue.
#[derive(Debug)]
pub(super) struct Slot<K, R, Q> {
    pub(super) key: K,
    /// Kept, so that to move or to forget a key hashes nothing.
    hash: u64,
    pub(super) state: State<R, Q>,
    pub(super) links: Links,
}

/// The neighbours in the one queue that a slot is in.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Links {
    pub(super) before: Option<Id>,
    pub(super) after: Option<Id>,
}

/// What is known of a key.
#[derive(Debug)]
pub(super) enum State<R, Q> {
    Busy,
    Held {
        request: Q,
        hold: R,
        /// Of the hold: asked for once, since the answer is a caller's code.
        units: u64,
        deadline: u64,
    },
    Resolved {
        request: Q,
        outcome: Resolution,
        until: u64,
        /// Whether a call is setting aside anew what has expired, outside the lock.
        retaking: bool,
    },
}

#[derive(Debug)]
pub(super) struct Slots<K, R, Q> {
    slab: Slab<Slot<K, R, Q>>,
    index: HashTable<Id>,
}

impl<K, R, Q> Slots<K, R, Q> {
    pub(super) const fn new() -> Self {
        Self {
            slab: Slab::new(),
            index: HashTable::new(),
        }
    }

    fn with_capacity(slots: usize) -> Self {
        Self {
            slab: Slab::with_capacity(slots),
            index: HashTable::with_capacity(slots),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    #[cfg(feature = "inventory")]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot<K, R, Q>> {
        self.slab.iter().map(|(_, slot)| slot)
    }

    #[inline]
    pub(super) fn find<B>(&self, hash: u64, key: &B) -> Option<Id>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        let is_key = |id: &Id| self.slab[id.index()].key.borrow() == key;
        self.index.find(hash, is_key).copied()
    }

    /// The slot of `key`: the one that there is, as `Err`, or a new one that is busy.
    #[inline]
    pub(super) fn find_or_add(&mut self, hash: u64, key: K) -> Result<Id, Id>
    where
        K: Eq,
    {
        let slab = &self.slab;
        let entry = self.index.entry(
            hash,
            |id| slab[id.index()].key == key,
            |id| slab[id.index()].hash,
        );
        match entry {
            Entry::Occupied(entry) => Err(*entry.get()),
            Entry::Vacant(entry) => {
                let state = State::Busy;
                let links = Links::default();
                let slot = Slot {
                    key,
                    hash,
                    state,
                    links,
                };
                let id = Id::of(self.slab.insert(slot));
                entry.insert(id);
                Ok(id)
            }
        }
    }

    pub(super) fn remove(&mut self, id: Id) -> Slot<K, R, Q> {
        let slot = self.slab.remove(id.index());
        let entry = self.index.find_entry(slot.hash, |other| *other == id);
        entry.expect("every slot is in the index").remove();
        slot
    }

    /// Takes in a slot of others that were given up.
    pub(super) fn move_in(&mut self, slot: Slot<K, R, Q>) -> Id {
        let hash = slot.hash;
        let id = Id::of(self.slab.insert(slot));
        let slab = &self.slab;
        self.index
            .insert_unique(hash, id, |id| slab[id.index()].hash);
        id
    }

    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) fn capacity(&self) -> usize {
        self.slab.capacity()
    }

    /// Whether so few are left after a rush that their memory is worth giving back.
    pub(super) fn is_sparse(&self) -> bool {
        self.slab.capacity() > FEW && self.len() < self.slab.capacity() / 8
    }

    /// Empty slots for what is in these, with room to grow: by then as many have been forgotten as
    /// there is to move, so that it pays for itself.
    pub(super) fn smaller(&self) -> Self {
        Self::with_capacity(2 * self.len())
    }
}

impl<K, R, Q> Index<Id> for Slots<K, R, Q> {
    type Output = Slot<K, R, Q>;

    #[inline]
    fn index(&self, id: Id) -> &Self::Output {
        &self.slab[id.index()]
    }
}

impl<K, R, Q> IndexMut<Id> for Slots<K, R, Q> {
    #[inline]
    fn index_mut(&mut self, id: Id) -> &mut Self::Output {
        &mut self.slab[id.index()]
    }
}
