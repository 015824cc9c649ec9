//! [`Customers`]: units for each customer and SKU, of SKUs that have such a limit.

use crate::lines::{LineUnits, Lines, SkuId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};

const SHARDS: usize = 64;

type Shard = Mutex<HashMap<Box<str>, Lines>>;

/// What is counted for each customer. Its locks are taken after the lock of an order, and before the stock.
#[derive(Debug)]
pub(crate) struct Customers {
    shards: Box<[Shard]>,
    hasher: RandomState,
    known: AtomicUsize,
    max: usize,
}

/// Why nothing was counted.
#[derive(Debug)]
pub(crate) enum NotCounted {
    /// Of these SKUs the customer can have only so many units more.
    Limited(Vec<(LineUnits, u64)>),
    /// Too many customers are known.
    Customers(usize),
}

impl Customers {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
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
    ) -> Result<(), NotCounted> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut shard = self.shard(customer).lock();
        let known = shard.get_mut(customer);
        let has = |sku| known.as_ref().map_or(0, |known| known.of(sku));
        let left = |line: &LineUnits| {
            let left = limit(line.sku)?.saturating_sub(has(line.sku));
            (left < line.units).then_some((*line, left))
        };
        let short: Vec<_> = lines.iter().filter_map(left).collect();
        if !short.is_empty() {
            return Err(NotCounted::Limited(short));
        }
        if let Some(known) = known {
            *known = std::mem::take(known).and(lines);
            return Ok(());
        }
        if self.known.load(Ordering::Relaxed) >= self.max {
            return Err(NotCounted::Customers(self.max));
        }
        self.known.fetch_add(1, Ordering::Relaxed);
        shard.insert(customer.into(), lines.clone());
        Ok(())
    }

    /// Counts units of a customer no more.
    pub(crate) fn give(&self, customer: &str, lines: &Lines) {
        if lines.is_empty() {
            return;
        }
        let mut shard = self.shard(customer).lock();
        let Some(known) = shard.get_mut(customer) else {
            return;
        };
        *known = known.beyond(lines);
        if known.is_empty() {
            shard.remove(customer);
            self.known.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn shard(&self, customer: &str) -> &Shard {
        &self.shards[(self.hasher.hash_one(customer) >> 40) as usize % SHARDS]
    }
}
