//! [`Rules`]: what is set for a SKU, as orders look at it.

use crate::entry::Position;
use crate::limits::SkuLimits;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// Those of the [limits](SkuLimits) that are read without a lock.
#[derive(Debug)]
pub(crate) struct Rules {
    closed: AtomicBool,
    waiting: AtomicU64,
    /// The largest number if there is no limit.
    per_customer: AtomicU64,
    /// In percent. More than 100 if there is no limit.
    unpaid: AtomicU64,
    /// What that is while the SKU has no such limit of its own.
    unpaid_otherwise: u64,
    /// Units of the entries after this position are counted for each customer: for ever. The largest number if none are.
    counted_after: AtomicU64,
    /// Whether any of these is set, or was: one look tells most orders that nothing limits them.
    any: AtomicBool,
}

impl Rules {
    pub(crate) fn new(unpaid_otherwise: u64) -> Self {
        Self {
            closed: AtomicBool::new(false),
            waiting: AtomicU64::new(u64::MAX),
            per_customer: AtomicU64::new(u64::MAX),
            unpaid: AtomicU64::new(unpaid_otherwise),
            unpaid_otherwise,
            counted_after: AtomicU64::new(u64::MAX),
            any: AtomicBool::new(unpaid_otherwise <= 100),
        }
    }

    /// Sets what the entry at `position` says. Called behind the gate of the SKU.
    pub(crate) fn set(&self, limits: &SkuLimits, position: Position) {
        // Before the limits: who sees one of them asks for all.
        self.any.store(true, Ordering::Release);
        self.count_after(limits, position);
        let per_customer = limits.per_customer.unwrap_or(u64::MAX);
        self.per_customer.store(per_customer, Ordering::Release);
        let unpaid = limits.unpaid.map_or(self.unpaid_otherwise, u64::from);
        self.unpaid.store(unpaid, Ordering::Release);
        self.waiting.store(limits.waiting, Ordering::Release);
        self.closed.store(limits.closed, Ordering::Release);
    }

    /// Whether anything may limit who can have the SKU.
    #[inline]
    pub(crate) fn are_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// Has units be counted from the first limit on that is for customers. What is appended to a ledger is in a sequence: then
    /// this is called before the next entry is appended, and whether an entry counts is what a replay finds, too.
    pub(crate) fn count_after(&self, limits: &SkuLimits, position: Position) {
        if limits.per_customer.is_some() {
            self.counted_after
                .fetch_min(position.number(), Ordering::AcqRel);
        }
    }

    /// Whether units of the entry at `position` are counted.
    #[inline]
    pub(crate) fn is_counted(&self, position: Position) -> bool {
        self.counted_after.load(Ordering::Acquire) < position.number()
    }

    #[inline]
    pub(crate) fn per_customer(&self) -> Option<u64> {
        let limit = self.per_customer.load(Ordering::Acquire);
        (limit < u64::MAX).then_some(limit)
    }

    /// Of `on_hand` units, how many can be held without being paid for.
    #[inline]
    pub(crate) fn unpaid_of(&self, on_hand: u64) -> Option<u64> {
        let percent = self.unpaid.load(Ordering::Acquire);
        (percent <= 100).then(|| (on_hand * percent).div_ceil(100))
    }
}
