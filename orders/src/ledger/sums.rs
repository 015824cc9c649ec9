//! [`SkuSums`]: the stock of a SKU by what is durable.

use crate::entry::{Change, Entry};
use crate::lines::{Lines, SkuId};
use crate::steps::Steps;

/// The stock of a SKU by its durable entries.
///
/// What a book shows from memory is ahead of it: a crash may undo that. These figures outlive a crash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct SkuSums {
    /// Units that are there.
    pub on_hand: i64,
    /// Units that are held and not paid for.
    pub held: i64,
    /// Units that are paid for and have not left.
    pub paid: i64,
    /// Units that left with orders and are not on sale again, of the orders whose entries are known: after a restart
    /// without those that were forgotten.
    pub shipped: i64,
    /// Units of safety stock.
    pub safety: i64,
}

impl SkuSums {
    /// Units that orders can have.
    #[must_use]
    pub fn available(&self) -> u64 {
        u64::try_from(self.free()).unwrap_or(0)
    }

    /// Units that are promised or kept, and are not there.
    #[must_use]
    pub fn owed(&self) -> u64 {
        u64::try_from(-self.free()).unwrap_or(0)
    }

    const fn free(&self) -> i64 {
        self.on_hand - self.held - self.paid - self.safety
    }
}

/// The sums of all SKUs, by their numbers. Who reads them waits for nothing that grows.
#[derive(Debug, Default)]
pub(super) struct Sums(Steps<SkuSums>);

impl Sums {
    pub(super) fn of(&self, sku: SkuId) -> SkuSums {
        self.0.get(sku.index()).copied().unwrap_or_default()
    }

    /// Adds what an entry moved.
    pub(super) fn add<K>(&mut self, entry: &Entry<K>) {
        match &entry.change {
            Change::Opened { id, units, .. } => self.at(*id).on_hand += signed(*units),
            Change::Restocked { sku, units } => self.at(*sku).on_hand += signed(*units),
            Change::Counted {
                sku, difference, ..
            } => self.at(*sku).on_hand += difference,
            Change::WrittenOff { sku, units } => self.at(*sku).on_hand -= signed(*units),
            Change::Moved { from, to, units } => {
                self.at(*from).on_hand -= signed(*units);
                self.at(*to).on_hand += signed(*units);
            }
            Change::Sent { from, units, .. } => self.at(*from).on_hand -= signed(*units),
            Change::Arrived { to, units, .. } => self.at(*to).on_hand += signed(*units),
            Change::Limited { sku, safety, .. } => self.at(*sku).safety += safety,
            Change::Placed { order, .. } => self.held(&order.lines, 1),
            Change::Served { lines, .. } => self.held(lines, 1),
            Change::Amended { taken, given, .. } => {
                self.held(taken, 1);
                self.held(given, -1);
            }
            Change::Paid {
                held,
                retaken,
                shipped,
                ..
            } => {
                self.held(held, -1);
                for lines in [held, retaken] {
                    if *shipped {
                        self.leave(lines, 1);
                    } else {
                        self.paid(lines, 1);
                    }
                }
            }
            Change::Shipped { lines, .. } => {
                self.paid(lines, -1);
                self.leave(lines, 1);
            }
            Change::Cancelled { held, paid, .. } => {
                self.held(held, -1);
                self.paid(paid, -1);
            }
            Change::Expired { lines, .. } => self.held(lines, -1),
            Change::Returned { on_sale, .. } => self.leave(on_sale, -1),
            Change::Waiting { .. } | Change::Extended { .. } => {}
        }
    }

    /// The sums of all SKUs, by their numbers.
    #[cfg(any(feature = "faults", feature = "rows"))]
    pub(super) fn into_iter(self) -> impl Iterator<Item = (SkuId, SkuSums)> {
        let numbers = (0..).map(SkuId::new);
        numbers.zip(self.0.into_vec())
    }

    fn held(&mut self, lines: &Lines, sign: i64) {
        for line in lines.iter() {
            self.at(line.sku).held += sign * signed(line.units);
        }
    }

    fn paid(&mut self, lines: &Lines, sign: i64) {
        for line in lines.iter() {
            self.at(line.sku).paid += sign * signed(line.units);
        }
    }

    /// Units leave the shelf, or come back to it.
    fn leave(&mut self, lines: &Lines, sign: i64) {
        for line in lines.iter() {
            let sums = self.at(line.sku);
            sums.on_hand -= sign * signed(line.units);
            sums.shipped += sign * signed(line.units);
        }
    }

    fn at(&mut self, sku: SkuId) -> &mut SkuSums {
        while self.0.len() <= sku.index() {
            self.0.push(SkuSums::default());
        }
        &mut self.0[sku.index()]
    }
}

/// Units, with a sign. No stock has 2^63.
const fn signed(units: u64) -> i64 {
    units.cast_signed()
}
