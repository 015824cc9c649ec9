//! [`Index`]: from an id's hash to the slots of the orders that have it.

use super::slots::{Slot, SlotId};
use super::store::Store;
use crate::steps::Steps;
use std::iter;

/// How many buckets an order that leaves takes away at most.
const MERGES: usize = 4;

/// A hash table whose buckets are chains through the slots. It grows by linear hashing: an order that comes splits one
/// bucket, which moves the orders of that bucket alone; so there is one bucket for each order, and no call moves them all.
///
/// With `n` buckets, of which `2^k` is the largest power of two up to `n`: the buckets below `n - 2^k` are split already.
/// The bucket of a hash is its last `k + 1` bits if there is such a bucket, and else its last `k` bits.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The first slot of each chain.
    heads: Steps<Option<SlotId>>,
    orders: usize,
}

/// Where a slot stands in its chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chained {
    hash: u32,
    next: Option<SlotId>,
}

impl Chained {
    /// The bits of a hash that the index goes by.
    pub(super) const fn with(hash: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the last bits are meant")]
        let hash = hash as u32;
        Self { hash, next: None }
    }
}

impl Index {
    pub(super) fn find(&self, slots: &Store<Slot>, hash: u64, id: &str) -> Option<SlotId> {
        let Chained { hash, .. } = Chained::with(hash);
        let first = self.bucket(hash).and_then(|bucket| self.heads[bucket]);
        let mut chain = iter::successors(first, |slot| slots[slot.index()].chained.next);
        chain.find(|slot| {
            let slot = &slots[slot.index()];
            slot.chained.hash == hash && *slot.order.id == *id
        })
    }

    /// Adds a slot whose id is not there.
    pub(super) fn insert(&mut self, slots: &mut Store<Slot>, slot: SlotId) {
        self.orders += 1;
        if self.orders > self.heads.len() {
            self.split(slots);
        }
        self.chain(slots, slot);
    }

    /// Makes room for so many orders, before any of them is chained.
    pub(super) fn make_room(&mut self, orders: usize) {
        while self.heads.len() < orders {
            self.heads.push(None);
        }
        self.orders = orders;
    }

    /// Chains a slot for which room was made, unless an order with the same id is there: then returns its slot.
    pub(super) fn chain_new(&mut self, slots: &mut Store<Slot>, slot: SlotId) -> Option<SlotId> {
        let Slot { order, chained, .. } = &slots[slot.index()];
        let same = self.find(slots, chained.hash.into(), &order.id);
        if same.is_none() {
            self.chain(slots, slot);
        }
        same
    }

    /// Takes a slot out that is there.
    pub(super) fn remove(&mut self, slots: &mut Store<Slot>, slot: SlotId) {
        let Chained { hash, next } = slots[slot.index()].chained;
        let Some(bucket) = self.bucket(hash) else {
            return;
        };
        if self.heads[bucket] == Some(slot) {
            self.heads[bucket] = next;
        } else {
            let mut chain =
                iter::successors(self.heads[bucket], |slot| slots[slot.index()].chained.next);
            let before = chain.find(|before| slots[before.index()].chained.next == Some(slot));
            if let Some(before) = before {
                slots[before.index()].chained.next = next;
            }
        }
        self.orders -= 1;
        for _ in 0..MERGES {
            if self.heads.len() > MERGES * self.orders {
                self.merge(slots);
            }
        }
    }

    /// The bucket of a hash; none before the first order comes.
    fn bucket(&self, hash: u32) -> Option<usize> {
        let buckets = self.heads.len();
        let whole = 1 << buckets.checked_ilog2()?;
        let bucket = hash as usize & (2 * whole - 1);
        Some(if bucket < buckets {
            bucket
        } else {
            bucket & (whole - 1)
        })
    }

    /// One bucket more: its orders were in the bucket whose number lacks the first bit.
    fn split(&mut self, slots: &mut Store<Slot>) {
        let new = self.heads.len();
        self.heads.push(None);
        if let Some(bits) = new.checked_ilog2() {
            let chain = self.heads[new - (1 << bits)].take();
            self.chain_again(slots, chain);
        }
    }

    /// One bucket less: its orders go where they came from.
    fn merge(&mut self, slots: &mut Store<Slot>) {
        let chain = self.heads.pop().flatten();
        self.chain_again(slots, chain);
    }

    fn chain_again(&mut self, slots: &mut Store<Slot>, mut chain: Option<SlotId>) {
        while let Some(slot) = chain {
            chain = slots[slot.index()].chained.next;
            self.chain(slots, slot);
        }
    }

    fn chain(&mut self, slots: &mut Store<Slot>, slot: SlotId) {
        let chained = &mut slots[slot.index()].chained;
        if let Some(bucket) = self.bucket(chained.hash) {
            chained.next = self.heads[bucket].replace(slot);
        }
    }
}
