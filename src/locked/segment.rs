//! One segment of a [`LockedStock`](super::LockedStock): two locks, and counters that only grow.
//!
//! | lock | who holds it | for how long |
//! |---|---|---|
//! | `orders` | the one order that is served here | the caller's whole flow |
//! | `ledger` | whoever writes a counter, or reads several that must belong together | some nanoseconds |
//!
//! Whoever needs both takes `orders` first; whoever needs several of a kind takes them in the
//! sequence of their index. Nobody waits for `orders` with a `ledger` in hand, so that restocks and
//! snapshots never wait for an order in flight.

use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};

#[derive(Debug)]
pub(super) struct Segment {
    orders: Mutex<()>,
    /// With it, how many units may be restocked here without a look at the other segments.
    ledger: Mutex<u64>,
    /// All only grow, under the ledger, and are read without it: what one pass over them proves
    /// is told at [`LockedStock::bound`](super::LockedStock::bound). They wrap, as those of
    /// [`Stock`](crate::Stock) do.
    taken: AtomicU64,
    added: AtomicU64,
    /// Units that were set aside somewhere and put back here.
    returned: AtomicU64,
    /// Of `taken`, those that were set aside.
    lent: AtomicU64,
    /// Units that were set aside somewhere and sold.
    sold: AtomicU64,
}

impl Segment {
    pub(super) fn new(units: u64, room: u64) -> Self {
        Self {
            orders: Mutex::new(()),
            ledger: Mutex::new(room),
            taken: AtomicU64::new(0),
            added: AtomicU64::new(units),
            returned: AtomicU64::new(0),
            lent: AtomicU64::new(0),
            sold: AtomicU64::new(0),
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
            .wrapping_add(self.returned.load(Ordering::Acquire))
    }

    /// Units held. `taken` is read first: read last, it could have passed an older sum of what came.
    pub(super) fn held(&self) -> u64 {
        let taken = self.taken();
        self.came().wrapping_sub(taken)
    }

    /// Units lent from here, less those that were settled here. Wraps: units are settled elsewhere
    /// than they were lent.
    pub(super) fn reserved(&self) -> u64 {
        let settled = self.returned.load(Ordering::Acquire);
        let settled = settled.wrapping_add(self.sold.load(Ordering::Acquire));
        self.lent.load(Ordering::Acquire).wrapping_sub(settled)
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

    pub(super) fn ledger(&self) -> Ledger<'_> {
        Ledger {
            segment: self,
            room: self.ledger.lock(),
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
pub(super) struct Ledger<'a> {
    pub(super) segment: &'a Segment,
    room: MutexGuard<'a, u64>,
}

impl Ledger<'_> {
    /// Takes units that the segment holds; with its [`OrderLock`] in hand.
    pub(super) fn take(&self, units: u64) {
        grow(&self.segment.taken, units);
    }

    pub(super) fn put(&self, units: u64) {
        grow(&self.segment.added, units);
    }

    /// The same for a restock that nobody checked against all segments: nothing if it might be too
    /// much for the stock.
    pub(super) fn put_if_room(&mut self, units: u64) -> bool {
        let rest = self.room.checked_sub(units);
        if let Some(rest) = rest {
            *self.room = rest;
            self.put(units);
        }
        rest.is_some()
    }

    pub(super) fn set_room(&mut self, units: u64) {
        *self.room = units;
    }

    /// Counts units that are set aside, beside their take.
    pub(super) fn lend(&self, units: u64) {
        grow(&self.segment.lent, units);
    }

    pub(super) fn release_units(&self, units: u64) {
        grow(&self.segment.returned, units);
    }

    pub(super) fn commit_units(&self, units: u64) {
        grow(&self.segment.sold, units);
    }
}

/// A read-modify-write, though only the holder of the ledger writes: who reads without the ledger
/// then reads from one unbroken sequence, and loom explores every order of both.
fn grow(counter: &AtomicU64, units: u64) {
    counter.fetch_add(units, Ordering::AcqRel);
}
