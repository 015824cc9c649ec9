//! When the keys of a shard expire, or are forgotten.
//!
//! Most services hold everything for one time to live, and every answer has one retention. So most
//! times come in the sequence in which they pass: a queue holds those. The others, which pass before
//! one that was added earlier, go to a tree.

use super::queue::Queue;
use super::slots::{Id, Slots};
use std::collections::BTreeSet;

/// A state that ends at some time of the clock.
pub(super) trait Timed {
    /// In nanoseconds. It stays what it is while the slot is among the times.
    fn time(&self) -> u64;
}

#[derive(Debug, Default)]
pub(super) struct Times {
    in_sequence: Queue,
    others: BTreeSet<(u64, Id)>,
}

impl Times {
    pub(super) const fn new() -> Self {
        Self {
            in_sequence: Queue::new(),
            others: BTreeSet::new(),
        }
    }

    /// Adds a slot that is among no times, and whose time is this.
    #[inline]
    pub(super) fn add<K, S: Timed>(&mut self, id: Id, time: u64, slots: &mut Slots<K, S>) {
        let last = self.in_sequence.last();
        if last.is_none_or(|last| slots[last].state.time() <= time) {
            self.in_sequence.push(id, slots);
        } else {
            self.others.insert((time, id));
        }
    }

    /// Removes a slot that is among these.
    #[inline]
    pub(super) fn remove<K, S: Timed>(&mut self, id: Id, slots: &mut Slots<K, S>) {
        if self.in_sequence.contains(id, slots) {
            self.in_sequence.remove(id, slots);
        } else {
            self.others.remove(&(slots[id].state.time(), id));
        }
    }

    /// The slot whose time passes first.
    pub(super) fn first<K, S: Timed>(&self, slots: &Slots<K, S>) -> Option<(u64, Id)> {
        let in_sequence = self.in_sequence.first();
        let in_sequence = in_sequence.map(|id| (slots[id].state.time(), id));
        let others = self.others.first().copied();
        match (in_sequence, others) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// The slots whose time has passed at `now`, in no promised sequence.
    pub(super) fn passed<K, S: Timed>(
        &self,
        now: u64,
        slots: &Slots<K, S>,
    ) -> impl Iterator<Item = Id> {
        let in_sequence = self.in_sequence.iter(slots);
        let in_sequence = in_sequence.take_while(move |id| slots[*id].state.time() <= now);
        let others = self.others.iter();
        let others = others.take_while(move |(time, _)| *time <= now);
        in_sequence.chain(others.map(|(_, id)| *id))
    }
}
