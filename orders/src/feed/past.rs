//! What a feed tells of the entries of a replay.
//!
//! A ledger deletes rows, and has one row stand for many. What can be had of a SKU is right again after the last of them,
//! and not before: units left by orders whose rows are gone are missing in none of the rows that are left. So entries are
//! [noted](Feed::note) first. At the [end](Feed::end_of_past) the sums are right; from there the feed goes back over the last
//! entries, as far as all rows are as they were written, and tells those. Of all before it says that they are missed.

use super::{EventCounts, Feed, State, Units, What, of_order, units_of};
use crate::entry::{Change, Entry, Position};
use crate::lines::SkuId;
use std::collections::VecDeque;

/// The last entries of a replay.
#[derive(Debug)]
pub(super) struct Past<K> {
    entries: VecDeque<Noted<K>>,
    /// The position of the last entry.
    last: Position,
    /// All rows after this are there, as they were written.
    whole: Position,
}

/// One entry.
#[derive(Debug)]
struct Noted<K> {
    position: Position,
    what: Option<What<K>>,
    units: Units,
    /// A threshold that was set: the SKU, what it was before, and what it is.
    low: Option<(SkuId, i64, i64)>,
}

impl<K> Default for Past<K> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            last: Position::default(),
            whole: Position::default(),
        }
    }
}

impl<K: Clone> Feed<K> {
    /// Notes an entry of a replay, about the order with this id. Entries after `written` stand in no row.
    pub(crate) fn note(
        &self,
        position: Position,
        entry: &Entry<K>,
        id: Option<&str>,
        written: Position,
    ) {
        let mut state = self.0.lock();
        let noted = Noted {
            position,
            what: id.and_then(|id| of_order(&entry.change, id)),
            units: units_of(&entry.change),
            low: state.begin(&entry.change),
        };
        noted.units.iter().for_each(|units| state.sum(*units, 1));
        if position > written {
            return;
        }
        let past = &mut state.past;
        if position.number() > past.last.number() + 1 {
            past.whole = Position::new(position.number() - 1);
        }
        if stands_for_others(entry) {
            past.whole = position;
        }
        past.last = position;
        past.entries.push_back(noted);
        if state.past.entries.len() > state.capacity
            && let Some(first) = state.past.entries.pop_front()
        {
            state.dropped = first.position;
        }
    }

    /// Tells what happened by the entries that were noted. Called once, after the last of them. Entries were written up to
    /// `written`, whether their rows are there or not.
    pub(crate) fn end_of_past(&self, written: Position) {
        let mut state = self.0.lock();
        let Past {
            mut entries,
            last,
            mut whole,
        } = std::mem::take(&mut state.past);
        if last < written {
            whole = written;
        }
        state.last = written;
        state.dropped = state.dropped.max(whole);
        let dropped = state.dropped;
        entries.retain(|noted| noted.position > dropped);
        for noted in entries.iter().rev() {
            noted.units.iter().for_each(|units| state.sum(*units, -1));
            if let Some((sku, before, _)) = noted.low {
                state.set_low(sku, before);
            }
        }
        state.look_again();
        for noted in entries {
            if let Some(what) = noted.what {
                state.push(noted.position, what);
            }
            if let Some((sku, _, low)) = noted.low {
                state.set_low(sku, low);
            }
            for (sku, free, waiting) in noted.units {
                state.add(noted.position, sku, free, waiting);
            }
        }
        // These were counted before the restart.
        state.counts = EventCounts::default();
    }
}

impl<K: Clone> State<K> {
    /// Sums up what can be had of a SKU, or takes that back, and tells nothing.
    fn sum(&mut self, (sku, free, waiting): (SkuId, i64, i64), sign: i64) {
        if let Some(left) = self.skus.get_mut(sku.index()) {
            left.change(sign * free, sign * waiting);
        }
    }

    fn set_low(&mut self, sku: SkuId, low: i64) {
        if let Some(left) = self.skus.get_mut(sku.index()) {
            left.low = low;
        }
    }

    /// Takes what can be had of each SKU as known.
    fn look_again(&mut self) {
        let mut index = 0;
        while let Some(left) = self.skus.get_mut(index) {
            let units = left.left();
            (left.is_low, left.is_out) = (units < left.low, units == 0);
            index += 1;
        }
    }
}

/// Whether a row stands for others that are gone. Every count that somebody booked has a key.
const fn stands_for_others<K>(entry: &Entry<K>) -> bool {
    entry.request.is_none() && matches!(entry.change, Change::Counted { .. })
}
