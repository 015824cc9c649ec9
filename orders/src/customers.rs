//! [`Customers`]: units for each customer and SKU, of SKUs that have such a limit.

use crate::lines::{LineUnits, Lines, SkuId};
use crate::sync::{AtomicUsize, Mutex, Ordering, RandomState};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

const SHARDS: usize = if cfg!(any(loom, shuttle)) { 1 } else { 64 };

/// Units by customer and SKU. A tree, since it is changed under a lock: it never moves more than a node.
type Shard = Mutex<BTreeMap<Box<[u8]>, u64>>;

/// What is counted for each customer. Its locks are taken after the lock of an order, and before the stock.
#[derive(Debug)]
pub(crate) struct Customers {
    shards: Box<[Shard]>,
    hasher: RandomState,
    /// How many customers are known, each as often as SKUs are counted for it.
    known: AtomicUsize,
    max: usize,
}

/// Why nothing was counted.
#[derive(Debug)]
pub(crate) enum NotCounted {
    /// Of these SKUs the customer can have only this many units more.
    Limited(Vec<(LineUnits, u64)>),
    /// Too many customers are known.
    Customers(usize),
}

/// For customers who are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// As many as may be.
    Limited,
    /// They were known before, and have paid.
    ForAll,
}

impl Customers {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::default(),
            known: AtomicUsize::new(0),
            max,
        }
    }

    /// Counts units of a customer: of all lines, or of none.
    pub(crate) fn take(
        &self,
        customer: &str,
        lines: &Lines,
        limit: impl Fn(SkuId) -> Option<u64>,
        room: Room,
    ) -> Result<(), NotCounted> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut shard = self.shard(customer).lock();
        let has = |sku| shard.get(&*key(customer, sku)).copied();
        let left = |line: &LineUnits| {
            let left = limit(line.sku)?.saturating_sub(has(line.sku).unwrap_or(0));
            (left < line.units).then_some((*line, left))
        };
        let short: Vec<_> = lines.iter().filter_map(left).collect();
        if !short.is_empty() {
            return Err(NotCounted::Limited(short));
        }
        let new = lines.iter().filter(|line| has(line.sku).is_none()).count();
        if room == Room::Limited && new > 0 && self.known() + new > self.max {
            return Err(NotCounted::Customers(self.max));
        }
        self.add(&mut shard, customer, lines);
        Ok(())
    }

    /// Counts what entries say that a customer took, whatever the limits are now.
    pub(crate) fn take_again(&self, customer: &str, lines: &Lines) {
        if !lines.is_empty() {
            self.add(&mut self.shard(customer).lock(), customer, lines);
        }
    }

    /// How many customers are known.
    pub(crate) fn known(&self) -> usize {
        self.known.load(Ordering::Relaxed)
    }

    fn add(&self, shard: &mut BTreeMap<Box<[u8]>, u64>, customer: &str, lines: &Lines) {
        for line in lines.iter() {
            let key = key(customer, line.sku);
            if let Some(units) = shard.get_mut(&*key) {
                *units += line.units;
            } else {
                shard.insert(key.as_slice().into(), line.units);
                self.known.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts units of a customer no more.
    pub(crate) fn give(&self, customer: &str, lines: &Lines) {
        if lines.is_empty() {
            return;
        }
        let mut shard = self.shard(customer).lock();
        for line in lines.iter() {
            let key = key(customer, line.sku);
            let Some(units) = shard.get_mut(&*key) else {
                continue;
            };
            *units = units.saturating_sub(line.units);
            if *units == 0 {
                shard.remove(&*key);
                self.known.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    fn shard(&self, customer: &str) -> &Shard {
        &self.shards[(self.hasher.hash_one(customer) >> 40) as usize % SHARDS]
    }
}

/// The number of the SKU, and the customer.
fn key(customer: &str, sku: SkuId) -> SmallVec<[u8; 64]> {
    let mut key = SmallVec::from_slice(&sku.number().to_be_bytes());
    key.extend_from_slice(customer.as_bytes());
    key
}
