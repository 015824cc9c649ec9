//! One shard of the holds: its keys, and what is known of each.
//!
//! | a key is | it is in | it leaves by |
//! |---|---|---|
//! | being placed: its reserve runs without the lock | no queue; `placing` counts it | the end of that call |
//! | held | `deadlines` | a confirm or a release of all, and the call that frees it after its deadline |
//! | resolved | `retained` | the end of the retention, a late confirm, a forget |
//! | held or resolved, and a call reserves for it without the lock | `in_progress` | the end of that call |
//!
//! To users the first and the last row are *in progress*.
//!
//! Units are sold and given back while the shard is locked. So a call that finds no expired hold
//! knows that the units of every expired hold are back, and no caller gets its answer
//! before the units have moved.
//!
//! A call first works on its own key and frees other expired holds afterwards, so that its answer is what it found.
//! Only a place, an amend or a retake whose reserve is refused frees others before it tries again. After the hook,
//! a change is written completely before code of the caller runs that may panic: the commit or release of the
//! reservation, or a `freed` closure. The steps of a call are in `settling.rs`, `dividing.rs` and `expiring.rs`.

use super::answers::{Held, Placed, Resolution, Status};
use super::errors::{HoldError, PlaceError};
use super::hook::{Change, Declined, Hook};
use super::slots::{Id, Slots};
use super::state::{Hold, Moment, State};
use super::times::{Timed, Times};
use crate::settle::Settle;
use std::borrow::Borrow;
use std::fmt;
use std::time::Duration;

/// A key as a call names it, hashed once.
#[derive(Debug)]
pub(super) struct Name<'a, B: ?Sized> {
    pub(super) hash: u64,
    pub(super) key: &'a B,
}

/// Is called with the key and the request of each expired hold that a call frees.
pub(super) type Freed<'a, K, Q> = Option<&'a mut (dyn FnMut(&K, &Q) + 'a)>;

/// What a call brings with it to each shard that it works on.
pub(super) struct Call<'a, K, Q, W> {
    pub(super) at: Moment,
    pub(super) hook: &'a W,
    /// Whether this call must leave expired holds as they are.
    pub(super) leaves_expired: bool,
    pub(super) freed: Freed<'a, K, Q>,
}

impl<K, Q, W> fmt::Debug for Call<'_, K, Q, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("at", &self.at)
            .field("leaves_expired", &self.leaves_expired)
            .finish_non_exhaustive()
    }
}

/// An answer, and the *mark* of the key that it is about: what the hook returned for the key's last change. `None` if nothing
/// is known of that key.
pub(super) type Marked<T, M> = (T, Option<M>);

/// The answer of a place. `E` is the error of its reserve.
pub(super) type PlaceAnswer<E> = Result<Placed, PlaceError<E>>;

#[derive(Debug)]
pub(super) struct Shard<K, R, Q, M> {
    pub(super) slots: Slots<K, State<R, Q, M>>,
    pub(super) deadlines: Times,
    pub(super) retained: Times,
    /// Before this time `tidy` has nothing to do: no deadline and no retention ends. Where expiry is left to the owner,
    /// deadlines do not count.
    pub(super) quiet_until: u64,
    /// How many keys are being placed. While it is not 0, slots must stay where they are.
    pub(super) placing: usize,
    /// Keys of which something is known, and for which a call reserves without the lock. While it
    /// is not empty, slots must stay where they are.
    pub(super) in_progress: Vec<Id>,
    /// Keys that are held.
    pub(super) held: usize,
    /// The units of all of them. The sum wraps: a reservation of a user's own type may say any number.
    pub(super) units: u64,
    /// How many times a hold or a part of one was given back.
    pub(super) given_back: u64,
    /// How many holds expired.
    pub(super) expired: u64,
}

/// What a place finds.
#[derive(Debug)]
pub(super) enum Found<E, M> {
    /// Nothing is known of the key: this call is placing it now.
    Nothing(Id),
    Answer(Marked<PlaceAnswer<E>, M>),
}

impl<K, R, Q, M> Shard<K, R, Q, M> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Slots::new(),
            deadlines: Times::new(),
            retained: Times::new(),
            quiet_until: u64::MAX,
            placing: 0,
            in_progress: Vec::new(),
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

    /// How many keys have a slot: those that are held, resolved and not forgotten yet, or being placed.
    pub(super) fn known(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_in_progress(&self, id: Id) -> bool {
        self.in_progress.contains(&id)
    }

    /// Puts a key into the queue of its state. The key must be in no queue.
    fn enqueue(&mut self, id: Id) {
        let state = &self.slots[id].state;
        let time = state.time();
        match state {
            State::Held(_) => self.expires_at(id, time),
            _ => self.retain_until(id, time),
        }
    }

    /// Adds a key that is held to the deadlines.
    #[inline]
    pub(super) fn expires_at(&mut self, id: Id, deadline: u64) {
        self.deadlines.add(id, deadline, &mut self.slots);
        self.quiet_until = self.quiet_until.min(deadline);
    }

    /// Adds a key that is resolved to those that are retained.
    #[inline]
    pub(super) fn retain_until(&mut self, id: Id, until: u64) {
        self.retained.add(id, until, &mut self.slots);
        self.quiet_until = self.quiet_until.min(until);
    }

    /// Removes a key from the queue of its state.
    pub(super) fn dequeue(&mut self, id: Id) {
        let times = match self.slots[id].state {
            State::Held(_) => &mut self.deadlines,
            _ => &mut self.retained,
        };
        times.remove(id, &mut self.slots);
    }

    /// Begins to work on a known key without the lock: it neither expires nor is forgotten meanwhile.
    pub(super) fn begin_work(&mut self, id: Id) {
        self.dequeue(id);
        self.in_progress.push(id);
    }

    /// Ends what [`begin_work`](Self::begin_work) began.
    pub(super) fn end_work(&mut self, id: Id) {
        self.in_progress.retain(|other| *other != id);
        self.enqueue(id);
    }

    /// Ends what [`begin`](Self::begin) began: nothing is known of the key.
    pub(super) fn abandon(&mut self, id: Id) {
        self.placing -= 1;
        let slot = self.slots.remove(id);
        self.shrink_if_sparse();
        drop(slot);
    }
}

impl<K, R: Settle, Q, M: Copy> Shard<K, R, Q, M> {
    /// Begins to place `key`, unless something is known of it.
    pub(super) fn begin<W, E>(
        &mut self,
        hash: u64,
        key: K,
        request: &Q,
        call: &mut Call<'_, K, Q, W>,
    ) -> Found<E, M>
    where
        K: Eq,
        Q: PartialEq,
        W: Hook<K, R, Q, Mark = M>,
    {
        let id = match self.slots.find_or_add(hash, key, State::Placing) {
            Ok(id) => {
                self.placing += 1;
                return Found::Nothing(id);
            }
            Err(id) => id,
        };
        if self.is_retained_no_longer(id, call.at) {
            self.dequeue(id);
            self.placing += 1;
            self.slots[id].state = State::Placing;
            return Found::Nothing(id);
        }
        let state = &self.slots[id].state;
        let conflicts = state.request().is_some_and(|asked| asked != request);
        let answer = if conflicts && !self.is_in_progress(id) {
            Err(PlaceError::Conflict)
        } else {
            match self.active(id, call) {
                Ok(()) => Ok(Placed::Before(self.held(id, call.at))),
                Err(error) => Err(PlaceError::of_key(error)),
            }
        };
        Found::Answer((answer, self.mark(id)))
    }

    /// Ends what [`begin`](Self::begin) began, with a hold. If the hook declines, the key is still
    /// being placed.
    pub(super) fn hold<W>(
        &mut self,
        id: Id,
        request: Q,
        hold: R,
        (units, deadline): (u64, u64),
        call: &Call<'_, K, Q, W>,
    ) -> Result<M, Declined>
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let change = Change::Placed {
            hold: &hold,
            remaining: Duration::from_nanos(deadline - call.at.now),
        };
        let mark = call.hook.before(&self.slots[id].key, &request, &change)?;
        self.placing -= 1;
        self.enter_hold(
            id,
            Hold {
                request,
                hold,
                units,
                deadline,
                mark,
            },
        );
        Ok(mark)
    }

    /// Gives a hold to a key that is being placed and is in no queue.
    pub(super) fn enter_hold(&mut self, id: Id, hold: Hold<R, Q, M>) {
        let deadline = hold.deadline;
        self.held += 1;
        self.units = self.units.wrapping_add(hold.units);
        self.slots[id].state = State::Held(hold);
        self.expires_at(id, deadline);
    }

    /// What is held under a key that a caller knows to be held.
    pub(super) fn held(&self, id: Id, at: Moment) -> Held {
        self.slots[id].state.hold().held(at)
    }

    /// `Ok` if the key is held and active, and the reason if not. If its hold has expired, this frees it first, unless
    /// this call leaves expired holds or the hook declines.
    #[inline]
    pub(super) fn active<W>(
        &mut self,
        id: Id,
        call: &mut Call<'_, K, Q, W>,
    ) -> Result<(), HoldError>
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let at = call.at;
        if self.is_in_progress(id) {
            return Err(HoldError::InProgress);
        }
        match &self.slots[id].state {
            State::Placing => Err(HoldError::InProgress),
            State::Resolved(resolved) => Err(resolved.resolution.into()),
            State::Held(hold) if !hold.is_expired(at) => Ok(()),
            State::Held(_) if call.leaves_expired => Err(HoldError::Overdue),
            State::Held(_) => Err(match self.end(id, Resolution::Expired, call) {
                Ok(()) => HoldError::Expired,
                Err(Declined) => HoldError::Overdue,
            }),
        }
    }

    /// As [`active`](Self::active), for a key that the caller names.
    pub(super) fn look<B, W>(
        &mut self,
        name: Name<'_, B>,
        call: &mut Call<'_, K, Q, W>,
    ) -> Marked<Result<(), HoldError>, M>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
        W: Hook<K, R, Q, Mark = M>,
    {
        match self.find(name, call.at) {
            Some(id) => (self.active(id, call), self.mark(id)),
            None => (Err(HoldError::Unknown), None),
        }
    }

    /// The mark of a key's last change.
    pub(super) fn mark(&self, id: Id) -> Option<M> {
        self.slots[id].state.mark()
    }

    /// What is known of a key, after its hold was freed if it has expired.
    pub(super) fn status<B, W>(
        &mut self,
        name: Name<'_, B>,
        call: &mut Call<'_, K, Q, W>,
    ) -> Marked<Option<Status<Q>>, M>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
        Q: Clone,
        W: Hook<K, R, Q, Mark = M>,
    {
        let Some(id) = self.find(name, call.at) else {
            return (None, None);
        };
        let active = self.active(id, call);
        let status = match (active, &self.slots[id].state) {
            (Err(HoldError::InProgress), _) | (_, State::Placing) => Status::InProgress,
            (Ok(()), State::Held(hold)) => Status::Held {
                held: hold.held(call.at),
                request: hold.request.clone(),
            },
            (_, State::Held(hold)) => Status::Overdue {
                units: hold.units,
                request: hold.request.clone(),
            },
            (_, State::Resolved(resolved)) => Status::Resolved {
                resolution: resolved.resolution,
                units: resolved.units,
                request: resolved.request.clone(),
            },
        };
        (Some(status), self.mark(id))
    }

    /// How many holds are active, and their units.
    pub(super) fn figures(&self, at: Moment) -> (usize, u64) {
        let passed = self.deadlines.passed(at.now, &self.slots);
        let expired = passed.chain(self.expired_in_progress(at));
        expired.fold((self.held, self.units), |(holds, units), id| {
            let hold = self.slots[id].state.hold();
            (holds - 1, units.wrapping_sub(hold.units))
        })
    }

    /// The key's slot. If its retention has ended, the key is forgotten and there is none.
    pub(super) fn find<B>(&mut self, name: Name<'_, B>, at: Moment) -> Option<Id>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
    {
        let id = self.slots.find(name.hash, name.key)?;
        if !self.is_retained_no_longer(id, at) {
            return Some(id);
        }
        self.dequeue(id);
        self.slots.remove(id);
        None
    }

    pub(super) fn is_retained_no_longer(&self, id: Id, at: Moment) -> bool {
        match &self.slots[id].state {
            State::Resolved(resolved) => resolved.until <= at.now && !self.is_in_progress(id),
            State::Placing | State::Held(_) => false,
        }
    }
}
