//! [`Skus`]: the SKUs of a book, by name and by number, and how units are taken and given.
//!
//! Below the calls a SKU is its number, by which its stock is found in a list. So a SKU's own code (`Hash`, `Eq`) runs where
//! a call looks its SKUs up, and never under a lock of the book: whatever happens after an entry is appended cannot panic
//! there.

mod again;

use crate::entry::Position;
use crate::gate::Gate;
use crate::gateway::{Closed, Passed};
use crate::item::Item;
use crate::lines::{LineUnits, Lines, SkuId};
use crate::refusal::Refusal;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering};
use segstock::inventory::known_thread::{on_known_thread, thread_is_known};
use segstock::inventory::{ShortLine, Sku};
use segstock::{Reserving, Snapshot};
use smallvec::SmallVec;
use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::hash::Hash;
use std::ops::Bound;

/// The orders of how many shards share a lane: there are some lanes for each core.
const SHARDS_OF_LANE: usize = if cfg!(any(loom, shuttle)) { 1 } else { 8 };

/// The SKUs. They are never taken away: an entry names them by their number.
pub(crate) struct Skus<K: Sku> {
    numbers: papaya::HashMap<K, SkuId>,
    items: boxcar::Vec<Item<K>>,
    /// Locked while a SKU is opened.
    opening: Mutex<()>,
    /// In percent, of SKUs without such a limit of their own.
    unpaid: u64,
    /// How many lanes the gate of a SKU has that many orders pass at a time.
    lanes: usize,
    pub(crate) to_serve: ToServe,
}

/// SKUs of which units came back while orders wait for them.
#[derive(Debug, Default)]
pub(crate) struct ToServe {
    skus: Mutex<Turns>,
    /// Read without the lock.
    any: AtomicBool,
}

#[derive(Debug, Default)]
struct Turns {
    next: BTreeSet<SkuId>,
    /// They take turns: a long queue keeps no other one waiting.
    last: Option<SkuId>,
    /// Somebody serves orders of these now.
    served: SmallVec<[SkuId; 4]>,
}

impl Turns {
    fn any(&self) -> bool {
        !self.next.is_empty() || !self.served.is_empty()
    }
}

impl ToServe {
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    pub(crate) fn add(&self, sku: SkuId) {
        let mut turns = self.skus.lock();
        turns.next.insert(sku);
        self.any.store(true, Ordering::Release);
    }

    /// The next one. It is among them until it [is served](Self::is_served).
    pub(crate) fn next(&self) -> Option<SkuId> {
        let mut turns = self.skus.lock();
        let after = turns.last.map_or(Bound::Unbounded, Bound::Excluded);
        let next = turns.next.range((after, Bound::Unbounded)).next();
        let next = *next.or_else(|| turns.next.first())?;
        turns.next.remove(&next);
        turns.last = Some(next);
        turns.served.push(next);
        Some(next)
    }

    pub(crate) fn is_served(&self, sku: SkuId) {
        let mut turns = self.skus.lock();
        if let Some(place) = turns.served.iter().position(|it| *it == sku) {
            turns.served.swap_remove(place);
        }
        self.any.store(turns.any(), Ordering::Release);
    }

    /// Whether one of these is among them.
    pub(crate) fn has_any(&self, wanted: &[SkuId]) -> bool {
        self.any() && {
            let turns = self.skus.lock();
            let is_there = |sku: &SkuId| turns.next.contains(sku) || turns.served.contains(sku);
            wanted.iter().any(is_there)
        }
    }
}

/// The gates of some SKUs, closed in the sequence of their numbers.
pub(crate) struct Gates<'a>(SmallVec<[(SkuId, Closed<'a>); 2]>);

/// The gates of some SKUs, passed by an order that leaves.
#[expect(dead_code, reason = "they are passed until this is dropped")]
pub(crate) struct Leaving<'a>(SmallVec<[Passed<'a>; 2]>);

impl<K: Sku> Skus<K> {
    /// The SKUs of a book whose orders are in this many shards.
    pub(crate) fn new(unpaid: u64, shards: usize) -> Self {
        Self {
            numbers: papaya::HashMap::new(),
            items: boxcar::Vec::new(),
            opening: Mutex::new(()),
            unpaid,
            lanes: shards.div_ceil(SHARDS_OF_LANE),
            to_serve: ToServe::default(),
        }
    }

    /// What the stock of a SKU is, exact at one instant.
    pub(crate) fn snapshot(&self, sku: SkuId) -> Snapshot {
        self.item(sku).stock.snapshot()
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

    /// Looks several SKUs up, with the map pinned once.
    pub(crate) fn finding<T>(&self, look_up: impl FnOnce(&dyn Fn(&K) -> Option<SkuId>) -> T) -> T {
        if !thread_is_known() {
            return look_up(&|sku| self.find(sku));
        }
        let numbers = self.numbers.pin();
        look_up(&|sku| numbers.get(sku).copied().filter(|id| self.knows(*id)))
    }

    /// One SKU at a time is opened while this is kept.
    pub(crate) fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock()
    }

    /// Says which number a SKU will have, under the lock of [`opening`](Self::opening). Until it is opened nobody finds it.
    pub(crate) fn announce(&self, id: SkuId, sku: K) {
        on_known_thread(|| _ = self.numbers.pin().insert(sku, id));
    }

    /// Opens a SKU that was announced, under the lock of [`opening`](Self::opening), with units that the caller has checked. Of a
    /// book that is made again none is announced: all are [named](Self::name_all) at the end.
    pub(crate) fn open(&self, id: SkuId, sku: K, units: u64, opened: Position) {
        let index = self.items.push(Item::new(sku, units, opened, self.unpaid));
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
        let gate = |line: &LineUnits| (line.sku, self.item(line.sku).gateway.close());
        Gates(lines.iter().map(gate).collect())
    }

    /// The gates of some SKUs.
    pub(crate) fn pass_all(&self, skus: &[SkuId]) -> Gates<'_> {
        let mut skus: SmallVec<[SkuId; 2]> = skus.into();
        skus.sort_unstable();
        skus.dedup();
        let gate = |sku: SkuId| (sku, self.item(sku).gateway.close());
        Gates(skus.into_iter().map(gate).collect())
    }

    /// Counts units that an order of this shard holds: all lines, or none; then of these fewer can be held.
    pub(crate) fn hold(&self, shard: usize, lines: &Lines) -> Result<(), Vec<ShortLine<K>>> {
        let mut refused = Vec::new();
        for line in lines.iter() {
            let item = self.item(line.sku);
            if let Err(left) = item.hold(shard, line.units) {
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
            .for_each(|line| self.unhold_line(shard, line));
        Err(refused.into_iter().map(|(_, short)| short).collect())
    }

    /// Counts units that an order holds, whatever the limit.
    pub(crate) fn hold_anyway(&self, lines: &Lines) {
        for line in lines.iter() {
            self.item(line.sku).gateway.hold_anyway(line.units);
        }
    }

    /// Counts units no more that no order of this shard holds.
    pub(crate) fn unhold(&self, shard: usize, lines: &Lines) {
        lines.iter().for_each(|line| self.unhold_line(shard, line));
    }

    fn unhold_line(&self, shard: usize, line: &LineUnits) {
        self.item(line.sku).gateway.unhold(shard, line.units);
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
            let held = item.gateway.held();
            held + item.available() < line.requested
        })
    }

    /// How often orders gave units of these SKUs back.
    pub(crate) fn given(&self, skus: &[SkuId]) -> u64 {
        let given = skus.iter().map(|sku| self.item(*sku).given());
        given.fold(0, u64::wrapping_add)
    }

    /// Gives units back that an order had.
    pub(crate) fn give_back(&self, lines: &Lines) {
        self.give_all(lines);
        for line in lines.iter() {
            self.item(line.sku).note_given();
        }
    }

    /// Takes the units of all lines, or none; then these lack units. A SKU that orders wait for has none for others.
    pub(crate) fn take_after_queue(&self, lines: &Lines) -> Result<(), Vec<ShortLine<K>>> {
        // A look first: an order that cannot be served should be in nobody's way.
        let can_be_had = |line: &LineUnits| {
            let item = self.item(line.sku);
            !item.queue.is_waited_for() && item.available() >= line.units
        };
        if !lines.iter().all(can_be_had) {
            let behind = self.short_behind_queue(lines);
            let short = behind.unwrap_or_else(|| self.short(lines));
            if !short.is_empty() {
                return Err(short);
            }
        }
        self.reserve(lines)?;
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
    pub(crate) fn take(&self, lines: &Lines) -> Result<(), Vec<ShortLine<K>>> {
        let short = self.short(lines);
        if short.is_empty() {
            self.reserve(lines)
        } else {
            Err(short)
        }
    }

    /// All orders take in the sequence of the SKUs' numbers, so that of two orders for the same SKUs one is served.
    fn reserve(&self, lines: &Lines) -> Result<(), Vec<ShortLine<K>>> {
        for (index, line) in lines.iter().enumerate() {
            let item = self.item(line.sku);
            let Err(refusal) = item.stock.reserve_units(line.units) else {
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
        let available = item.available();
        (available < line.units).then(|| item.short(line.units, available))
    }

    /// Gives units back that were taken.
    pub(crate) fn give(&self, line: &LineUnits) {
        self.item(line.sku).stock.release_units(line.units);
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

    /// Takes units from the shelf that are promised and leave, with an order of this shard: all lines, or none; then fewer of
    /// these are on hand. Where nothing is owed, all that is promised is on hand.
    pub(crate) fn ship(
        &self,
        shard: usize,
        lines: &Lines,
    ) -> Result<Leaving<'_>, Vec<ShortLine<K>>> {
        let pass = |line: &LineUnits| {
            let item = self.item(line.sku);
            item.gateway.pass(shard, self.lanes, || item.owes())
        };
        let mut passed = SmallVec::<[Passed<'_>; 2]>::new();
        lines.iter().for_each(|line| passed.push(pass(line)));
        let lacks = |(line, passed): (&LineUnits, &Passed<'_>)| {
            let on_hand = passed.on_hand()?;
            (on_hand < line.units).then(|| self.item(line.sku).short(line.units, on_hand))
        };
        if lines.iter().zip(&passed).any(|line| lacks(line).is_some()) {
            return Err(lines.iter().zip(&passed).filter_map(lacks).collect());
        }
        for (line, passed) in lines.iter().zip(&mut passed) {
            passed.leave(line.units);
            self.item(line.sku).stock.commit_units(line.units);
        }
        Ok(Leaving(passed))
    }

    /// Takes units off the shelf that are missing. Returns how many of them no free unit covered.
    pub(crate) fn lose(&self, sku: SkuId, units: u64, gate: &mut Gate) -> u64 {
        gate.on_hand -= units;
        self.withhold(sku, units)
    }

    /// Takes units off the shelf that nobody was promised.
    pub(crate) fn write_off(
        &self,
        sku: SkuId,
        units: u64,
        gate: &mut Gate,
    ) -> Result<(), Refusal<K>> {
        let item = self.item(sku);
        let taken = item.stock.deduct(units);
        taken.map_err(|refusal| Refusal::Short(vec![item.short(units, refusal.available)]))?;
        gate.on_hand -= units;
        Ok(())
    }

    /// Puts units on the shelf that came. The caller has checked under the gate that they fit.
    pub(crate) fn put(&self, sku: SkuId, units: u64, gate: &mut Gate) {
        gate.on_hand += units;
        let restocked = self.item(sku).stock.restock(units);
        debug_assert!(restocked.is_ok(), "the gate knows what fits");
        self.wake(sku);
    }

    /// Takes units off sale, while the gate is closed. Returns how many of them no free unit covered.
    pub(crate) fn withhold(&self, sku: SkuId, units: u64) -> u64 {
        let item = self.item(sku);
        item.gateway.owe();
        let withdrawn = item.stock.withdraw(units);
        debug_assert_eq!(
            withdrawn.taken + withdrawn.owed,
            units,
            "what is promised and kept is no more than a stock can owe"
        );
        withdrawn.owed
    }

    /// Has units on sale again that were taken off it. Returns how many of them were owed.
    pub(crate) fn unwithhold(&self, sku: SkuId, units: u64) -> u64 {
        let forgiven = self.item(sku).stock.forgive(units);
        if forgiven < units {
            let restocked = self.item(sku).stock.restock(units - forgiven);
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
