//! [`Table`]: the orders, in shards with a lock each.

mod index;
mod slots;
mod store;
mod times;

use crate::entry::{Entry, Position};
use crate::lines::Lines;
use crate::order::{Due, Order};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, RandomState};
use crossbeam_utils::CachePadded;
pub(crate) use slots::SlotId;
use slots::Slots;
use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};
use times::Times;

/// The orders. An order's shard is locked from the first look of a call to the last effect of its change.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    /// Of each shard: no units of it come back before this time. Raised only under the shard's lock, when the units of
    /// every order whose time has passed are back.
    expiring: Box<[AtomicU64]>,
    known: AtomicUsize,
    /// The parts of all orders.
    lines: AtomicUsize,
    hasher: RandomState,
}

/// One shard.
#[derive(Debug)]
pub(crate) struct Shard {
    slots: Slots,
    deadlines: Times,
    retained: Times,
    /// Whether the shard is to say again when the next order expires, once it is unlocked.
    visited: bool,
}

/// An id, hashed once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name<'a> {
    pub(crate) id: &'a str,
    hash: u64,
}

impl Name<'_> {
    /// The name under which an order is entered: its id is in the order.
    pub(crate) fn of_new(self) -> Name<'static> {
        Name { id: "", ..self }
    }
}

impl Table {
    pub(crate) fn new(shards: usize) -> Self {
        let shard = |_| CachePadded::new(Mutex::new(Shard::new()));
        Self {
            shards: (0..shards).map(shard).collect(),
            expiring: (0..shards).map(|_| AtomicU64::new(u64::MAX)).collect(),
            known: AtomicUsize::new(0),
            lines: AtomicUsize::new(0),
            hasher: RandomState::default(),
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

    /// How many lines all orders have: each as often as units of it are at different stages.
    pub(crate) fn lines(&self) -> usize {
        self.lines.load(Ordering::Relaxed)
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
        let slot = self.shard.slots.insert(name.hash, order);
        self.is_added(slot);
        slot
    }

    /// Adds an order of a book that is made again. Nobody finds it by its id before all are [named](Self::name_all).
    pub(crate) fn add(&mut self, name: Name<'_>, order: Order) -> SlotId {
        let slot = self.shard.slots.add(name.hash, order);
        self.is_added(slot);
        slot
    }

    fn is_added(&mut self, slot: SlotId) {
        let lines = self[slot].parts.len();
        self.table.known.fetch_add(1, Ordering::Relaxed);
        self.table.lines.fetch_add(lines, Ordering::Relaxed);
        self.enqueue(slot);
    }

    /// Has all orders be found by their ids that were added to the shard: the index is made at once, which takes a part
    /// of the time. Forgetting is no entry: of two orders with an id the first was forgotten before the second was placed.
    /// Returns how many keys of requests were forgotten with orders.
    ///
    /// # Errors
    ///
    /// The number of an order whose id was not free.
    pub(crate) fn name_all(&mut self) -> Result<usize, Position> {
        let end = self.end();
        let slots: usize = (0..end).filter(|index| self.used(*index).is_some()).count();
        self.shard.slots.name_all(slots);
        let mut requests = 0;
        for index in 0..end {
            let Some(slot) = self.used(index) else {
                continue;
            };
            while let Some(before) = self.shard.slots.name(slot) {
                let (before_it, order) = (&self[before], &self[slot]);
                if !before_it.has_ended() || before_it.last > order.number {
                    return Err(order.number);
                }
                requests += self.forget(before).requests();
            }
        }
        Ok(requests)
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
        let order = &mut self.shard.slots[slot];
        let before = order.parts.len();
        order.apply(position, entry, retention, counted);
        let after = order.parts.len();
        if after != before {
            // It wraps around where there are fewer.
            let more = after.wrapping_sub(before);
            self.table.lines.fetch_add(more, Ordering::Relaxed);
        }
        self.enqueue(slot);
    }

    /// Forgets an order.
    pub(crate) fn forget(&mut self, slot: SlotId) -> Order {
        self.dequeue(slot);
        let order = self.shard.slots.remove(slot);
        let lines = order.parts.len();
        self.table.known.fetch_sub(1, Ordering::Relaxed);
        self.table.lines.fetch_sub(lines, Ordering::Relaxed);
        order
    }

    /// A call came to expire orders, or an order gave units back: when the call leaves, the shard says when the next one
    /// expires.
    pub(crate) fn visit(&mut self) {
        self.shard.visited = true;
    }

    /// The orders whose deadline has passed.
    pub(crate) fn expired(&self, now: u64) -> impl Iterator<Item = SlotId> {
        self.shard.deadlines.passed(now, &self.shard.slots)
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

    fn enqueue(&mut self, slot: SlotId) {
        let shard = &mut *self.shard;
        match shard.slots[slot].due() {
            Due::Never => {}
            Due::Expires(time) => {
                shard.deadlines.add(slot, time, &mut shard.slots);
                self.announce(time);
            }
            Due::Forgotten(time) => shard.retained.add(slot, time, &mut shard.slots),
        }
    }

    /// Says that units of this shard come back at `time`. An order does that before it takes them: whoever is short
    /// because of those units, after that time, finds it here, though the order is not entered yet.
    pub(crate) fn announce(&self, time: u64) {
        let expiring = &self.table.expiring[self.number];
        if expiring.load(Ordering::Relaxed) > time {
            expiring.store(time, Ordering::Release);
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

/// A call that lacks units looks at the shards' times, and then how often units of its SKUs came back. So it misses none:
/// before it sees the new time of a shard, it sees that count.
impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if !std::mem::take(&mut self.shard.visited) {
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
            visited: false,
        }
    }
}
