//! Orders are placed.

use super::expiry::Tries;
use super::{Call, OrderBook, check_key};
use crate::answers::{Answer, OrderState};
use crate::entry::{Change, Entry, NewOrder, body_of_order};
use crate::lines::Lines;
use crate::refusal::{Limit, Refusal};
use crate::table::{Locked, Name, SlotId};
use segstock::inventory::Sku;
use std::time::Duration;

/// What a place asks for.
struct Asked<'a, K> {
    name: Name<'a>,
    customer: Option<&'a str>,
    lines: Result<Lines, Refusal<K>>,
    ttl: Duration,
}

impl<K: Sku + 'static> OrderBook<K> {
    /// Places an order: holds the units of all lines for `ttl`, or none.
    ///
    /// An order with this id that is there already, with the same customer and lines, is answered as *before*. Lines in
    /// another sequence, or in parts, are the same. An order that was refused leaves nothing behind: its id may be used
    /// again.
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] names every line that lacks units. [`Refusal::Closed`], [`Refusal::PerCustomer`],
    /// [`Refusal::CustomerNeeded`] and [`Refusal::Unpaid`] name the lines that the [limits](crate::SkuLimits) of their SKUs
    /// do not let. [`Refusal::UnknownSkus`] names all of them.
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
        self.placed(id, customer, lines, ttl, false)
    }

    /// Places an order. One that lacks units waits, if it `waits`.
    pub(super) fn placed(
        &self,
        id: &str,
        customer: Option<&str>,
        lines: impl IntoIterator<Item = (K, u64)>,
        ttl: Duration,
        waits: bool,
    ) -> Result<Answer, Refusal<K>> {
        self.answered_on_order(|call| {
            check_key(id)?;
            customer.map_or(Ok(()), check_key)?;
            let asked = Asked {
                name: self.table.name(id),
                customer,
                lines: self.lines_of(lines),
                ttl,
            };
            self.place_asked(call, &asked, waits)
        })
    }

    fn place_asked(
        &self,
        call: &mut Call,
        asked: &Asked<'_, K>,
        waits: bool,
    ) -> Result<Answer, Refusal<K>> {
        let mut is_short = false;
        let mut tries = Tries::of(waits);
        while tries.begin() {
            let mut shard = self.table.lock_shard_of(asked.name);
            call.now = self.now();
            if let Some(slot) = shard.find(asked.name)
                && !self.is_forgotten(&mut shard, slot, call.now)
            {
                return self.placed_before(call, &mut shard, slot, asked);
            }
            let answer = self.place_new(call, &mut shard, asked, is_short);
            self.tidy(&mut shard, call.now);
            drop(shard);
            let refusal = match answer {
                Err(refusal) => refusal,
                answer => return answer,
            };
            match self.help(call, &mut tries, refusal) {
                // Now it is known that nobody can give the units. It looks once more, and waits.
                Err(Refusal::Short(_)) if waits => is_short = true,
                helped => helped?,
            }
        }
        Err(Refusal::Busy)
    }

    /// Places an order whose id is not known. One that is short waits, if it `waits`.
    fn place_new(
        &self,
        call: &mut Call,
        shard: &mut Locked<'_>,
        asked: &Asked<'_, K>,
        waits: bool,
    ) -> Result<Answer, Refusal<K>> {
        let lines = asked.lines.as_ref().map_err(Clone::clone)?;
        self.fits_order(lines)?;
        let until = self.until(call.now, asked.ttl)?;
        if !self.table.has_room() {
            return Err(Refusal::Limit(Limit::Orders(self.settings.max_orders)));
        }
        self.has_room_for_lines(lines.len())?;
        self.are_open(lines)?;
        let permit = self.permit()?;
        // Before it takes anything.
        shard.announce(until);
        let order = || NewOrder::new(asked.name.id, asked.customer, lines.clone());
        let (counted, change) = match self.take_for(shard.number, asked.customer, lines) {
            Ok(counted) => {
                let order = order();
                (counted, Change::Placed { order, until })
            }
            Err(Refusal::Short(_)) if waits => {
                let counted = self.take_places(asked.customer, lines)?;
                let (order, ttl) = (order(), until - call.now);
                (counted, Change::Waiting { order, ttl })
            }
            Err(refusal) => return Err(refusal),
        };
        let entry = Entry::new(call.now, change);
        let slot = self.record_new(shard, asked.name, permit, entry, &counted);
        let slot = slot.ok_or(Refusal::Busy)?;
        call.rest_on(shard[slot].last);
        Ok(Self::done(&shard[slot], call.now, lines.units()))
    }

    /// The answer to a place of an id that is known.
    fn placed_before(
        &self,
        call: &mut Call,
        shard: &mut Locked<'_>,
        slot: SlotId,
        asked: &Asked<'_, K>,
    ) -> Result<Answer, Refusal<K>> {
        let Asked {
            customer, lines, ..
        } = asked;
        self.expire_if_overdue(shard, slot, call.now)?;
        let order = &shard[slot];
        call.rest_on(order.last);
        let body = lines.as_ref().map(|lines| body_of_order(*customer, lines));
        // The customer by itself, and the lines while they are those of the place: a hash can be met on purpose.
        let is_same = body.is_ok_and(|body| body == order.body)
            && *customer == order.customer.as_deref()
            && lines.as_ref().is_ok_and(|lines| order.may_be_of(lines));
        let answer = match order.state() {
            _ if !is_same => Err(Refusal::Conflict),
            state @ (OrderState::Cancelled | OrderState::Expired) => Err(Refusal::State(state)),
            _ => Ok(Answer {
                units: lines.as_ref().map_or(0, Lines::units),
                ..Self::before(order, call.now)
            }),
        };
        self.tidy(shard, call.now);
        answer
    }
}
