//! How calls work on the shards: the lock, the tries to reserve, and keys in progress.

use super::Holds;
use super::errors::HoldError;
use super::expiring::Expiry;
use super::hook::Hook;
use super::shard::{Call, Freed, Name, Shard};
use super::state::Moment;
use crate::clock::Clock;
use crate::clock::nanos;
use crate::settle::Settle;
use crate::sync::AtomicU64;
use crate::sync::{Mutex, MutexGuard, Ordering};
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// Why a reserve failed in the end.
#[derive(Debug)]
pub(super) enum Short<E> {
    Refused(E),
    /// Expired holds were left that could not be freed.
    Busy(E),
}

/// A shard as it lies in the holds.
pub(super) type Lockable<K, R, Q, M> = Mutex<Shard<K, R, Q, M>>;

impl<K, R, Q, C, H, W> Holds<K, R, Q, C, H, W>
where
    K: Hash + Eq,
    R: Settle,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    pub(super) fn moment(&self) -> Moment {
        let now = nanos(self.clock.now());
        Moment {
            now,
            until: now.saturating_add(self.retention),
        }
    }

    /// A call that begins now.
    pub(super) fn call<'a, 'f: 'a>(&'a self, freed: Freed<'f, K, Q>) -> Call<'a, K, Q, W> {
        // Shortens the closure's lifetime to that of the call, which the compiler does not do by itself.
        type Shorter<'a, K, Q> = &'a mut (dyn FnMut(&K, &Q) + 'a);
        let freed = freed.map(|freed| freed as Shorter<'a, K, Q>);
        Call {
            at: self.moment(),
            hook: &self.hook,
            leaves_expired: self.expiry_by_owner,
            freed,
        }
    }

    pub(super) fn name<'a, B: Hash + ?Sized>(&self, key: &'a B) -> Name<'a, B> {
        let hash = self.hash(key);
        Name { hash, key }
    }

    pub(super) fn hash<B: Hash + ?Sized>(&self, key: &B) -> u64 {
        self.hasher.hash_one(key)
    }

    pub(super) fn shard_of(&self, hash: u64) -> &Lockable<K, R, Q, W::Mark> {
        /// 2^64 divided by the golden ratio. It spreads hashes that differ in few bits, such as
        /// numbers that are their own hash.
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let index = (hash.wrapping_mul(GOLDEN) >> 40) as usize & (self.shards.len() - 1);
        &self.shards[index]
    }

    /// Works on a shard, and then frees a few expired holds of it.
    #[inline]
    pub(super) fn with<T>(
        &self,
        shard: &Lockable<K, R, Q, W::Mark>,
        call: &mut Call<'_, K, Q, W>,
        work: impl FnOnce(&mut Shard<K, R, Q, W::Mark>, &mut Call<'_, K, Q, W>) -> T,
    ) -> T {
        let mut shard = self.lock(shard);
        let answer = work(&mut shard, call);
        shard.tidy(call);
        answer
    }

    pub(super) fn lock<'a>(
        &'a self,
        shard: &'a Lockable<K, R, Q, W::Mark>,
    ) -> Locked<'a, K, R, Q, W::Mark> {
        let guard = shard.lock();
        Locked {
            given_back: &self.given_back,
            before: guard.given_back(),
            guard,
        }
    }

    /// Reserves. If that fails, frees expired holds and tries again, until none is left. Before each further try the clock
    /// is read again.
    pub(super) fn reserve<T, E>(
        &self,
        call: &mut Call<'_, K, Q, W>,
        mut reserve: impl FnMut() -> Result<T, E>,
    ) -> Result<T, Short<E>> {
        /// Enough to serve most orders, and few enough not to free much more than was asked for.
        const AT_ONCE: usize = 64;
        loop {
            // Other calls may give units back after the reserve has failed, and before this call looks
            // for expired holds: it would find none. So what was given back since this line is a
            // reason to try again. Releases count as well: a call that read the clock earlier may release a
            // hold that has expired by our reading.
            let given_back = self.given_back.load(Ordering::Acquire);
            let refusal = match reserve() {
                Ok(reserved) => return Ok(reserved),
                Err(refusal) => refusal,
            };
            let expiry = self.free_expired(call, AT_ONCE);
            if expiry.holds == 0 && self.given_back.load(Ordering::Acquire) == given_back {
                return Err(if expiry.some_left {
                    Short::Busy(refusal)
                } else {
                    Short::Refused(refusal)
                });
            }
            // The units may come from a hold that was still active at our last reading of the clock. The new hold
            // must begin after that.
            call.at = self.moment();
        }
    }

    /// Frees expired holds, at most `limit`, in one shard after another.
    pub(super) fn free_expired(&self, call: &mut Call<'_, K, Q, W>, limit: usize) -> Expiry {
        let mut all = Expiry::default();
        for shard in &self.shards {
            if all.holds == limit {
                break;
            }
            let expiry = self.lock(shard).free_expired(call, limit - all.holds);
            all.holds += expiry.holds;
            all.some_left |= expiry.some_left;
        }
        all
    }
}

/// The deadline that is `ttl` away.
pub(super) fn deadline(at: Moment, ttl: Duration) -> Result<u64, HoldError> {
    let ttl = u64::try_from(ttl.as_nanos()).map_err(|_| HoldError::TtlOverflow)?;
    if ttl == 0 {
        return Err(HoldError::ZeroTtl);
    }
    at.now.checked_add(ttl).ok_or(HoldError::TtlOverflow)
}

/// A locked shard. Its drop counts what was given back, and then unlocks the shard: by then the units are in stock. So a
/// call that afterwards finds no expired hold in the shard sees the count.
pub(super) struct Locked<'a, K, R, Q, M> {
    given_back: &'a AtomicU64,
    guard: MutexGuard<'a, Shard<K, R, Q, M>>,
    before: u64,
}

impl<K, R, Q, M> Deref for Locked<'_, K, R, Q, M> {
    type Target = Shard<K, R, Q, M>;

    fn deref(&self) -> &Self::Target {
        &self.guard
    }
}

impl<K, R, Q, M> DerefMut for Locked<'_, K, R, Q, M> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.guard
    }
}

impl<K, R, Q, M> Drop for Locked<'_, K, R, Q, M> {
    fn drop(&mut self) {
        let given_back = self.guard.given_back() - self.before;
        if given_back > 0 {
            self.given_back.fetch_add(given_back, Ordering::AcqRel);
        }
    }
}

/// A key that this call works on without the lock. When this is dropped, the key is what it was.
pub(super) struct InProgress<'a, K, R, Q, M, F: FnOnce(&mut Shard<K, R, Q, M>)> {
    shard: &'a Lockable<K, R, Q, M>,
    /// Makes the key what it was.
    undo: Option<F>,
}

impl<'a, K, R, Q, M, F: FnOnce(&mut Shard<K, R, Q, M>)> InProgress<'a, K, R, Q, M, F> {
    pub(super) fn new(shard: &'a Lockable<K, R, Q, M>, undo: F) -> Self {
        let undo = Some(undo);
        Self { shard, undo }
    }

    /// The call has changed the key: it stays as it is now.
    pub(super) fn over(mut self) {
        self.undo = None;
    }
}

impl<K, R, Q, M, F: FnOnce(&mut Shard<K, R, Q, M>)> Drop for InProgress<'_, K, R, Q, M, F> {
    fn drop(&mut self) {
        if let Some(undo) = self.undo.take() {
            undo(&mut self.shard.lock());
        }
    }
}
