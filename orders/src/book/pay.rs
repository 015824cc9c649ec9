//! Orders are paid for.

use super::OrderBook;
use super::units::{At, Kind};
use crate::answers::{Answer, OrderState};
use crate::entry::Change;
use crate::lines::Lines;
use crate::order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use segstock::inventory::Sku;

const PAY: Kind<2> = Kind {
    what: order::PAY,
    from: [Stage::Held, Stage::Expired],
    done: &[OrderState::Paid, OrderState::Shipped, OrderState::Returned],
    to: None,
    // Whoever pays for the whole order pays for these, too.
    without: &[Stage::Cancelled, Stage::Refunded],
};

impl<K: Sku + 'static> OrderBook<K> {
    /// The order is paid for: all its units that are held. They stay on hand, and promised, until they are
    /// [shipped](Self::ship); or leave, in a book that [ships at once](crate::OrderBookBuilder::ships_at_once).
    ///
    /// A payment that comes *late*, after the deadline, takes the units again, all of them, if they can still be had.
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] names the lines that a late payment could not have again: nothing is paid, and the order stays
    /// as it was. [`Refusal::PerCustomer`] names those of which its customer has other units by now, up to the
    /// [limit](crate::SkuLimits::per_customer). [`Refusal::State`] if the order was cancelled or waits; or if
    /// nothing of it is left to pay for, since calls on parts did, and some of it was cancelled.
    /// [`Refusal::UnknownOrder`]; [`Refusal::Busy`] and what a ledger adds. In a book that ships at once also
    /// [`Refusal::NotOnHand`].
    pub fn pay(&self, id: &str) -> Result<Answer, Refusal<K>> {
        self.on_whole(id, &PAY, |at, found| self.pay_found(at, found))
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
        self.on_part(id, (key, lines), &PAY, |at, found| {
            self.pay_found(at, found)
        })
    }

    fn pay_found(&self, at: At<'_, '_>, [held, retaken]: [Lines; 2]) -> Result<Answer, Refusal<K>> {
        let permit = self.permit()?;
        let shipped = self.settings.ships_at_once;
        let all = held.clone().and(&retaken);
        self.take_again(at.order(), &retaken)?;
        let leaving = shipped.then(|| self.skus.ship(at.shard.number, &all));
        if let Some(Err(short)) = leaving {
            // A take that was not written is undone without an entry.
            self.give_again(at.order(), &retaken);
            return Err(Refusal::NotOnHand(short));
        }
        let late = retaken.units();
        let order = at.order().number;
        let change = Change::Paid {
            order,
            held,
            retaken,
            shipped,
        };
        let done = self.recorded(at, permit, change, None, all.units());
        drop(leaving);
        Ok(Answer { late, ..done })
    }
}
