//! [`Item`]: one SKU of a book.

use crate::entry::Position;
use crate::gateway::Gateway;
use crate::queue::Queue;
use crate::rules::Rules;
use crate::sync::{AtomicU64, Ordering};
use segstock::Stock;
use segstock::inventory::ShortLine;

/// One SKU.
pub(crate) struct Item<K> {
    sku: K,
    /// The position of the entry that opened it.
    pub(crate) opened: Position,
    pub(crate) stock: Stock,
    /// Passed by what changes the units on hand. Units are counted as held before they are taken, and until they are back:
    /// so these and what is available are together never fewer than the units that can come back.
    pub(crate) gateway: Gateway,
    pub(crate) rules: Rules,
    pub(crate) queue: Queue,
    /// How often an order gave units back. Counted after they are back, and before the order's shard says that no order is
    /// past its deadline.
    given: AtomicU64,
}

impl<K: Clone> Item<K> {
    /// A SKU with units that the caller has checked.
    pub(crate) fn new(sku: K, units: u64, opened: Position, unpaid: u64) -> Self {
        Self {
            sku,
            opened,
            stock: Stock::new(units),
            gateway: Gateway::new(units),
            rules: Rules::new(unpaid),
            queue: Queue::default(),
            given: AtomicU64::new(0),
        }
    }

    pub(crate) fn sku(&self) -> &K {
        &self.sku
    }

    /// Units that orders can have, in one cheap pass.
    pub(crate) fn available(&self) -> u64 {
        self.stock.available()
    }

    /// Counts units that an order of this shard holds, if this many can be held; else says how many can be.
    pub(crate) fn hold(&self, shard: usize, units: u64) -> Result<(), u64> {
        if self.rules.unpaid_of(0).is_none() {
            self.gateway.hold(shard, units);
            return Ok(());
        }
        // Nobody else holds units of the SKU meanwhile, but orders that waited.
        let gate = self.gateway.close();
        let limit = self.rules.unpaid_of(gate.on_hand).unwrap_or(u64::MAX);
        let held = self.gateway.held();
        if held.checked_add(units).is_none_or(|sum| sum > limit) {
            return Err(limit.saturating_sub(held));
        }
        self.gateway.hold(shard, units);
        Ok(())
    }

    /// How often orders gave units back.
    pub(crate) fn given(&self) -> u64 {
        self.given.load(Ordering::Acquire)
    }

    /// An order gave units back.
    pub(crate) fn note_given(&self) {
        self.given.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether units are promised that are not on hand. Exact while the gate is closed.
    pub(crate) fn owes(&self) -> bool {
        self.stock.snapshot().owed > 0
    }

    pub(crate) fn short(&self, requested: u64, available: u64) -> ShortLine<K> {
        ShortLine::new(self.sku.clone(), requested, available)
    }
}
