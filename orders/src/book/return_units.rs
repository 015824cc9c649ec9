//! Units come back from customers.

use super::changes::Wanted;
use super::{Call, OrderBook, check_key};
use crate::answers::{Answer, OrderState};
use crate::entry::{Change, Entry};
use crate::lines::Lines;
use crate::order::Order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use crate::skus::Gates;
use segstock::MAX_UNITS;
use segstock::inventory::Sku;

/// Tells the requests of different calls apart, in the hashes of their bodies.
const RETURN: u64 = 4;

/// What becomes of units that come back from a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Returned {
    /// They are on sale again.
    OnSale,
    /// They are written off.
    WrittenOff,
}

impl<K: Sku + 'static> OrderBook<K> {
    /// All units of the order that were shipped come back.
    ///
    /// # Errors
    ///
    /// [`Refusal::State`] if no unit was shipped. [`Refusal::Overflow`] if the stock has no room for them.
    /// [`Refusal::UnknownOrder`]; [`Refusal::Busy`] and what a ledger adds.
    pub fn return_order(&self, id: &str, to: Returned) -> Result<Answer, Refusal<K>> {
        self.answered(|call| self.return_wanted(call, id, &Wanted::Whole(RETURN), to))
    }

    /// Some of the units that were shipped come back. A retry with the same `key` brings nothing back again.
    ///
    /// # Errors
    ///
    /// Those of [`return_order`](Self::return_order). [`Refusal::NotInOrder`] names all lines of which fewer units were
    /// shipped. [`Refusal::Conflict`] if the key is known for another request on this order.
    pub fn return_part(
        &self,
        id: &str,
        key: &str,
        lines: impl IntoIterator<Item = (K, u64)>,
        to: Returned,
    ) -> Result<Answer, Refusal<K>> {
        self.answered(|call| {
            check_key(key)?;
            let what = RETURN + u64::from(to == Returned::WrittenOff);
            let wanted = Wanted::part(what, key, self.lines_of(lines)?);
            self.return_wanted(call, id, &wanted, to)
        })
    }

    fn return_wanted(
        &self,
        call: &mut Call,
        id: &str,
        wanted: &Wanted,
        to: Returned,
    ) -> Result<Answer, Refusal<K>> {
        self.on_order(call, id, |shard, slot, call| {
            let order = &shard[slot];
            if let Some(before) = self.made_before(order, wanted, call.now)? {
                return Ok(before);
            }
            let [lines] = self.select(&order.parts, wanted, [Stage::Shipped])?;
            if lines.is_empty() {
                return Self::not_returnable(order, call.now);
            }
            let order = order.number;
            let units = lines.units();
            let mut gates = self.skus.pass(&lines);
            let (on_sale, written_off) = match to {
                Returned::OnSale => (lines, Lines::new()),
                Returned::WrittenOff => (Lines::new(), lines),
            };
            Self::fits(&on_sale, &mut gates)?;
            let permit = self.permit()?;
            let change = Change::Returned {
                order,
                on_sale,
                written_off,
            };
            let entry = Entry::new(call.now, change).with_request(wanted.key());
            self.record(shard, slot, permit, &entry, Some(&mut gates));
            Ok(Self::done(&shard[slot], call.now, units))
        })
    }

    /// Whether the shelves have room for `lines`.
    fn fits(lines: &Lines, gates: &mut Gates<'_>) -> Result<(), Refusal<K>> {
        lines.iter().try_for_each(|line| {
            let on_hand = gates.of(line.sku).on_hand;
            let requested = line.units;
            if on_hand + requested > MAX_UNITS {
                return Err(Refusal::Overflow { requested, on_hand });
            }
            Ok(())
        })
    }

    /// The answer for an order of which nothing can be returned.
    fn not_returnable(order: &Order, now: u64) -> Result<Answer, Refusal<K>> {
        match order.state() {
            OrderState::Returned => Ok(Self::before(order, now)),
            state => Err(Refusal::State(state)),
        }
    }
}
