//! Orders are shipped.

use super::OrderBook;
use super::units::{At, Kind};
use crate::answers::{Answer, OrderState};
use crate::entry::Change;
use crate::lines::Lines;
use crate::order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use segstock::inventory::Sku;

const SHIP: Kind<1> = Kind {
    what: order::SHIP,
    from: [Stage::Paid],
    done: &[OrderState::Shipped, OrderState::Returned],
    to: None,
    without: &[],
};

impl<K: Sku + 'static> OrderBook<K> {
    /// All units of the order that are paid for leave: they are on hand no more.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotOnHand`] names all lines of which fewer units are on hand, since a count found fewer than were
    /// promised. [`Refusal::State`] if no unit is paid for. [`Refusal::Conflict`] if the whole order was shipped before, and
    /// units were paid for since. [`Refusal::UnknownOrder`]; [`Refusal::Busy`] and what a ledger adds.
    pub fn ship(&self, id: &str) -> Result<Answer, Refusal<K>> {
        self.on_whole(id, &SHIP, |at, found| self.ship_found(at, found))
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
        let part = (key, lines);
        self.on_part(id, part, &SHIP, |at, found| self.ship_found(at, found))
    }

    fn ship_found(&self, at: At<'_, '_>, [lines]: [Lines; 1]) -> Result<Answer, Refusal<K>> {
        let permit = self.permit()?;
        let shipped = self.skus.ship(at.shard.number, &lines);
        let leaving = shipped.map_err(Refusal::NotOnHand)?;
        let (order, units) = (at.order().number, lines.units());
        let change = Change::Shipped { order, lines };
        let done = self.recorded(at, permit, change, None, units);
        drop(leaving);
        Ok(done)
    }
}
