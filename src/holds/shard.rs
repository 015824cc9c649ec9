//! One shard of the holds: its keys, and two lists of what comes next.
//!
//! | a key is | it is in | it leaves by |
//! |---|---|---|
//! | busy: its reserve runs, outside the lock | no list | the end of that call |
//! | held | `deadlines` | confirm, release, its deadline |
//! | resolved | `outdated` | the end of the retention |
//!
//! Reservations are sold and given back while the shard is locked. So who finds nothing due knows
//! that everything that was due is back, and a second answer never comes before the first is true.
//!
//! A call hashes its key once, for the shard and for all that it looks up there.

use super::answers::{Held, HoldError, Outcome, Settled, Status};
use crate::Settle;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::collections::{BTreeSet, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::time::Duration;

/// How many due holds, and how many outdated keys, a call takes along: more than a call can add, so
/// that neither piles up while there are calls.
const TAKEN_ALONG: usize = 2;

/// What a call knows of time, in nanoseconds of the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: u64,
    /// Until when an answer that is given now stays known.
    pub(super) until: u64,
}

/// A key and its hash.
#[derive(Debug)]
pub(super) struct Hashed<'a, K> {
    pub(super) hash: u64,
    pub(super) key: &'a K,
}

impl<K> Clone for Hashed<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Hashed<'_, K> {}

#[derive(Debug)]
pub(super) struct Shard<K, R, Q> {
    keys: HashTable<Slot<K, R, Q>>,
    times: Times<K>,
}

/// What is known of a key.
#[derive(Debug)]
struct Slot<K, R, Q> {
    key: K,
    state: State<R, Q>,
}

#[derive(Debug)]
enum State<R, Q> {
    Busy,
    Held {
        request: Q,
        hold: R,
        deadline: u64,
    },
    Resolved {
        request: Q,
        outcome: Outcome,
        until: u64,
    },
}

/// What comes next, and the sums.
#[derive(Debug)]
struct Times<K> {
    deadlines: BTreeSet<(u64, K)>,
    /// The retention is the same for all, so that this is in the sequence of time as it is.
    outdated: VecDeque<Outdated<K>>,
    /// Units of all that are held.
    units: u64,
    /// Holds that expired, ever.
    expired: u64,
}

#[derive(Debug)]
struct Outdated<K> {
    until: u64,
    hash: u64,
    key: K,
}

/// What a call that would place a key finds.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing: the key is busy now, by that call.
    Nothing,
    Busy,
    Conflict,
    Status(Status),
}

/// What a call that would sell a key, expired or not, finds.
#[derive(Debug)]
pub(super) enum Retake<Q> {
    Answer(Result<Settled, HoldError>),
    /// It has expired and is busy now, by that call, which is to give this back.
    Expired(Lapsed<Q>),
}

/// What was known of an expired key.
#[derive(Debug)]
pub(super) struct Lapsed<Q> {
    request: Q,
    until: u64,
}

impl<K, R, Q> Shard<K, R, Q>
where
    K: Hash + Ord + Clone,
    R: Settle,
{
    pub(super) const fn new() -> Self {
        Self {
            keys: HashTable::new(),
            times: Times {
                deadlines: BTreeSet::new(),
                outdated: VecDeque::new(),
                units: 0,
                expired: 0,
            },
        }
    }

    pub(super) fn expired(&self) -> u64 {
        self.times.expired
    }

    /// Takes a bounded number of due holds and outdated keys along.
    pub(super) fn tidy(&mut self, at: Moment, hasher: &impl BuildHasher) {
        self.take_back(at, TAKEN_ALONG, hasher);
        self.forget(at, TAKEN_ALONG, hasher);
    }

    /// Takes back what is due, at most `limit`, and returns how many that were.
    pub(super) fn take_back(
        &mut self,
        at: Moment,
        limit: usize,
        hasher: &impl BuildHasher,
    ) -> usize {
        let mut taken = 0;
        while taken < limit
            && let Some((deadline, _)) = self.times.deadlines.first()
            && *deadline <= at.now
            && let Some((_, key)) = self.times.deadlines.pop_first()
        {
            taken += 1;
            let hash = hasher.hash_one(&key);
            let slot = self.keys.find_mut(hash, |slot| slot.key == key);
            let slot = slot.expect("a deadline is of a key");
            self.times.settle(slot, hash, Outcome::Expired, at);
        }
        taken
    }

    /// Forgets keys whose retention has ended, at most `limit`.
    pub(super) fn forget(&mut self, at: Moment, limit: usize, hasher: &impl BuildHasher) -> usize {
        let mut forgotten = 0;
        while forgotten < limit
            && let Some(Outdated { until, .. }) = self.times.outdated.front()
            && *until <= at.now
            && let Some(Outdated { hash, key, .. }) = self.times.outdated.pop_front()
        {
            forgotten += 1;
            // An expired key that was sold after all is in the list twice.
            if let Ok(entry) = self.keys.find_entry(hash, |slot| slot.key == key)
                && let State::Resolved { until, .. } = entry.get().state
                && until <= at.now
            {
                entry.remove();
            }
        }
        if forgotten > 0 {
            self.shrink(hasher);
        }
        forgotten
    }

    /// Gives memory back after a rush; by halves at most, so that it pays for itself.
    fn shrink(&mut self, hasher: &impl BuildHasher) {
        const FEW: usize = 64;
        let (keys, outdated) = (&mut self.keys, &mut self.times.outdated);
        if keys.capacity() > FEW && keys.len() < keys.capacity() / 8 {
            keys.shrink_to(keys.capacity() / 4, |slot| hasher.hash_one(&slot.key));
        }
        if outdated.capacity() > FEW && outdated.len() < outdated.capacity() / 8 {
            outdated.shrink_to(outdated.capacity() / 4);
        }
    }

    fn find(&mut self, key: Hashed<'_, K>) -> Option<&mut Slot<K, R, Q>> {
        self.keys.find_mut(key.hash, |slot| slot.key == *key.key)
    }

    /// Makes `key` busy, unless something is known of it.
    pub(super) fn begin(
        &mut self,
        key: Hashed<'_, K>,
        request: &Q,
        at: Moment,
        hasher: &impl BuildHasher,
    ) -> Found
    where
        Q: PartialEq,
    {
        let known = self.keys.entry(
            key.hash,
            |slot| slot.key == *key.key,
            |slot| hasher.hash_one(&slot.key),
        );
        let mut entry = match known {
            Entry::Vacant(entry) => {
                entry.insert(Slot {
                    key: key.key.clone(),
                    state: State::Busy,
                });
                return Found::Nothing;
            }
            Entry::Occupied(entry) => entry,
        };
        let slot = entry.get_mut();
        match &slot.state {
            State::Busy => return Found::Busy,
            State::Held { request: asked, .. } | State::Resolved { request: asked, .. }
                if asked != request =>
            {
                return Found::Conflict;
            }
            _ => {}
        }
        self.times.expire_if_due(slot, key.hash, at);
        Found::Status(slot.state.status(at))
    }

    /// Ends what [`begin`](Self::begin) began, with a hold.
    pub(super) fn hold(&mut self, key: Hashed<'_, K>, request: Q, hold: R, deadline: u64) {
        self.times.units += hold.units();
        let slot = self.find(key);
        let slot = slot.expect("a busy key stays until its call ends");
        slot.state = State::Held {
            request,
            hold,
            deadline,
        };
        self.times.deadlines.insert((deadline, key.key.clone()));
    }

    /// Ends what [`begin`](Self::begin) began, without a trace.
    pub(super) fn abandon(&mut self, key: Hashed<'_, K>) {
        let entry = self.keys.find_entry(key.hash, |slot| slot.key == *key.key);
        if let Ok(entry) = entry {
            entry.remove();
        }
    }

    /// Sells a hold that is good, or gives it back.
    pub(super) fn settle(
        &mut self,
        key: Hashed<'_, K>,
        outcome: Outcome,
        at: Moment,
    ) -> Result<Settled, HoldError> {
        let slot = self.keys.find_mut(key.hash, |slot| slot.key == *key.key);
        let slot = slot.ok_or(HoldError::Unknown)?;
        match slot.state {
            State::Busy => Err(HoldError::InProgress),
            State::Resolved { outcome: was, .. } if was == outcome => Ok(Settled::Before),
            State::Resolved { outcome: was, .. } => Err(was.into()),
            State::Held { deadline, .. } if deadline <= at.now => {
                self.times.end(slot, key.hash, Outcome::Expired, at);
                Err(HoldError::Expired)
            }
            State::Held { .. } => {
                self.times.end(slot, key.hash, outcome, at);
                Ok(Settled::Now)
            }
        }
    }

    /// Sells a hold even if it is due, as long as it was not taken back; and if it was, makes its
    /// key busy.
    pub(super) fn settle_or_lapse(&mut self, key: Hashed<'_, K>, at: Moment) -> Retake<Q> {
        let Some(slot) = self.keys.find_mut(key.hash, |slot| slot.key == *key.key) else {
            return Retake::Answer(Err(HoldError::Unknown));
        };
        Retake::Answer(match slot.state {
            State::Busy => Err(HoldError::InProgress),
            State::Held { .. } => {
                self.times.end(slot, key.hash, Outcome::Sold, at);
                Ok(Settled::Now)
            }
            State::Resolved { outcome, .. } => match outcome {
                Outcome::Sold => Ok(Settled::Before),
                Outcome::Released => Err(HoldError::Released),
                Outcome::Expired => match mem::replace(&mut slot.state, State::Busy) {
                    State::Resolved { request, until, .. } => {
                        return Retake::Expired(Lapsed { request, until });
                    }
                    _ => unreachable!("it was just seen to be resolved"),
                },
            },
        })
    }

    /// Ends what [`settle_or_lapse`](Self::settle_or_lapse) began, with a sale.
    pub(super) fn sell(&mut self, key: Hashed<'_, K>, lapsed: Lapsed<Q>, hold: R, at: Moment) {
        self.resolve(key, lapsed.request, Outcome::Sold, at.until);
        hold.commit();
    }

    /// Ends what [`settle_or_lapse`](Self::settle_or_lapse) began: it stays expired.
    pub(super) fn lapse(&mut self, key: Hashed<'_, K>, lapsed: Lapsed<Q>) {
        self.resolve(key, lapsed.request, Outcome::Expired, lapsed.until);
    }

    /// Ends a key that was busy.
    fn resolve(&mut self, key: Hashed<'_, K>, request: Q, outcome: Outcome, until: u64) {
        let slot = self.find(key);
        let slot = slot.expect("a busy key stays until its call ends");
        slot.state = State::Resolved {
            request,
            outcome,
            until,
        };
        self.times.outdated.push_back(Outdated {
            until,
            hash: key.hash,
            key: key.key.clone(),
        });
    }

    /// Moves the deadline of a hold that is good, and returns what is held.
    pub(super) fn extend(
        &mut self,
        key: Hashed<'_, K>,
        to: u64,
        at: Moment,
    ) -> Result<Held, HoldError> {
        let slot = self.keys.find_mut(key.hash, |slot| slot.key == *key.key);
        let slot = slot.ok_or(HoldError::Unknown)?;
        self.times.expire_if_due(slot, key.hash, at);
        match &mut slot.state {
            State::Busy => Err(HoldError::InProgress),
            State::Resolved { outcome, .. } => Err((*outcome).into()),
            State::Held { deadline, hold, .. } => {
                let was = mem::replace(deadline, to);
                let deadlines = &mut self.times.deadlines;
                deadlines.remove(&(was, slot.key.clone()));
                deadlines.insert((to, slot.key.clone()));
                Ok(held(hold, to, at))
            }
        }
    }

    pub(super) fn status(&mut self, key: Hashed<'_, K>, at: Moment) -> Option<Status> {
        let slot = self.keys.find_mut(key.hash, |slot| slot.key == *key.key)?;
        self.times.expire_if_due(slot, key.hash, at);
        match &slot.state {
            State::Busy => None,
            state => Some(state.status(at)),
        }
    }

    /// How many are held and good, and their units.
    pub(super) fn held(&self, at: Moment, hasher: &impl BuildHasher) -> (usize, u64) {
        let deadlines = &self.times.deadlines;
        let all = (deadlines.len(), self.times.units);
        let due = deadlines.iter();
        let due = due.take_while(|(deadline, _)| *deadline <= at.now);
        due.fold(all, |(n, units), (_, key)| {
            let hash = hasher.hash_one(key);
            let slot = self.keys.find(hash, |slot| slot.key == *key);
            let of_it = match slot.map(|slot| &slot.state) {
                Some(State::Held { hold, .. }) => hold.units(),
                _ => 0,
            };
            (n - 1, units - of_it)
        })
    }

    /// All that are held and good.
    #[cfg(feature = "inventory")]
    pub(super) fn good(&self, at: Moment) -> impl Iterator<Item = HeldRef<'_, K, R, Q>> {
        self.keys.iter().filter_map(move |slot| match &slot.state {
            State::Held {
                request,
                hold,
                deadline,
            } if *deadline > at.now => Some(HeldRef {
                key: &slot.key,
                request,
                hold,
                remaining: Duration::from_nanos(deadline - at.now),
            }),
            _ => None,
        })
    }

    /// Keys of which anything is known.
    pub(super) fn known(&self) -> usize {
        self.keys.len()
    }
}

/// A hold, as it lies in its shard.
#[cfg(feature = "inventory")]
#[derive(Debug)]
pub(crate) struct HeldRef<'a, K, R, Q> {
    pub(crate) key: &'a K,
    pub(crate) request: &'a Q,
    pub(crate) hold: &'a R,
    pub(crate) remaining: Duration,
}

impl<K: Ord + Clone> Times<K> {
    fn expire_if_due<R: Settle, Q>(&mut self, slot: &mut Slot<K, R, Q>, hash: u64, at: Moment) {
        if let State::Held { deadline, .. } = slot.state
            && deadline <= at.now
        {
            self.end(slot, hash, Outcome::Expired, at);
        }
    }

    /// Ends a hold before its deadline has been looked at.
    fn end<R: Settle, Q>(
        &mut self,
        slot: &mut Slot<K, R, Q>,
        hash: u64,
        outcome: Outcome,
        at: Moment,
    ) {
        if let State::Held { deadline, .. } = slot.state {
            self.deadlines.remove(&(deadline, slot.key.clone()));
        }
        self.settle(slot, hash, outcome, at);
    }

    /// Ends a hold that is not among the deadlines any more.
    fn settle<R: Settle, Q>(
        &mut self,
        slot: &mut Slot<K, R, Q>,
        hash: u64,
        outcome: Outcome,
        at: Moment,
    ) {
        let State::Held { request, hold, .. } = mem::replace(&mut slot.state, State::Busy) else {
            unreachable!("a key with a deadline is held");
        };
        // First what is known, so that a reservation that panics is not settled twice.
        slot.state = State::Resolved {
            request,
            outcome,
            until: at.until,
        };
        self.outdated.push_back(Outdated {
            until: at.until,
            hash,
            key: slot.key.clone(),
        });
        self.units -= hold.units();
        self.expired += u64::from(outcome == Outcome::Expired);
        if outcome == Outcome::Sold {
            hold.commit();
        } else {
            hold.release();
        }
    }
}

impl<R: Settle, Q> State<R, Q> {
    /// Of a key that is not busy, and not due.
    fn status(&self, at: Moment) -> Status {
        match self {
            Self::Busy => unreachable!("nothing is known of a busy key"),
            Self::Held { hold, deadline, .. } => Status::Held(held(hold, *deadline, at)),
            Self::Resolved { outcome, .. } => Status::Resolved(*outcome),
        }
    }
}

fn held(hold: &impl Settle, deadline: u64, at: Moment) -> Held {
    Held {
        units: hold.units(),
        remaining: Duration::from_nanos(deadline - at.now),
    }
}
