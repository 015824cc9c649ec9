//! [`Skus`]: the SKUs of a book, by name and by number, and how units are taken and given.

use crate::gate::Gate;
use crate::lines::{LineUnits, Lines, SkuId};
use crate::refusal::Refusal;
use parking_lot::{Mutex, MutexGuard};
use segstock::inventory::{Shelf, ShortLine, Sku, SkuError};
use segstock::{Inventory, Reserving, StockCounter};
use smallvec::SmallVec;
use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

/// The SKUs. They are never taken away: an entry names them by their number.
pub(crate) struct Skus<K: Sku> {
    inventory: Arc<Inventory<K>>,
    numbers: papaya::HashMap<K, SkuId>,
    items: boxcar::Vec<Item<K>>,
    /// Locked while a SKU is opened.
    opening: Mutex<()>,
}

/// One SKU.
pub(crate) struct Item<K: Sku> {
    pub(crate) shelf: Shelf<Arc<Inventory<K>>>,
    /// Passed by what changes the units on hand.
    pub(crate) gate: Mutex<Gate>,
}

impl<K: Sku> Item<K> {
    pub(crate) fn sku(&self) -> &K {
        self.shelf.sku()
    }

    fn short(&self, requested: u64, available: u64) -> ShortLine<K> {
        ShortLine::new(self.sku().clone(), requested, available)
    }
}

/// The gates of some SKUs, passed in the sequence of their numbers.
pub(crate) struct Gates<'a>(SmallVec<[(SkuId, MutexGuard<'a, Gate>); 2]>);

impl<K: Sku> Skus<K> {
    pub(crate) fn new(inventory: Inventory<K>) -> Self {
        Self {
            inventory: Arc::new(inventory),
            numbers: papaya::HashMap::new(),
            items: boxcar::Vec::new(),
            opening: Mutex::new(()),
        }
    }

    pub(crate) fn inventory(&self) -> &Inventory<K> {
        &self.inventory
    }

    pub(crate) fn len(&self) -> usize {
        self.items.count()
    }

    pub(crate) fn find<Q>(&self, sku: &Q) -> Option<SkuId>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.numbers.pin().get(sku).copied()
    }

    /// One SKU at a time is opened while this is kept.
    pub(crate) fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock()
    }

    /// Opens a SKU that is not there, under the lock of [`opening`](Self::opening). The inventory takes any number of
    /// units that the caller has checked.
    pub(crate) fn open(&self, id: SkuId, sku: K, units: u64) {
        let inserted = self.inventory.insert(sku.clone(), units);
        debug_assert!(inserted.is_ok(), "the SKU is new to the inventory as well");
        let nothing = Arc::clone(&self.inventory).reserve_owned(&sku, 0);
        let Ok(nothing) = nothing else { return };
        let index = self.items.push(Item {
            shelf: nothing.stock().clone(),
            gate: Mutex::new(Gate::new(units)),
        });
        debug_assert_eq!(index, id.index(), "SKUs are opened one at a time");
        self.numbers.pin().insert(sku, id);
    }

    pub(crate) fn item(&self, sku: SkuId) -> &Item<K> {
        &self.items[sku.index()]
    }

    pub(crate) fn knows(&self, sku: SkuId) -> bool {
        self.items.get(sku.index()).is_some()
    }

    /// The gates of the SKUs of `lines`.
    pub(crate) fn pass(&self, lines: &Lines) -> Gates<'_> {
        let gate = |line: &LineUnits| (line.sku, self.item(line.sku).gate.lock());
        Gates(lines.iter().map(gate).collect())
    }

    /// Takes the units of all lines, or none; then these lack units.
    ///
    /// All orders take in the sequence of the SKUs' numbers, so that of two orders for the same SKUs one is served.
    pub(crate) fn take(&self, lines: &Lines) -> Result<(), Vec<ShortLine<K>>> {
        // A look first: an order that cannot be served should be in nobody's way.
        let short: Vec<_> = lines.iter().filter_map(|line| self.lacks(line)).collect();
        if !short.is_empty() {
            return Err(short);
        }
        for (index, line) in lines.iter().enumerate() {
            let item = self.item(line.sku);
            let Err(refusal) = item.shelf.reserve_units(line.units) else {
                continue;
            };
            lines[..index].iter().for_each(|before| self.give(before));
            let mut short = vec![item.short(line.units, refusal.available)];
            short.extend(
                lines[index + 1..]
                    .iter()
                    .filter_map(|line| self.lacks(line)),
            );
            return Err(short);
        }
        Ok(())
    }

    /// What a line lacks now, if it does.
    fn lacks(&self, line: &LineUnits) -> Option<ShortLine<K>> {
        let item = self.item(line.sku);
        let available = item.shelf.available();
        (available < line.units).then(|| item.short(line.units, available))
    }

    /// Gives units back that were taken.
    pub(crate) fn give(&self, line: &LineUnits) {
        self.item(line.sku).shelf.release_units(line.units);
    }

    pub(crate) fn give_all(&self, lines: &Lines) {
        lines.iter().for_each(|line| self.give(line));
    }

    /// Takes units from the shelf that are promised and leave: all lines, or none; then fewer of these are on hand.
    pub(crate) fn ship(
        &self,
        lines: &Lines,
        gates: &mut Gates<'_>,
    ) -> Result<(), Vec<ShortLine<K>>> {
        let short: Vec<_> = lines
            .iter()
            .filter_map(|line| {
                let on_hand = gates.of(line.sku).on_hand;
                let item = self.item(line.sku);
                (on_hand < line.units).then(|| item.short(line.units, on_hand))
            })
            .collect();
        if !short.is_empty() {
            return Err(short);
        }
        for line in lines.iter() {
            gates.of(line.sku).on_hand -= line.units;
            self.item(line.sku).shelf.commit_units(line.units);
        }
        Ok(())
    }

    /// Takes units off the shelf that are missing. Returns how many of them no free unit covered.
    pub(crate) fn lose(&self, sku: SkuId, units: u64, gate: &mut Gate) -> Result<u64, Refusal<K>> {
        let item = self.item(sku);
        let unknown = |_| Refusal::UnknownSkus(vec![item.sku().clone()]);
        let withdrawn = self
            .inventory
            .withdraw(item.sku(), units)
            .map_err(unknown)?;
        gate.on_hand -= units;
        Ok(withdrawn.owed)
    }

    /// Takes units off the shelf that nobody was promised.
    pub(crate) fn write_off(
        &self,
        sku: SkuId,
        units: u64,
        gate: &mut Gate,
    ) -> Result<(), Refusal<K>> {
        let item = self.item(sku);
        match self.inventory.write_off(item.sku(), units) {
            Ok(()) => {
                gate.on_hand -= units;
                Ok(())
            }
            Err(SkuError::OutOfStock(refusal)) => {
                Err(Refusal::Short(vec![item.short(units, refusal.available)]))
            }
            Err(_) => Err(Refusal::UnknownSkus(vec![item.sku().clone()])),
        }
    }

    /// Puts units on the shelf that came. The caller has checked under the gate that they fit.
    pub(crate) fn put(&self, sku: SkuId, units: u64, gate: &mut Gate) {
        gate.on_hand += units;
        let restocked = self.item(sku).shelf.restock(units);
        debug_assert!(restocked.is_ok(), "the gate knows what fits");
    }
}

impl Gates<'_> {
    pub(crate) fn of(&mut self, sku: SkuId) -> &mut Gate {
        let found = self.0.binary_search_by_key(&sku, |(sku, _)| *sku);
        let index = found.expect("the gate of each line is passed");
        &mut self.0[index].1
    }
}
