//! The stock of SKUs: opened, restocked, counted, written off.

use super::OrderBook;
use super::shelf::OnShelf;
use crate::answers::{SkuView, StockAnswer};
use crate::entry::{Change, Entry, Position};
use crate::gate::Gate;
use crate::lines::SkuId;
use crate::refusal::{Limit, Refusal};
use segstock::MAX_UNITS;
use segstock::inventory::Sku;
use smallvec::smallvec;
use std::borrow::Borrow;
use std::hash::Hash;

/// Tells the requests of different calls apart, in the hashes of their bodies.
const RESTOCK: u64 = 11;
const COUNT: u64 = 12;
const WRITE_OFF: u64 = 13;

impl<K: Sku + 'static> OrderBook<K> {
    /// Opens a SKU with `units` on hand. A SKU is never taken away again.
    ///
    /// # Errors
    ///
    /// [`Refusal::AlreadyOpen`], whatever the units; [`Refusal::Overflow`] beyond [`MAX_UNITS`];
    /// [`Refusal::Limit`]; [`Refusal::Busy`] and what a ledger adds.
    pub fn open(&self, sku: K, units: u64) -> Result<Position, Refusal<K>> {
        self.answered(|call| {
            if units > MAX_UNITS {
                let (requested, on_hand) = (units, 0);
                return Err(Refusal::Overflow {
                    sku,
                    requested,
                    on_hand,
                });
            }
            let _opening = self.skus.opening();
            if let Some(id) = self.skus.find(&sku) {
                call.rest_on(self.skus.item(id).opened);
                return Err(Refusal::AlreadyOpen);
            }
            let limit = self.settings.max_skus;
            let number = u32::try_from(self.skus.len()).unwrap_or(u32::MAX);
            if number as usize >= limit {
                return Err(Refusal::Limit(Limit::Skus(limit)));
            }
            let permit = self.permit()?;
            let id = SkuId::new(number);
            // The SKU's own code first: it may panic.
            let name = sku.clone();
            self.skus.announce(id, sku.clone());
            let opened = Change::Opened { sku, id, units };
            let position = self.append(permit, &mut Entry::new(call.now, opened), None);
            self.skus.open(id, name, units, position);
            call.rest_on(position);
            Ok(position)
        })
    }

    /// `units` of a SKU came. Those that are owed are paid first. A retry with the same `key` changes nothing, however many
    /// other requests came since, for as long as the book [remembers](crate::OrderBookBuilder::retention).
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownSkus`]; [`Refusal::Overflow`] if more than [`MAX_UNITS`] would be on hand; [`Refusal::ZeroUnits`];
    /// [`Refusal::Conflict`] if the key is known for another request on this SKU; [`Refusal::Key`]; [`Refusal::Limit`];
    /// [`Refusal::Busy`] and what a ledger adds.
    pub fn restock(&self, sku: K, key: &str, units: u64) -> Result<StockAnswer, Refusal<K>> {
        if units == 0 {
            return Err(Refusal::ZeroUnits(sku));
        }
        self.on_one_shelf(sku, key, [RESTOCK, units], |sku, gate| {
            self.fits_shelf(sku, gate, units)?;
            Ok(Change::Restocked { sku, units })
        })
    }

    /// Whether [`restock`](Self::restock) with this key was made: then it changes nothing again. It changes nothing itself: so
    /// a list of restocks can be checked as a whole before the first of them.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownSkus`]; [`Refusal::Conflict`] if the key is known for another request on this SKU;
    /// [`Refusal::Key`]; [`Refusal::Limit`] if no more keys can be known.
    pub fn knows_restock(&self, sku: K, key: &str, units: u64) -> Result<bool, Refusal<K>> {
        self.knows_on_shelf(sku, key, &[RESTOCK, units])
    }

    /// Whether [`count`](Self::count) with this key was made: then it changes nothing again. It changes nothing itself.
    ///
    /// # Errors
    ///
    /// Those of [`knows_restock`](Self::knows_restock).
    pub fn knows_count(&self, sku: K, key: &str, counted: u64) -> Result<bool, Refusal<K>> {
        self.knows_on_shelf(sku, key, &[COUNT, counted])
    }

    /// A shelf was counted: `counted` units are on hand, those that are held or paid for included. The difference to what
    /// was [on hand](SkuView::on_hand) is found, or is missing. Nothing is shipped, restocked, returned or written off
    /// while the count is booked; whoever counts sees to it that nothing of that happens between counting and this call.
    ///
    /// If fewer units are on hand than are promised, the count is booked all the same, and the rest is owed: what comes back
    /// pays that first.
    ///
    /// A retry with the same `key` changes nothing, however many other requests came since, for as long as the book
    /// [remembers](crate::OrderBookBuilder::retention).
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownSkus`]; [`Refusal::Overflow`] beyond [`MAX_UNITS`]; [`Refusal::Conflict`] if the key is known for
    /// another request on this SKU; [`Refusal::Key`]; [`Refusal::Limit`]; [`Refusal::Busy`] and what a ledger adds.
    pub fn count(&self, sku: K, key: &str, counted: u64) -> Result<StockAnswer, Refusal<K>> {
        self.on_one_shelf(sku, key, [COUNT, counted], |sku, gate| {
            if counted > MAX_UNITS {
                return Err(self.overflows(sku, counted, 0));
            }
            let missing = gate.on_hand.saturating_sub(counted);
            let found = counted.saturating_sub(gate.on_hand);
            let uncovered = self.skus.lose(sku, missing, gate);
            let difference = found.cast_signed() - missing.cast_signed();
            Ok(Change::Counted {
                sku,
                counted,
                difference,
                uncovered,
            })
        })
    }

    /// `units` of a SKU are broken, lost or given away. Only units that are not promised can be: [count](Self::count) a
    /// shelf that lacks more. A retry with the same `key` changes nothing, however many other requests came since, for as
    /// long as the book [remembers](crate::OrderBookBuilder::retention).
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] if fewer units are available; [`Refusal::UnknownSkus`]; [`Refusal::ZeroUnits`];
    /// [`Refusal::Conflict`] if the key is known for another request on this SKU; [`Refusal::Key`]; [`Refusal::Limit`];
    /// [`Refusal::Busy`] and what a ledger adds.
    pub fn write_off(&self, sku: K, key: &str, units: u64) -> Result<StockAnswer, Refusal<K>> {
        if units == 0 {
            return Err(Refusal::ZeroUnits(sku));
        }
        self.on_one_shelf(sku, key, [WRITE_OFF, units], |sku, gate| {
            self.skus.write_off(sku, units, gate)?;
            Ok(Change::WrittenOff { sku, units })
        })
    }

    /// Units of a SKU that no order has, and that are for sale: a cheap figure, at least what is in stock while calls run beside
    /// it. While orders wait for the SKU these units are kept for them.
    pub fn available<Q>(&self, sku: &Q) -> Option<u64>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.skus.item(self.skus.find(sku)?).available())
    }

    /// The stock of a SKU, exact at one instant. It waits while a change of the units on hand is made, and brings a stock
    /// together that many threads use: a call for a dashboard, not for every order.
    pub fn stock<Q>(&self, sku: &Q) -> Option<SkuView>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.stock_of(self.skus.find(sku)?))
    }

    pub(super) fn stock_of(&self, id: SkuId) -> SkuView {
        let item = self.skus.item(id);
        let gate = item.gateway.close();
        let snapshot = self.skus.snapshot(id);
        let safety = gate.limits.safety;
        SkuView {
            available: snapshot.available,
            on_hand: gate.on_hand,
            owed: snapshot.owed.saturating_sub(safety),
            safety: safety.saturating_sub(snapshot.owed),
            waiting: item.queue.units(),
            on_the_way: gate.on_the_way,
            coming: gate.coming,
            limits: gate.limits,
        }
    }

    /// The number of a SKU: how many were opened before it.
    pub fn number_of<Q>(&self, sku: &Q) -> Option<SkuId>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.skus.find(sku)
    }

    /// The SKU with this number. The numbers count up from 0 without a gap: so all SKUs can be listed.
    pub fn sku(&self, number: SkuId) -> Option<&K> {
        self.skus
            .knows(number)
            .then(|| self.skus.item(number).sku())
    }

    fn on_one_shelf(
        &self,
        sku: K,
        key: &str,
        body: [u64; 2],
        take: impl Fn(SkuId, &mut Gate) -> Result<Change<K>, Refusal<K>>,
    ) -> Result<StockAnswer, Refusal<K>> {
        let asked = OnShelf {
            skus: smallvec![sku],
            key,
            body: &body,
        };
        self.on_shelf(asked, |skus, gates| take(skus[0], gates.of(skus[0])))
    }
}
