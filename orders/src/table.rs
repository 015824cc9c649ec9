//! [`Table`]: the orders, in shards with a lock each.

mod slots;
mod times;

use crate::entry::{Entry, Position};
use crate::lines::Lines;
use crate::order::{Due, Order};
use crossbeam_utils::CachePadded;
use parking_lot::{Mutex, MutexGuard};
pub(crate) use slots::SlotId;
use slots::Slots;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use times::Times;

/// The orders. An order's shard is locked from the first look of a call to the last effect of its change.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    /// Of each shard: no units of it come back before this time. Raised only under the shard's lock, when the units of
    /// every order whose time has passed are back.
    expiring: Box<[AtomicU64]>,
    /// How often an order gave units back. Counted after the units are back, and before the shard says that no order is past
    /// its deadline.
    given: AtomicU64,
    known: AtomicUsize,
    hasher: RandomState,
}

/// One shard.
#[derive(Debug)]
pub(crate) struct Shard {
    slots: Slots,
    deadlines: Times,
    retained: Times,
    /// How often an order gave units back since the shard was locked.
    given: u64,
    /// Whether a call came to expire orders since the shard was locked.
    visited: bool,
}

/// An id, hashed once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'a> {
    pub(crate) id: &'a str,
    hash: u64,
}

impl Table {
    pub(crate) fn new(shards: usize) -> Self {
        let shard = |_| CachePadded::new(Mutex::new(Shard::new()));
        Self {
            shards: (0..shards).map(shard).collect(),
            expiring: (0..shards).map(|_| AtomicU64::new(u64::MAX)).collect(),
            given: AtomicU64::new(0),
            known: AtomicUsize::new(0),
            hasher: RandomState::new(),
        }
    }

    pub(crate) fn name<'a>(&self, id: &'a str) -> Name<'a> {
        let hash = self.hasher.hash_one(id);
        Name { id, hash }
    }

    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// How many orders are known.
    pub(crate) fn known(&self) -> usize {
        self.known.load(Ordering::Relaxed)
    }

    /// How often an order gave units back.
    pub(crate) fn given(&self) -> u64 {
        self.given.load(Ordering::Acquire)
    }

    pub(crate) fn lock_shard_of(&self, name: Name<'_>) -> Locked<'_> {
        // Other bits than those that the index of the shard uses.
        self.lock((name.hash >> 40) as usize & (self.shards.len() - 1))
    }

    pub(crate) fn lock(&self, number: usize) -> Locked<'_> {
        let shard = self.shards[number].lock();
        Locked {
            table: self,
            number,
            shard,
        }
    }

    /// The shards in which an order's time may have passed at `now`.
    pub(crate) fn expiring_at(&self, now: u64) -> impl Iterator<Item = usize> {
        let times = self.expiring.iter().enumerate();
        let passed = times.filter(move |(_, time)| time.load(Ordering::Acquire) <= now);
        passed.map(|(number, _)| number)
    }
}

/// A locked shard.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    table: &'a Table,
    pub(crate) number: usize,
    shard: MutexGuard<'a, Shard>,
}

impl Locked<'_> {
    pub(crate) fn find(&self, name: Name<'_>) -> Option<SlotId> {
        self.shard.slots.find(name.hash, name.id)
    }

    /// Adds an order whose id is not known.
    pub(crate) fn insert(&mut self, name: Name<'_>, order: Order) -> SlotId {
        let hasher = &self.table.hasher;
        let slot = self
            .shard
            .slots
            .insert(name.hash, order, |id| hasher.hash_one(id));
        self.table.known.fetch_add(1, Ordering::Relaxed);
        self.enqueue(slot);
        slot
    }

    /// Shows in an order what the entry at `position` says.
    pub(crate) fn apply<K>(
        &mut self,
        slot: SlotId,
        position: Position,
        entry: &Entry<K>,
        retention: u64,
        counted: &Lines,
    ) {
        self.dequeue(slot);
        self.shard.slots[slot].apply(position, entry, retention, counted);
        self.enqueue(slot);
    }

    /// Forgets an order.
    pub(crate) fn forget(&mut self, slot: SlotId) {
        self.dequeue(slot);
        let hash = self.table.hasher.hash_one(&*self.shard.slots[slot].id);
        drop(self.shard.slots.remove(hash, slot));
        self.table.known.fetch_sub(1, Ordering::Relaxed);
    }

    /// A call came to expire orders: when it leaves, the shard says when the next one expires.
    pub(crate) fn visit(&mut self) {
        self.shard.visited = true;
    }

    /// An order gave units back.
    pub(crate) fn count_given(&mut self) {
        self.shard.given += 1;
    }

    /// The first order whose deadline has passed.
    pub(crate) fn first_expired(&self, now: u64) -> Option<SlotId> {
        let first = self.shard.deadlines.first(&self.shard.slots);
        first.filter(|(time, _)| *time <= now).map(|(_, slot)| slot)
    }

    /// The first order whose retention is over.
    pub(crate) fn first_to_forget(&self, now: u64) -> Option<SlotId> {
        let first = self.shard.retained.first(&self.shard.slots);
        first.filter(|(time, _)| *time <= now).map(|(_, slot)| slot)
    }

    /// The slot with this index, if an order lies there.
    pub(crate) fn used(&self, index: usize) -> Option<SlotId> {
        self.shard.slots.used(index)
    }

    /// One more than the last slot.
    pub(crate) fn end(&self) -> usize {
        self.shard.slots.end()
    }

    fn enqueue(&mut self, slot: SlotId) {
        let shard = &mut *self.shard;
        match shard.slots[slot].due() {
            Due::Never => {}
            Due::Expires(time) => {
                shard.deadlines.add(slot, time, &mut shard.slots);
                let expiring = &self.table.expiring[self.number];
                if expiring.load(Ordering::Relaxed) > time {
                    expiring.store(time, Ordering::Release);
                }
            }
            Due::Forgotten(time) => shard.retained.add(slot, time, &mut shard.slots),
        }
    }

    fn dequeue(&mut self, slot: SlotId) {
        let shard = &mut *self.shard;
        match shard.slots[slot].due() {
            Due::Never => {}
            Due::Expires(time) => shard.deadlines.remove(slot, time, &mut shard.slots),
            Due::Forgotten(time) => shard.retained.remove(slot, time, &mut shard.slots),
        }
    }
}

impl Deref for Locked<'_> {
    type Target = Slots;

    fn deref(&self) -> &Slots {
        &self.shard.slots
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Slots {
        &mut self.shard.slots
    }
}

/// A call that was refused by the stock looks at the shards' times after that, and then at the count of orders that gave units back.
/// So it misses no units that came back: before it sees the new time of a shard, it sees the count.
impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let given = std::mem::take(&mut self.shard.given);
        let visited = std::mem::take(&mut self.shard.visited);
        if given > 0 {
            self.table.given.fetch_add(given, Ordering::AcqRel);
        } else if !visited {
            return;
        }
        let first = self.shard.deadlines.first(&self.shard.slots);
        let first = first.map_or(u64::MAX, |(time, _)| time);
        self.table.expiring[self.number].store(first, Ordering::Release);
    }
}

impl Shard {
    fn new() -> Self {
        Self {
            slots: Slots::default(),
            deadlines: Times::default(),
            retained: Times::default(),
            given: 0,
            visited: false,
        }
    }
}
