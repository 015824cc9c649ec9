//! The SKUs of a book that is made again: opened one by one, named and put on their shelves at the end.

use super::Skus;
use crate::entry::Position;
use crate::lines::SkuId;
use crate::sums::SkuSums;
use crate::sync::Ordering;
use segstock::inventory::Sku;
use segstock::inventory::known_thread::on_known_thread;
use segstock::{Reserving, StockCounter};

/// So many SKUs are opened again before room is made for more at a time.
const FEW: usize = 1 << 10;

impl<K: Sku> Skus<K> {
    /// The numbers of all SKUs.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = SkuId> + use<K> {
        let end = u32::try_from(self.len()).unwrap_or(u32::MAX);
        (0..end).map(SkuId::new)
    }

    /// Opens a SKU of a book that is made again. Nobody finds it by its name before all are [named](Self::name_all). Room
    /// is made for many at a time: a map that grows moves all that it has.
    pub(crate) fn open_again(&self, id: SkuId, sku: K, units: u64, opened: Position) {
        let there = id.index();
        if there >= FEW && there.is_power_of_two() && there.trailing_zeros().is_multiple_of(2) {
            self.stocks.reserve_skus(3 * there);
        }
        self.open(id, sku, units, opened);
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
                let named = names.try_insert(item.sku.clone(), id);
                named.map_err(|_| item.opened)?;
            }
            Ok(())
        })
    }

    /// Has the units of a SKU be where sums say that are possible. Until now all are free with which it was opened, and
    /// nobody else uses it.
    pub(crate) fn settle(&self, sku: SkuId, sums: &SkuSums) {
        let [on_hand, held, promised] =
            [sums.on_hand, sums.held, sums.promised()].map(i64::unsigned_abs);
        let item = self.item(sku);
        let opened = item.on_hand.load(Ordering::Relaxed);
        let (free, owed) = (sums.available(), sums.owed());
        let (there, before) = (free + promised, opened);
        if there > before {
            let restocked = item.shelf.restock(there - before);
            debug_assert!(restocked.is_ok(), "the sums fit a shelf");
        } else if there < before {
            _ = self.withhold(sku, before - there);
        }
        if promised > 0 {
            let reserved = item.shelf.reserve_units(promised);
            debug_assert!(reserved.is_ok(), "so many are there");
        }
        if owed > 0 {
            _ = self.withhold(sku, owed);
        }
        if held > 0 {
            item.held.store(held, Ordering::Release);
        }
        if on_hand != opened {
            let mut gate = item.gate.lock();
            gate.on_hand = on_hand;
            self.show(sku, &gate);
        }
        if item.queue.is_waited_for() {
            self.to_serve.add(sku);
        }
    }
}
