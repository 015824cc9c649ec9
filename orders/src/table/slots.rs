//! [`Slots`]: the orders of a shard, by slot and by id.

use super::index::Index as Ids;
use super::slot::{Links, Slot, SlotId};
use super::store::Store;
use crate::order::Order;
use std::ops::{Index, IndexMut};

/// Orders by slot and by id.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    store: Store<Slot>,
    ids: Ids,
}

impl Slots {
    #[inline]
    pub(super) fn find(&self, hash: u64, id: &str) -> Option<SlotId> {
        self.ids.find(&self.store, hash, id)
    }

    /// Adds an order whose id is not there.
    pub(super) fn insert(&mut self, hash: u64, order: Order) -> SlotId {
        let slot = self.add(hash, order);
        self.ids.insert(Ids::bits(hash), slot);
        slot
    }

    /// Adds an order that is found by its id once it is [named](Self::name).
    pub(super) fn add(&mut self, hash: u64, order: Order) -> SlotId {
        SlotId::of(self.store.insert(Slot {
            order,
            hash: Ids::bits(hash),
            links: Links::default(),
        }))
    }

    /// All of this many orders that were added are going to be named: the index has room for them at once.
    pub(super) fn name_all(&mut self, orders: usize) {
        self.ids.make_room(orders);
    }

    /// Has an order be found by its id, in place of another one that was. Returns that.
    pub(super) fn name(&mut self, slot: SlotId) -> Option<SlotId> {
        let Slot { order, hash, .. } = &self.store[slot.index()];
        let hash = *hash;
        let same = self.ids.find(&self.store, hash.into(), &order.id);
        if let Some(same) = same {
            self.ids.remove(hash, same);
        }
        self.ids.insert(hash, slot);
        same
    }

    pub(super) fn remove(&mut self, slot: SlotId) -> Order {
        let Slot { order, hash, .. } = self.store.remove(slot.index());
        self.ids.remove(hash, slot);
        order
    }

    #[inline]
    pub(super) fn links(&mut self, slot: SlotId) -> &mut Links {
        &mut self.store[slot.index()].links
    }

    #[inline]
    pub(super) fn links_of(&self, slot: SlotId) -> Links {
        self.store[slot.index()].links
    }

    /// The slot with this index, if an order lies there.
    pub(crate) fn used(&self, index: usize) -> Option<SlotId> {
        self.store.contains(index).then(|| SlotId::of(index))
    }

    /// The index after this one that is looked at next.
    pub(crate) fn after(&self, index: usize) -> usize {
        self.store.after(index)
    }

    /// One more than the last index.
    pub(crate) fn end(&self) -> usize {
        self.store.end()
    }
}

impl Index<SlotId> for Slots {
    type Output = Order;

    #[inline]
    fn index(&self, slot: SlotId) -> &Order {
        &self.store[slot.index()].order
    }
}

impl IndexMut<SlotId> for Slots {
    #[inline]
    fn index_mut(&mut self, slot: SlotId) -> &mut Order {
        &mut self.store[slot.index()].order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{NewOrder, Position};
    use crate::lines::Lines;
    use crate::parts::Stage;
    use std::collections::HashMap;
    use std::hash::{BuildHasher, RandomState};

    fn order(id: &str) -> Order {
        let order = NewOrder::new(id, None, Lines::new());
        Order::placed(
            (Position::new(1), 0),
            order,
            (Stage::Held, 0),
            &Lines::new(),
        )
    }

    /// It grows and shrinks, and each order is found where it lies, at each size.
    #[test]
    fn orders_are_found_by_their_ids_while_buckets_split_and_merge() {
        let hasher = RandomState::new();
        let (mut slots, mut known) = (Slots::default(), HashMap::new());
        let check = |slots: &Slots, known: &HashMap<String, SlotId>, hasher: &RandomState| {
            for number in 0..1_000 {
                let id = format!("order-{number}");
                let found = slots.find(hasher.hash_one(&id), &id);
                assert_eq!(found, known.get(&id).copied(), "{id}");
            }
        };
        for number in 0..1_000 {
            let id = format!("order-{number}");
            let slot = slots.insert(hasher.hash_one(&id), order(&id));
            known.insert(id, slot);
            check(&slots, &known, &hasher);
        }
        for number in 0..1_000 {
            let id = format!("order-{}", number * 37 % 1_000);
            let slot = known.remove(&id).unwrap();
            assert_eq!(*slots.remove(slot).id, *id);
            check(&slots, &known, &hasher);
        }
        assert!((0..slots.end()).all(|index| slots.used(index).is_none()));
    }

    /// Orders whose hashes agree are distinguished by their ids.
    #[test]
    fn orders_whose_hashes_agree_are_distinguished() {
        let mut slots = Slots::default();
        let one = slots.insert(7, order("one"));
        let two = slots.insert(7, order("two"));
        assert_eq!(
            (slots.find(7, "one"), slots.find(7, "two")),
            (Some(one), Some(two))
        );
        assert_eq!(slots.find(7, "three"), None);
        slots.remove(one);
        assert_eq!(
            (slots.find(7, "one"), slots.find(7, "two")),
            (None, Some(two))
        );
    }
}
