//! [`Times`]: when the orders of a shard expire, are past their retention, or are forgotten.
//!
//! Most books hold every order for one time, and remember it for one time. So most times come in the sequence in which
//! they pass: a queue holds those, whose links lie in the slots. The others go to a tree.

use super::slot::SlotId;
use super::slots::Slots;
use crate::order::Due;
use std::collections::BTreeSet;
use std::{iter, mem};

#[derive(Debug, Default)]
pub(super) struct Times {
    first: Option<SlotId>,
    last: Option<SlotId>,
    others: BTreeSet<(u64, SlotId)>,
}

impl Times {
    /// Adds an order that is among no times, and whose time is this.
    #[inline]
    pub(super) fn add(&mut self, slot: SlotId, time: u64, slots: &mut Slots) {
        if self.last.is_some_and(|last| time_of(last, slots) > time) {
            self.others.insert((time, slot));
            return;
        }
        let before = self.last.replace(slot);
        slots.links(slot).before = before;
        match before {
            Some(before) => slots.links(before).after = Some(slot),
            None => self.first = Some(slot),
        }
    }

    /// Removes an order that is among these.
    #[inline]
    pub(super) fn remove(&mut self, slot: SlotId, time: u64, slots: &mut Slots) {
        let is_queued = self.first == Some(slot) || slots.links_of(slot).before.is_some();
        if !is_queued {
            self.others.remove(&(time, slot));
            return;
        }
        let links = mem::take(slots.links(slot));
        match links.before {
            Some(before) => slots.links(before).after = links.after,
            None => self.first = links.after,
        }
        match links.after {
            Some(after) => slots.links(after).before = links.before,
            None => self.last = links.before,
        }
    }

    /// The orders whose time has passed.
    pub(super) fn passed<'a>(&'a self, now: u64, slots: &'a Slots) -> impl Iterator<Item = SlotId> {
        let queue = iter::successors(self.first, |slot| slots.links_of(*slot).after);
        let queued = queue.take_while(move |slot| time_of(*slot, slots) <= now);
        let others = self.others.iter().take_while(move |(time, _)| *time <= now);
        queued.chain(others.map(|(_, slot)| *slot))
    }

    /// The order whose time passes first, and the time.
    #[inline]
    pub(super) fn first(&self, slots: &Slots) -> Option<(u64, SlotId)> {
        let queued = self.first.map(|slot| (time_of(slot, slots), slot));
        let other = self.others.first().copied();
        match (queued, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

/// The time of an order that is among times.
#[inline]
fn time_of(slot: SlotId, slots: &Slots) -> u64 {
    let order = &slots[slot];
    debug_assert_ne!(order.due(), Due::Never, "it is among times");
    order.until
}
