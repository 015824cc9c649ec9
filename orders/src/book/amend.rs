//! Orders that are held are changed: their lines and their deadlines.

use super::units::{At, Wanted};
use super::{OrderBook, check_key};
use crate::answers::{Answer, OrderState};
use crate::entry::Change;
use crate::order::Order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use segstock::inventory::Sku;
use std::time::Duration;

impl<K: Sku + 'static> OrderBook<K> {
    /// The order is for `lines` from now on, in place of those that it holds, and for `ttl` from now, if that is later than its
    /// deadline: no amendment moves a deadline back. It takes what it lacks and gives back what it does not need any more, at
    /// once, or nothing changes. A retry with the same `key` changes nothing again, however often the order was amended since.
    ///
    /// A retry of [`place`](Self::place) with the first lines is still known as that of this order.
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] names every line that lacks units; its `requested` are the units that the order needs more.
    /// [`Refusal::State`] if no unit of it is held, or one is paid for or has left; units that were cancelled stay so.
    /// [`Refusal::Conflict`] if the key is known for another request on this order, or for another `ttl`. Those of
    /// [`place`](Self::place) for what no book takes; [`Refusal::UnknownOrder`]; [`Refusal::Busy`] and what a ledger adds.
    pub fn amend(
        &self,
        id: &str,
        key: &str,
        lines: impl IntoIterator<Item = (K, u64)>,
        ttl: Duration,
    ) -> Result<Answer, Refusal<K>> {
        self.answered_on_order(|call| {
            check_key(key)?;
            let lines = self.lines_of(lines)?;
            let wanted = Wanted::amendment(key, lines.clone(), ttl);
            self.on_order(call, id, |shard, slot, call| {
                let order = &shard[slot];
                if let Some(before) = self.made_before(order, &wanted, call.now)? {
                    return Ok(before);
                }
                Self::is_held(order)?;
                self.fits_order(&lines)?;
                let until = self.until(call.now, ttl)?.max(order.until);
                let held = order.parts.at(Stage::Held);
                let (taken, given) = (lines.beyond(&held), held.beyond(&lines));
                self.has_room_for_lines(lines.len().saturating_sub(held.len()))?;
                self.are_open(&taken)?;
                let permit = self.permit()?;
                let counted = self.take_more(shard.number, order, &taken)?;
                let order = order.number;
                let units = taken.units() + given.units();
                let change = Change::Amended {
                    order,
                    taken: taken.clone(),
                    given,
                    until,
                };
                let (now, request) = (call.now, wanted.key());
                let at = At {
                    shard: &mut *shard,
                    slot,
                    now,
                    request,
                };
                let answer = self.recorded(at, permit, change, None, units);
                let order = &shard[slot];
                self.count_rest(order.customer.as_deref(), &order.counted(&taken), &counted);
                Ok(answer)
            })
        })
    }

    /// All units of the order that are held are so for `ttl` from now, if that is later than their deadline: no extension moves
    /// a deadline back. A retry with the same `key` moves it no further.
    ///
    /// An order can be extended as often as its customer likes: of its extensions the last 8 are known, and the next takes
    /// the place of the oldest. So a copy that comes after 8 later extensions is a new request: the units are held for
    /// `ttl` from then.
    ///
    /// # Errors
    ///
    /// [`Refusal::State`] if no unit is held. [`Refusal::Conflict`] if the key is known for another request on this order,
    /// or for another `ttl`. [`Refusal::Ttl`], [`Refusal::Key`], [`Refusal::Limit`], [`Refusal::UnknownOrder`];
    /// [`Refusal::Busy`] and what a ledger adds.
    pub fn extend(&self, id: &str, key: &str, ttl: Duration) -> Result<Answer, Refusal<K>> {
        self.answered_on_order(|call| {
            check_key(key)?;
            let wanted = Wanted::extension(key, ttl);
            self.on_order(call, id, |shard, slot, call| {
                let order = &shard[slot];
                if let Some(before) = self.made_before(order, &wanted, call.now)? {
                    return Ok(before);
                }
                if !order.parts.any(&[Stage::Held]) {
                    return Err(Refusal::State(order.state()));
                }
                let (now, request) = (call.now, wanted.key());
                let until = self.until(now, ttl)?.max(order.until);
                let order = order.number;
                let permit = self.permit()?;
                let change = Change::Extended { order, until };
                let at = At {
                    shard,
                    slot,
                    now,
                    request,
                };
                Ok(self.recorded(at, permit, change, None, 0))
            })
        })
    }

    /// Whether all units of the order that are not cancelled are held.
    fn is_held(order: &Order) -> Result<(), Refusal<K>> {
        let others = [
            Stage::Paid,
            Stage::Shipped,
            Stage::Returned,
            Stage::WrittenOff,
        ];
        if order.parts.any(&others) {
            let served = order.parts.any(&[Stage::Paid]);
            let shipped = order.parts.any(&[Stage::Shipped]);
            return Err(Refusal::State(match (served, shipped) {
                (true, _) => OrderState::Paid,
                (_, true) => OrderState::Shipped,
                _ => OrderState::Returned,
            }));
        }
        match order.state() {
            OrderState::Held => Ok(()),
            state => Err(Refusal::State(state)),
        }
    }
}
