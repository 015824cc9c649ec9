//! How a shard settles a hold as a whole: confirmed, released or expired; and extends it.

use super::answers::{Held, Resolution, Settled};
use super::errors::HoldError;
use super::hook::{Change, Declined, Hook};
use super::shard::{Call, Marked, Name, Shard};
use super::slots::Id;
use super::state::{Resolved, State};
use crate::settle::Settle;
use std::borrow::Borrow;
use std::mem;
use std::time::Duration;

/// What a late confirm finds.
#[derive(Debug)]
pub(super) enum Retake<Q, M> {
    Answer(Marked<Result<Settled, HoldError>, M>),
    /// The hold has expired, and this call reserves its units again now.
    Expired {
        id: Id,
        request: Q,
        /// Units that were held when it expired.
        units: u64,
        mark: M,
    },
}

impl<K, R: Settle, Q, M: Copy> Shard<K, R, Q, M> {
    /// Confirms or releases a hold that is active.
    pub(super) fn settle<B, W>(
        &mut self,
        name: Name<'_, B>,
        to: Resolution,
        call: &mut Call<'_, K, Q, W>,
    ) -> Marked<Result<Settled, HoldError>, M>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
        W: Hook<K, R, Q, Mark = M>,
    {
        let Some(id) = self.find(name, call.at) else {
            return (Err(HoldError::Unknown), None);
        };
        let answer = match self.active(id, call) {
            Ok(()) => self.settle_now(id, to, call),
            Err(error) if error == to.into() => Ok(Settled::Before),
            Err(error) => Err(error),
        };
        (answer, self.mark(id))
    }

    fn settle_now<W>(
        &mut self,
        id: Id,
        to: Resolution,
        call: &mut Call<'_, K, Q, W>,
    ) -> Result<Settled, HoldError>
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        match self.end(id, to, call) {
            Ok(()) => Ok(Settled::Now),
            Err(Declined) => Err(HoldError::Declined),
        }
    }

    /// Confirms a hold whose units are still reserved, active or past its deadline. If it is resolved as expired, begins to
    /// work on the key: the caller reserves the units again.
    pub(super) fn settle_or_retake<B, W>(
        &mut self,
        name: Name<'_, B>,
        call: &mut Call<'_, K, Q, W>,
    ) -> Retake<Q, M>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
        Q: Clone,
        W: Hook<K, R, Q, Mark = M>,
    {
        let Some(id) = self.find(name, call.at) else {
            return Retake::Answer((Err(HoldError::Unknown), None));
        };
        let answer = match &self.slots[id].state {
            _ if self.is_in_progress(id) => Err(HoldError::InProgress),
            State::Placing => Err(HoldError::InProgress),
            State::Held(_) => self.settle_now(id, Resolution::Confirmed, call),
            State::Resolved(resolved) => match resolved.resolution {
                Resolution::Confirmed => Ok(Settled::Before),
                Resolution::Released => Err(HoldError::Released),
                Resolution::Expired => {
                    let request = resolved.request.clone();
                    let (units, mark) = (resolved.units, resolved.mark);
                    self.begin_work(id);
                    return Retake::Expired {
                        id,
                        request,
                        units,
                        mark,
                    };
                }
            },
        };
        Retake::Answer((answer, self.mark(id)))
    }

    /// Ends what [`settle_or_retake`](Self::settle_or_retake) began: the key is confirmed, and the caller
    /// commits `hold` under this lock. The retention starts again. If the hook declines, the
    /// key is still in progress.
    pub(super) fn confirm_retaken<W>(
        &mut self,
        id: Id,
        hold: &R,
        units: u64,
        call: &Call<'_, K, Q, W>,
    ) -> Result<M, Declined>
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let slot = &mut self.slots[id];
        let State::Resolved(resolved) = &mut slot.state else {
            unreachable!("it stays expired until it is confirmed");
        };
        let change = Change::Confirmed {
            hold,
            retaken: true,
        };
        let mark = call.hook.before(&slot.key, &resolved.request, &change)?;
        resolved.resolution = Resolution::Confirmed;
        resolved.units = units;
        resolved.until = call.at.until;
        resolved.mark = mark;
        self.end_work(id);
        Ok(mark)
    }

    /// Moves the deadline of a hold that is active, and returns what is held.
    pub(super) fn extend<B, W>(
        &mut self,
        name: Name<'_, B>,
        to: u64,
        call: &mut Call<'_, K, Q, W>,
    ) -> Marked<Result<Held, HoldError>, M>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
        W: Hook<K, R, Q, Mark = M>,
    {
        let Some(id) = self.find(name, call.at) else {
            return (Err(HoldError::Unknown), None);
        };
        let answer = self.active(id, call).and_then(|()| {
            let extended = self.extend_active(id, to, call);
            extended.map_err(|Declined| HoldError::Declined)
        });
        (answer, self.mark(id))
    }

    fn extend_active<W>(
        &mut self,
        id: Id,
        to: u64,
        call: &Call<'_, K, Q, W>,
    ) -> Result<Held, Declined>
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let slot = &self.slots[id];
        let hold = slot.state.hold();
        let change = Change::Extended {
            hold: &hold.hold,
            remaining: Duration::from_nanos(to - call.at.now),
        };
        let mark = call.hook.before(&slot.key, &hold.request, &change)?;
        self.dequeue(id);
        let hold = self.slots[id].state.hold_mut();
        hold.deadline = to;
        hold.mark = mark;
        let held = hold.held(call.at);
        self.expires_at(id, to);
        Ok(held)
    }

    /// Expires a hold, even where expiry is left to the owner of the holds.
    pub(super) fn expire<B, W>(
        &mut self,
        name: Name<'_, B>,
        call: &mut Call<'_, K, Q, W>,
    ) -> Marked<Result<Settled, HoldError>, M>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
        W: Hook<K, R, Q, Mark = M>,
    {
        let Some(id) = self.find(name, call.at) else {
            return (Err(HoldError::Unknown), None);
        };
        let overdue = match &self.slots[id].state {
            State::Held(hold) => hold.is_expired(call.at) && !self.is_in_progress(id),
            State::Placing | State::Resolved(_) => false,
        };
        let answer = if overdue {
            self.settle_now(id, Resolution::Expired, call)
        } else {
            match self.active(id, call) {
                Ok(()) => Err(HoldError::Held),
                Err(HoldError::Expired) => Ok(Settled::Before),
                Err(error) => Err(error),
            }
        };
        (answer, self.mark(id))
    }

    /// Forgets a key that is resolved, and returns how it was.
    pub(super) fn forget_key<B, W>(
        &mut self,
        name: Name<'_, B>,
        call: &mut Call<'_, K, Q, W>,
    ) -> Marked<Result<Resolution, HoldError>, M>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
        W: Hook<K, R, Q, Mark = M>,
    {
        let Some(id) = self.find(name, call.at) else {
            return (Err(HoldError::Unknown), None);
        };
        let answer = match self.active(id, call) {
            Ok(()) => Err(HoldError::Held),
            Err(HoldError::Confirmed) => Ok(Resolution::Confirmed),
            Err(HoldError::Released) => Ok(Resolution::Released),
            Err(HoldError::Expired) => Ok(Resolution::Expired),
            Err(error) => Err(error),
        };
        let mark = self.mark(id);
        if answer.is_ok() {
            self.dequeue(id);
            let slot = self.slots.remove(id);
            self.shrink_if_sparse();
            drop(slot);
        }
        (answer, mark)
    }

    /// Ends a hold, unless the hook declines.
    pub(super) fn end<W>(
        &mut self,
        id: Id,
        to: Resolution,
        call: &mut Call<'_, K, Q, W>,
    ) -> Result<(), Declined>
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let slot = &self.slots[id];
        let State::Held(held) = &slot.state else {
            unreachable!("only a hold ends");
        };
        let hold = &held.hold;
        let change = match to {
            Resolution::Confirmed => Change::Confirmed {
                hold,
                retaken: false,
            },
            Resolution::Released => Change::Released { hold },
            Resolution::Expired => Change::Expired { hold },
        };
        let mark = call.hook.before(&slot.key, &held.request, &change)?;
        let hold = self.resolve(id, to, mark, call.at.until);
        if to == Resolution::Confirmed {
            hold.commit();
        } else {
            hold.release();
        }
        if to == Resolution::Expired
            && let Some(freed) = &mut call.freed
        {
            let slot = &self.slots[id];
            slot.state
                .request()
                .into_iter()
                .for_each(|request| freed(&slot.key, request));
        }
        Ok(())
    }

    /// Notes how a hold ended, and returns its reservation, to be settled.
    fn resolve(&mut self, id: Id, resolution: Resolution, mark: M, until: u64) -> R {
        self.deadlines.remove(id, &mut self.slots);
        let slot = &mut self.slots[id];
        let State::Held(held) = mem::replace(&mut slot.state, State::Placing) else {
            unreachable!("only a hold ends");
        };
        slot.state = State::Resolved(Resolved {
            request: held.request,
            units: held.units,
            until,
            mark,
            resolution,
        });
        self.retain_until(id, until);
        self.held -= 1;
        self.units = self.units.wrapping_sub(held.units);
        self.given_back += u64::from(resolution != Resolution::Confirmed);
        self.expired += u64::from(resolution == Resolution::Expired);
        held.hold
    }
}
