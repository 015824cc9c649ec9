//! [`Balance`]: what entries say of the units of each SKU, summed up.
//!
//! Entries are differences, so the end is what counts, and not the way to it. A ledger that has one entry stand for many
//! has it stand later than some of those. So on the way units may be missing, and more may be there than a shelf holds.
//! The sums are judged at the end, and only then the units go to the shelves: one step for each SKU, and not for each
//! entry.

use super::{ReplayError, ReplayReason};
use crate::book::OrderBook;
use crate::entry::{Change, Entry, Position};
use crate::lines::SkuId;
use crate::sums::{Moved, SkuSums, Sums};
use segstock::MAX_UNITS;
use segstock::inventory::Sku;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::thread;

/// Of this many SKUs the names are worth a thread.
const LARGE: usize = 10_000;
/// No sum of a book goes beyond, on the way neither: it is the units of as many entries as nobody writes.
pub(super) const BEYOND: i64 = 1 << 61;

/// The sums of all SKUs, and what is to be judged at the end.
#[derive(Debug, Default)]
pub(crate) struct Balance {
    sums: Sums,
    /// The entry that is added.
    position: Position,
    /// Units of SKUs that may be missing at the end: no free unit covered them.
    uncovered: BTreeMap<SkuId, u64>,
    /// Of SKUs of which units were missing on the way, or more there than a shelf holds: by which entry at first.
    strayed: BTreeMap<SkuId, Position>,
    /// The first entry that no book can have.
    wrong: Option<ReplayError>,
}

impl Moved for Balance {
    fn opens(&mut self, sku: SkuId) {
        self.sums.opens(sku);
    }

    fn at(&mut self, sku: SkuId) -> Option<&mut SkuSums> {
        self.sums.at(sku)
    }

    #[inline]
    fn change(&mut self, sku: SkuId, change: impl FnOnce(&mut SkuSums)) {
        let Some(sums) = self.sums.at(sku) else {
            return self.is_wrong(ReplayReason::Sku);
        };
        change(sums);
        if sums.promised() > units(MAX_UNITS) || sums.on_hand.saturating_abs() > BEYOND {
            self.is_wrong(ReplayReason::Units);
        } else if sums.free() < 0 || !(0..=units(MAX_UNITS)).contains(&sums.on_hand) {
            self.strayed.entry(sku).or_insert(self.position);
        }
    }
}

impl Balance {
    /// Adds what the next entry moved.
    pub(crate) fn follow<K>(&mut self, position: Position, entry: &Entry<K>) {
        self.position = position;
        if let Change::Counted { sku, uncovered, .. } | Change::Limited { sku, uncovered, .. } =
            &entry.change
            && *uncovered > 0
        {
            let sum = self.uncovered.entry(*sku).or_default();
            *sum = sum.saturating_add(*uncovered);
        }
        self.add(entry);
    }

    fn is_wrong(&mut self, reason: ReplayReason) {
        let position = self.position;
        self.wrong.get_or_insert(ReplayError { position, reason });
    }

    /// Judges the sums, and puts the units on the shelves of a book that the same entries have made, or say why they make
    /// none. Then the book can be used. Returns the sums, too.
    pub(crate) fn settle<K: Sku + 'static>(
        self,
        unsettled: Result<OrderBook<K>, ReplayError>,
    ) -> Result<(OrderBook<K>, Sums), ReplayError> {
        let both = self
            .wrong
            .into_iter()
            .chain(unsettled.as_ref().err().copied());
        if let Some(first) = both.min_by_key(|error| error.position) {
            return Err(first);
        }
        let book = unsettled?;
        let [skus, rest] = thread::scope(|scope| {
            // Nearly half of the work is the names of the SKUs. Without a thread for it, it comes after the rest.
            let names = || name_skus(&book);
            let is_large = book.skus.len() > LARGE;
            let thread = is_large.then(|| thread::Builder::new().spawn_scoped(scope, names));
            let rest = name_orders(&book).and_then(|()| self.put_on_shelves(&book));
            let named = match thread {
                Some(Ok(thread)) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                _ => names(),
            };
            [named, rest]
        });
        skus.and(rest)?;
        Ok((book, self.sums))
    }

    fn put_on_shelves<K: Sku>(&self, book: &OrderBook<K>) -> Result<(), ReplayError> {
        for sku in book.skus.numbers() {
            let sums = self.sums.of(sku);
            if !self.can_be(sku, &sums) {
                let strayed = self.strayed.get(&sku).copied();
                return Err(ReplayError {
                    position: strayed.unwrap_or(self.position),
                    reason: ReplayReason::Units,
                });
            }
            book.skus.settle(sku, &sums);
        }
        Ok(())
    }

    /// Whether a book can end with such sums. No more units are missing than entries call uncovered.
    fn can_be(&self, sku: SkuId, sums: &SkuSums) -> bool {
        let fits = |sum: i64| (0..=units(MAX_UNITS)).contains(&sum);
        let uncovered = || self.uncovered.get(&sku).copied().unwrap_or(0);
        let kept = sums.promised().saturating_add(sums.safety);
        [sums.on_hand, sums.held, sums.paid, sums.safety, kept]
            .into_iter()
            .all(fits)
            && (sums.free() >= 0 || sums.owed() <= uncovered().min(MAX_UNITS))
    }
}

fn name_skus<K: Sku>(book: &OrderBook<K>) -> Result<(), ReplayError> {
    let named = book.skus.name_all();
    named.map_err(|position| ReplayError {
        position,
        reason: ReplayReason::Sku,
    })
}

fn name_orders<K: Sku>(book: &OrderBook<K>) -> Result<(), ReplayError> {
    for number in 0..book.table.shards() {
        let mut shard = book.table.lock(number);
        shard.name_all().map_err(|position| ReplayError {
            position,
            reason: ReplayReason::Order,
        })?;
        // What ended since it was placed has no deadline any more.
        shard.visit();
    }
    Ok(())
}

const fn units(units: u64) -> i64 {
    units.cast_signed()
}
