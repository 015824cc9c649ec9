//! The one place where a change of the stock of SKUs is made.

use super::expiry::{FOR_OTHERS, FOR_ROOM, Tries};
use super::{Call, OrderBook, check_key};
use crate::answers::StockAnswer;
use crate::entry::{Body, Change, Entry, Position, RequestKey};
use crate::gate::{Booked, Gate};
use crate::lines::SkuId;
use crate::on_the_way::Sending;
use crate::refusal::{Limit, Refusal};
use crate::skus::Gates;
use segstock::MAX_UNITS;
use segstock::inventory::Sku;
use smallvec::SmallVec;

/// A request on the stock of SKUs: its key is known at the first of them.
pub(super) struct OnShelf<'a, K> {
    pub(super) skus: SmallVec<[K; 2]>,
    pub(super) key: &'a str,
    /// What is asked for: another request has other numbers.
    pub(super) body: &'a [u64],
}

impl<K: Sku + 'static> OrderBook<K> {
    /// Changes the units on hand of SKUs, behind their gates, once for each key. `take` applies what the change takes.
    pub(super) fn on_shelf(
        &self,
        asked: OnShelf<'_, K>,
        take: impl Fn(&[SkuId], &mut Gates<'_>) -> Result<Change<K>, Refusal<K>>,
    ) -> Result<StockAnswer, Refusal<K>> {
        self.answered(|call| {
            check_key(asked.key)?;
            let found = asked.skus.iter().map(|sku| self.skus.find(sku));
            let skus: SmallVec<[SkuId; 2]> = found.flatten().collect();
            if skus.len() < asked.skus.len() {
                let unknown = asked.skus.into_iter();
                let unknown = unknown.filter(|sku| self.skus.find(sku).is_none());
                return Err(Refusal::UnknownSkus(unknown.collect()));
            }
            let mut body = Body::new();
            asked.body.iter().for_each(|number| body.number(*number));
            let request = RequestKey::new(asked.key.into(), body.finish());
            self.helped_on_shelf(call, |call| {
                self.once_on_shelf(call, &skus, &request, &take)
            })
        })
    }

    /// Works on shelves. If the work lacks room for a key, forgets others whose time has passed, and begins again.
    fn helped_on_shelf<T>(
        &self,
        call: &mut Call,
        work: impl Fn(&mut Call) -> Result<T, Refusal<K>>,
    ) -> Result<T, Refusal<K>> {
        let mut tries = Tries::default();
        while tries.begin() {
            self.forget_requests(call.now, FOR_OTHERS);
            match work(call) {
                // Keys of the SKU whose time has passed are forgotten after older ones of others.
                Err(Refusal::Limit(Limit::Requests(_)))
                    if self.forget_requests(call.now, FOR_ROOM) > 0 => {}
                Err(lacks) => self.help(call, &mut tries, lacks)?,
                answer => return answer,
            }
        }
        Err(Refusal::Busy)
    }

    /// Whether a request on the stock of a SKU was made: then its retry changes nothing.
    pub(super) fn knows_on_shelf(
        &self,
        sku: K,
        key: &str,
        body: &[u64],
    ) -> Result<bool, Refusal<K>> {
        self.answered(|call| {
            check_key(key)?;
            let Some(id) = self.skus.find(&sku) else {
                return Err(Refusal::UnknownSkus(vec![sku]));
            };
            let mut asked = Body::new();
            body.iter().for_each(|number| asked.number(*number));
            let asked = asked.finish();
            self.helped_on_shelf(call, |call| {
                let gate = self.skus.item(id).gateway.close();
                if let Some(booked) = gate.booked(key, call.now) {
                    call.rest_on(booked.position);
                    let is_it = booked.body == asked;
                    return is_it.then_some(true).ok_or(Refusal::Conflict);
                }
                let most = self.settings.max_requests_of_sku;
                let has_room = self.has_room_for_request(gate.requests(), most);
                drop(gate);
                match has_room {
                    // An order that is kept for returns alone would make room. To ask forgets none.
                    Err(lacks @ Refusal::Limit(Limit::AllRequests(_)))
                        if self.could_forget_returnable(call, &lacks) =>
                    {
                        Ok(false)
                    }
                    has_room => has_room.map(|()| false),
                }
            })
        })
    }

    fn once_on_shelf(
        &self,
        call: &mut Call,
        skus: &[SkuId],
        request: &RequestKey,
        take: &impl Fn(&[SkuId], &mut Gates<'_>) -> Result<Change<K>, Refusal<K>>,
    ) -> Result<StockAnswer, Refusal<K>> {
        let mut gates = self.skus.pass_all(skus);
        let gate = gates.of(skus[0]);
        if let Some(booked) = gate.booked(&request.key, call.now) {
            call.rest_on(booked.position);
            if booked.body != request.body {
                return Err(Refusal::Conflict);
            }
            return Ok(answer(booked, true));
        }
        self.has_room_for_request(gate.requests(), self.settings.max_requests_of_sku)?;
        let permit = self.permit()?;
        let change = take(skus, &mut gates)?;
        let mut entry = Entry::new(call.now, change).with_request(Some(request.clone()));
        let position = self.append(permit, &mut entry, None);
        call.rest_on(position);
        Ok(answer(
            self.apply_shelf(&mut gates, position, &entry),
            false,
        ))
    }

    /// Gives what an entry about shelves gives, and keeps its request.
    pub(crate) fn apply_shelf(
        &self,
        gates: &mut Gates<'_>,
        position: Position,
        entry: &Entry<K>,
    ) -> Booked {
        self.give_to_shelf(gates, &entry.change);
        self.show_shelf(gates, position, entry)
    }

    /// Shows what an entry about shelves says beside units on hand, and keeps its request.
    pub(crate) fn show_shelf(
        &self,
        gates: &mut Gates<'_>,
        position: Position,
        entry: &Entry<K>,
    ) -> Booked {
        self.show_way_and_limits(gates, position, &entry.change);
        let (difference, uncovered) = difference_of(&entry.change);
        let booked = Booked {
            until: entry.time.saturating_add(self.settings.retention),
            body: entry.request.as_ref().map_or(0, |request| request.body),
            position,
            difference,
            uncovered,
        };
        let shelves = entry.change.shelves();
        if let (Some(request), Some(sku)) = (&entry.request, shelves.first()) {
            let (key, is_new) = gates.of(*sku).keep(request, booked);
            if is_new {
                self.requests.add();
            }
            self.requests.note(booked.until, position, *sku, key);
        }
        booked
    }

    /// Puts units on the shelf, or on sale again.
    fn give_to_shelf(&self, gates: &mut Gates<'_>, change: &Change<K>) {
        match *change {
            Change::Restocked { sku: to, units }
            | Change::Moved { to, units, .. }
            | Change::Arrived { to, units, .. } => self.skus.put(to, units, gates.of(to)),
            Change::Counted {
                sku, difference, ..
            } if difference > 0 => {
                let found = difference.unsigned_abs();
                self.skus.put(sku, found, gates.of(sku));
            }
            Change::Limited { sku, safety, .. } if safety < 0 => {
                _ = self.skus.unwithhold(sku, safety.unsigned_abs());
            }
            _ => {}
        }
    }

    /// Shows units that are on their way, and limits.
    fn show_way_and_limits(&self, gates: &mut Gates<'_>, position: Position, change: &Change<K>) {
        match *change {
            Change::Sent { from, to, units } => {
                gates.of(from).on_the_way += units;
                gates.of(to).coming += units;
                self.on_the_way.send(position, Sending { from, to, units });
            }
            Change::Arrived {
                sending,
                from,
                to,
                units,
                lost,
            } => {
                self.on_the_way.arrive(sending, units + lost);
                gates.of(from).on_the_way -= units + lost;
                gates.of(to).coming -= units + lost;
            }
            Change::Limited { sku, limits, .. } => {
                let gate = gates.of(sku);
                (gate.limits, gate.limited) = (limits, position);
                self.skus.item(sku).rules.set(&limits, position);
            }
            _ => {}
        }
    }

    /// Whether a shelf has room for units.
    pub(super) fn fits_shelf(
        &self,
        sku: SkuId,
        gate: &Gate,
        requested: u64,
    ) -> Result<(), Refusal<K>> {
        let on_hand = gate.on_hand;
        match on_hand.checked_add(requested) {
            Some(sum) if sum <= MAX_UNITS => Ok(()),
            _ => Err(self.overflows(sku, requested, on_hand)),
        }
    }

    /// Whether a shelf can have so much safety stock: with all units that are promised it is no more than a stock can owe. So
    /// a count is booked whatever it finds.
    pub(super) fn fits_safety(
        &self,
        sku: SkuId,
        gate: &Gate,
        safety: u64,
    ) -> Result<(), Refusal<K>> {
        let owed = self.skus.snapshot(sku).owed;
        // No more are promised than these. More are promised only while nothing is owed: then they are on hand, too.
        let there = gate.on_hand + owed.saturating_sub(gate.limits.safety);
        match there.checked_add(safety) {
            Some(sum) if sum <= MAX_UNITS => Ok(()),
            _ => Err(self.overflows(sku, safety, there)),
        }
    }

    pub(super) fn overflows(&self, sku: SkuId, requested: u64, on_hand: u64) -> Refusal<K> {
        Refusal::Overflow {
            sku: self.skus.item(sku).sku().clone(),
            requested,
            on_hand,
        }
    }

    /// Forgets keys of requests on shelves whose time has passed, up to `limit`. Returns how many.
    pub(crate) fn forget_requests(&self, now: u64, limit: usize) -> usize {
        for forgotten in 0..limit {
            let Some((sku, key, position)) = self.requests.next(now) else {
                return forgotten;
            };
            if self.skus.item(sku).gateway.close().forget(&key, position) {
                self.requests.remove(1);
            }
        }
        limit
    }
}

/// The difference that a change makes on the first of its shelves, and how much of it is uncovered.
const fn difference_of<K>(change: &Change<K>) -> (i64, u64) {
    match change {
        Change::Restocked { units, .. } | Change::Arrived { units, .. } => (units.cast_signed(), 0),
        Change::WrittenOff { units, .. }
        | Change::Moved { units, .. }
        | Change::Sent { units, .. } => (-units.cast_signed(), 0),
        Change::Counted {
            difference,
            uncovered,
            ..
        } => (*difference, *uncovered),
        _ => (0, 0),
    }
}

const fn answer(booked: Booked, before: bool) -> StockAnswer {
    StockAnswer {
        before,
        position: booked.position,
        difference: booked.difference,
        uncovered: booked.uncovered,
    }
}
