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

use super::answers::{Held, HoldError, Outcome, Settled, Status};
use crate::Settle;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
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

#[derive(Debug)]
pub(super) struct Shard<K, R, Q, H> {
    keys: HashMap<K, State<R, Q>, H>,
    deadlines: BTreeSet<(u64, K)>,
    /// The retention is the same for all, so that this is in the sequence of time as it is.
    outdated: VecDeque<(u64, K)>,
    /// Units of all that are held.
    units: u64,
    /// Holds that expired, ever.
    expired: u64,
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

impl<K, R, Q, H> Shard<K, R, Q, H>
where
    K: Hash + Ord + Clone,
    R: Settle,
    H: BuildHasher,
{
    pub(super) fn new(hasher: H) -> Self {
        Self {
            keys: HashMap::with_hasher(hasher),
            deadlines: BTreeSet::new(),
            outdated: VecDeque::new(),
            units: 0,
            expired: 0,
        }
    }

    pub(super) fn expired(&self) -> u64 {
        self.expired
    }

    /// Takes a bounded number of due holds and outdated keys along.
    pub(super) fn tidy(&mut self, at: Moment) {
        self.take_back(at, TAKEN_ALONG);
        self.forget(at, TAKEN_ALONG);
    }

    /// Takes back what is due, at most `limit`, and returns how many that were.
    pub(super) fn take_back(&mut self, at: Moment, limit: usize) -> usize {
        let mut taken = 0;
        while taken < limit
            && let Some((deadline, _)) = self.deadlines.first()
            && *deadline <= at.now
            && let Some((_, key)) = self.deadlines.pop_first()
        {
            taken += 1;
            self.settle_as(key, Outcome::Expired, at);
        }
        taken
    }

    /// Forgets keys whose retention has ended, at most `limit`.
    pub(super) fn forget(&mut self, at: Moment, limit: usize) -> usize {
        let mut forgotten = 0;
        while forgotten < limit
            && let Some((until, _)) = self.outdated.front()
            && *until <= at.now
            && let Some((_, key)) = self.outdated.pop_front()
        {
            forgotten += 1;
            // An expired key that was sold after all is in the list twice.
            if let Entry::Occupied(entry) = self.keys.entry(key)
                && let State::Resolved { until, .. } = entry.get()
                && *until <= at.now
            {
                entry.remove();
            }
        }
        self.shrink();
        forgotten
    }

    /// Gives memory back after a rush; by halves at most, so that it pays for itself.
    fn shrink(&mut self) {
        const FEW: usize = 64;
        if self.keys.capacity() > FEW && self.keys.len() < self.keys.capacity() / 8 {
            self.keys.shrink_to(self.keys.capacity() / 4);
        }
        if self.outdated.capacity() > FEW && self.outdated.len() < self.outdated.capacity() / 8 {
            self.outdated.shrink_to(self.outdated.capacity() / 4);
        }
    }

    /// Makes `key` busy, unless something is known of it.
    pub(super) fn begin(&mut self, key: &K, request: &Q, at: Moment) -> Found
    where
        Q: PartialEq,
    {
        match self.keys.entry(key.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(State::Busy);
                return Found::Nothing;
            }
            Entry::Occupied(entry) => match entry.get() {
                State::Busy => return Found::Busy,
                State::Held { request: asked, .. } | State::Resolved { request: asked, .. }
                    if asked != request =>
                {
                    return Found::Conflict;
                }
                state if !state.is_due(at) => return Found::Status(state.status(at)),
                _ => {}
            },
        }
        self.expire_if_due(key, at);
        Found::Status(Status::Resolved(Outcome::Expired))
    }

    /// Ends what [`begin`](Self::begin) began, with a hold.
    pub(super) fn hold(&mut self, key: K, request: Q, hold: R, deadline: u64) {
        self.units += hold.units();
        let held = State::Held {
            request,
            hold,
            deadline,
        };
        let Some(state) = self.keys.get_mut(&key) else {
            unreachable!("a busy key stays until its call ends");
        };
        *state = held;
        self.deadlines.insert((deadline, key));
    }

    /// Ends what [`begin`](Self::begin) began, without a trace.
    pub(super) fn abandon(&mut self, key: &K) {
        self.keys.remove(key);
    }

    /// Sells a hold that is good, or gives it back.
    pub(super) fn settle(
        &mut self,
        key: &K,
        outcome: Outcome,
        at: Moment,
    ) -> Result<Settled, HoldError> {
        match self.keys.get(key) {
            None => Err(HoldError::Unknown),
            Some(State::Busy) => Err(HoldError::InProgress),
            Some(&State::Resolved { outcome: was, .. }) if was == outcome => Ok(Settled::Before),
            Some(&State::Resolved { outcome: was, .. }) => Err(was.into()),
            Some(&State::Held { deadline, .. }) if deadline <= at.now => {
                self.end(key, deadline, Outcome::Expired, at);
                Err(HoldError::Expired)
            }
            Some(&State::Held { deadline, .. }) => {
                self.end(key, deadline, outcome, at);
                Ok(Settled::Now)
            }
        }
    }

    /// Sells a hold even if it is due, as long as it was not taken back; and if it was, makes its
    /// key busy.
    pub(super) fn settle_or_lapse(&mut self, key: &K, at: Moment) -> Retake<Q> {
        let Some(state) = self.keys.get_mut(key) else {
            return Retake::Answer(Err(HoldError::Unknown));
        };
        Retake::Answer(match *state {
            State::Busy => Err(HoldError::InProgress),
            State::Held { deadline, .. } => {
                self.end(key, deadline, Outcome::Sold, at);
                Ok(Settled::Now)
            }
            State::Resolved { outcome, .. } => match outcome {
                Outcome::Sold => Ok(Settled::Before),
                Outcome::Released => Err(HoldError::Released),
                Outcome::Expired => match mem::replace(state, State::Busy) {
                    State::Resolved { request, until, .. } => {
                        return Retake::Expired(Lapsed { request, until });
                    }
                    _ => unreachable!("it was just seen to be resolved"),
                },
            },
        })
    }

    /// Ends what [`settle_or_lapse`](Self::settle_or_lapse) began, with a sale.
    pub(super) fn sell(&mut self, key: K, lapsed: Lapsed<Q>, hold: R, at: Moment) {
        self.resolve(key, lapsed.request, Outcome::Sold, at.until);
        hold.commit();
    }

    /// Ends what [`settle_or_lapse`](Self::settle_or_lapse) began: it stays expired.
    pub(super) fn lapse(&mut self, key: K, lapsed: Lapsed<Q>) {
        self.resolve(key, lapsed.request, Outcome::Expired, lapsed.until);
    }

    /// Moves the deadline of a hold that is good.
    pub(super) fn extend(&mut self, key: &K, to: u64, at: Moment) -> Result<(), HoldError> {
        self.expire_if_due(key, at);
        match self.keys.get_mut(key) {
            None => Err(HoldError::Unknown),
            Some(State::Busy) => Err(HoldError::InProgress),
            Some(State::Resolved { outcome, .. }) => Err((*outcome).into()),
            Some(State::Held { deadline, .. }) => {
                let was = mem::replace(deadline, to);
                self.deadlines.remove(&(was, key.clone()));
                self.deadlines.insert((to, key.clone()));
                Ok(())
            }
        }
    }

    pub(super) fn status(&mut self, key: &K, at: Moment) -> Option<Status> {
        self.expire_if_due(key, at);
        match self.keys.get(key)? {
            State::Busy => None,
            state => Some(state.status(at)),
        }
    }

    /// How many are held and good, and their units.
    pub(super) fn held(&self, at: Moment) -> (usize, u64) {
        let due = self.deadlines.iter();
        let due = due.take_while(|(deadline, _)| *deadline <= at.now);
        due.fold(
            (self.deadlines.len(), self.units),
            |(n, units), (_, key)| {
                let of_it = match self.keys.get(key) {
                    Some(State::Held { hold, .. }) => hold.units(),
                    _ => 0,
                };
                (n - 1, units - of_it)
            },
        )
    }

    /// Keys of which anything is known.
    pub(super) fn known(&self) -> usize {
        self.keys.len()
    }

    fn expire_if_due(&mut self, key: &K, at: Moment) {
        if let Some(&State::Held { deadline, .. }) = self.keys.get(key)
            && deadline <= at.now
        {
            self.end(key, deadline, Outcome::Expired, at);
        }
    }

    fn end(&mut self, key: &K, deadline: u64, outcome: Outcome, at: Moment) {
        self.deadlines.remove(&(deadline, key.clone()));
        self.settle_as(key.clone(), outcome, at);
    }

    /// Ends a hold that is not among the deadlines any more.
    fn settle_as(&mut self, key: K, outcome: Outcome, at: Moment) {
        let Some(state) = self.keys.get_mut(&key) else {
            unreachable!("a deadline is of a key");
        };
        let State::Held { request, hold, .. } = mem::replace(state, State::Busy) else {
            unreachable!("a key with a deadline is held");
        };
        // First what is known, so that a reservation that panics is not settled twice.
        *state = State::Resolved {
            request,
            outcome,
            until: at.until,
        };
        self.outdated.push_back((at.until, key));
        self.units -= hold.units();
        self.expired += u64::from(outcome == Outcome::Expired);
        if outcome == Outcome::Sold {
            hold.commit();
        } else {
            hold.release();
        }
    }

    /// Ends a key that was busy.
    fn resolve(&mut self, key: K, request: Q, outcome: Outcome, until: u64) {
        self.outdated.push_back((until, key.clone()));
        let resolved = State::Resolved {
            request,
            outcome,
            until,
        };
        self.keys.insert(key, resolved);
    }
}

impl<R: Settle, Q> State<R, Q> {
    fn is_due(&self, at: Moment) -> bool {
        matches!(self, Self::Held { deadline, .. } if *deadline <= at.now)
    }

    /// Of a key that is not busy, and not due.
    fn status(&self, at: Moment) -> Status {
        match self {
            Self::Busy => unreachable!("nothing is known of a busy key"),
            Self::Held { hold, deadline, .. } => Status::Held(Held {
                units: hold.units(),
                remaining: Duration::from_nanos(deadline - at.now),
            }),
            Self::Resolved { outcome, .. } => Status::Resolved(*outcome),
        }
    }
}
