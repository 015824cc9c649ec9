//! One shard of the holds: its keys, and what comes next.
//!
//! | a key is | it is in | it leaves by |
//! |---|---|---|
//! | busy: its reserve runs, outside the lock | nothing | the end of that call |
//! | held | `deadlines` | confirm, release, its deadline |
//! | resolved | `outdated` | the end of the retention |
//!
//! Reservations are sold and given back while the shard is locked. So who finds nothing due knows
//! that everything that was due is back, and a second answer never comes before the first is true.

use super::answers::{Held, HoldError, Outcome, Settled, Status};
use super::deadlines::Deadlines;
use super::queue::Queue;
use super::slots::{Id, Slots, State};
use crate::Settle;
use std::borrow::Borrow;
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

/// A key as a call names it, hashed once.
#[derive(Debug)]
pub(super) struct Name<'a, B: ?Sized> {
    pub(super) hash: u64,
    pub(super) key: &'a B,
}

#[derive(Debug)]
pub(super) struct Shard<K, R, Q> {
    slots: Slots<K, R, Q>,
    deadlines: Deadlines,
    /// The retention is the same for all, so that this is in the sequence of time as it is.
    outdated: Queue,
    /// Before this nothing is due or outdated; there may be nothing then, either.
    quiet_until: u64,
    /// Keys that are busy.
    busy: usize,
    /// Keys that are held, and the units of all of them.
    held: usize,
    units: u64,
    /// Holds that expired, ever.
    expired: u64,
}

/// What a call that would place a key finds.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing: the key is busy now, by that call.
    Nothing(Id),
    Busy,
    Conflict,
    Status(Status),
}

/// What a call that would sell a key, expired or not, finds.
#[derive(Debug)]
pub(super) enum Retake<Q> {
    Answer(Result<Settled, HoldError>),
    /// It has expired and is busy now, by that call, which is to give this back.
    Expired(Id, Lapsed<Q>),
}

/// What was known of an expired key.
#[derive(Debug)]
pub(super) struct Lapsed<Q> {
    request: Q,
    until: u64,
}

impl<K, R, Q> Shard<K, R, Q> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Slots::new(),
            deadlines: Deadlines::new(),
            outdated: Queue::new(),
            quiet_until: u64::MAX,
            busy: 0,
            held: 0,
            units: 0,
            expired: 0,
        }
    }

    pub(super) fn expired(&self) -> u64 {
        self.expired
    }

    /// Keys of which anything is known.
    pub(super) fn known(&self) -> usize {
        self.slots.len()
    }

    /// Forgets keys whose retention has ended, at most `limit`.
    pub(super) fn forget(&mut self, at: Moment, limit: usize) -> usize {
        let mut forgotten = 0;
        while forgotten < limit
            && let Some(id) = self.first_outdated(at.now)
        {
            self.outdated.remove(id, &mut self.slots);
            self.slots.remove(id);
            forgotten += 1;
        }
        if forgotten > 0 && self.busy == 0 && self.slots.is_sparse() {
            self.shrink();
        }
        forgotten
    }

    fn first_outdated(&self, now: u64) -> Option<Id> {
        let id = self.outdated.first()?;
        (self.until_of(id) <= now).then_some(id)
    }

    fn until_of(&self, id: Id) -> u64 {
        match self.slots[id].state {
            State::Resolved { until, .. } => until,
            State::Busy | State::Held { .. } => unreachable!("only what is resolved is outdated"),
        }
    }

    /// Gives memory back after a rush. No key is busy: those must stay where they are.
    #[cold]
    fn shrink(&mut self) {
        let smaller = self.slots.smaller();
        let mut slots = mem::replace(&mut self.slots, smaller);
        let mut deadlines = mem::take(&mut self.deadlines);
        while let Some((deadline, id)) = deadlines.first(&slots) {
            deadlines.remove(id, deadline, &mut slots);
            let id = self.slots.move_in(slots.remove(id));
            self.deadlines.add(id, deadline, &mut self.slots);
        }
        let mut outdated = mem::take(&mut self.outdated);
        while let Some(id) = outdated.first() {
            outdated.remove(id, &mut slots);
            let id = self.slots.move_in(slots.remove(id));
            self.outdated.push(id, &mut self.slots);
        }
    }

    /// Ends what [`begin`](Self::begin) began, without a trace.
    pub(super) fn abandon(&mut self, id: Id) {
        self.slots.remove(id);
        self.busy -= 1;
    }

    /// Ends what [`settle_or_lapse`](Self::settle_or_lapse) began: it stays expired.
    pub(super) fn lapse(&mut self, id: Id, lapsed: Lapsed<Q>) {
        self.busy -= 1;
        self.resolve(id, lapsed.request, Outcome::Expired, lapsed.until);
    }

    /// Notes what became of a key that is in no queue.
    fn resolve(&mut self, id: Id, request: Q, outcome: Outcome, until: u64) {
        self.slots[id].state = State::Resolved {
            request,
            outcome,
            until,
        };
        self.outdated.push(id, &mut self.slots);
        self.quiet_until = self.quiet_until.min(until);
    }

    /// All that are held and good.
    #[cfg(feature = "inventory")]
    pub(super) fn good(&self, at: Moment) -> impl Iterator<Item = HeldRef<'_, K, R, Q>> {
        self.slots.iter().filter_map(move |slot| match &slot.state {
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
}

impl<K, R: Settle, Q> Shard<K, R, Q> {
    /// Takes a bounded number of due holds and outdated keys along.
    #[inline]
    pub(super) fn tidy(&mut self, at: Moment) {
        if at.now >= self.quiet_until {
            self.take_along(at);
        }
    }

    fn take_along(&mut self, at: Moment) {
        self.take_back(at, TAKEN_ALONG);
        self.forget(at, TAKEN_ALONG);
        let due = self.deadlines.first(&self.slots);
        let due = due.map_or(u64::MAX, |(deadline, _)| deadline);
        let outdated = self.outdated.first();
        let outdated = outdated.map_or(u64::MAX, |id| self.until_of(id));
        self.quiet_until = due.min(outdated);
    }

    /// Takes back what is due, at most `limit`, and returns how many that were.
    pub(super) fn take_back(&mut self, at: Moment, limit: usize) -> usize {
        let mut taken = 0;
        while taken < limit
            && let Some((deadline, id)) = self.deadlines.first(&self.slots)
            && deadline <= at.now
        {
            taken += 1;
            self.end(id, Outcome::Expired, at);
        }
        taken
    }

    /// Makes `key` busy, unless something is known of it.
    pub(super) fn begin(&mut self, hash: u64, key: K, request: &Q, at: Moment) -> Found
    where
        K: Eq,
        Q: PartialEq,
    {
        let id = match self.slots.find_or_add(hash, key) {
            Ok(id) => {
                self.busy += 1;
                return Found::Nothing(id);
            }
            Err(id) => id,
        };
        match &self.slots[id].state {
            State::Busy => return Found::Busy,
            State::Held { request: asked, .. } | State::Resolved { request: asked, .. }
                if asked != request =>
            {
                return Found::Conflict;
            }
            _ => {}
        }
        self.expire_if_due(id, at);
        Found::Status(self.slots[id].state.status(at))
    }

    /// Ends what [`begin`](Self::begin) began, with a hold.
    pub(super) fn hold(&mut self, id: Id, request: Q, hold: R, deadline: u64) {
        self.busy -= 1;
        self.held += 1;
        self.units += hold.units();
        self.slots[id].state = State::Held {
            request,
            hold,
            deadline,
        };
        self.deadlines.add(id, deadline, &mut self.slots);
        self.quiet_until = self.quiet_until.min(deadline);
    }

    /// Sells a hold that is good, or gives it back.
    pub(super) fn settle<B>(
        &mut self,
        name: Name<'_, B>,
        outcome: Outcome,
        at: Moment,
    ) -> Result<Settled, HoldError>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        let id = self.find(name).ok_or(HoldError::Unknown)?;
        match self.slots[id].state {
            State::Busy => Err(HoldError::InProgress),
            State::Resolved { outcome: was, .. } if was == outcome => Ok(Settled::Before),
            State::Resolved { outcome: was, .. } => Err(was.into()),
            State::Held { deadline, .. } if deadline <= at.now => {
                self.end(id, Outcome::Expired, at);
                Err(HoldError::Expired)
            }
            State::Held { .. } => {
                self.end(id, outcome, at);
                Ok(Settled::Now)
            }
        }
    }

    /// Sells a hold even if it is due, as long as it was not taken back; and if it was, makes its
    /// key busy.
    pub(super) fn settle_or_lapse<B>(&mut self, name: Name<'_, B>, at: Moment) -> Retake<Q>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        let Some(id) = self.find(name) else {
            return Retake::Answer(Err(HoldError::Unknown));
        };
        Retake::Answer(match self.slots[id].state {
            State::Busy => Err(HoldError::InProgress),
            State::Held { .. } => {
                self.end(id, Outcome::Sold, at);
                Ok(Settled::Now)
            }
            State::Resolved { outcome, .. } => match outcome {
                Outcome::Sold => Ok(Settled::Before),
                Outcome::Released => Err(HoldError::Released),
                Outcome::Expired => return self.make_busy_again(id),
            },
        })
    }

    fn make_busy_again(&mut self, id: Id) -> Retake<Q> {
        match mem::replace(&mut self.slots[id].state, State::Busy) {
            State::Resolved { request, until, .. } => {
                self.outdated.remove(id, &mut self.slots);
                self.busy += 1;
                Retake::Expired(id, Lapsed { request, until })
            }
            State::Busy | State::Held { .. } => unreachable!("it was just seen to be resolved"),
        }
    }

    /// Ends what [`settle_or_lapse`](Self::settle_or_lapse) began, with a sale.
    pub(super) fn sell(&mut self, id: Id, lapsed: Lapsed<Q>, hold: R, at: Moment) {
        self.busy -= 1;
        self.resolve(id, lapsed.request, Outcome::Sold, at.until);
        hold.commit();
    }

    /// Moves the deadline of a hold that is good, and returns what is held.
    pub(super) fn extend<B>(
        &mut self,
        name: Name<'_, B>,
        to: u64,
        at: Moment,
    ) -> Result<Held, HoldError>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        let id = self.find(name).ok_or(HoldError::Unknown)?;
        self.expire_if_due(id, at);
        match &mut self.slots[id].state {
            State::Busy => Err(HoldError::InProgress),
            State::Resolved { outcome, .. } => Err((*outcome).into()),
            State::Held { deadline, hold, .. } => {
                let was = mem::replace(deadline, to);
                let held = held(hold, to, at);
                self.deadlines.remove(id, was, &mut self.slots);
                self.deadlines.add(id, to, &mut self.slots);
                self.quiet_until = self.quiet_until.min(to);
                Ok(held)
            }
        }
    }

    pub(super) fn status<B>(&mut self, name: Name<'_, B>, at: Moment) -> Option<Status>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        let id = self.find(name)?;
        self.expire_if_due(id, at);
        match &self.slots[id].state {
            State::Busy => None,
            state => Some(state.status(at)),
        }
    }

    /// How many are held and good, and their units.
    pub(super) fn held(&self, at: Moment) -> (usize, u64) {
        let of_slot = |id| match &self.slots[id].state {
            State::Held { hold, .. } => hold.units(),
            State::Busy | State::Resolved { .. } => unreachable!("only what is held is due"),
        };
        let due = self.deadlines.due(at.now, &self.slots);
        let all = (self.held, self.units);
        due.fold(all, |(n, units), id| (n - 1, units - of_slot(id)))
    }

    fn find<B>(&self, name: Name<'_, B>) -> Option<Id>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        self.slots.find(name.hash, name.key)
    }

    fn expire_if_due(&mut self, id: Id, at: Moment) {
        if let State::Held { deadline, .. } = self.slots[id].state
            && deadline <= at.now
        {
            self.end(id, Outcome::Expired, at);
        }
    }

    /// Ends a hold.
    fn end(&mut self, id: Id, outcome: Outcome, at: Moment) {
        let state = mem::replace(&mut self.slots[id].state, State::Busy);
        let State::Held {
            request,
            hold,
            deadline,
        } = state
        else {
            unreachable!("only what is held ends");
        };
        // First what is known, so that a reservation that panics is not settled twice.
        self.deadlines.remove(id, deadline, &mut self.slots);
        self.resolve(id, request, outcome, at.until);
        self.held -= 1;
        self.units -= hold.units();
        self.expired += u64::from(outcome == Outcome::Expired);
        if outcome == Outcome::Sold {
            hold.commit();
        } else {
            hold.release();
        }
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
