//! [`Queue`]: the orders that wait for units of a SKU, in the sequence in which they were placed.

use crate::entry::Position;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, fence};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The orders that wait for a SKU. Its lock is the last one that a call takes.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    orders: Mutex<BTreeMap<Position, Arc<str>>>,
    /// How many orders: read without the lock.
    len: AtomicUsize,
    /// Units for which there is a place in the queue.
    units: AtomicU64,
}

impl Queue {
    /// Whether an order waits.
    ///
    /// An order that joins counts itself, and then looks whether it can be served. A call that gives units back does that
    /// first, and then asks this. With the fences one of them sees the other.
    #[inline]
    pub(crate) fn is_waited_for(&self) -> bool {
        self.len.load(Ordering::Acquire) > 0
    }

    /// Whether an order waits, for a call that gave units back.
    #[inline]
    pub(crate) fn is_waited_for_now(&self) -> bool {
        fence(Ordering::SeqCst);
        self.is_waited_for()
    }

    /// Sets places for `units` aside if no more than `limit` wait with them.
    pub(crate) fn set_aside(&self, units: u64, limit: u64) -> bool {
        let more = |waiting: u64| waiting.checked_add(units).filter(|sum| *sum <= limit);
        let set = self
            .units
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        set.is_ok()
    }

    /// Gives places for `units` back: those that were set aside, or those of units that wait no more.
    pub(crate) fn give_back(&self, units: u64) {
        self.units.fetch_sub(units, Ordering::AcqRel);
    }

    /// Units that wait.
    pub(crate) fn units(&self) -> u64 {
        self.units.load(Ordering::Acquire)
    }

    /// Adds an order, whose places were set aside.
    pub(crate) fn join(&self, order: Position, id: &Arc<str>) {
        let mut orders = self.orders.lock();
        orders.insert(order, Arc::clone(id));
        self.len.store(orders.len(), Ordering::Release);
        drop(orders);
        fence(Ordering::SeqCst);
    }

    /// Takes an order out that waits for this SKU no more.
    pub(crate) fn leave(&self, order: Position) {
        let mut orders = self.orders.lock();
        orders.remove(&order);
        self.len.store(orders.len(), Ordering::Release);
    }

    /// The order that is next.
    pub(crate) fn first(&self) -> Option<(Position, Arc<str>)> {
        let orders = self.orders.lock();
        let (order, id) = orders.first_key_value()?;
        Some((*order, Arc::clone(id)))
    }

    pub(crate) fn is_first(&self, order: Position) -> bool {
        let orders = self.orders.lock();
        orders
            .first_key_value()
            .is_some_and(|(first, _)| *first == order)
    }
}
