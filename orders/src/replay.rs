//! A book is made again from its entries.

mod balance;
mod error;

use balance::BEYOND;
pub(crate) use balance::Balance;
pub use error::{ReplayError, ReplayReason};

use crate::book::OrderBook;
use crate::entry::{Change, Entry, Position};
use crate::lines::{Lines, SkuId};
use crate::order::Order;
use crate::parts::Stage;
use crate::table::SlotId;
use segstock::MAX_UNITS;
use segstock::inventory::Sku;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Makes a book again that nobody else uses yet.
pub(crate) struct Replaying<'a, K: Sku> {
    book: &'a OrderBook<K>,
    /// Where the orders lie: number of the shard, and slot.
    orders: Places,
    /// The last entry that was written as it is. Those after it stand for others that are gone.
    written: Position,
}

/// As the last that was written: every entry is as it was.
pub(crate) const ALL: Position = Position::new(u64::MAX);

type Places = HashMap<Position, (u32, SlotId), BuildHasherDefault<ByPosition>>;

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
            written,
        }
    }

    /// Applies entries, but for the units that they move: those are summed up in a [`Balance`]. Nobody finds orders and
    /// SKUs by their names yet. Returns the position and the time of the last.
    pub(crate) fn all(
        mut self,
        entries: impl IntoIterator<Item = (Position, Entry<K>)>,
    ) -> Result<(Position, u64), ReplayError> {
        let (mut last, mut time) = (Position::default(), 0);
        for (position, entry) in entries {
            let error = |reason| ReplayError { position, reason };
            if position <= last {
                return Err(error(ReplayReason::Sequence));
            }
            if !moves_units_of_a_stock(&entry.change) {
                return Err(error(ReplayReason::Units));
            }
            if let Some(feed) = &self.book.feed {
                let id = self.id_of(&entry.change);
                feed.note(position, &entry, id.as_deref(), self.written);
            }
            time = time.max(entry.time);
            self.one(position, entry).map_err(error)?;
            last = position;
        }
        if let Some(feed) = &self.book.feed {
            let all = self.written == ALL;
            feed.end_of_past(if all { last } else { self.written });
        }
        *self.book.last_time.lock() = time;
        Ok((last, time))
    }

    /// The id of the order that a change is about.
    fn id_of(&self, change: &Change<K>) -> Option<Box<str>> {
        match change {
            Change::Placed { order, .. } | Change::Waiting { order, .. } => Some(order.id.clone()),
            change => {
                let (number, slot) = self.orders.get(&change.order()?)?;
                Some(self.book.table.lock(*number as usize)[*slot].id.clone())
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
            | Change::Limited { .. } => self.shelf(position, &entry),
            Change::Placed { .. } | Change::Waiting { .. } => self.new_order(position, entry),
            change => {
                let order = change.order().ok_or(ReplayReason::Unknown)?;
                self.change(order, position, &entry)
            }
        }
    }

    fn open(&self, sku: &K, id: SkuId, units: u64, position: Position) -> Result<(), ReplayReason> {
        let skus = &self.book.skus;
        if id.index() != skus.len() || units > MAX_UNITS {
            return Err(ReplayReason::Sku);
        }
        skus.open(id, sku.clone(), units, position);
        Ok(())
    }

    fn shelf(&mut self, position: Position, entry: &Entry<K>) -> Result<(), ReplayReason> {
        let shelves = entry.change.shelves();
        shelves.iter().try_for_each(|sku| self.knows(*sku))?;
        let book = self.book;
        book.forget_requests(entry.time, 2);
        let mut gates = book.skus.pass_all(&shelves);
        let can_be = match entry.change {
            Change::Arrived {
                sending,
                from,
                to,
                units,
                lost,
            } => book.on_the_way.find(sending).is_some_and(|sent| {
                let arrived = units.checked_add(lost);
                let are_there = arrived.is_some_and(|arrived| arrived <= sent.units);
                (sent.from, sent.to) == (from, to) && are_there
            }),
            Change::Limited { sku, safety, .. } => {
                let safe = gates.of(sku).limits.safety.checked_add_signed(safety);
                safe.is_some_and(|safe| safe <= MAX_UNITS)
            }
            _ => true,
        };
        can_be.then_some(()).ok_or(ReplayReason::Units)?;
        book.show_shelf(&mut gates, position, entry);
        Ok(())
    }

    fn new_order(&mut self, position: Position, entry: Entry<K>) -> Result<(), ReplayReason> {
        let (Change::Placed { order, .. } | Change::Waiting { order, .. }) = &entry.change else {
            return Err(ReplayReason::Unknown);
        };
        let mut lines = order.lines.iter();
        lines.try_for_each(|line| self.knows(line.sku))?;
        let name = self.book.table.name(&order.id).of_new();
        if matches!(entry.change, Change::Waiting { .. }) {
            for line in order.lines.iter() {
                let queue = &self.book.skus.item(line.sku).queue;
                if !queue.set_aside(line.units, u64::MAX) {
                    return Err(ReplayReason::Units);
                }
            }
        }
        let order = self.book.new_order(position, entry, &Lines::new());
        let order = order.ok_or(ReplayReason::Unknown)?;
        let mut shard = self.book.table.lock_shard_of(name);
        let slot = shard.add(name, order);
        let number = u32::try_from(shard.number).map_err(|_| ReplayReason::Unknown)?;
        self.orders.insert(position, (number, slot));
        Ok(())
    }

    fn change(
        &mut self,
        order: Position,
        position: Position,
        entry: &Entry<K>,
    ) -> Result<(), ReplayReason> {
        let book = self.book;
        let place = self.orders.get(&order).ok_or(ReplayReason::Order)?;
        let (number, slot) = *place;
        let mut shard = book.table.lock(number as usize);
        if !has_units(&shard[slot], &entry.change) {
            return Err(ReplayReason::Units);
        }
        let none = Lines::new();
        let taken = match &entry.change {
            Change::Amended { taken, .. } => taken,
            Change::Paid { retaken, .. } => retaken,
            _ => &none,
        };
        taken.iter().try_for_each(|line| self.knows(line.sku))?;
        book.show(&mut shard, slot, position, entry);
        let order = &shard[slot];
        book.count_rest(order.customer.as_deref(), &order.counted(taken), &none);
        Ok(())
    }

    fn knows(&self, sku: SkuId) -> Result<(), ReplayReason> {
        let known = self.book.skus.knows(sku);
        known.then_some(()).ok_or(ReplayReason::Sku)
    }
}

/// Whether a stock can have the units that a change moves, whatever came before it. Of a count that stands for others it has
/// only to be a sum.
fn moves_units_of_a_stock<K>(change: &Change<K>) -> bool {
    let fit = |lines: &Lines| lines.iter().all(|line| line.units <= MAX_UNITS);
    match change {
        Change::Restocked { units, .. }
        | Change::WrittenOff { units, .. }
        | Change::Moved { units, .. }
        | Change::Sent { units, .. } => *units <= MAX_UNITS,
        Change::Arrived { units, lost, .. } => *units <= MAX_UNITS && *lost <= MAX_UNITS,
        Change::Counted { difference, .. } => difference.unsigned_abs() <= BEYOND.unsigned_abs(),
        Change::Limited { safety, .. } => safety.unsigned_abs() <= MAX_UNITS,
        Change::Placed { order, .. } | Change::Waiting { order, .. } => fit(&order.lines),
        Change::Served { lines, .. }
        | Change::Shipped { lines, .. }
        | Change::Expired { lines, .. } => fit(lines),
        Change::Amended { taken, given, .. } => fit(taken) && fit(given),
        Change::Paid { held, retaken, .. } => fit(held) && fit(retaken),
        Change::Cancelled {
            waiting,
            held,
            paid,
            ..
        } => fit(waiting) && fit(held) && fit(paid),
        Change::Returned {
            on_sale,
            written_off,
            ..
        } => fit(on_sale) && fit(written_off),
        // What a SKU is opened with is looked at there.
        Change::Opened { .. } | Change::Extended { .. } => true,
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
