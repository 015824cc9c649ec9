//! One segment of a [`LockedStock`](super::LockedStock): two locks, and counters that only grow.
//!
//! | lock | who holds it | for how long |
//! |---|---|---|
//! | `orders` | the one order that is served here | the caller's whole flow |
//! | `counters` | a thread that writes a counter, or reads several that must belong together | some nanoseconds |
//!
//! A thread that needs both takes `orders` first; a thread that needs several of a kind takes them in the
//! order of their index. No thread waits for `orders` while it holds `counters`, so that restocks and
//! snapshots never wait for an order in flight.

use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};

#[derive(Debug)]
pub(super) struct Segment {
    orders: Mutex<()>,
    counters: Mutex<Gate>,
    /// All only grow, under the lock `counters`, and are read without it: for what one pass over them proves
    /// see [`LockedStock::bound`](super::LockedStock::bound). They wrap, as those of
    /// [`Stock`](crate::Stock) do.
    taken: AtomicU64,
    added: AtomicU64,
    /// Units that were reserved, in any segment, and released here.
    released: AtomicU64,
    /// Of `taken`, those that were reserved.
    reserved: AtomicU64,
    /// Units that were reserved, in any segment, and committed here.
    committed: AtomicU64,
}

/// What units may come to a segment without a look at the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    /// Units that may still be restocked.
    pub(super) room: u64,
    /// The stock owes: nothing may be released here.
    pub(super) owing: bool,
}

impl Segment {
    pub(super) fn new(units: u64, room: u64) -> Self {
        let owing = false;
        Self {
            orders: Mutex::new(()),
            counters: Mutex::new(Gate { room, owing }),
            taken: AtomicU64::new(0),
            added: AtomicU64::new(units),
            released: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            committed: AtomicU64::new(0),
        }
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    pub(super) fn added(&self) -> u64 {
        self.added.load(Ordering::Acquire)
    }

    /// All that ever came here.
    pub(super) fn came(&self) -> u64 {
        self.added()
            .wrapping_add(self.released.load(Ordering::Acquire))
    }

    /// Units held. `taken` is read first: read last, it could have passed an older sum of what came.
    pub(super) fn held(&self) -> u64 {
        let taken = self.taken();
        self.came().wrapping_sub(taken)
    }

    /// Units reserved here, less those that were settled here. Wraps: units are settled in other segments
    /// than they were reserved in.
    pub(super) fn reserved(&self) -> u64 {
        let settled = self.released.load(Ordering::Acquire);
        let settled = settled.wrapping_add(self.committed.load(Ordering::Acquire));
        self.reserved.load(Ordering::Acquire).wrapping_sub(settled)
    }

    /// Waits for the order in flight, if there is one.
    pub(super) fn lock(&self) -> OrderLock<'_> {
        OrderLock {
            segment: self,
            _guard: self.orders.lock(),
        }
    }

    pub(super) fn try_lock(&self) -> Option<OrderLock<'_>> {
        Some(OrderLock {
            segment: self,
            _guard: self.orders.try_lock()?,
        })
    }

    pub(super) fn lock_counters(&self) -> CounterLock<'_> {
        CounterLock {
            segment: self,
            gate: self.counters.lock(),
        }
    }
}

/// The right to take from a segment.
#[derive(Debug)]
pub(super) struct OrderLock<'a> {
    pub(super) segment: &'a Segment,
    _guard: MutexGuard<'a, ()>,
}

/// The right to write a segment's counters.
#[derive(Debug)]
pub(super) struct CounterLock<'a> {
    pub(super) segment: &'a Segment,
    gate: MutexGuard<'a, Gate>,
}

impl CounterLock<'_> {
    /// Takes units that the segment holds; with its [`OrderLock`] in hand.
    pub(super) fn take(&self, units: u64) {
        grow(&self.segment.taken, units);
    }

    pub(super) fn put(&self, units: u64) {
        grow(&self.segment.added, units);
    }

    /// Puts units of a restock that was not checked against all segments: nothing if it might be too
    /// much for the stock.
    pub(super) fn put_if_room(&mut self, units: u64) -> bool {
        let rest = self.gate.room.checked_sub(units);
        if let Some(rest) = rest {
            self.gate.room = rest;
            self.put(units);
        }
        rest.is_some()
    }

    pub(super) fn is_owing(&self) -> bool {
        self.gate.owing
    }

    pub(super) fn set_gate(&mut self, gate: Gate) {
        *self.gate = gate;
    }

    /// Counts units as reserved, beside their take.
    pub(super) fn reserve(&self, units: u64) {
        grow(&self.segment.reserved, units);
    }

    pub(super) fn release(&self, units: u64) {
        grow(&self.segment.released, units);
    }

    pub(super) fn commit(&self, units: u64) {
        grow(&self.segment.committed, units);
    }
}

/// A read-modify-write, though only the holder of the lock writes: a thread that reads without the lock
/// then reads from one unbroken sequence, and loom explores every order of both.
fn grow(counter: &AtomicU64, units: u64) {
    counter.fetch_add(units, Ordering::AcqRel);
}
