//! The SKUs of a book that is made again: opened one by one, named and put on their shelves at the end.

use super::Skus;
use crate::entry::Position;
use crate::lines::SkuId;
use crate::sums::SkuSums;
use segstock::Reserving;
use segstock::inventory::Sku;
use segstock::inventory::known_thread::on_known_thread;

impl<K: Sku> Skus<K> {
    /// The numbers of all SKUs.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = SkuId> + use<K> {
        let end = u32::try_from(self.len()).unwrap_or(u32::MAX);
        (0..end).map(SkuId::new)
    }

    /// Has all SKUs be found by their names that were opened without being announced.
    ///
    /// # Errors
    ///
    /// The position of an entry that opened a SKU again.
    pub(crate) fn name_all(&self) -> Result<(), Position> {
        on_known_thread(|| {
            let names = self.numbers.pin();
            names.reserve(self.len());
            for id in self.numbers() {
                let item = self.item(id);
                let named = names.try_insert(item.sku().clone(), id);
                named.map_err(|_| item.opened)?;
            }
            Ok(())
        })
    }

    /// Has the units of a SKU be where sums say that are possible. Until now all are free with which it was opened, and
    /// nobody else uses it. Orders that wait for it are served by the first calls: their SKUs were noted as they joined.
    pub(crate) fn settle(&self, sku: SkuId, sums: &SkuSums) {
        let [on_hand, held, promised] =
            [sums.on_hand, sums.held, sums.promised()].map(i64::unsigned_abs);
        let item = self.item(sku);
        let mut gate = item.gateway.close();
        let (free, owed) = (sums.available(), sums.owed());
        let (there, opened) = (free + promised, gate.on_hand);
        if there > opened {
            let restocked = item.stock.restock(there - opened);
            debug_assert!(restocked.is_ok(), "the sums fit a shelf");
        } else if there < opened {
            _ = self.withhold(sku, opened - there);
        }
        if promised > 0 {
            let reserved = item.stock.reserve_units(promised);
            debug_assert!(reserved.is_ok(), "this many are there");
        }
        if owed > 0 {
            _ = self.withhold(sku, owed);
        }
        if held > 0 {
            item.gateway.hold_anyway(held);
        }
        gate.on_hand = on_hand;
    }
}
