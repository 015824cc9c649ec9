//! [`Index`]: from an id's hash to the slots of the orders that have it.

use super::slot::{Slot, SlotId};
use super::store::Store;
use crate::steps::Steps;
use hashbrown::HashTable;

/// How many orders there are for each table, in the middle.
const FULL: usize = 128;

/// Small hash tables, whose number grows by linear hashing: when orders come, one table is split in two, which moves the
/// orders of that table alone. So no call moves them all. They lie in the tables with their hashes, so that no other order
/// is looked at to find one.
///
/// With `n` tables, of which `2^k` is the largest power of two up to `n`: those below `n - 2^k` are split already. The table
/// of a hash is its last `k + 1` bits if there is such a table, and else its last `k` bits.
#[derive(Debug, Default)]
pub(super) struct Index {
    tables: Steps<HashTable<Hashed>>,
    /// The largest power of two up to the number of tables.
    whole: usize,
    orders: usize,
}

/// An order in its table.
#[derive(Debug, Clone, Copy)]
struct Hashed {
    hash: u32,
    slot: SlotId,
}

/// What a table goes by: other bits than those that say which table it is.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Index {
    /// The bits of a hash that the index goes by.
    #[expect(clippy::cast_possible_truncation, reason = "the last bits are meant")]
    pub(super) const fn bits(hash: u64) -> u32 {
        hash as u32
    }

    #[inline]
    pub(super) fn find(&self, slots: &Store<Slot>, hash: u64, id: &str) -> Option<SlotId> {
        let hash = Self::bits(hash);
        let is_it =
            |hashed: &Hashed| hashed.hash == hash && *slots[hashed.slot.index()].order.id == *id;
        let table = self.tables.get(self.table(hash))?;
        table.find(spread(hash), is_it).map(|hashed| hashed.slot)
    }

    /// Adds a slot whose id is not there.
    pub(super) fn insert(&mut self, hash: u32, slot: SlotId) {
        if self.orders == FULL * self.tables.len() {
            self.split();
        }
        self.orders += 1;
        let table = self.table(hash);
        if let Some(table) = self.tables.get_mut(table) {
            add(table, Hashed { hash, slot });
        }
    }

    /// Makes room for this many orders, before any of them comes.
    pub(super) fn make_room(&mut self, orders: usize) {
        debug_assert_eq!(self.orders, 0, "nothing is split");
        while FULL * self.tables.len() < orders {
            self.push(HashTable::with_capacity(FULL));
        }
    }

    /// Takes a slot out that is there.
    pub(super) fn remove(&mut self, hash: u32, slot: SlotId) {
        let table = self.table(hash);
        let Some(table) = self.tables.get_mut(table) else {
            return;
        };
        let found = table.find_entry(spread(hash), |hashed| hashed.slot == slot);
        let Ok(found) = found else { return };
        found.remove();
        self.orders -= 1;
        // Not where the next order that comes splits one again.
        if self.tables.len() > 1 && 4 * self.orders <= FULL * (self.tables.len() - 1) {
            self.merge();
        }
    }

    /// The table of a hash.
    #[inline]
    fn table(&self, hash: u32) -> usize {
        let table = hash as usize & (2 * self.whole).saturating_sub(1);
        if table < self.tables.len() {
            table
        } else {
            table & self.whole.saturating_sub(1)
        }
    }

    /// One table more: its orders were in the table whose number lacks the first bit.
    fn split(&mut self) {
        let new = self.tables.len();
        let mut table = HashTable::new();
        let bit = self.whole;
        let from = new.checked_sub(bit).filter(|_| bit > 0);
        if let Some(from) = from.and_then(|from| self.tables.get_mut(from)) {
            for hashed in from.extract_if(|hashed| hashed.hash as usize & bit != 0) {
                add(&mut table, hashed);
            }
        }
        self.push(table);
    }

    fn push(&mut self, table: HashTable<Hashed>) {
        self.tables.push(table);
        if self.tables.len() >= 2 * self.whole {
            self.whole = self.tables.len();
        }
    }

    /// One table less: its orders go where they came from.
    fn merge(&mut self) {
        let Some(mut table) = self.tables.pop() else {
            return;
        };
        if self.tables.len() < self.whole {
            self.whole /= 2;
        }
        for hashed in table.drain() {
            let into = self.table(hashed.hash);
            if let Some(into) = self.tables.get_mut(into) {
                add(into, hashed);
            }
        }
    }
}

fn add(table: &mut HashTable<Hashed>, hashed: Hashed) {
    table.insert_unique(spread(hashed.hash), hashed, |hashed| spread(hashed.hash));
}
