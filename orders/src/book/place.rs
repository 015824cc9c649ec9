//! Orders are placed.

use super::{Call, OrderBook, ROUNDS, check_key};
use crate::answers::{Answer, OrderState};
use crate::entry::{Change, Entry, NewOrder, body_of_order};
use crate::lines::Lines;
use crate::refusal::{Limit, Refusal};
use crate::table::{Locked, SlotId};
use segstock::inventory::Sku;
use std::time::Duration;

impl<K: Sku + 'static> OrderBook<K> {
    /// Places an order: holds the units of all lines for `ttl`, or none.
    ///
    /// An order with this id that is there already, with the same customer and lines, is answered as *before*. Lines in
    /// another sequence, or in parts, are the same. An order that was refused leaves nothing behind: its id may be used
    /// again.
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] names every line that lacks units. [`Refusal::UnknownSkus`] names all of them.
    /// [`Refusal::Conflict`] if the id is known for another order, [`Refusal::State`] if the order was cancelled or has
    /// expired. [`Refusal::Empty`], [`Refusal::ZeroUnits`], [`Refusal::TooManyUnits`], [`Refusal::Ttl`],
    /// [`Refusal::Key`], [`Refusal::Limit`] for what no book takes; [`Refusal::Busy`] and what a ledger adds.
    pub fn place(
        &self,
        id: &str,
        customer: Option<&str>,
        lines: impl IntoIterator<Item = (K, u64)>,
        ttl: Duration,
    ) -> Result<Answer, Refusal<K>> {
        self.answered(|call| {
            check_key(id)?;
            customer.map_or(Ok(()), check_key)?;
            let lines = self.lines_of(lines);
            self.place_lines(call, id, customer, lines, ttl, false)
        })
    }

    /// Places an order. One that lacks units waits, if it `waits`.
    pub(super) fn place_lines(
        &self,
        call: &mut Call,
        id: &str,
        customer: Option<&str>,
        lines: Result<Lines, Refusal<K>>,
        ttl: Duration,
        waits: bool,
    ) -> Result<Answer, Refusal<K>> {
        let name = self.table.name(id);
        let (mut is_short, mut forgot) = (false, false);
        for _ in 0..ROUNDS {
            let given = self.table.given();
            let mut shard = self.table.lock_shard_of(name);
            call.now = self.now();
            if let Some(slot) = shard.find(name)
                && !self.is_forgotten(&mut shard, slot, call.now)
            {
                return self.placed_before(call, &mut shard, slot, customer, &lines);
            }
            let lines = lines.as_ref().map_err(Clone::clone)?;
            let until = self.until(call.now, ttl)?;
            match self.has_room(lines) {
                Err(Refusal::Limit(Limit::Orders(_))) if !forgot => {
                    drop(shard);
                    self.forget_others(call.now);
                    forgot = true;
                    continue;
                }
                room => room?,
            }
            self.are_open(lines)?;
            let permit = self.permit()?;
            match self.take_for(customer, lines) {
                Ok(()) => {
                    let order = NewOrder::new(id, customer, lines.clone());
                    let entry = Entry::new(call.now, Change::Placed { order, until });
                    let slot = self.record_new(&mut shard, name, permit, entry);
                    let slot = slot.ok_or(Refusal::Busy)?;
                    call.rest_on(shard[slot].last);
                    let answer = Self::done(&shard[slot], call.now, lines.units());
                    self.tidy(&mut shard, call.now);
                    return Ok(answer);
                }
                Err(Refusal::Short(_)) if is_short && waits => {
                    drop(permit);
                    let lines = (lines, until - call.now);
                    return self.wait_in_queue(call, &mut shard, name, customer, lines);
                }
                Err(lacks) if lacks.may_be_helped() => {
                    drop(permit);
                    self.tidy(&mut shard, call.now);
                    drop(shard);
                    match self.make_room(call, given, lacks) {
                        // Now it is known that nobody can give the units. It looks once more, and waits.
                        Err(Refusal::Short(_)) if waits => is_short = true,
                        answer => answer?,
                    }
                }
                Err(refusal) => return Err(refusal),
            }
        }
        Err(Refusal::Busy)
    }

    /// The answer to a place of an id that is known.
    fn placed_before(
        &self,
        call: &mut Call,
        shard: &mut Locked<'_>,
        slot: SlotId,
        customer: Option<&str>,
        lines: &Result<Lines, Refusal<K>>,
    ) -> Result<Answer, Refusal<K>> {
        self.expire_if_overdue(shard, slot, call.now)?;
        let order = &shard[slot];
        call.rest_on(order.last);
        let body = lines.as_ref().map(|lines| body_of_order(customer, lines));
        // The customer by itself, and the lines while they are those of the place: a hash can be met on purpose.
        let is_same = body.is_ok_and(|body| body == order.body)
            && customer == order.customer.as_deref()
            && lines.as_ref().is_ok_and(|lines| order.may_be_of(lines));
        let answer = match order.state() {
            _ if !is_same => Err(Refusal::Conflict),
            state @ (OrderState::Cancelled | OrderState::Expired) => Err(Refusal::State(state)),
            _ => Ok(Self::before(order, call.now)),
        };
        self.tidy(shard, call.now);
        answer
    }

    /// Whether the book takes another order of such lines.
    fn has_room(&self, lines: &Lines) -> Result<(), Refusal<K>> {
        if lines.units() > self.settings.max_units {
            return Err(Refusal::Limit(Limit::Units(self.settings.max_units)));
        }
        if self.table.known() >= self.settings.max_orders {
            return Err(Refusal::Limit(Limit::Orders(self.settings.max_orders)));
        }
        Ok(())
    }
}
