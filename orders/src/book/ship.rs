//! Orders are shipped.

use super::changes::Wanted;
use super::{Call, OrderBook, check_key};
use crate::answers::{Answer, OrderState};
use crate::entry::{Change, Entry};
use crate::order::Order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use segstock::inventory::Sku;

/// Tells the requests of different calls apart, in the hashes of their bodies.
const SHIP: u64 = 2;

impl<K: Sku + 'static> OrderBook<K> {
    /// All units of the order that are paid for leave: they are on hand no more.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotOnHand`] names all lines of which fewer units are on hand, since a count found fewer than were
    /// promised. [`Refusal::State`] if no unit is paid for. [`Refusal::UnknownOrder`]; [`Refusal::Busy`] and what a ledger
    /// adds.
    pub fn ship(&self, id: &str) -> Result<Answer, Refusal<K>> {
        self.answered(|call| self.ship_wanted(call, id, &Wanted::Whole(SHIP)))
    }

    /// A parcel of the order leaves: some of the units that are paid for. A retry with the same `key` ships nothing again.
    ///
    /// # Errors
    ///
    /// Those of [`ship`](Self::ship). [`Refusal::NotInOrder`] names all lines of which fewer units are paid for.
    /// [`Refusal::Conflict`] if the key is known for another request on this order.
    pub fn ship_part(
        &self,
        id: &str,
        key: &str,
        lines: impl IntoIterator<Item = (K, u64)>,
    ) -> Result<Answer, Refusal<K>> {
        self.answered(|call| {
            check_key(key)?;
            let wanted = Wanted::part(SHIP, key, self.lines_of(lines)?);
            self.ship_wanted(call, id, &wanted)
        })
    }

    fn ship_wanted(
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
            let [lines] = self.select(&order.parts, wanted, [Stage::Paid])?;
            if lines.is_empty() {
                return Self::not_shippable(order, call.now);
            }
            let number = order.number;
            let permit = self.permit()?;
            let mut gates = self.skus.pass(&lines);
            self.skus
                .ship(&lines, &mut gates)
                .map_err(Refusal::NotOnHand)?;
            let units = lines.units();
            let change = Change::Shipped {
                order: number,
                lines,
            };
            let entry = Entry::new(call.now, change).with_request(wanted.key());
            self.record(shard, slot, permit, &entry, Some(&mut gates));
            Ok(Self::done(&shard[slot], call.now, units))
        })
    }

    /// The answer for an order of which nothing can be shipped.
    fn not_shippable(order: &Order, now: u64) -> Result<Answer, Refusal<K>> {
        match order.state() {
            OrderState::Shipped | OrderState::Returned => Ok(Self::before(order, now)),
            state => Err(Refusal::State(state)),
        }
    }
}
