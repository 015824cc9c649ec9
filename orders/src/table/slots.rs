//! [`Slots`]: where the orders of a shard lie, and the index of their ids.

use crate::order::Order;
use hashbrown::HashTable;
use slab::Slab;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// With fewer slots than this, no memory is given back.
const FEW: usize = 64;

/// The number of a slot, plus one: never zero, so that an optional link takes four bytes. An order keeps its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId(NonZeroU32);

impl SlotId {
    fn of(index: usize) -> Self {
        let id = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self(id.expect("the limit of orders is below 2^32"))
    }

    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The neighbours of an order in the one queue that it is in.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Links {
    pub(super) before: Option<SlotId>,
    pub(super) after: Option<SlotId>,
}

#[derive(Debug)]
struct Slot {
    order: Order,
    links: Links,
}

/// Orders by slot and by id.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slab: Slab<Slot>,
    index: HashTable<SlotId>,
}

impl Slots {
    #[inline]
    pub(super) fn find(&self, hash: u64, id: &str) -> Option<SlotId> {
        let is_it = |slot: &SlotId| *self[*slot].id == *id;
        self.index.find(hash, is_it).copied()
    }

    pub(super) fn insert(
        &mut self,
        hash: u64,
        order: Order,
        hash_of: impl Fn(&str) -> u64,
    ) -> SlotId {
        let links = Links::default();
        let slot = SlotId::of(self.slab.insert(Slot { order, links }));
        let slab = &self.slab;
        self.index
            .insert_unique(hash, slot, |slot| hash_of(&slab[slot.index()].order.id));
        slot
    }

    pub(super) fn remove(&mut self, hash: u64, slot: SlotId) -> Order {
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        let order = self.slab.remove(slot.index()).order;
        if self.slab.is_empty() && self.slab.capacity() > FEW {
            *self = Self::default();
        }
        order
    }

    pub(super) fn links(&mut self, slot: SlotId) -> &mut Links {
        &mut self.slab[slot.index()].links
    }

    pub(super) fn links_of(&self, slot: SlotId) -> Links {
        self.slab[slot.index()].links
    }

    pub(super) fn used(&self, index: usize) -> Option<SlotId> {
        self.slab.contains(index).then(|| SlotId::of(index))
    }

    pub(super) fn end(&self) -> usize {
        if self.slab.is_empty() {
            return 0;
        }
        self.slab.capacity().min(u32::MAX as usize)
    }
}

impl Index<SlotId> for Slots {
    type Output = Order;

    #[inline]
    fn index(&self, slot: SlotId) -> &Order {
        &self.slab[slot.index()].order
    }
}

impl IndexMut<SlotId> for Slots {
    #[inline]
    fn index_mut(&mut self, slot: SlotId) -> &mut Order {
        &mut self.slab[slot.index()].order
    }
}
