//! One segment of a [`LockedStock`](super::LockedStock): two locks and two counters.
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
    ledger: Mutex<()>,
    /// Both only grow, under the ledger, and are read without it: what one pass over them proves
    /// is told at [`LockedStock::bound`](super::LockedStock::bound). Both wrap, as those of
    /// [`Stock`](crate::Stock) do.
    taken: AtomicU64,
    added: AtomicU64,
}

impl Segment {
    pub(super) fn new(units: u64) -> Self {
        Self {
            orders: Mutex::new(()),
            ledger: Mutex::new(()),
            taken: AtomicU64::new(0),
            added: AtomicU64::new(units),
        }
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    pub(super) fn added(&self) -> u64 {
        self.added.load(Ordering::Acquire)
    }

    /// Units held. `taken` is read first: read last, it could have passed an older `added`.
    pub(super) fn held(&self) -> u64 {
        let taken = self.taken();
        self.added().wrapping_sub(taken)
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
            _guard: self.ledger.lock(),
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
    _guard: MutexGuard<'a, ()>,
}

impl Ledger<'_> {
    /// Takes units that the segment holds; with its [`OrderLock`] in hand.
    pub(super) fn take(&self, units: u64) {
        grow(&self.segment.taken, units);
    }

    pub(super) fn put(&self, units: u64) {
        grow(&self.segment.added, units);
    }
}

/// A read-modify-write, though only the holder of the ledger writes: who reads without the ledger
/// then reads from one unbroken sequence, and loom explores every order of both.
fn grow(counter: &AtomicU64, units: u64) {
    counter.fetch_add(units, Ordering::AcqRel);
}
