//! Orders are paid for.

use super::changes::Wanted;
use super::{Call, OrderBook, check_key};
use crate::answers::{Answer, OrderState};
use crate::entry::{Change, Entry};
use crate::lines::Lines;
use crate::order::Order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use crate::table::{Locked, SlotId};
use segstock::inventory::Sku;

/// Tells the requests of different calls apart, in the hashes of their bodies.
const PAY: u64 = 1;

impl<K: Sku + 'static> OrderBook<K> {
    /// The order is paid for: all its units that are held. They stay on hand, and promised, until they are
    /// [shipped](Self::ship); or leave, in a book that [ships at once](crate::OrderBookBuilder::ships_at_once).
    ///
    /// A payment that comes *late*, after the deadline, takes the units again, all of them, if they can still be had.
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] names the lines that a late payment could not have again: nothing is paid, and the order stays
    /// as it was. [`Refusal::State`] if the order was cancelled or waits. [`Refusal::UnknownOrder`]; [`Refusal::Busy`] and
    /// what a ledger adds. In a book that ships at once also [`Refusal::NotOnHand`].
    pub fn pay(&self, id: &str) -> Result<Answer, Refusal<K>> {
        self.answered(|call| self.pay_wanted(call, id, &Wanted::Whole(PAY)))
    }

    /// Some lines of the order, or parts of them, are paid for: those that are held first, then those that have come back
    /// at the deadline. `key` is chosen by the caller, and known with the order: a retry pays nothing again.
    ///
    /// # Errors
    ///
    /// Those of [`pay`](Self::pay). [`Refusal::NotInOrder`] names all lines of which the order has fewer units to pay for.
    /// [`Refusal::Conflict`] if the key is known for another request on this order.
    pub fn pay_part(
        &self,
        id: &str,
        key: &str,
        lines: impl IntoIterator<Item = (K, u64)>,
    ) -> Result<Answer, Refusal<K>> {
        self.answered(|call| {
            check_key(key)?;
            let wanted = Wanted::part(PAY, key, self.lines_of(lines)?);
            self.pay_wanted(call, id, &wanted)
        })
    }

    fn pay_wanted(&self, call: &mut Call, id: &str, wanted: &Wanted) -> Result<Answer, Refusal<K>> {
        self.on_order(call, id, |shard, slot, call| {
            let order = &shard[slot];
            if let Some(before) = self.made_before(order, wanted, call.now)? {
                return Ok(before);
            }
            let found = self.select(&order.parts, wanted, [Stage::Held, Stage::Expired])?;
            if found.iter().all(|lines| lines.is_empty()) {
                return Self::not_payable(order, call.now);
            }
            self.pay_found(shard, slot, call, wanted, found)
        })
    }

    /// The answer for an order of which nothing can be paid.
    fn not_payable(order: &Order, now: u64) -> Result<Answer, Refusal<K>> {
        match order.state() {
            OrderState::Paid | OrderState::Shipped | OrderState::Returned => {
                Ok(Self::before(order, now))
            }
            state => Err(Refusal::State(state)),
        }
    }

    fn pay_found(
        &self,
        shard: &mut Locked<'_>,
        slot: SlotId,
        call: &Call,
        wanted: &Wanted,
        [held, retaken]: [Lines; 2],
    ) -> Result<Answer, Refusal<K>> {
        let permit = self.permit()?;
        let shipped = self.settings.ships_at_once;
        let all = held.clone().and(&retaken);
        self.take_again(&shard[slot], &retaken)?;
        let gates = shipped.then(|| {
            let mut gates = self.skus.pass(&all);
            self.skus.ship(&all, &mut gates).map(|()| gates)
        });
        if let Some(Err(short)) = gates {
            // A take that was not written is undone without an entry.
            self.give_again(&shard[slot], &retaken);
            return Err(Refusal::NotOnHand(short));
        }
        let late = retaken.units();
        let order = shard[slot].number;
        let change = Change::Paid {
            order,
            held,
            retaken,
            shipped,
        };
        let entry = Entry::new(call.now, change).with_request(wanted.key());
        self.record(shard, slot, permit, &entry, None);
        drop(gates);
        let done = Self::done(&shard[slot], call.now, all.units());
        Ok(Answer { late, ..done })
    }
}
