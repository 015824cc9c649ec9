//! What is set for a SKU.

use super::OrderBook;
use crate::entry::{Change, Entry, Position};
use crate::gate::Gate;
use crate::limits::SkuLimits;
use crate::refusal::Refusal;
use segstock::inventory::Sku;

impl<K: Sku + 'static> OrderBook<K> {
    /// Sets the limits of a SKU, all of them. Set again as they are, they change nothing, and the answer is no position. They
    /// do not touch orders that have the SKU already.
    ///
    /// A larger safety stock takes units off sale at once; where there are too few, units that come back fill it up.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownSkus`]; [`Refusal::Overflow`] if a larger safety stock is, with the units on hand and those that are
    /// owed, more than [`MAX_UNITS`](segstock::MAX_UNITS): to sell none at all, [close](SkuLimits::closed) the SKU;
    /// [`Refusal::Busy`] and what a ledger adds.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_orders::{OrderBook, SkuLimits};
    ///
    /// let book = OrderBook::new();
    /// book.open("phone", 10)?;
    /// let mut limits = SkuLimits::default();
    /// limits.safety = 3;
    /// book.limit("phone", limits)?;
    /// assert_eq!(book.available("phone"), Some(7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit(&self, sku: K, limits: SkuLimits) -> Result<Option<Position>, Refusal<K>> {
        self.answered(|call| {
            let Some(id) = self.skus.find(&sku) else {
                return Err(Refusal::UnknownSkus(vec![sku]));
            };
            let mut gates = self.skus.pass_all(&[id]);
            let Gate {
                limits: before,
                limited,
                ..
            } = *gates.of(id);
            if before == limits {
                call.rest_on(limited);
                return Ok(None);
            }
            if limits.safety > before.safety {
                self.fits_safety(id, gates.of(id), limits.safety)?;
            }
            let permit = self.permit()?;
            let safety = limits.safety.cast_signed() - before.safety.cast_signed();
            let uncovered = if safety > 0 {
                self.skus.withhold(id, safety.unsigned_abs())
            } else {
                0
            };
            let change = Change::Limited {
                sku: id,
                safety,
                uncovered,
                limits,
            };
            let mut entry = Entry::new(call.now, change);
            let position = self.append(permit, &mut entry, None);
            call.rest_on(position);
            _ = self.apply_shelf(&mut gates, position, &entry);
            Ok(Some(position))
        })
    }
}
