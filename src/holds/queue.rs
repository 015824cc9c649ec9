//! A queue of slots, by links in the slots themselves: nothing is allocated, and whoever leaves it
//! early does so in three writes.

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
    pub(super) fn push<K, R, Q>(&mut self, id: Id, slots: &mut Slots<K, R, Q>) {
        let before = self.last.replace(id);
        slots[id].links.before = before;
        match before {
            Some(before) => slots[before].links.after = Some(id),
            None => self.first = Some(id),
        }
    }

    /// Takes out a slot that is in this queue.
    pub(super) fn remove<K, R, Q>(&mut self, id: Id, slots: &mut Slots<K, R, Q>) {
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
    pub(super) fn contains<K, R, Q>(&self, id: Id, slots: &Slots<K, R, Q>) -> bool {
        self.first == Some(id) || slots[id].links.before.is_some()
    }

    pub(super) fn iter<K, R, Q>(&self, slots: &Slots<K, R, Q>) -> impl Iterator<Item = Id> {
        std::iter::successors(self.first, |id| slots[*id].links.after)
    }
}
