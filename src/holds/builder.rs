//! [`HoldsBuilder`]: holds whose clock, memory, hashing and hook are chosen.

use super::Holds;
use super::hook::{Hook, NoHook};
use super::shard::Shard;
use crate::clock::nanos;
use crate::clock::{Clock, SystemClock};
use crate::settle::Settle;
use crate::sync::{AtomicU64, Mutex, parallelism};
use crossbeam_utils::CachePadded;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// How long the answer of a resolved hold stays known by default.
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
pub struct HoldsBuilder<C = SystemClock, H = RandomState, W = NoHook> {
    clock: C,
    hasher: H,
    hook: W,
    retention: Duration,
    shards: usize,
    expiry_by_owner: bool,
}

impl HoldsBuilder {
    pub(super) fn new() -> Self {
        Self {
            clock: SystemClock::new(),
            hasher: RandomState::new(),
            hook: NoHook,
            retention: RETENTION,
            shards: 32 * parallelism(),
            expiry_by_owner: false,
        }
    }
}

impl<C, H, W> HoldsBuilder<C, H, W> {
    /// Asks another clock what time it is.
    pub fn clock<D: Clock>(self, clock: D) -> HoldsBuilder<D, H, W> {
        HoldsBuilder {
            clock,
            hasher: self.hasher,
            hook: self.hook,
            retention: self.retention,
            shards: self.shards,
            expiry_by_owner: self.expiry_by_owner,
        }
    }

    /// Hashes keys by another function. The default is safe against keys that a stranger chose, and
    /// takes some 7 ns for a number. If the keys are random numbers, each can be its own hash.
    pub fn hasher<I: BuildHasher>(self, hasher: I) -> HoldsBuilder<C, I, W> {
        HoldsBuilder {
            clock: self.clock,
            hasher,
            hook: self.hook,
            retention: self.retention,
            shards: self.shards,
            expiry_by_owner: self.expiry_by_owner,
        }
    }

    /// Calls a [`Hook`] before each change of a hold shows.
    pub fn hook<X>(self, hook: X) -> HoldsBuilder<C, H, X> {
        HoldsBuilder {
            clock: self.clock,
            hasher: self.hasher,
            hook,
            retention: self.retention,
            shards: self.shards,
            expiry_by_owner: self.expiry_by_owner,
        }
    }

    /// Leaves expiry to its owner: only [`sweep`](Holds::sweep) and [`expire`](Holds::expire) free
    /// expired holds. Every other call that meets an expired hold says that it is *overdue*, and leaves
    /// it as it is. A call that cannot reserve while some holds have expired answers *busy*, not
    /// *refused*. Only [`confirm_or_retake`](Holds::confirm_or_retake) confirms an expired hold.
    pub const fn expiry_by_owner(mut self) -> Self {
        self.expiry_by_owner = true;
        self
    }

    /// How long it stays known how a hold ended, so that a request that is retried gets the answer of
    /// the first; 15 minutes by default. Each resolved key takes memory until then. Afterwards it is
    /// forgotten, and can be placed again. Without retention, only the call that settles a hold learns
    /// how it ended.
    pub const fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// How many shards the keys are spread over, each with a lock; 32 for each core by default.
    /// Rounded up to a power of two, from 1 to 1,024.
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }

    /// Opens the holds.
    pub fn build<K, R, Q>(self) -> Holds<K, R, Q, C, H, W>
    where
        K: Hash + Eq,
        R: Settle,
        C: Clock,
        H: BuildHasher,
        W: Hook<K, R, Q>,
    {
        let shards = self.shards.clamp(1, MAX_SHARDS).next_power_of_two();
        let shard = |_| CachePadded::new(Mutex::new(Shard::new()));
        Holds {
            shards: (0..shards).map(shard).collect(),
            clock: self.clock,
            hasher: self.hasher,
            hook: self.hook,
            retention: nanos(self.retention),
            expiry_by_owner: self.expiry_by_owner,
            given_back: AtomicU64::new(0),
        }
    }
}
