//! One shard of the holds: its keys, and what comes next.
//!
//! | a key is | it is in | it leaves by |
//! |---|---|---|
//! | busy: its reserve runs, outside the lock | nothing | the end of that call |
//! | held | `deadlines` | confirm, release, its deadline |
//! | resolved | `outdated` | the end of the retention, or a sale after all |
//!
//! Reservations are sold and given back while the shard is locked. So who finds nothing due knows
//! that everything that was due is back, and a second answer never comes before the first is true.
//!
//! A call looks at its own key first, and takes others along afterwards: what it found is what it
//! answers. All that is written is written before a caller's code runs that could panic.

use super::answers::{Held, HoldError, Resolution, Settled, Status};
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
    /// Calls that work on a slot outside the lock, which must stay where it is.
    busy: usize,
    /// Keys that are held, and the units of all of them. Wraps: there is no limit to what a
    /// reservation may call its units.
    held: usize,
    units: u64,
    /// Holds that were given back, and those of them that expired, ever.
    given_back: u64,
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
pub(super) enum Retake {
    Answer(Result<Settled, HoldError>),
    /// It has expired and is busy now, by that call.
    Expired(Id),
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
            given_back: 0,
            expired: 0,
        }
    }

    pub(super) fn given_back(&self) -> u64 {
        self.given_back
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
        self.shrink_if_sparse();
        forgotten
    }

    fn first_outdated(&self, now: u64) -> Option<Id> {
        let id = self.outdated.first()?;
        self.slots[id].state.is_outdated(now).then_some(id)
    }

    fn shrink_if_sparse(&mut self) {
        if self.busy == 0 && self.slots.is_sparse() {
            self.shrink();
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
        self.busy -= 1;
        let slot = self.slots.remove(id);
        self.shrink_if_sparse();
        drop(slot);
    }

    /// Ends what [`settle_or_retake`](Self::settle_or_retake) began: it stays expired.
    pub(super) fn stay_expired(&mut self, id: Id) {
        self.busy -= 1;
        if let State::Resolved { retaking, .. } = &mut self.slots[id].state {
            *retaking = false;
        }
    }

    /// Notes what became of a key that is in no queue.
    fn resolve(&mut self, id: Id, request: Q, outcome: Resolution, until: u64) {
        self.slots[id].state = State::Resolved {
            request,
            outcome,
            until,
            retaking: false,
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
                ..
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
        let outdated = self.outdated.first();
        let outdated = outdated.and_then(|id| self.slots[id].state.until());
        let times = [due.map(|(deadline, _)| deadline), outdated];
        self.quiet_until = times.into_iter().flatten().min().unwrap_or(u64::MAX);
    }

    /// Takes back what is due, at most `limit`, and returns how many that were.
    pub(super) fn take_back(&mut self, at: Moment, limit: usize) -> usize {
        let mut taken = 0;
        while taken < limit
            && let Some((deadline, id)) = self.deadlines.first(&self.slots)
            && deadline <= at.now
        {
            taken += 1;
            self.end(id, Resolution::Expired, at);
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
            State::Busy | State::Resolved { retaking: true, .. } => return Found::Busy,
            state if state.is_outdated(at.now) => {
                self.outdated.remove(id, &mut self.slots);
                self.busy += 1;
                self.slots[id].state = State::Busy;
                return Found::Nothing(id);
            }
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

    /// Ends what [`begin`](Self::begin) began, with a hold of so many units.
    pub(super) fn hold(&mut self, id: Id, request: Q, hold: R, units: u64, deadline: u64) {
        self.busy -= 1;
        self.held += 1;
        self.units = self.units.wrapping_add(units);
        self.slots[id].state = State::Held {
            request,
            hold,
            units,
            deadline,
        };
        self.deadlines.add(id, deadline, &mut self.slots);
        self.quiet_until = self.quiet_until.min(deadline);
    }

    /// Sells a hold that is good, or gives it back.
    pub(super) fn settle<B>(
        &mut self,
        name: Name<'_, B>,
        outcome: Resolution,
        at: Moment,
    ) -> Result<Settled, HoldError>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        let id = self.find(name, at).ok_or(HoldError::Unknown)?;
        match self.slots[id].state {
            State::Busy | State::Resolved { retaking: true, .. } => Err(HoldError::InProgress),
            State::Resolved { outcome: was, .. } if was == outcome => Ok(Settled::Before),
            State::Resolved { outcome: was, .. } => Err(was.into()),
            State::Held { deadline, .. } if deadline <= at.now => {
                self.end(id, Resolution::Expired, at);
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
    pub(super) fn settle_or_retake<B>(&mut self, name: Name<'_, B>, at: Moment) -> Retake
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        let Some(id) = self.find(name, at) else {
            return Retake::Answer(Err(HoldError::Unknown));
        };
        Retake::Answer(match &mut self.slots[id].state {
            State::Busy | State::Resolved { retaking: true, .. } => Err(HoldError::InProgress),
            State::Held { .. } => {
                self.end(id, Resolution::Confirmed, at);
                Ok(Settled::Now)
            }
            State::Resolved {
                outcome, retaking, ..
            } => match outcome {
                Resolution::Confirmed => Ok(Settled::Before),
                Resolution::Released => Err(HoldError::Released),
                Resolution::Expired => {
                    *retaking = true;
                    self.busy += 1;
                    return Retake::Expired(id);
                }
            },
        })
    }

    /// Ends what [`settle_or_retake`](Self::settle_or_retake) began, with a sale that stays known for
    /// a retention of its own.
    pub(super) fn sell(&mut self, id: Id, hold: R, at: Moment) {
        self.busy -= 1;
        self.outdated.remove(id, &mut self.slots);
        match mem::replace(&mut self.slots[id].state, State::Busy) {
            State::Resolved { request, .. } => {
                self.resolve(id, request, Resolution::Confirmed, at.until);
            }
            State::Busy | State::Held { .. } => unreachable!("it stays expired until it is sold"),
        }
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
        let id = self.find(name, at).ok_or(HoldError::Unknown)?;
        self.expire_if_due(id, at);
        match &mut self.slots[id].state {
            State::Busy | State::Resolved { retaking: true, .. } => Err(HoldError::InProgress),
            State::Resolved { outcome, .. } => Err((*outcome).into()),
            State::Held {
                deadline, units, ..
            } => {
                let held = held(*units, to, at);
                let was = mem::replace(deadline, to);
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
        let id = self.find(name, at)?;
        self.expire_if_due(id, at);
        match &self.slots[id].state {
            State::Busy => None,
            state => Some(state.status(at)),
        }
    }

    /// How many are held and good, and their units.
    pub(super) fn held(&self, at: Moment) -> (usize, u64) {
        let of_slot = |id| match &self.slots[id].state {
            State::Held { units, .. } => *units,
            State::Busy | State::Resolved { .. } => unreachable!("only what is held is due"),
        };
        let due = self.deadlines.due(at.now, &self.slots);
        let all = (self.held, self.units);
        due.fold(all, |(n, units), id| {
            (n - 1, units.wrapping_sub(of_slot(id)))
        })
    }

    /// The key's slot; nothing, and nothing is left of it, if its retention has ended.
    fn find<B>(&mut self, name: Name<'_, B>, at: Moment) -> Option<Id>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        let id = self.slots.find(name.hash, name.key)?;
        if !self.slots[id].state.is_outdated(at.now) {
            return Some(id);
        }
        self.outdated.remove(id, &mut self.slots);
        self.slots.remove(id);
        None
    }

    fn expire_if_due(&mut self, id: Id, at: Moment) {
        if let State::Held { deadline, .. } = self.slots[id].state
            && deadline <= at.now
        {
            self.end(id, Resolution::Expired, at);
        }
    }

    /// Ends a hold.
    fn end(&mut self, id: Id, outcome: Resolution, at: Moment) {
        let state = mem::replace(&mut self.slots[id].state, State::Busy);
        let State::Held {
            request,
            hold,
            units,
            deadline,
        } = state
        else {
            unreachable!("only what is held ends");
        };
        self.deadlines.remove(id, deadline, &mut self.slots);
        self.resolve(id, request, outcome, at.until);
        self.held -= 1;
        self.units = self.units.wrapping_sub(units);
        self.given_back += u64::from(outcome != Resolution::Confirmed);
        self.expired += u64::from(outcome == Resolution::Expired);
        if outcome == Resolution::Confirmed {
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

impl<R, Q> State<R, Q> {
    /// Of a key that is not busy, and not due.
    fn status(&self, at: Moment) -> Status {
        match self {
            Self::Busy => unreachable!("nothing is known of a busy key"),
            Self::Held {
                units, deadline, ..
            } => Status::Held(held(*units, *deadline, at)),
            Self::Resolved { outcome, .. } => Status::Resolved(*outcome),
        }
    }

    /// Until when it stays known what became of the key.
    fn until(&self) -> Option<u64> {
        match self {
            Self::Resolved { until, .. } => Some(*until),
            Self::Busy | Self::Held { .. } => None,
        }
    }

    /// Whether the retention has ended, and no call is at it.
    fn is_outdated(&self, now: u64) -> bool {
        match self {
            Self::Resolved {
                until, retaking, ..
            } => *until <= now && !retaking,
            Self::Busy | Self::Held { .. } => false,
        }
    }
}

fn held(units: u64, deadline: u64, at: Moment) -> Held {
    Held {
        units,
        remaining: Duration::from_nanos(deadline - at.now),
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::{Reservation, Stock};

    const RUSH: u64 = 10_000;
    const LONG_AGO: Moment = Moment { now: 0, until: 1 };
    const NOW: Moment = Moment { now: 1, until: 2 };

    type Seats<'a> = Shard<u64, Reservation<&'a Stock>, u64>;

    fn place<'a>(shard: &mut Seats<'a>, stock: &'a Stock, key: u64) -> Id {
        let Found::Nothing(id) = shard.begin(key, key, &1, LONG_AGO) else {
            panic!("{key} is new")
        };
        let hold = stock.reserve(1).unwrap();
        shard.hold(id, 1, hold, 1, u64::MAX);
        id
    }

    /// After a rush of which all but one hold is over.
    fn after_a_rush(stock: &Stock) -> Seats<'_> {
        let mut shard = Shard::new();
        for key in 0..RUSH {
            place(&mut shard, stock, key);
        }
        for key in 1..RUSH {
            let name = Name {
                hash: key,
                key: &key,
            };
            shard.settle(name, Resolution::Confirmed, LONG_AGO).unwrap();
        }
        assert!(shard.slots.capacity() as u64 >= RUSH);
        shard
    }

    #[test]
    fn memory_is_given_back_after_a_rush() {
        let stock = Stock::new(RUSH);
        let mut shard = after_a_rush(&stock);
        assert_eq!(shard.forget(NOW, usize::MAX) as u64, RUSH - 1);
        assert!(shard.slots.capacity() < 100, "{}", shard.slots.capacity());
        assert_eq!((shard.known(), shard.held(NOW)), (1, (1, 1)));
    }

    /// One key that has expired, in a shard after a rush, and is being retaken.
    fn retaking(stock: &Stock) -> (Seats<'_>, Id) {
        let mut shard = after_a_rush(stock);
        let late = Moment {
            now: u64::MAX,
            until: u64::MAX,
        };
        assert_eq!(shard.take_back(late, 1), 1);
        let name = Name { hash: 0, key: &0 };
        let Retake::Expired(id) = shard.settle_or_retake(name, NOW) else {
            panic!("it has expired")
        };
        shard.forget(NOW, usize::MAX);
        let capacity = shard.slots.capacity() as u64;
        assert!(capacity >= RUSH, "it stays where it is");
        (shard, id)
    }

    #[test]
    fn a_refused_retake_only_delays_that() {
        let stock = Stock::new(RUSH);
        let (mut shard, id) = retaking(&stock);
        shard.stay_expired(id);
        shard.forget(NOW, usize::MAX);
        assert!(shard.slots.capacity() < 100, "{}", shard.slots.capacity());
    }

    #[test]
    fn a_retake_only_delays_that() {
        let stock = Stock::new(RUSH);
        let (mut shard, id) = retaking(&stock);
        shard.sell(id, stock.reserve(1).unwrap(), NOW);
        shard.forget(NOW, usize::MAX);
        assert!(shard.slots.capacity() < 100, "{}", shard.slots.capacity());
    }

    #[test]
    fn a_busy_key_only_delays_that() {
        let stock = Stock::new(RUSH);
        let mut shard = after_a_rush(&stock);
        let Found::Nothing(busy) = shard.begin(RUSH, RUSH, &1, NOW) else {
            panic!("it is new")
        };
        shard.forget(NOW, usize::MAX);
        assert!(
            shard.slots.capacity() as u64 >= RUSH,
            "it stays where it is"
        );
        shard.abandon(busy);
        assert!(shard.slots.capacity() < 100, "{}", shard.slots.capacity());
        assert_eq!((shard.known(), shard.held(NOW)), (1, (1, 1)));
    }
}
