//! [`Table`]: the orders, in shards with a lock each.

mod index;
mod slot;
mod slots;
mod store;
mod tally;
mod times;

use crate::entry::{Entry, Position};
use crate::lines::Lines;
use crate::order::{Due, Order};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, RandomState};
use crossbeam_utils::CachePadded;
pub(crate) use slot::SlotId;
use slots::Slots;
use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};
use tally::{Count, Tally};
use times::Times;

/// The orders. An order's shard is locked from the first look of a call to the last effect of its change.
#[derive(Debug)]
pub(crate) struct Table {
    shards: Box<[CachePadded<OfShard>]>,
    /// Of each shard: no units of it come back before this time. Raised only under the shard's lock, when the units of
    /// every order whose time has passed are back.
    expiring: Box<[AtomicU64]>,
    /// The orders.
    known: Tally,
    /// The parts of all orders.
    lines: Tally,
    /// How many orders of a shard are kept for returns alone, at most.
    most_returnable: usize,
    hasher: RandomState,
}

/// A shard, and what is to be known of it without its lock.
#[derive(Debug)]
struct OfShard {
    shard: Mutex<Shard>,
    known: Count,
    lines: Count,
    /// The orders that are kept for returns alone. Changed under the lock.
    returnable: AtomicUsize,
}

/// One shard.
#[derive(Debug)]
pub(crate) struct Shard {
    slots: Slots,
    deadlines: Times,
    retained: Times,
    returnable: Times,
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
    /// A table in `shards` shards. It has at most `max_orders` orders and `max_lines` lines. `max_returnable` orders are kept for
    /// returns alone: each shard keeps its share of them, and at least one, if any.
    pub(crate) fn new(
        shards: usize,
        max_orders: usize,
        max_lines: usize,
        max_returnable: usize,
    ) -> Self {
        let shard = |_| {
            CachePadded::new(OfShard {
                shard: Mutex::new(Shard::new()),
                known: Count::default(),
                lines: Count::default(),
                returnable: AtomicUsize::new(0),
            })
        };
        Self {
            shards: (0..shards).map(shard).collect(),
            expiring: (0..shards).map(|_| AtomicU64::new(u64::MAX)).collect(),
            known: Tally::new(max_orders, shards),
            lines: Tally::new(max_lines, shards),
            most_returnable: (max_returnable / shards).max(max_returnable.min(1)),
            hasher: RandomState::default(),
        }
    }

    #[inline]
    pub(crate) fn name<'a>(&self, id: &'a str) -> Name<'a> {
        let hash = self.hasher.hash_one(id);
        Name { id, hash }
    }

    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// What tells the places of this table from those of others: 17 bits, and never 0. In which shard an order lies is by
    /// chance, as this is.
    pub(crate) fn tag(&self) -> u64 {
        1 + self.hasher.hash_one("") % ((1 << 17) - 1)
    }

    /// How many orders are known.
    pub(crate) fn known(&self) -> usize {
        tally::sum(self.counts_of_orders())
    }

    /// How many orders are kept for returns alone.
    pub(crate) fn returnable(&self) -> usize {
        let shards = self.shards.iter();
        shards
            .map(|shard| shard.returnable.load(Ordering::Relaxed))
            .sum()
    }

    /// Whether another order can be known.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.known.has_room(1, self.counts_of_orders())
    }

    /// How many lines all orders have: each as often as units of it are at different stages.
    pub(crate) fn lines(&self) -> usize {
        tally::sum(self.counts_of_lines())
    }

    /// Whether all orders together can have this many lines more.
    #[inline]
    pub(crate) fn has_room_for_lines(&self, lines: usize) -> bool {
        self.lines.has_room(lines, self.counts_of_lines())
    }

    fn counts_of_orders(&self) -> impl Iterator<Item = &Count> {
        self.shards.iter().map(|shard| &shard.known)
    }

    fn counts_of_lines(&self) -> impl Iterator<Item = &Count> {
        self.shards.iter().map(|shard| &shard.lines)
    }

    #[inline]
    pub(crate) fn lock_shard_of(&self, name: Name<'_>) -> Locked<'_> {
        // Other bits than those that the index of the shard uses.
        self.lock((name.hash >> 40) as usize & (self.shards.len() - 1))
    }

    #[inline]
    pub(crate) fn lock(&self, number: usize) -> Locked<'_> {
        let of_shard = &self.shards[number];
        Locked {
            table: self,
            of_shard,
            number,
            shard: of_shard.shard.lock(),
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
    of_shard: &'a OfShard,
    pub(crate) number: usize,
    shard: MutexGuard<'a, Shard>,
}

impl Locked<'_> {
    #[inline]
    pub(crate) fn find(&self, name: Name<'_>) -> Option<SlotId> {
        self.shard.slots.find(name.hash, name.id)
    }

    /// Adds an order whose id is not known.
    #[inline]
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
        self.table.known.add(&self.of_shard.known, 1);
        self.table.lines.add(&self.of_shard.lines, lines);
        self.enqueue(slot);
    }

    /// Has all orders be found by their ids that were added to the shard: the index is made at once, which takes a part
    /// of the time. Forgetting is no entry: of two orders with an id the first was forgotten before the second was placed. Its
    /// rows are there still: nobody finds it, and it is forgotten again by whoever looks next, so that its rows go.
    ///
    /// # Errors
    ///
    /// The number of an order whose id was not free.
    pub(crate) fn name_all(&mut self) -> Result<(), Position> {
        let end = self.end();
        let slots: usize = (0..end).filter(|index| self.used(*index).is_some()).count();
        self.shard.slots.name_all(slots);
        for index in 0..end {
            let Some(slot) = self.used(index) else {
                continue;
            };
            if let Some(before) = self.shard.slots.name(slot) {
                let (before_it, order) = (&self[before], &self[slot]);
                if !before_it.has_ended() || before_it.last > order.number {
                    return Err(order.number);
                }
                self.keep_for_returns(before, 0);
            }
        }
        Ok(())
    }

    /// Shows in an order what the entry at `position` says.
    #[inline]
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
            self.table.lines.add(&self.of_shard.lines, more);
        }
        self.enqueue(slot);
    }

    /// Forgets an order.
    #[inline]
    pub(crate) fn forget(&mut self, slot: SlotId) -> Order {
        self.dequeue(slot);
        let order = self.shard.slots.remove(slot);
        // They wrap around: there are fewer.
        let fewer = |units: usize| 0_usize.wrapping_sub(units);
        let lines = fewer(order.parts.len());
        self.table.known.add(&self.of_shard.known, fewer(1));
        self.table.lines.add(&self.of_shard.lines, lines);
        order
    }

    /// A call came to expire orders, or an order gave units back: when the call leaves, the shard says when the next one
    /// expires.
    #[inline]
    pub(crate) fn visit(&mut self) {
        self.shard.visited = true;
    }

    /// The orders whose deadline has passed.
    pub(crate) fn expired(&self, now: u64) -> impl Iterator<Item = SlotId> {
        self.shard.deadlines.passed(now, &self.shard.slots)
    }

    /// The first order whose deadline has passed.
    #[inline]
    pub(crate) fn first_expired(&self, now: u64) -> Option<SlotId> {
        let first = self.shard.deadlines.first(&self.shard.slots);
        first.filter(|(time, _)| *time <= now).map(|(_, slot)| slot)
    }

    /// The first order whose retention is over.
    #[inline]
    pub(crate) fn first_outlived(&self, now: u64) -> Option<SlotId> {
        let first = self.shard.retained.first(&self.shard.slots);
        first.filter(|(time, _)| *time <= now).map(|(_, slot)| slot)
    }

    /// Whether orders are kept for returns alone.
    pub(crate) fn keeps_for_returns(&self) -> bool {
        self.table.most_returnable > 0
    }

    /// From now on an order is kept for returns alone, until this time.
    pub(crate) fn keep_for_returns(&mut self, slot: SlotId, until: u64) {
        self.dequeue(slot);
        self[slot].keep_for_returns(until);
        self.enqueue(slot);
    }

    /// The order that is forgotten first of those that are kept for returns alone: the oldest, as it changed; and its time.
    #[inline]
    pub(crate) fn first_returnable(&self) -> Option<(u64, SlotId)> {
        self.shard.returnable.first(&self.shard.slots)
    }

    /// Orders that are kept for returns alone, the older ones first, roughly.
    pub(crate) fn returnable(&self) -> impl Iterator<Item = SlotId> {
        self.shard.returnable.passed(u64::MAX, &self.shard.slots)
    }

    /// The first order that is kept for returns alone, and no longer: its time has passed, or they are too many.
    #[inline]
    pub(crate) fn first_beyond_returns(&self, now: u64) -> Option<SlotId> {
        let kept = self.of_shard.returnable.load(Ordering::Relaxed);
        if kept == 0 {
            return None;
        }
        let first = self.first_returnable();
        let first = first.filter(|(time, _)| *time <= now || kept > self.table.most_returnable);
        first.map(|(_, slot)| slot)
    }

    /// Counts an order more that is kept for returns alone; or less: it wraps around.
    fn count_returnable(&self, more: usize) {
        let kept = &self.of_shard.returnable;
        let now = kept.load(Ordering::Relaxed).wrapping_add(more);
        kept.store(now, Ordering::Relaxed);
    }

    #[inline]
    fn enqueue(&mut self, slot: SlotId) {
        let shard = &mut *self.shard;
        match shard.slots[slot].due() {
            Due::Never => {}
            Due::Expires(time) => {
                shard.deadlines.add(slot, time, &mut shard.slots);
                self.announce(time);
            }
            Due::Outlived(time) => shard.retained.add(slot, time, &mut shard.slots),
            Due::Forgotten(time) => {
                shard.returnable.add(slot, time, &mut shard.slots);
                self.count_returnable(1);
            }
        }
    }

    /// Says that units of this shard come back at `time`. An order does that before it takes them: whoever is short
    /// because of those units, after that time, finds it here, though the order is not entered yet.
    #[inline]
    pub(crate) fn announce(&self, time: u64) {
        let expiring = &self.table.expiring[self.number];
        if expiring.load(Ordering::Relaxed) > time {
            expiring.store(time, Ordering::Release);
        }
    }

    #[inline]
    fn dequeue(&mut self, slot: SlotId) {
        let shard = &mut *self.shard;
        match shard.slots[slot].due() {
            Due::Never => {}
            Due::Expires(time) => shard.deadlines.remove(slot, time, &mut shard.slots),
            Due::Outlived(time) => shard.retained.remove(slot, time, &mut shard.slots),
            Due::Forgotten(time) => {
                shard.returnable.remove(slot, time, &mut shard.slots);
                self.count_returnable(1_usize.wrapping_neg());
            }
        }
    }
}

impl Deref for Locked<'_> {
    type Target = Slots;

    #[inline]
    fn deref(&self) -> &Slots {
        &self.shard.slots
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Slots {
        &mut self.shard.slots
    }
}

/// A call that lacks units looks at the shards' times, and then how often units of its SKUs came back. So it misses none:
/// before it sees the new time of a shard, it sees that count.
impl Drop for Locked<'_> {
    #[inline]
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
            returnable: Times::default(),
            visited: false,
        }
    }
}
