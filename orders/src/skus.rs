//! [`Skus`]: the SKUs of a book, by name and by number, and how units are taken and given.
//!
//! The inventory knows SKUs by their numbers. So a SKU's own code (`Hash`, `Eq`) runs where a call looks its SKUs up, and
//! never under a lock of the book: whatever happens after an entry is appended cannot panic there. And a number is hashed
//! by one multiplication.

mod again;

use crate::entry::Position;
use crate::gate::Gate;
use crate::limits::Rules;
use crate::lines::{LineUnits, Lines, SkuId};
use crate::queue::Queue;
use crate::refusal::Refusal;
use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};
use segstock::inventory::known_thread::{on_known_thread, thread_is_known};
use segstock::inventory::{Shelf, ShortLine, Sku, SkuError, SkuSnapshot};
use segstock::{Inventory, Reserving, StockCounter};
use smallvec::SmallVec;
use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

/// The SKUs. They are never taken away: an entry names them by their number.
pub(crate) struct Skus<K: Sku> {
    stocks: Arc<Stocks>,
    numbers: papaya::HashMap<K, SkuId>,
    items: boxcar::Vec<Item<K>>,
    /// Locked while a SKU is opened.
    opening: Mutex<()>,
    /// In percent, of SKUs without such a limit of their own.
    unpaid: u64,
    pub(crate) to_serve: ToServe,
}

type Stocks = Inventory<SkuId, BuildHasherDefault<ByNumber>>;

/// Hashes the numbers of SKUs.
#[derive(Debug, Default)]
struct ByNumber(u64);

impl Hasher for ByNumber {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((*byte).into()));
    }

    fn write_u32(&mut self, number: u32) {
        let mixed = (self.0 ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// One SKU.
pub(crate) struct Item<K: Sku> {
    sku: K,
    /// The position of the entry that opened it.
    pub(crate) opened: Position,
    shelf: Shelf<Arc<Stocks>>,
    /// Passed by what changes the units on hand.
    pub(crate) gate: Mutex<Gate>,
    pub(crate) rules: Rules,
    pub(crate) queue: Queue,
    /// Units that orders hold and have not paid for. They are counted before they are taken, and until they are back: so
    /// this and what is available are together never fewer than the units that can come back.
    held: AtomicU64,
    /// How often an order gave units back. Counted after they are back, and before the order's shard says that no order is
    /// past its deadline.
    given: AtomicU64,
    /// Units on hand, as the gate says: to be read without it.
    on_hand: AtomicU64,
}

impl<K: Sku> Item<K> {
    pub(crate) fn sku(&self) -> &K {
        &self.sku
    }

    /// Units that orders can have, in one cheap pass.
    pub(crate) fn available(&self) -> u64 {
        self.shelf.available()
    }

    /// Units on hand, also while the gate is passed.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn on_hand(&self) -> u64 {
        self.on_hand.load(Ordering::Acquire)
    }

    /// Units that orders hold and have not paid for.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Acquire)
    }

    /// Counts units that an order holds, if so many can be held; else says how many can be.
    fn hold(&self, units: u64) -> Result<(), u64> {
        let limit = self.rules.unpaid_of(self.on_hand.load(Ordering::Acquire));
        let Some(limit) = limit else {
            self.held.fetch_add(units, Ordering::AcqRel);
            return Ok(());
        };
        let more = |held: u64| held.checked_add(units).filter(|sum| *sum <= limit);
        let held = self
            .held
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        held.map(|_| ()).map_err(|held| limit.saturating_sub(held))
    }

    fn short(&self, requested: u64, available: u64) -> ShortLine<K> {
        ShortLine::new(self.sku().clone(), requested, available)
    }
}

/// SKUs of which units came back while orders wait for them.
#[derive(Debug, Default)]
pub(crate) struct ToServe {
    skus: Mutex<BTreeSet<SkuId>>,
    /// Read without the lock.
    any: AtomicBool,
}

impl ToServe {
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    pub(crate) fn add(&self, sku: SkuId) {
        let mut skus = self.skus.lock();
        skus.insert(sku);
        self.any.store(true, Ordering::Release);
    }

    pub(crate) fn next(&self) -> Option<SkuId> {
        let mut skus = self.skus.lock();
        let next = skus.pop_first();
        self.any.store(!skus.is_empty(), Ordering::Release);
        next
    }
}

/// The gates of some SKUs, passed in the sequence of their numbers.
pub(crate) struct Gates<'a>(SmallVec<[(SkuId, MutexGuard<'a, Gate>); 2]>);

impl<K: Sku> Skus<K> {
    pub(crate) fn new(unpaid: u64) -> Self {
        let stocks = Inventory::builder().hasher(BuildHasherDefault::default());
        Self {
            stocks: Arc::new(stocks.build()),
            numbers: papaya::HashMap::new(),
            items: boxcar::Vec::new(),
            opening: Mutex::new(()),
            unpaid,
            to_serve: ToServe::default(),
        }
    }

    /// What the inventory says of a SKU, exact at one instant.
    pub(crate) fn books(&self, sku: SkuId) -> SkuSnapshot {
        self.stocks.get(&sku).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.count()
    }

    pub(crate) fn find<Q>(&self, sku: &Q) -> Option<SkuId>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let number = if thread_is_known() {
            self.numbers.pin().get(sku).copied()
        } else {
            self.numbers.pin_owned().get(sku).copied()
        };
        number.filter(|id| self.knows(*id))
    }

    /// One SKU at a time is opened while this is kept.
    pub(crate) fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock()
    }

    /// Says which number a SKU will have, under the lock of [`opening`](Self::opening). Until it is opened nobody finds it.
    pub(crate) fn announce(&self, id: SkuId, sku: K) {
        on_known_thread(|| _ = self.numbers.pin().insert(sku, id));
    }

    /// Opens a SKU that was announced, under the lock of [`opening`](Self::opening). The inventory takes any number of
    /// units that the caller has checked.
    pub(crate) fn open(&self, id: SkuId, sku: K, units: u64, opened: Position) {
        let inserted = self.stocks.insert(id, units);
        debug_assert!(inserted.is_ok(), "the number is new");
        let nothing = Arc::clone(&self.stocks).reserve_owned(&id, 0);
        let Ok(nothing) = nothing else { return };
        let index = self.items.push(Item {
            sku,
            opened,
            shelf: nothing.stock().clone(),
            gate: Mutex::new(Gate::new(units)),
            rules: Rules::new(self.unpaid),
            queue: Queue::default(),
            held: AtomicU64::new(0),
            given: AtomicU64::new(0),
            on_hand: AtomicU64::new(units),
        });
        debug_assert_eq!(index, id.index(), "SKUs are opened one at a time");
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

    /// The gates of some SKUs.
    pub(crate) fn pass_all(&self, skus: &[SkuId]) -> Gates<'_> {
        let mut skus: SmallVec<[SkuId; 2]> = skus.into();
        skus.sort_unstable();
        skus.dedup();
        let gate = |sku: SkuId| (sku, self.item(sku).gate.lock());
        Gates(skus.into_iter().map(gate).collect())
    }

    /// Counts units that an order holds: all lines, or none; then of these fewer can be held.
    pub(crate) fn hold(&self, lines: &Lines) -> Result<(), Vec<ShortLine<K>>> {
        let mut refused = Vec::new();
        for line in lines.iter() {
            let item = self.item(line.sku);
            if let Err(left) = item.hold(line.units) {
                refused.push((line.sku, item.short(line.units, left)));
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        let is_held = |line: &&LineUnits| refused.iter().all(|(sku, _)| *sku != line.sku);
        lines
            .iter()
            .filter(is_held)
            .for_each(|line| self.unhold_line(line));
        Err(refused.into_iter().map(|(_, short)| short).collect())
    }

    /// Counts units that an order holds, whatever the limit.
    pub(crate) fn hold_anyway(&self, lines: &Lines) {
        for line in lines.iter() {
            self.item(line.sku)
                .held
                .fetch_add(line.units, Ordering::AcqRel);
        }
    }

    /// Counts units no more that no order holds.
    pub(crate) fn unhold(&self, lines: &Lines) {
        lines.iter().for_each(|line| self.unhold_line(line));
    }

    fn unhold_line(&self, line: &LineUnits) {
        self.item(line.sku)
            .held
            .fetch_sub(line.units, Ordering::AcqRel);
    }

    /// The lines that lack units now.
    pub(crate) fn short(&self, lines: &Lines) -> Vec<ShortLine<K>> {
        lines.iter().filter_map(|line| self.lacks(line)).collect()
    }

    /// Whether each of these lines lacks units now.
    pub(crate) fn are_short(&self, lines: &[ShortLine<K>], skus: &[SkuId]) -> bool {
        let mut both = lines.iter().zip(skus);
        both.all(|(line, sku)| {
            let item = self.item(*sku);
            item.queue.is_waited_for() || item.available() < line.requested
        })
    }

    /// Whether each of these lines would lack units even if all came back that are not paid for.
    pub(crate) fn are_beyond_help(&self, lines: &[ShortLine<K>], skus: &[SkuId]) -> bool {
        let mut both = lines.iter().zip(skus);
        both.all(|(line, sku)| {
            let item = self.item(*sku);
            // In this sequence: units that come back meanwhile are counted twice, not never.
            let held = item.held();
            held + item.available() < line.requested
        })
    }

    /// How often orders gave units of these SKUs back.
    pub(crate) fn given(&self, skus: &[SkuId]) -> u64 {
        let given = skus
            .iter()
            .map(|sku| self.item(*sku).given.load(Ordering::Acquire));
        given.fold(0, u64::wrapping_add)
    }

    /// Gives units back that an order had.
    pub(crate) fn give_back(&self, lines: &Lines) {
        self.give_all(lines);
        for line in lines.iter() {
            self.item(line.sku).given.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Takes the units of all lines, or none; then these lack units. A SKU that orders wait for has none for others.
    pub(crate) fn take_after_queue(&self, lines: &Lines) -> Result<(), Vec<ShortLine<K>>> {
        if let Some(short) = self.short_behind_queue(lines) {
            return Err(short);
        }
        self.take(lines)?;
        // An order that came to wait meanwhile is first: the units may be those that it lacks.
        let Some(short) = self.short_behind_queue(lines) else {
            return Ok(());
        };
        self.give_all(lines);
        Err(short)
    }

    /// If orders wait for one of the SKUs: those lines, and the others that lack units.
    fn short_behind_queue(&self, lines: &Lines) -> Option<Vec<ShortLine<K>>> {
        let is_waited_for = |line: &LineUnits| self.item(line.sku).queue.is_waited_for();
        lines.iter().any(is_waited_for).then(|| {
            let short = |line| {
                if is_waited_for(line) {
                    Some(self.item(line.sku).short(line.units, 0))
                } else {
                    self.lacks(line)
                }
            };
            lines.iter().filter_map(short).collect()
        })
    }

    /// Takes the units of all lines, or none; then these lack units.
    ///
    /// All orders take in the sequence of the SKUs' numbers, so that of two orders for the same SKUs one is served.
    pub(crate) fn take(&self, lines: &Lines) -> Result<(), Vec<ShortLine<K>>> {
        // A look first: an order that cannot be served should be in nobody's way.
        if lines
            .iter()
            .any(|line| self.item(line.sku).available() < line.units)
        {
            let short = self.short(lines);
            if !short.is_empty() {
                return Err(short);
            }
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
        self.wake(line.sku);
    }

    /// Units of a SKU came back: if orders wait for it, they are to be served.
    pub(crate) fn wake(&self, sku: SkuId) {
        if self.item(sku).queue.is_waited_for_now() {
            self.to_serve.add(sku);
        }
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
        let mut short = Vec::new();
        for line in lines.iter() {
            let on_hand = gates.of(line.sku).on_hand;
            if on_hand < line.units {
                short.push(self.item(line.sku).short(line.units, on_hand));
            }
        }
        if !short.is_empty() {
            return Err(short);
        }
        for line in lines.iter() {
            self.lessen(line.sku, line.units, gates.of(line.sku));
            self.item(line.sku).shelf.commit_units(line.units);
        }
        Ok(())
    }

    /// Takes units off the shelf that are missing. Returns how many of them no free unit covered.
    pub(crate) fn lose(&self, sku: SkuId, units: u64, gate: &mut Gate) -> u64 {
        self.lessen(sku, units, gate);
        self.withhold(sku, units)
    }

    /// Fewer units are on hand.
    pub(crate) fn lessen(&self, sku: SkuId, units: u64, gate: &mut Gate) {
        gate.on_hand -= units;
        self.show(sku, gate);
    }

    /// Shows to all what is on the shelf.
    pub(crate) fn show(&self, sku: SkuId, gate: &Gate) {
        let on_hand = &self.item(sku).on_hand;
        on_hand.store(gate.on_hand, Ordering::Release);
    }

    /// Takes units off the shelf that nobody was promised.
    pub(crate) fn write_off(
        &self,
        sku: SkuId,
        units: u64,
        gate: &mut Gate,
    ) -> Result<(), Refusal<K>> {
        let item = self.item(sku);
        match self.stocks.write_off(&sku, units) {
            Ok(()) => {
                self.lessen(sku, units, gate);
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
        self.show(sku, gate);
        let restocked = self.item(sku).shelf.restock(units);
        debug_assert!(restocked.is_ok(), "the gate knows what fits");
        self.wake(sku);
    }

    /// Takes units off sale. Returns how many of them no free unit covered.
    pub(crate) fn withhold(&self, sku: SkuId, units: u64) -> u64 {
        let withdrawn = self.stocks.withdraw(&sku, units);
        withdrawn.map_or(0, |withdrawn| withdrawn.owed)
    }

    /// Has units on sale again that were taken off it. Returns how many of them were owed.
    pub(crate) fn unwithhold(&self, sku: SkuId, units: u64) -> u64 {
        let forgiven = self.stocks.forgive(&sku, units).unwrap_or(0);
        if forgiven < units {
            let restocked = self.item(sku).shelf.restock(units - forgiven);
            debug_assert!(restocked.is_ok(), "they are on hand, which the gate limits");
        }
        self.wake(sku);
        forgiven
    }
}

impl Gates<'_> {
    pub(crate) fn of(&mut self, sku: SkuId) -> &mut Gate {
        let found = self.0.binary_search_by_key(&sku, |(sku, _)| *sku);
        let index = found.expect("the gate of each line is passed");
        &mut self.0[index].1
    }
}
