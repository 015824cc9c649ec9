//! The one place where a change of an order is made.

use super::expiry::Tries;
use super::units::At;
use super::{Call, OrderBook};
use crate::answers::Answer;
use crate::entry::{Change, Entry, NewOrder, Position};
use crate::journal::Permit;
use crate::lines::{LineUnits, Lines};
use crate::order::{Due, Moved, Order};
use crate::parts::Stage;
use crate::refusal::Refusal;
use crate::skus::Gates;
use crate::table::{Locked, Name, SlotId};
use segstock::inventory::Sku;
use std::sync::Arc;
use std::time::Duration;

impl<K: Sku + 'static> OrderBook<K> {
    /// Works on an order that is known, under its lock. If the work is short of units, expires other orders and begins
    /// again.
    pub(super) fn on_order(
        &self,
        call: &mut Call,
        id: &str,
        mut work: impl FnMut(&mut Locked<'_>, SlotId, &Call) -> Result<Answer, Refusal<K>>,
    ) -> Result<Answer, Refusal<K>> {
        let name = self.table.name(id);
        let mut tries = Tries::default();
        while tries.begin() {
            let mut shard = self.table.lock_shard_of(name);
            call.now = self.now();
            let slot = shard.find(name).ok_or(Refusal::UnknownOrder)?;
            if self.is_forgotten(&mut shard, slot, call.now) {
                return Err(Refusal::UnknownOrder);
            }
            self.expire_if_overdue(&mut shard, slot, call.now)?;
            let answer = work(&mut shard, slot, call);
            call.rest_on(shard[slot].last);
            call.order = Some(shard[slot].number);
            self.tidy(&mut shard, call.now);
            drop(shard);
            match answer {
                Err(lacks) => self.help(call, &mut tries, lacks)?,
                answer => return answer,
            }
        }
        Err(Refusal::Busy)
    }

    /// Makes a change of an order that is known: appends its entry, shows it, gives what it gives. What it takes has been
    /// applied, with the gates passed that it passes.
    pub(super) fn record(
        &self,
        at: &mut At<'_, '_>,
        permit: Permit<'_, K>,
        change: Change<K>,
        gates: Option<&mut Gates<'_>>,
    ) {
        let mut entry = Entry {
            time: at.now,
            request: at.request.take(),
            change,
        };
        let position = self.append(permit, &mut entry, Some(&at.order().id));
        self.apply(at.shard, at.slot, position, &entry, gates);
    }

    /// Makes a change, and returns the answer of the call that moved `units`.
    pub(super) fn recorded(
        &self,
        mut at: At<'_, '_>,
        permit: Permit<'_, K>,
        change: Change<K>,
        gates: Option<&mut Gates<'_>>,
        units: u64,
    ) -> Answer {
        self.record(&mut at, permit, change, gates);
        Self::done(at.order(), at.now, units)
    }

    /// Shows in an order what an entry says, and gives what it gives.
    fn apply(
        &self,
        shard: &mut Locked<'_>,
        slot: SlotId,
        position: Position,
        entry: &Entry<K>,
        gates: Option<&mut Gates<'_>>,
    ) {
        self.show(shard, slot, position, entry);
        self.give(shard, &entry.change, gates);
    }

    /// Shows what an entry says in an order, in what its customer has, and in the queues.
    pub(crate) fn show(
        &self,
        shard: &mut Locked<'_>,
        slot: SlotId,
        position: Position,
        entry: &Entry<K>,
    ) {
        let order = &shard[slot];
        let number = order.number;
        let uncounted = match &entry.change {
            Change::Amended { given, .. } => order.counted(given),
            Change::Cancelled {
                waiting,
                held,
                paid,
                ..
            } => order.counted(&waiting.clone().and(held).and(paid)),
            Change::Expired { lines, .. } => order.counted(lines),
            Change::Returned {
                on_sale,
                written_off,
                ..
            } => order.counted(&on_sale.clone().and(written_off)),
            _ => Lines::new(),
        };
        let counted = match &entry.change {
            Change::Amended { taken, .. } => {
                self.counted(order.customer.as_deref(), taken, position)
            }
            _ => Lines::new(),
        };
        let requests = order.requests();
        shard.apply(slot, position, entry, self.settings.retention, &counted);
        if shard[slot].requests() > requests {
            self.requests.add();
        }
        self.uncount_for(shard[slot].customer.as_deref(), &uncounted);
        if let Change::Served { lines: waiting, .. } | Change::Cancelled { waiting, .. } =
            &entry.change
        {
            self.leave_queues(shard, slot, number, waiting);
        }
    }

    /// Gives the units that a change of an order gives.
    fn give(&self, shard: &mut Locked<'_>, change: &Change<K>, gates: Option<&mut Gates<'_>>) {
        match change {
            Change::Amended { given, .. } => self.give_held(shard, given),
            Change::Paid { held, .. } => self.skus.unhold(shard.number, held),
            Change::Cancelled { held, paid, .. } => {
                self.skus.give_back(paid);
                self.give_held(shard, held);
            }
            Change::Expired { lines, .. } => self.give_held(shard, lines),
            Change::Returned { on_sale, .. } => {
                if let Some(gates) = gates {
                    let put = |line: &LineUnits| {
                        self.skus.put(line.sku, line.units, gates.of(line.sku));
                    };
                    on_sale.iter().for_each(put);
                }
            }
            _ => {}
        }
    }

    /// Gives units back that were held.
    fn give_held(&self, shard: &mut Locked<'_>, lines: &Lines) {
        self.skus.give_back(lines);
        self.skus.unhold(shard.number, lines);
        shard.visit();
    }

    /// Enters a new order: appends its entry and shows it. What it takes has been applied, and what was counted for its
    /// customer.
    pub(crate) fn record_new(
        &self,
        shard: &mut Locked<'_>,
        name: Name<'_>,
        permit: Permit<'_, K>,
        mut entry: Entry<K>,
        counted: &Lines,
    ) -> Option<SlotId> {
        let position = self.append(permit, &mut entry, Some(name.id));
        Some(shard.insert(name, self.new_order(position, entry, counted)?))
    }

    /// The order that an entry places, of which this was counted for its customer when it was taken. It joins the queues if
    /// it waits. Nothing if the entry is of something else.
    pub(crate) fn new_order(
        &self,
        position: Position,
        entry: Entry<K>,
        before: &Lines,
    ) -> Option<Order> {
        let at = (position, entry.time);
        let placed = |order: NewOrder, stage, until| {
            let customer = order.customer.as_deref();
            // Looked up once for each entry, since a limit may be set at any time: what is counted now is given back later.
            let counted = self.counted(customer, &order.lines, position);
            self.count_rest(customer, &counted, before);
            Order::placed(at, order, (stage, until), &counted)
        };
        match entry.change {
            Change::Placed { order, until } => Some(placed(order, Stage::Held, until)),
            Change::Waiting { order, ttl } => {
                self.join_queues(position, &order);
                Some(placed(order, Stage::Waiting, ttl))
            }
            _ => None,
        }
    }

    /// Has an order wait whose places are set aside. If units came back meanwhile, it is to be served at once.
    fn join_queues(&self, position: Position, order: &NewOrder) {
        let id: Arc<str> = Arc::from(&*order.id);
        for line in order.lines.iter() {
            self.skus.item(line.sku).queue.join(position, &id);
            self.skus.wake(line.sku);
        }
    }

    /// Gives the places of units back that wait no more. Where none is left, the order leaves the queue, and the next one
    /// may be served.
    fn leave_queues(&self, shard: &Locked<'_>, slot: SlotId, order: Position, lines: &Lines) {
        for line in lines.iter() {
            let queue = &self.skus.item(line.sku).queue;
            queue.give_back(line.units);
            if shard[slot].parts.of(line.sku, Stage::Waiting) == 0 {
                queue.leave(order);
            }
            self.skus.wake(line.sku);
        }
        // What is left of it may be served.
        let left = shard[slot].parts.at(Stage::Waiting);
        left.iter().for_each(|line| self.skus.wake(line.sku));
    }

    pub(crate) fn permit(&self) -> Result<Permit<'_, K>, Refusal<K>> {
        Ok(Permit::of(&*self.journal)?)
    }

    /// The answer of a call that changed nothing, since there was nothing left to do.
    pub(crate) fn before(order: &Order, now: u64) -> Answer {
        Self::repeated(order, now, Moved::default())
    }

    /// The answer of a call that was made before, and what it moved then.
    pub(crate) fn repeated(order: &Order, now: u64, moved: Moved) -> Answer {
        Answer {
            before: true,
            order: order.number,
            position: order.last,
            state: order.state(),
            units: moved.units,
            refunded: moved.refunded,
            late: moved.late,
            remaining: remaining(order, now),
        }
    }

    /// The answer of a call that moved `units`.
    pub(crate) fn done(order: &Order, now: u64, units: u64) -> Answer {
        Answer {
            before: false,
            units,
            ..Self::before(order, now)
        }
    }
}

/// Time until the units of an order come back.
pub(crate) fn remaining(order: &Order, now: u64) -> Option<Duration> {
    match order.due() {
        Due::Expires(until) => Some(Duration::from_nanos(until.saturating_sub(now))),
        _ => None,
    }
}
