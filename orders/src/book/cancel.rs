//! Orders are cancelled.

use super::changes::Wanted;
use super::{Call, OrderBook, check_key};
use crate::answers::{Answer, OrderState};
use crate::entry::{Change, Entry};
use crate::order::Order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use segstock::inventory::Sku;

/// Tells the requests of different calls apart, in the hashes of their bodies.
const CANCEL: u64 = 3;

impl<K: Sku + 'static> OrderBook<K> {
    /// All units of the order that have not left are not wanted any more: others can have them. The answer says how many
    /// of them were paid for, and are to be [refunded](Answer::refunded).
    ///
    /// # Errors
    ///
    /// [`Refusal::State`] if no such unit is left: all were shipped, or not paid for in time. [`Refusal::UnknownOrder`];
    /// [`Refusal::Busy`] and what a ledger adds.
    pub fn cancel(&self, id: &str) -> Result<Answer, Refusal<K>> {
        self.answered(|call| self.cancel_wanted(call, id, &Wanted::Whole(CANCEL)))
    }

    /// Some lines of the order, or parts of them, are not wanted any more: of each line the units that it waits for, then
    /// those that are held, then those that are paid for. A retry with the same `key` cancels nothing again.
    ///
    /// # Errors
    ///
    /// Those of [`cancel`](Self::cancel). [`Refusal::NotInOrder`] names all lines of which fewer such units are left.
    /// [`Refusal::Conflict`] if the key is known for another request on this order.
    pub fn cancel_part(
        &self,
        id: &str,
        key: &str,
        lines: impl IntoIterator<Item = (K, u64)>,
    ) -> Result<Answer, Refusal<K>> {
        self.answered(|call| {
            check_key(key)?;
            let wanted = Wanted::part(CANCEL, key, self.lines_of(lines)?);
            self.cancel_wanted(call, id, &wanted)
        })
    }

    fn cancel_wanted(
        &self,
        call: &mut Call,
        id: &str,
        wanted: &Wanted,
    ) -> Result<Answer, Refusal<K>> {
        self.on_order(call, id, |shard, slot, call| {
            let order = &shard[slot];
            if let Some(before) = self.made_before(order, wanted, call.now)? {
                return Ok(before);
            }
            let stages = [Stage::Waiting, Stage::Held, Stage::Paid];
            let [waiting, held, paid] = self.select(&order.parts, wanted, stages)?;
            let refunded = paid.units();
            let units = waiting.units() + held.units() + refunded;
            if units == 0 {
                return Self::not_cancellable(order, call.now);
            }
            let order = order.number;
            let permit = self.permit()?;
            let change = Change::Cancelled {
                order,
                waiting,
                held,
                paid,
            };
            let entry = Entry::new(call.now, change).with_request(wanted.key());
            self.record(shard, slot, permit, &entry, None);
            let done = Self::done(&shard[slot], call.now, units);
            Ok(Answer { refunded, ..done })
        })
    }

    /// The answer for an order of which nothing can be cancelled.
    fn not_cancellable(order: &Order, now: u64) -> Result<Answer, Refusal<K>> {
        match order.state() {
            OrderState::Cancelled => Ok(Self::before(order, now)),
            state => Err(Refusal::State(state)),
        }
    }
}
