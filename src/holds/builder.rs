//! [`HoldsBuilder`]: holds with a say in their clock, their memory and their hashing.

use super::Holds;
use super::shard::Shard;
use crate::clock::nanos;
use crate::sync::{AtomicU64, Mutex, parallelism};
use crate::{Clock, Settle, SystemClock};
use crossbeam_utils::CachePadded;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// How long the answer of a resolved hold stays known, unless told otherwise.
const RETENTION: Duration = Duration::from_secs(15 * 60);
const MAX_SHARDS: usize = 1024;

/// Opens [`Holds`]; made by [`Holds::builder`].
///
/// # Examples
///
/// ```
/// use segstock::{Holds, ManualClock, Reservation, Stock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let holds: Holds<u64, Reservation<&Stock>, u64, _> = Holds::builder()
///     .clock(&clock)
///     .retention(Duration::from_secs(24 * 60 * 60))
///     .build();
/// assert!(holds.is_empty());
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct HoldsBuilder<C = SystemClock, H = RandomState> {
    clock: C,
    hasher: H,
    retention: Duration,
    shards: usize,
}

impl HoldsBuilder {
    pub(super) fn new() -> Self {
        Self {
            clock: SystemClock::new(),
            hasher: RandomState::new(),
            retention: RETENTION,
            shards: 32 * parallelism(),
        }
    }
}

impl<C, H> HoldsBuilder<C, H> {
    /// Asks another clock what time it is.
    pub fn clock<D: Clock>(self, clock: D) -> HoldsBuilder<D, H> {
        HoldsBuilder {
            clock,
            hasher: self.hasher,
            retention: self.retention,
            shards: self.shards,
        }
    }

    /// Hashes keys by another function. The default is safe against keys that a stranger chose, and
    /// takes some 7 ns for a number. A function that knows keys to be spread may be as simple as to
    /// take numbers for their own hash.
    pub fn hasher<I: BuildHasher>(self, hasher: I) -> HoldsBuilder<C, I> {
        HoldsBuilder {
            clock: self.clock,
            hasher,
            retention: self.retention,
            shards: self.shards,
        }
    }

    /// How long it stays known what became of a hold, so that a request that is retried gets the
    /// same answer; 15 minutes unless told otherwise. Each resolved key costs memory until then, and
    /// is as if it had never been placed afterwards. With no retention only the call that settles a
    /// hold learns what became of it.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Into how many shards the keys go, each with a lock; 32 for each core unless told
    /// otherwise. Rounded up to a power of two, from 1 to 1,024.
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// Opens the holds.
    pub fn build<K, R, Q>(self) -> Holds<K, R, Q, C, H>
    where
        K: Hash + Eq,
        R: Settle,
        C: Clock,
        H: BuildHasher,
    {
        let shards = self.shards.clamp(1, MAX_SHARDS).next_power_of_two();
        let shard = |_| CachePadded::new(Mutex::new(Shard::new()));
        Holds {
            shards: (0..shards).map(shard).collect(),
            clock: self.clock,
            hasher: self.hasher,
            retention: nanos(self.retention),
            given_back: AtomicU64::new(0),
        }
    }
}
