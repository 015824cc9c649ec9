//! [`SkuSums`]: the stock of a SKU by what is durable.

use crate::entry::{Change, Entry};
use crate::lines::{Lines, SkuId};
use crate::steps::Steps;
#[cfg(any(feature = "faults", feature = "rows"))]
use std::collections::BTreeMap;

/// The stock of a SKU by its durable entries.
///
/// What a book shows from memory is ahead of it: a crash may undo that. These figures outlive a crash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct SkuSums {
    /// Units on hand.
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

    /// Units that are promised or kept, and are not on hand.
    #[must_use]
    pub fn owed(&self) -> u64 {
        u64::try_from(-self.free()).unwrap_or(0)
    }

    /// Units that can be had; negative: that are owed.
    pub(crate) const fn free(&self) -> i64 {
        let unpromised = self.on_hand.saturating_sub(self.promised());
        unpromised.saturating_sub(self.safety)
    }

    /// Units that orders have, and that have not left.
    pub(crate) const fn promised(&self) -> i64 {
        self.held.saturating_add(self.paid)
    }
}

/// The sums of all SKUs, by their numbers. Who reads them waits for nothing that grows.
#[derive(Debug, Default)]
pub(crate) struct Sums(Steps<SkuSums>);

impl Sums {
    pub(crate) fn of(&self, sku: SkuId) -> SkuSums {
        self.0.get(sku.index()).copied().unwrap_or_default()
    }
}

impl Moved for Sums {
    fn opens(&mut self, sku: SkuId) {
        // The numbers count up.
        if sku.index() == self.0.len() {
            self.0.push(SkuSums::default());
        }
    }

    fn at(&mut self, sku: SkuId) -> Option<&mut SkuSums> {
        self.0.get_mut(sku.index())
    }
}

/// The sums of some entries, by SKU: of few SKUs, however many there are.
#[cfg(any(feature = "faults", feature = "rows"))]
#[derive(Debug, Default)]
pub(crate) struct FewSums(pub(crate) BTreeMap<SkuId, SkuSums>);

#[cfg(any(feature = "faults", feature = "rows"))]
impl Moved for FewSums {
    fn opens(&mut self, _: SkuId) {}

    fn at(&mut self, sku: SkuId) -> Option<&mut SkuSums> {
        Some(self.0.entry(sku).or_default())
    }
}

/// Sums to which entries are added.
pub(crate) trait Moved {
    /// A SKU is opened.
    fn opens(&mut self, sku: SkuId);

    /// The sums of a SKU. None if no entry has opened it: then the entries are none of a book.
    fn at(&mut self, sku: SkuId) -> Option<&mut SkuSums>;

    /// Changes the sums of a SKU.
    fn change(&mut self, sku: SkuId, change: impl FnOnce(&mut SkuSums)) {
        if let Some(sums) = self.at(sku) {
            change(sums);
        }
    }

    /// Adds what an entry moved.
    fn add<K>(&mut self, entry: &Entry<K>) {
        match &entry.change {
            Change::Opened { id, units, .. } => {
                self.opens(*id);
                self.on_hand(*id, signed(*units));
            }
            Change::Restocked { sku, units } => self.on_hand(*sku, signed(*units)),
            Change::Counted {
                sku, difference, ..
            } => self.on_hand(*sku, *difference),
            Change::WrittenOff { sku, units } => self.on_hand(*sku, -signed(*units)),
            Change::Moved { from, to, units } => {
                self.on_hand(*from, -signed(*units));
                self.on_hand(*to, signed(*units));
            }
            Change::Sent { from, units, .. } => self.on_hand(*from, -signed(*units)),
            Change::Arrived { to, units, .. } => self.on_hand(*to, signed(*units)),
            Change::Limited { sku, safety, .. } => {
                self.change(*sku, |sums| add(&mut sums.safety, *safety));
            }
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

    fn on_hand(&mut self, sku: SkuId, units: i64) {
        self.change(sku, |sums| add(&mut sums.on_hand, units));
    }

    fn held(&mut self, lines: &Lines, sign: i64) {
        for line in lines.iter() {
            let units = sign * signed(line.units);
            self.change(line.sku, |sums| add(&mut sums.held, units));
        }
    }

    fn paid(&mut self, lines: &Lines, sign: i64) {
        for line in lines.iter() {
            let units = sign * signed(line.units);
            self.change(line.sku, |sums| add(&mut sums.paid, units));
        }
    }

    /// Units leave the shelf, or come back to it.
    fn leave(&mut self, lines: &Lines, sign: i64) {
        for line in lines.iter() {
            let units = sign * signed(line.units);
            self.change(line.sku, |sums| {
                add(&mut sums.on_hand, -units);
                add(&mut sums.shipped, units);
            });
        }
    }
}

/// Adds units. Only entries that are damaged go to the ends, and those make no book.
const fn add(sum: &mut i64, units: i64) {
    *sum = sum.saturating_add(units);
}

/// Units, with a sign. No stock has 2^62.
const fn signed(units: u64) -> i64 {
    (units & (u64::MAX >> 2)).cast_signed()
}
