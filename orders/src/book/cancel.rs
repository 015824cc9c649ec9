//! Orders are cancelled.

use super::OrderBook;
use super::units::{At, Kind};
use crate::answers::{Answer, OrderState};
use crate::entry::Change;
use crate::lines::Lines;
use crate::order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use segstock::inventory::Sku;

const CANCEL: Kind<3> = Kind {
    what: order::CANCEL,
    from: [Stage::Waiting, Stage::Held, Stage::Paid],
    done: &[OrderState::Cancelled],
    to: None,
    without: &[],
};

impl<K: Sku + 'static> OrderBook<K> {
    /// All units of the order that have not left are not wanted any more: others can have them. The answer says how many
    /// of them were paid for, and are to be [refunded](Answer::refunded).
    ///
    /// # Errors
    ///
    /// [`Refusal::State`] if no such unit is left: all were shipped, or not paid for in time. [`Refusal::Conflict`] if the whole
    /// order was cancelled before, and units were paid for late since. [`Refusal::UnknownOrder`]; [`Refusal::Busy`] and what a
    /// ledger adds.
    pub fn cancel(&self, id: &str) -> Result<Answer, Refusal<K>> {
        self.on_whole(id, &CANCEL, |at, found| self.cancel_found(at, found))
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
        let part = (key, lines);
        self.on_part(id, part, &CANCEL, |at, found| self.cancel_found(at, found))
    }

    fn cancel_found(
        &self,
        at: At<'_, '_>,
        [waiting, held, paid]: [Lines; 3],
    ) -> Result<Answer, Refusal<K>> {
        let permit = self.permit()?;
        let refunded = paid.units();
        let units = waiting.units() + held.units() + refunded;
        let order = at.order().number;
        let change = Change::Cancelled {
            order,
            waiting,
            held,
            paid,
        };
        let done = self.recorded(at, permit, change, None, units);
        Ok(Answer { refunded, ..done })
    }
}
