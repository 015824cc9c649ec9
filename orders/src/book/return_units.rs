//! Units come back from customers.

use super::OrderBook;
use super::units::{At, Kind};
use crate::answers::{Answer, OrderState};
use crate::entry::Change;
use crate::lines::Lines;
use crate::order;
use crate::parts::Stage;
use crate::refusal::Refusal;
use segstock::inventory::Sku;

/// A return of the same units to the sale and one that writes them off are different requests.
const fn returning(to: Returned) -> Kind<1> {
    let (what, to) = match to {
        Returned::OnSale => (order::RETURN_ON_SALE, Stage::Returned),
        Returned::WrittenOff => (order::RETURN_WRITTEN_OFF, Stage::WrittenOff),
    };
    Kind {
        what,
        from: [Stage::Shipped],
        done: &[OrderState::Returned],
        to: Some(to),
        without: &[],
    }
}

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
    /// [`Refusal::State`] if no unit was shipped. [`Refusal::Conflict`] if all units came back before, and none of them
    /// this way: they are on sale and were to be written off, or the other way round; or if the whole order came back before,
    /// this way, and units were shipped since. [`Refusal::Overflow`] if the stock has
    /// no room for them.
    /// [`Refusal::UnknownOrder`]; [`Refusal::Busy`] and what a ledger adds.
    pub fn return_order(&self, id: &str, to: Returned) -> Result<Answer, Refusal<K>> {
        let change = |at: At<'_, '_>, found| self.return_found(at, found, to);
        self.on_whole(id, &returning(to), change)
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
        let change = |at: At<'_, '_>, found| self.return_found(at, found, to);
        self.on_part(id, (key, lines), &returning(to), change)
    }

    fn return_found(
        &self,
        at: At<'_, '_>,
        [lines]: [Lines; 1],
        to: Returned,
    ) -> Result<Answer, Refusal<K>> {
        let (order, units) = (at.order().number, lines.units());
        let mut gates = self.skus.pass(&lines);
        let (on_sale, written_off) = match to {
            Returned::OnSale => (lines, Lines::new()),
            Returned::WrittenOff => (Lines::new(), lines),
        };
        let mut lines = on_sale.iter();
        lines.try_for_each(|line| self.fits_shelf(line.sku, gates.of(line.sku), line.units))?;
        let permit = self.permit()?;
        let change = Change::Returned {
            order,
            on_sale,
            written_off,
        };
        Ok(self.recorded(at, permit, change, Some(&mut gates), units))
    }
}
