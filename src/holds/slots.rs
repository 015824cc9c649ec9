//! Where the keys of a shard lie: a slab of slots, and an index of it by hash.
//!
//! A slot stays where it is until its key is forgotten. So a call that reserves without the lock
//! finds its key again by the slot's number, and links between slots make queues.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use slab::Slab;
use std::borrow::Borrow;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// With fewer slots than this, no memory is given back.
const FEW: usize = 64;

/// The number of a slot, plus one: it is never zero, so that an optional link takes four bytes.
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
pub(super) struct Slot<K, S> {
    pub(super) key: K,
    /// The key's hash, so that no key is hashed again to move or to forget it.
    hash: u64,
    pub(super) state: S,
    pub(super) links: Links,
}

/// The neighbours in the one queue that a slot is in.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Links {
    pub(super) before: Option<Id>,
    pub(super) after: Option<Id>,
}

#[derive(Debug)]
pub(super) struct Slots<K, S> {
    slab: Slab<Slot<K, S>>,
    index: HashTable<Id>,
}

impl<K, S> Slots<K, S> {
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

    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &Slot<K, S>)> {
        self.slab.iter().map(|(index, slot)| (Id::of(index), slot))
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

    /// The slot of `key`: a new one with this state, or as `Err` the one that it has.
    #[inline]
    pub(super) fn find_or_add(&mut self, hash: u64, key: K, state: S) -> Result<Id, Id>
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

    pub(super) fn remove(&mut self, id: Id) -> Slot<K, S> {
        let slot = self.slab.remove(id.index());
        let entry = self.index.find_entry(slot.hash, |other| *other == id);
        entry.expect("every slot is in the index").remove();
        slot
    }

    /// Adds a slot that was removed from other slots.
    pub(super) fn move_in(&mut self, slot: Slot<K, S>) -> Id {
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

    /// Whether less than an eighth of the memory is in use, and it is worth giving back.
    pub(super) fn is_sparse(&self) -> bool {
        self.slab.capacity() > FEW && self.len() < self.slab.capacity() / 8
    }

    /// Empty slots with room for twice the keys in these. At least seven keys were forgotten for each
    /// one that moves to them, so that the moves add little to the cost of a key.
    pub(super) fn smaller(&self) -> Self {
        Self::with_capacity(2 * self.len())
    }
}

impl<K, S> Index<Id> for Slots<K, S> {
    type Output = Slot<K, S>;

    #[inline]
    fn index(&self, id: Id) -> &Self::Output {
        &self.slab[id.index()]
    }
}

impl<K, S> IndexMut<Id> for Slots<K, S> {
    #[inline]
    fn index_mut(&mut self, id: Id) -> &mut Self::Output {
        &mut self.slab[id.index()]
    }
}
