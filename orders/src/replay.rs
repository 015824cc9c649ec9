//! A book is made again from its entries.

mod error;
mod lent;

pub use error::{ReplayError, ReplayReason};

use crate::book::OrderBook;
use crate::entry::{Change, Entry, Position};
use crate::lines::{Lines, SkuId};
use crate::order::Order;
use crate::parts::Stage;
use crate::skus::Gates;
use crate::table::SlotId;
use lent::LentUnits;
use segstock::MAX_UNITS;
use segstock::inventory::Sku;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;

/// How many entries are looked at before they are applied.
const WINDOW: usize = 64;

/// Makes a book again that nobody else uses yet.
pub(crate) struct Replaying<'a, K: Sku> {
    book: &'a OrderBook<K>,
    /// Where the orders lie: number of the shard, and slot.
    orders: Places,
    lent: LentUnits,
    /// The last entry that was written as it is. Those after it stand for others that are gone.
    written: Position,
}

type Places = HashMap<Position, (usize, SlotId), BuildHasherDefault<ByPosition>>;

/// Hashes positions.
#[derive(Debug, Default)]
struct ByPosition(u64);

impl Hasher for ByPosition {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl<'a, K: Sku + 'static> Replaying<'a, K> {
    pub(crate) fn new(book: &'a OrderBook<K>, written: Position) -> Self {
        Self {
            book,
            orders: Places::default(),
            lent: LentUnits::default(),
            written,
        }
    }

    /// Applies entries, and returns the position and the time of the last.
    pub(crate) fn all(
        mut self,
        entries: impl IntoIterator<Item = (Position, Entry<K>)>,
    ) -> Result<(Position, u64), ReplayError> {
        let (mut last, mut time) = (Position::default(), 0);
        let mut entries = entries.into_iter();
        let mut next = Vec::with_capacity(WINDOW);
        loop {
            next.extend(entries.by_ref().take(WINDOW));
            if next.is_empty() {
                break;
            }
            self.look_at(&next);
            for (position, entry) in next.drain(..) {
                let error = |reason| ReplayError { position, reason };
                if position <= last {
                    return Err(error(ReplayReason::Sequence));
                }
                if let Some(feed) = &self.book.feed {
                    let id = self.id_of(&entry.change);
                    feed.note(position, &entry, id.as_deref(), self.written);
                }
                time = time.max(entry.time);
                self.one(position, entry).map_err(error)?;
                last = position;
            }
        }
        let book = self.book;
        self.lent.settle(&book.skus)?;
        if let Some(feed) = &book.feed {
            feed.end_of_past();
        }
        *book.last_time.lock() = time;
        Ok((last, time))
    }

    /// Looks at the stock that new orders will take from, which changes nothing. What is not in the processor's caches is
    /// fetched for many orders at the same time; an entry that is applied would wait for its own.
    fn look_at(&self, entries: &[(Position, Entry<K>)]) {
        let new = entries.iter().filter_map(|(_, entry)| match &entry.change {
            Change::Placed { order, .. } => Some(&order.lines),
            _ => None,
        });
        let lines = new.flat_map(|lines| lines.iter());
        let known = lines.filter(|line| self.book.skus.knows(line.sku));
        let seen = known.map(|line| self.book.skus.item(line.sku).available());
        black_box(seen.fold(0, u64::wrapping_add));
    }

    /// The id of the order that a change is about.
    fn id_of(&self, change: &Change<K>) -> Option<Box<str>> {
        match change {
            Change::Placed { order, .. } | Change::Waiting { order, .. } => Some(order.id.clone()),
            change => {
                let (number, slot) = self.orders.get(&change.order()?)?;
                Some(self.book.table.lock(*number)[*slot].id.clone())
            }
        }
    }

    fn one(&mut self, position: Position, entry: Entry<K>) -> Result<(), ReplayReason> {
        match &entry.change {
            Change::Opened { sku, id, units } => self.open(sku, *id, *units, position),
            Change::Restocked { .. }
            | Change::Counted { .. }
            | Change::WrittenOff { .. }
            | Change::Moved { .. }
            | Change::Sent { .. }
            | Change::Arrived { .. }
            | Change::Limited { .. } => self.shelf(position, entry),
            Change::Placed { order, .. } => {
                self.take_to_hold(&order.lines, position)?;
                self.new_order(position, entry)
            }
            Change::Waiting { .. } => self.new_order(position, entry),
            change => {
                let order = change.order().ok_or(ReplayReason::Unknown)?;
                self.change(order, position, &entry)
            }
        }
    }

    fn open(&self, sku: &K, id: SkuId, units: u64, position: Position) -> Result<(), ReplayReason> {
        let skus = &self.book.skus;
        let is_next = id.index() == skus.len() && skus.find(sku).is_none();
        if !is_next || units > MAX_UNITS {
            return Err(ReplayReason::Sku);
        }
        skus.announce(id, sku.clone());
        skus.open(id, sku.clone(), units, position);
        Ok(())
    }

    fn shelf(&mut self, position: Position, mut entry: Entry<K>) -> Result<(), ReplayReason> {
        let shelves = entry.change.shelves();
        shelves.iter().try_for_each(|sku| self.knows(*sku))?;
        let book = self.book;
        book.forget_requests(entry.time, 2);
        if let Change::Counted {
            sku, difference, ..
        } = &mut entry.change
            && *difference > 0
        {
            let found = self.lent.found(*sku, difference.unsigned_abs(), position);
            *difference = found?.cast_signed();
        }
        let mut gates = book.skus.pass_all(&shelves);
        self.take_from_shelf(&mut gates, position, &entry.change)?;
        book.apply_shelf(&mut gates, position, &entry);
        Ok(())
    }

    /// Takes what a change of shelves takes, and makes room for what it gives.
    fn take_from_shelf(
        &mut self,
        gates: &mut Gates<'_>,
        position: Position,
        change: &Change<K>,
    ) -> Result<(), ReplayReason> {
        match *change {
            Change::WrittenOff { sku, units } => self.write_off(sku, units, position, gates),
            Change::Moved { from, to, units } => {
                self.write_off(from, units, position, gates)?;
                self.make_room(to, units, position, gates)
            }
            Change::Sent { from, units, .. } => self.write_off(from, units, position, gates),
            Change::Arrived {
                sending,
                from,
                to,
                units,
                lost,
            } => {
                let sent = self.book.on_the_way.find(sending);
                let is_sent = sent.is_some_and(|sent| {
                    let arrived = units.checked_add(lost);
                    let are_there = arrived.is_some_and(|arrived| arrived <= sent.units);
                    (sent.from, sent.to) == (from, to) && are_there
                });
                is_sent.then_some(()).ok_or(ReplayReason::Units)?;
                self.make_room(to, units, position, gates)
            }
            Change::Counted {
                sku,
                difference,
                uncovered,
                ..
            } if difference < 0 => {
                let missing = (sku, difference.unsigned_abs(), uncovered);
                let skus = &self.book.skus;
                self.lent.lose(skus, missing, position, gates.of(sku))
            }
            Change::Counted {
                sku,
                difference,
                uncovered,
                ..
            } => {
                // One that stands for several can have found units, and yet some of them uncovered.
                self.lent.allow(sku, uncovered, position)?;
                self.make_room(sku, difference.unsigned_abs(), position, gates)
            }
            Change::Limited {
                sku,
                safety,
                uncovered,
                ..
            } => {
                let before = gates.of(sku).limits.safety;
                let safe = before.checked_add_signed(safety);
                if safe.is_none_or(|safe| safe > MAX_UNITS) {
                    return Err(ReplayReason::Units);
                }
                let skus = &self.book.skus;
                let units = safety.unsigned_abs();
                if safety > 0 {
                    let more = (sku, units, uncovered);
                    return self.lent.withhold(skus, more, position);
                }
                let fewer = (sku, units);
                self.lent.allow(sku, uncovered, position)?;
                self.lent
                    .make_room_for_free(skus, fewer, position, gates.of(sku))
            }
            Change::Restocked { sku, units } => self.make_room(sku, units, position, gates),
            _ => Ok(()),
        }
    }

    /// Makes room for units that come to a shelf.
    fn make_room(
        &mut self,
        sku: SkuId,
        units: u64,
        position: Position,
        gates: &mut Gates<'_>,
    ) -> Result<(), ReplayReason> {
        let skus = &self.book.skus;
        let gate = gates.of(sku);
        self.lent.make_room(skus, (sku, units), position, gate)
    }

    /// Takes units off the shelf that nobody was promised.
    fn write_off(
        &mut self,
        sku: SkuId,
        units: u64,
        position: Position,
        gates: &mut Gates<'_>,
    ) -> Result<(), ReplayReason> {
        let (skus, gate) = (&self.book.skus, gates.of(sku));
        self.lent.lend_on_hand((sku, units), position, gate)?;
        self.lent.lend_free(skus, (sku, units), position)?;
        let written_off = skus.write_off(sku, units, gate);
        written_off.map_err(|_| ReplayReason::Units)
    }

    fn new_order(&mut self, position: Position, entry: Entry<K>) -> Result<(), ReplayReason> {
        let (Change::Placed { order, .. } | Change::Waiting { order, .. }) = &entry.change else {
            return Err(ReplayReason::Unknown);
        };
        let mut lines = order.lines.iter();
        lines.try_for_each(|line| self.knows(line.sku))?;
        let table = &self.book.table;
        let name = table.name(&order.id);
        let mut shard = table.lock_shard_of(name);
        if let Some(slot) = shard.find(name) {
            // Forgetting is no entry: an id that is placed again was forgotten.
            if !shard[slot].has_ended() {
                return Err(ReplayReason::Order);
            }
            let forgotten = shard.forget(slot);
            self.orders.remove(&forgotten.number);
            self.book.requests.remove(forgotten.requests());
        }
        self.count(order.customer.as_deref(), &order.lines);
        if matches!(entry.change, Change::Waiting { .. }) {
            for line in order.lines.iter() {
                let queue = &self.book.skus.item(line.sku).queue;
                _ = queue.set_aside(line.units, u64::MAX);
            }
        }
        // The entry goes into the table, and its id with it.
        let name = name.of_new();
        let slot = self.book.apply_new(&mut shard, name, position, entry);
        let slot = slot.ok_or(ReplayReason::Unknown)?;
        self.orders.insert(position, (shard.number, slot));
        Ok(())
    }

    fn change(
        &mut self,
        order: Position,
        position: Position,
        entry: &Entry<K>,
    ) -> Result<(), ReplayReason> {
        let book = self.book;
        let skus = &book.skus;
        let place = self.orders.get(&order).ok_or(ReplayReason::Order)?;
        let (number, slot) = *place;
        let mut shard = book.table.lock(number);
        if !has_units(&shard[slot], &entry.change) {
            return Err(ReplayReason::Units);
        }
        let mut gates = None;
        match &entry.change {
            Change::Served { lines, .. } => self.take_to_hold(lines, position)?,
            Change::Amended { taken, .. } => {
                self.take_to_hold(taken, position)?;
                let (had, new) = shard[slot].split(taken);
                self.recount(&shard[slot], &had);
                self.count(shard[slot].customer.as_deref(), &new);
            }
            Change::Paid {
                held,
                retaken,
                shipped,
                ..
            } => {
                self.take(retaken, position)?;
                self.recount(&shard[slot], retaken);
                if *shipped {
                    self.ship(held, position)?;
                    self.ship(retaken, position)?;
                }
            }
            Change::Shipped { lines, .. } => self.ship(lines, position)?,
            Change::Returned { on_sale, .. } => {
                let passed = gates.insert(skus.pass(on_sale));
                for line in on_sale.iter() {
                    self.make_room(line.sku, line.units, position, passed)?;
                }
            }
            _ => {}
        }
        book.apply(&mut shard, slot, position, entry, gates.as_mut());
        Ok(())
    }

    /// Counts units that come to an order, of SKUs that are counted.
    fn count(&self, customer: Option<&str>, lines: &Lines) {
        let counted = self.book.counted(customer, lines);
        if let Some(customer) = customer {
            self.book.customers.take_again(customer, &counted);
        }
    }

    /// Counts units that come to an order, of SKUs that are counted in it.
    fn recount(&self, order: &Order, lines: &Lines) {
        if let Some(customer) = &order.customer {
            let counted = order.counted(lines);
            self.book.customers.take_again(customer, &counted);
        }
    }

    fn knows(&self, sku: SkuId) -> Result<(), ReplayReason> {
        let known = self.book.skus.knows(sku);
        known.then_some(()).ok_or(ReplayReason::Sku)
    }

    fn take_to_hold(&mut self, lines: &Lines, position: Position) -> Result<(), ReplayReason> {
        self.take(lines, position)?;
        self.book.skus.hold_anyway(lines);
        Ok(())
    }

    fn take(&mut self, lines: &Lines, position: Position) -> Result<(), ReplayReason> {
        for line in lines.iter() {
            self.knows(line.sku)?;
            self.lent
                .lend_free(&self.book.skus, (line.sku, line.units), position)?;
        }
        self.book.skus.take(lines).map_err(|_| ReplayReason::Units)
    }

    fn ship(&mut self, lines: &Lines, position: Position) -> Result<(), ReplayReason> {
        let book = self.book;
        let skus = &book.skus;
        let mut gates = skus.pass(lines);
        for line in lines.iter() {
            let (units, gate) = ((line.sku, line.units), gates.of(line.sku));
            self.lent.lend_on_hand(units, position, gate)?;
        }
        drop(gates);
        let shipped = skus.ship(0, lines);
        shipped.map(drop).map_err(|_| ReplayReason::Units)
    }
}

/// Whether an order has the units that a change moves.
fn has_units<K>(order: &Order, change: &Change<K>) -> bool {
    let has = |lines: &Lines, stage| {
        let mut lines = lines.iter();
        lines.all(|line| order.parts.of(line.sku, stage) >= line.units)
    };
    match change {
        Change::Served { lines, .. } => has(lines, Stage::Waiting),
        Change::Amended { given, .. } => has(given, Stage::Held),
        Change::Paid { held, retaken, .. } => {
            has(held, Stage::Held) && has(retaken, Stage::Expired)
        }
        Change::Shipped { lines, .. } => has(lines, Stage::Paid),
        Change::Cancelled {
            waiting,
            held,
            paid,
            ..
        } => has(waiting, Stage::Waiting) && has(held, Stage::Held) && has(paid, Stage::Paid),
        Change::Expired { lines, .. } => has(lines, Stage::Held),
        Change::Returned {
            on_sale,
            written_off,
            ..
        } => has(&on_sale.clone().and(written_off), Stage::Shipped),
        _ => true,
    }
}
