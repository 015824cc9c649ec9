//! The one place where a change of an order is made.

use super::{Call, OrderBook, ROUNDS};
use crate::answers::Answer;
use crate::entry::{Body, Change, Entry, NewOrder, Position, RequestKey};
use crate::journal::Permit;
use crate::lines::{LineUnits, Lines};
use crate::order::{Due, Order};
use crate::parts::{Parts, Stage};
use crate::refusal::{Limit, Refusal};
use crate::skus::Gates;
use crate::table::{Locked, Name, SlotId};
use segstock::inventory::{ShortLine, Sku};
use std::sync::Arc;
use std::time::Duration;

/// Which units of an order a call is about.
pub(crate) enum Wanted {
    /// All that the call can change: once for each kind of call.
    Whole(u64),
    /// These, once for each key.
    Part { request: RequestKey, lines: Lines },
}

impl Wanted {
    /// The request of a part: its key, and the hash of what it asks for.
    pub(crate) fn part(what: u64, key: &str, lines: Lines) -> Self {
        let mut body = Body::new();
        body.number(what);
        body.lines(&lines);
        let request = RequestKey::new(key.into(), body.finish());
        Self::Part { request, lines }
    }

    /// The request that the entry carries. That of a call on the whole order has an empty key.
    pub(crate) fn key(&self) -> Option<RequestKey> {
        Some(match self {
            Self::Whole(what) => RequestKey::new("".into(), *what),
            Self::Part { request, .. } => request.clone(),
        })
    }
}

impl<K: Sku + 'static> OrderBook<K> {
    /// Works on an order that is known, under its lock. If the work is short of units, expires other orders and begins
    /// anew.
    pub(crate) fn on_order(
        &self,
        call: &mut Call,
        id: &str,
        mut work: impl FnMut(&mut Locked<'_>, SlotId, &Call) -> Result<Answer, Refusal<K>>,
    ) -> Result<Answer, Refusal<K>> {
        let name = self.table.name(id);
        for _ in 0..ROUNDS {
            let given = self.table.given();
            let mut shard = self.table.lock_shard_of(name);
            call.now = self.now();
            let slot = shard.find(name).ok_or(Refusal::UnknownOrder)?;
            if self.is_forgotten(&mut shard, slot, call.now) {
                return Err(Refusal::UnknownOrder);
            }
            self.expire_if_overdue(&mut shard, slot, call.now)?;
            let answer = work(&mut shard, slot, call);
            call.rest_on(shard[slot].last);
            self.tidy(&mut shard, call.now);
            drop(shard);
            let lacks = match answer {
                Err(lacks) if lacks.may_be_helped() => lacks,
                answer => return answer,
            };
            self.make_room(call, given, lacks)?;
        }
        Err(Refusal::Busy)
    }

    /// Makes a change of an order that is known: appends its entry, shows it, gives what it gives. What it takes has been
    /// applied, with the gates passed that it passes.
    pub(crate) fn record(
        &self,
        shard: &mut Locked<'_>,
        slot: SlotId,
        permit: Permit<'_, K>,
        entry: &Entry<K>,
        gates: Option<&mut Gates<'_>>,
    ) {
        let position = self.append(permit, entry, Some(&shard[slot].id));
        self.apply(shard, slot, position, entry, gates);
    }

    /// Shows in an order what an entry says, and gives what it gives.
    pub(crate) fn apply(
        &self,
        shard: &mut Locked<'_>,
        slot: SlotId,
        position: Position,
        entry: &Entry<K>,
        gates: Option<&mut Gates<'_>>,
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
            Change::Amended { taken, .. } => self.counted(order.customer.as_deref(), taken),
            _ => Lines::new(),
        };
        shard.apply(slot, position, entry, self.settings.retention, &counted);
        self.uncount_for(shard[slot].customer.as_deref(), &uncounted);
        match &entry.change {
            Change::Amended { given, .. } => {
                self.skus.give_all(given);
                shard.count_given();
            }
            Change::Served { lines, .. } => self.leave_queues(shard, slot, number, lines),
            Change::Cancelled {
                waiting,
                held,
                paid,
                ..
            } => {
                self.leave_queues(shard, slot, number, waiting);
                self.skus.give_all(held);
                self.skus.give_all(paid);
                shard.count_given();
            }
            Change::Expired { lines, .. } => {
                self.skus.give_all(lines);
                shard.count_given();
            }
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

    /// Enters a new order: appends its entry and shows it. What it takes has been applied.
    pub(crate) fn record_new(
        &self,
        shard: &mut Locked<'_>,
        name: Name<'_>,
        permit: Permit<'_, K>,
        entry: Entry<K>,
    ) -> Option<SlotId> {
        let position = self.append(permit, &entry, Some(name.id));
        self.apply_new(shard, name, position, entry)
    }

    /// Shows a new order. Nothing if the entry is of something else.
    pub(crate) fn apply_new(
        &self,
        shard: &mut Locked<'_>,
        name: Name<'_>,
        position: Position,
        entry: Entry<K>,
    ) -> Option<SlotId> {
        let placed = |order: NewOrder, stage, until| {
            let counted = self.counted(order.customer.as_deref(), &order.lines);
            Order::placed(position, order, (stage, until), &counted)
        };
        let order = match entry.change {
            Change::Placed { order, until } => placed(order, Stage::Held, until),
            Change::Waiting { order, ttl } => {
                self.join_queues(position, &order);
                placed(order, Stage::Waiting, ttl)
            }
            _ => return None,
        };
        Some(shard.insert(name, order))
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

    /// The answer to a request that was made on the order before. One with the key of another is a conflict; a new one must
    /// have room.
    pub(crate) fn made_before(
        &self,
        order: &Order,
        wanted: &Wanted,
        now: u64,
    ) -> Result<Option<Answer>, Refusal<K>> {
        let request = match wanted {
            Wanted::Whole(what) => {
                return Ok(order.was_made(*what).then(|| Self::before(order, now)));
            }
            Wanted::Part { request, .. } => request,
        };
        match order.request(&request.key) {
            Some(made) if made.request.body == request.body => Ok(Some(Answer {
                units: made.moved.units,
                refunded: made.moved.refunded,
                late: made.moved.late,
                ..Self::before(order, now)
            })),
            Some(_) => Err(Refusal::Conflict),
            None if order.requests() >= self.settings.max_requests_of_order => {
                let limit = self.settings.max_requests_of_order;
                Err(Refusal::Limit(Limit::Requests(limit)))
            }
            None => Ok(None),
        }
    }

    /// The units that a call is about, by the stages at which it finds them. All units of a part are there.
    pub(crate) fn select<const N: usize>(
        &self,
        parts: &Parts,
        wanted: &Wanted,
        stages: [Stage; N],
    ) -> Result<[Lines; N], Refusal<K>> {
        let Wanted::Part { lines, .. } = wanted else {
            return Ok(stages.map(|stage| parts.at(stage)));
        };
        let mut selected = stages.map(|_| Lines::new());
        let mut missing = Vec::new();
        for line in lines.iter() {
            let mut rest = line.units;
            for (lines, stage) in selected.iter_mut().zip(stages) {
                let units = rest.min(parts.of(line.sku, stage));
                _ = lines.add(line.sku, units);
                rest -= units;
            }
            if rest > 0 {
                let sku = self.skus.item(line.sku).sku().clone();
                missing.push(ShortLine::new(sku, line.units, line.units - rest));
            }
        }
        if missing.is_empty() {
            Ok(selected)
        } else {
            Err(Refusal::NotInOrder(missing))
        }
    }

    pub(crate) fn permit(&self) -> Result<Permit<'_, K>, Refusal<K>> {
        Ok(Permit::of(&*self.journal)?)
    }

    /// The answer of a call that changed nothing, since an earlier one did.
    pub(crate) fn before(order: &Order, now: u64) -> Answer {
        Answer {
            before: true,
            order: order.number,
            position: order.last,
            state: order.state(),
            units: 0,
            refunded: order.refunded(),
            late: 0,
            remaining: remaining(order, now),
        }
    }

    /// The answer of a call that moved `units`.
    pub(crate) fn done(order: &Order, now: u64, units: u64) -> Answer {
        let before = Self::before(order, now);
        Answer {
            before: false,
            units,
            refunded: 0,
            ..before
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
