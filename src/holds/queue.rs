//! A queue of slots. Its links lie in the slots themselves: a push allocates nothing, and a slot
//! leaves the middle of the queue by three writes.

use super::slots::{Id, Slots};
use std::mem;

#[derive(Debug, Default)]
pub(super) struct Queue {
    first: Option<Id>,
    last: Option<Id>,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            first: None,
            last: None,
        }
    }

    pub(super) const fn first(&self) -> Option<Id> {
        self.first
    }

    pub(super) const fn last(&self) -> Option<Id> {
        self.last
    }

    /// Appends a slot that is in no queue.
    pub(super) fn push<K, S>(&mut self, id: Id, slots: &mut Slots<K, S>) {
        let before = self.last.replace(id);
        slots[id].links.before = before;
        match before {
            Some(before) => slots[before].links.after = Some(id),
            None => self.first = Some(id),
        }
    }

    /// Removes a slot that is in this queue.
    pub(super) fn remove<K, S>(&mut self, id: Id, slots: &mut Slots<K, S>) {
        let links = mem::take(&mut slots[id].links);
        match links.before {
            Some(before) => slots[before].links.after = links.after,
            None => self.first = links.after,
        }
        match links.after {
            Some(after) => slots[after].links.before = links.before,
            None => self.last = links.before,
        }
    }

    /// Whether a slot that is in no other queue is in this one.
    pub(super) fn contains<K, S>(&self, id: Id, slots: &Slots<K, S>) -> bool {
        self.first == Some(id) || slots[id].links.before.is_some()
    }

    pub(super) fn iter<K, S>(&self, slots: &Slots<K, S>) -> impl Iterator<Item = Id> {
        std::iter::successors(self.first, |id| slots[*id].links.after)
    }
}
