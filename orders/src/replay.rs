//! A book is made again from its entries.

use crate::book::OrderBook;
use crate::entry::{Change, Entry, NewOrder, Position};
use crate::lines::{LineUnits, Lines, SkuId};
use crate::order::Order;
use crate::parts::Stage;
use crate::skus::Gates;
use crate::table::SlotId;
use segstock::MAX_UNITS;
use segstock::inventory::Sku;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;

/// An entry cannot follow those before it: they are not all entries of one book, in their sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ReplayError {
    /// Where the entry stands.
    pub position: Position,
    /// What is wrong with it.
    pub reason: ReplayReason,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplayReason {
    /// Its position is not after that of the entry before.
    Sequence,
    /// It is about a SKU that was not opened, or opens one that is open or not the next.
    Sku,
    /// It is about an order that was not placed, or places one whose id is known.
    Order,
    /// It moves units that are not there.
    Units,
    /// This release does not know such changes.
    Unknown,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            ReplayReason::Sequence => "does not come after the entry before it",
            ReplayReason::Sku => "is about a SKU that is not as it says",
            ReplayReason::Order => "is about an order that is not as it says",
            ReplayReason::Units => "moves units that are not there",
            ReplayReason::Unknown => "is of a kind that this release does not know",
        };
        write!(f, "entry {} {reason}", self.position.number())
    }
}

impl Error for ReplayError {}

/// Makes a book again that nobody else uses yet.
pub(crate) struct Replaying<'a, K: Sku> {
    book: &'a OrderBook<K>,
    /// Where the orders lie: number of the shard, and slot.
    orders: HashMap<Position, (usize, SlotId)>,
    /// Units that were uncovered. An entry says so of the instant at which it was made: units that another change had taken
    /// by then, and whose entry follows, are still free here. So they are withheld at the end.
    uncovered: BTreeMap<SkuId, u64>,
}

impl<'a, K: Sku + 'static> Replaying<'a, K> {
    pub(crate) fn new(book: &'a OrderBook<K>) -> Self {
        Self {
            book,
            orders: HashMap::new(),
            uncovered: BTreeMap::new(),
        }
    }

    /// Applies entries, and returns the position and the time of the last.
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
            let id = self.id_of(&entry.change);
            if let Some(feed) = &self.book.feed {
                feed.tell(&entry, id.as_deref(), || position);
            }
            time = time.max(entry.time);
            self.one(position, entry).map_err(error)?;
            last = position;
        }
        for (sku, units) in self.uncovered {
            _ = self.book.skus.withhold(sku, units);
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
            | Change::Limited { .. } => self.shelf(position, &entry),
            Change::Placed { order, .. } => {
                self.take_to_hold(&order.lines)?;
                let order = order.clone();
                self.new_order(position, entry, &order)
            }
            Change::Waiting { order, .. } => {
                let order = order.clone();
                self.new_order(position, entry, &order)
            }
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

    fn shelf(&mut self, position: Position, entry: &Entry<K>) -> Result<(), ReplayReason> {
        let shelves = entry.change.shelves();
        shelves.iter().try_for_each(|sku| self.knows(*sku))?;
        self.book.forget_requests(entry.time, 2);
        let mut gates = self.book.skus.pass_all(&shelves);
        self.take_from_shelf(&mut gates, &entry.change)?;
        self.book.apply_shelf(&mut gates, position, entry);
        Ok(())
    }

    /// Takes what a change of shelves takes, and sees whether what it gives fits.
    fn take_from_shelf(
        &mut self,
        gates: &mut Gates<'_>,
        change: &Change<K>,
    ) -> Result<(), ReplayReason> {
        let skus = &self.book.skus;
        let withhold = |sku, units| match skus.withhold(sku, units) {
            0 => Ok(()),
            _ => Err(ReplayReason::Units),
        };
        let write_off = |sku, units, gates: &mut Gates<'_>| {
            let written_off = skus.write_off(sku, units, gates.of(sku));
            written_off.map_err(|_| ReplayReason::Units)
        };
        let fits = |sku, units: u64, gates: &mut Gates<'_>| {
            let fits = units <= MAX_UNITS - gates.of(sku).on_hand;
            fits.then_some(()).ok_or(ReplayReason::Units)
        };
        match *change {
            Change::WrittenOff { sku, units } => write_off(sku, units, gates),
            Change::Moved { from, to, units } => {
                fits(to, units, gates)?;
                write_off(from, units, gates)
            }
            Change::Sent { from, units, .. } => write_off(from, units, gates),
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
                fits(to, units, gates)
            }
            Change::Counted {
                sku,
                difference,
                uncovered,
                ..
            } if difference < 0 => {
                let missing = difference.unsigned_abs();
                if missing > gates.of(sku).on_hand {
                    return Err(ReplayReason::Units);
                }
                skus.lessen(sku, missing, gates.of(sku));
                *self.uncovered.entry(sku).or_default() += uncovered;
                let covered = missing.checked_sub(uncovered).ok_or(ReplayReason::Units)?;
                withhold(sku, covered)
            }
            Change::Counted {
                sku, difference, ..
            } => fits(sku, difference.unsigned_abs(), gates),
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
                if safety <= 0 {
                    return Ok(());
                }
                *self.uncovered.entry(sku).or_default() += uncovered;
                let covered = safety.unsigned_abs().checked_sub(uncovered);
                withhold(sku, covered.ok_or(ReplayReason::Units)?)
            }
            Change::Restocked { sku, units } => fits(sku, units, gates),
            _ => Ok(()),
        }
    }

    fn new_order(
        &mut self,
        position: Position,
        entry: Entry<K>,
        order: &NewOrder,
    ) -> Result<(), ReplayReason> {
        order
            .lines
            .iter()
            .try_for_each(|line| self.knows(line.sku))?;
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
        let slot = self.book.apply_new(&mut shard, name, position, entry);
        let slot = slot.ok_or(ReplayReason::Unknown)?;
        self.orders.insert(position, (shard.number, slot));
        Ok(())
    }

    fn change(
        &self,
        order: Position,
        position: Position,
        entry: &Entry<K>,
    ) -> Result<(), ReplayReason> {
        let skus = &self.book.skus;
        let place = self.orders.get(&order).ok_or(ReplayReason::Order)?;
        let (number, slot) = *place;
        let mut shard = self.book.table.lock(number);
        if !has_units(&shard[slot], &entry.change) {
            return Err(ReplayReason::Units);
        }
        let mut gates = None;
        match &entry.change {
            Change::Served { lines, .. } => self.take_to_hold(lines)?,
            Change::Amended { taken, .. } => {
                self.take_to_hold(taken)?;
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
                self.take(retaken)?;
                self.recount(&shard[slot], retaken);
                if *shipped {
                    self.ship(&held.clone().and(retaken))?;
                }
            }
            Change::Shipped { lines, .. } => self.ship(lines)?,
            Change::Returned { on_sale, .. } => {
                let passed = gates.insert(skus.pass(on_sale));
                let fits = |line: &LineUnits| passed.of(line.sku).on_hand + line.units <= MAX_UNITS;
                if !on_sale.iter().all(fits) {
                    return Err(ReplayReason::Units);
                }
            }
            _ => {}
        }
        self.book
            .apply(&mut shard, slot, position, entry, gates.as_mut());
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

    fn take_to_hold(&self, lines: &Lines) -> Result<(), ReplayReason> {
        self.take(lines)?;
        self.book.skus.hold_anyway(lines);
        Ok(())
    }

    fn take(&self, lines: &Lines) -> Result<(), ReplayReason> {
        lines.iter().try_for_each(|line| self.knows(line.sku))?;
        self.book.skus.take(lines).map_err(|_| ReplayReason::Units)
    }

    fn ship(&self, lines: &Lines) -> Result<(), ReplayReason> {
        let skus = &self.book.skus;
        let shipped = skus.ship(lines, &mut skus.pass(lines));
        shipped.map_err(|_| ReplayReason::Units)
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
