//! A walk over all keys.

use super::Holds;
use super::answers::Resolution;
use super::hook::Hook;
use super::shard::Shard;
use super::slots::Slot;
use super::state::{Moment, State};
use crate::clock::Clock;
use crate::settle::Settle;
use crate::sync::MutexGuard;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// A key, and what is known of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Entry<'a, K, R, Q, M = ()> {
    /// The key is held.
    Held(HeldEntry<'a, K, R, Q, M>),
    /// The hold ended, and its retention has not.
    Resolved(ResolvedEntry<'a, K, Q, M>),
}

/// A key that is held.
#[derive(Debug)]
#[non_exhaustive]
pub struct HeldEntry<'a, K, R, Q, M = ()> {
    /// The key.
    pub key: &'a K,
    /// What it was placed or amended for.
    pub request: &'a Q,
    /// What is held: it may be less than was asked for.
    pub hold: &'a R,
    /// Time until the deadline; zero if it has passed, and no call has freed the hold yet.
    pub remaining: Duration,
    /// The mark of the last change.
    pub mark: M,
    /// Whether a call is amending it. Until that call is over, this is what is held.
    pub in_progress: bool,
}

/// A key whose hold ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResolvedEntry<'a, K, Q, M = ()> {
    /// The key.
    pub key: &'a K,
    /// What it was placed or amended for.
    pub request: &'a Q,
    /// How it ended.
    pub resolution: Resolution,
    /// Units that were held at the end.
    pub units: u64,
    /// Time until the key is forgotten.
    pub remaining: Duration,
    /// The mark of the last change.
    pub mark: M,
    /// Whether it expired, and a call is reserving its units again.
    pub in_progress: bool,
}

impl<K, R, Q, C, H, W> Holds<K, R, Q, C, H, W>
where
    K: Hash + Eq,
    R: Settle,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    /// Calls `each` with every key of which something is known, in no promised sequence. A key that a
    /// call is placing is left out: nothing is known of it.
    ///
    /// It walks one shard after another, each under its lock: `each` must be quick and must not call
    /// these holds. See [`freeze`](Self::freeze) for all keys at one instant.
    pub fn for_each(&self, mut each: impl FnMut(Entry<'_, K, R, Q, W::Mark>)) {
        for shard in &self.shards {
            let shard = shard.lock();
            shard.entries(self.moment()).for_each(&mut each);
        }
    }

    /// Stops all calls on these holds until the answer is dropped: for a look at all keys at one
    /// instant. The thread that has it must not call these holds meanwhile.
    pub fn freeze(&self) -> Frozen<'_, K, R, Q, W::Mark> {
        // First the locks, which may take their time; then the time.
        let shards = self.shards.iter().map(|shard| shard.lock()).collect();
        let at = self.moment();
        Frozen { shards, at }
    }
}

/// Holds that nobody changes; made by [`Holds::freeze`].
#[derive(Debug)]
#[must_use = "calls on the holds wait until it is dropped"]
pub struct Frozen<'a, K, R, Q, M = ()> {
    shards: Vec<MutexGuard<'a, Shard<K, R, Q, M>>>,
    at: Moment,
}

impl<K, R, Q, M: Copy> Frozen<'_, K, R, Q, M> {
    /// All keys of which something is known, in no promised sequence.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_, K, R, Q, M>> {
        self.shards.iter().flat_map(|shard| shard.entries(self.at))
    }

    /// All active holds.
    pub fn held(&self) -> impl Iterator<Item = HeldEntry<'_, K, R, Q, M>> {
        self.entries().filter_map(|entry| match entry {
            Entry::Held(held) if !held.remaining.is_zero() => Some(held),
            Entry::Held(_) | Entry::Resolved(_) => None,
        })
    }

    /// All keys whose hold ended.
    pub fn resolved(&self) -> impl Iterator<Item = ResolvedEntry<'_, K, Q, M>> {
        self.entries().filter_map(|entry| match entry {
            Entry::Held(_) => None,
            Entry::Resolved(resolved) => Some(resolved),
        })
    }
}

impl<K, R, Q, M: Copy> Shard<K, R, Q, M> {
    fn entries(&self, at: Moment) -> impl Iterator<Item = Entry<'_, K, R, Q, M>> {
        let entries = self.slots.iter().map(move |(id, slot)| {
            let in_progress = self.is_in_progress(id);
            slot.entry(at, in_progress)
        });
        entries.flatten()
    }
}

impl<K, R, Q, M: Copy> Slot<K, State<R, Q, M>> {
    fn entry(&self, at: Moment, in_progress: bool) -> Option<Entry<'_, K, R, Q, M>> {
        let key = &self.key;
        match &self.state {
            State::Placing => None,
            State::Held(hold) => Some(Entry::Held(HeldEntry {
                key,
                request: &hold.request,
                hold: &hold.hold,
                remaining: hold.remaining(at),
                mark: hold.mark,
                in_progress,
            })),
            State::Resolved(resolved) if resolved.until <= at.now && !in_progress => None,
            State::Resolved(resolved) => Some(Entry::Resolved(ResolvedEntry {
                key,
                request: &resolved.request,
                resolution: resolved.resolution,
                units: resolved.units,
                remaining: Duration::from_nanos(resolved.until.saturating_sub(at.now)),
                mark: resolved.mark,
                in_progress,
            })),
        }
    }
}
