//! When the holds of a shard end.
//!
//! Most services hold everything for the same time, and then deadlines come in the sequence in which
//! they end: a queue will do. Those that end before one that came earlier go to a tree.

use super::queue::Queue;
use super::slots::{Id, Slots, State};
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct Deadlines {
    in_sequence: Queue,
    others: BTreeSet<(u64, Id)>,
}

impl Deadlines {
    pub(super) const fn new() -> Self {
        Self {
            in_sequence: Queue::new(),
            others: BTreeSet::new(),
        }
    }

    /// Adds a hold that ends at `deadline`.
    pub(super) fn add<K, R, Q>(&mut self, id: Id, deadline: u64, slots: &mut Slots<K, R, Q>) {
        let last = self.in_sequence.last();
        if last.is_none_or(|last| deadline_of(last, slots) <= deadline) {
            self.in_sequence.push(id, slots);
        } else {
            self.others.insert((deadline, id));
        }
    }

    /// Takes out a hold that was added with this deadline.
    pub(super) fn remove<K, R, Q>(&mut self, id: Id, deadline: u64, slots: &mut Slots<K, R, Q>) {
        if self.in_sequence.contains(id, slots) {
            self.in_sequence.remove(id, slots);
        } else {
            self.others.remove(&(deadline, id));
        }
    }

    /// What ends first.
    pub(super) fn first<K, R, Q>(&self, slots: &Slots<K, R, Q>) -> Option<(u64, Id)> {
        let in_sequence = self.in_sequence.first();
        let in_sequence = in_sequence.map(|id| (deadline_of(id, slots), id));
        let others = self.others.first().copied();
        match (in_sequence, others) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// What is due at `now`.
    pub(super) fn due<K, R, Q>(
        &self,
        now: u64,
        slots: &Slots<K, R, Q>,
    ) -> impl Iterator<Item = Id> {
        let in_sequence = self.in_sequence.iter(slots);
        let in_sequence = in_sequence.take_while(move |id| deadline_of(*id, slots) <= now);
        let others = self.others.iter();
        let others = others.take_while(move |(deadline, _)| *deadline <= now);
        in_sequence.chain(others.map(|(_, id)| *id))
    }
}

fn deadline_of<K, R, Q>(id: Id, slots: &Slots<K, R, Q>) -> u64 {
    match slots[id].state {
        State::Held { deadline, .. } => deadline,
        State::Busy | State::Resolved { .. } => unreachable!("only what is held has a deadline"),
    }
}
