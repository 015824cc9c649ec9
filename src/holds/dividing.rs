//! How a shard changes a part of a hold: amends it, or settles some of its units.

use super::answers::{Amendment, Held, Placed, Resolution};
use super::errors::{HoldError, PartError};
use super::hook::{Change, Declined, Hook};
use super::shard::{Call, Marked, Name, Shard};
use super::slots::Id;
use crate::error::NotReserved;
use crate::settle::SettleParts;
use std::borrow::Borrow;
use std::mem;

/// What an amend finds.
#[derive(Debug)]
pub(super) enum Amend<P, M> {
    Answer(Marked<Result<Placed, HoldError>, M>),
    /// The hold is active, and this call works on it now. All of it is this.
    Begun(Id, P),
}

/// A hold that was amended.
#[derive(Debug)]
pub(super) struct Amended<R, Q, M> {
    pub(super) held: Held,
    pub(super) mark: M,
    /// To be released under the lock.
    pub(super) given: Option<R>,
    /// The request before, to be dropped.
    pub(super) _request: Q,
}

/// Why a shard did not amend a hold, which is still in progress.
#[derive(Debug)]
pub(super) enum NotAmended {
    NotReserved(NotReserved),
    OtherStock,
    ZeroUnits,
    Declined,
    Expired,
}

/// A part that was split off a hold for a change that is not decided yet. When this is dropped, the part
/// goes back into the hold.
struct Split<'a, R: SettleParts> {
    hold: &'a mut R,
    part: Option<R>,
}

impl<'a, R: SettleParts> Split<'a, R> {
    fn new(hold: &'a mut R, part: Option<&R::Part>) -> Result<Self, NotReserved> {
        let part = part.map(|part| hold.split(part)).transpose()?;
        Ok(Self { hold, part })
    }

    /// The change is decided: the part stays apart.
    fn keep(mut self) -> Option<R> {
        self.part.take()
    }
}

impl<R: SettleParts> Drop for Split<'_, R> {
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            self.hold.merge(part);
        }
    }
}

impl<K, R: SettleParts, Q, M: Copy> Shard<K, R, Q, M> {
    /// Begins to amend a hold that is active, unless it is for this request already.
    pub(super) fn begin_amend<B, W>(
        &mut self,
        name: Name<'_, B>,
        request: &Q,
        call: &mut Call<'_, K, Q, W>,
    ) -> Amend<R::Part, M>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
        Q: PartialEq,
        W: Hook<K, R, Q, Mark = M>,
    {
        let Some(id) = self.find(name, call.at) else {
            return Amend::Answer((Err(HoldError::Unknown), None));
        };
        let answer = match self.active(id, call) {
            Ok(()) if self.slots[id].state.hold().request == *request => {
                Ok(Placed::Before(self.held(id, call.at)))
            }
            Ok(()) => {
                let all = self.slots[id].state.hold().hold.all();
                self.begin_work(id);
                return Amend::Begun(id, all);
            }
            Err(error) => Err(error),
        };
        Amend::Answer((answer, self.mark(id)))
    }

    /// Ends what [`begin_amend`](Self::begin_amend) began. On an error the key is still in progress.
    pub(super) fn amend<W>(
        &mut self,
        id: Id,
        request: Q,
        amendment: Amendment<R>,
        call: &Call<'_, K, Q, W>,
    ) -> Result<Amended<R, Q, M>, NotAmended>
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let Amendment { taken, given } = amendment;
        let slot = &mut self.slots[id];
        let hold = slot.state.hold_mut();
        if hold.is_expired(call.at) {
            return Err(NotAmended::Expired);
        }
        if taken
            .as_ref()
            .is_some_and(|taken| !hold.hold.can_merge(taken))
        {
            return Err(NotAmended::OtherStock);
        }
        let split = Split::new(&mut hold.hold, given.as_ref()).map_err(NotAmended::NotReserved)?;
        let more = taken.as_ref().map_or(0, R::units);
        let units = split.hold.units().wrapping_add(more);
        if units == 0 {
            return Err(NotAmended::ZeroUnits);
        }
        let change = Change::Amended {
            to: &request,
            kept: &*split.hold,
            taken: taken.as_ref(),
            given: split.part.as_ref(),
        };
        let mark = call.hook.before(&slot.key, &hold.request, &change);
        let mark = mark.map_err(|Declined| NotAmended::Declined)?;
        let given = split.keep();
        if let Some(taken) = taken {
            hold.hold.merge(taken);
        }
        let before = mem::replace(&mut hold.units, units);
        let request = mem::replace(&mut hold.request, request);
        hold.mark = mark;
        let held = hold.held(call.at);
        self.units = self.units.wrapping_sub(before).wrapping_add(units);
        self.given_back += u64::from(given.is_some());
        self.end_work(id);
        Ok(Amended {
            held,
            mark,
            given,
            _request: request,
        })
    }

    /// Confirms or releases a part of a hold that is active, and returns what stays held. If that is
    /// nothing, the hold is settled as a whole.
    pub(super) fn settle_part<B, W>(
        &mut self,
        name: Name<'_, B>,
        part: &R::Part,
        to: Resolution,
        call: &mut Call<'_, K, Q, W>,
    ) -> Marked<Result<Option<Held>, PartError>, M>
    where
        K: Borrow<B>,
        B: Eq + ?Sized,
        W: Hook<K, R, Q, Mark = M>,
    {
        let Some(id) = self.find(name, call.at) else {
            return (Err(HoldError::Unknown.into()), None);
        };
        let answer = match self.active(id, call) {
            Ok(()) => self.settle_part_of(id, part, to, call),
            Err(error) => Err(error.into()),
        };
        (answer, self.mark(id))
    }

    fn settle_part_of<W>(
        &mut self,
        id: Id,
        part: &R::Part,
        to: Resolution,
        call: &mut Call<'_, K, Q, W>,
    ) -> Result<Option<Held>, PartError>
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let declined = |Declined| PartError::Hold(HoldError::Declined);
        let slot = &mut self.slots[id];
        let hold = slot.state.hold_mut();
        let split = Split::new(&mut hold.hold, Some(part)).map_err(PartError::NotReserved)?;
        let units = split.hold.units();
        let (Some(part), rest) = (&split.part, &*split.hold) else {
            unreachable!("it was split off");
        };
        if part.units() == 0 {
            return Err(PartError::ZeroUnits);
        }
        if units == 0 {
            drop(split);
            return self.end(id, to, call).map(|()| None).map_err(declined);
        }
        let change = match to {
            Resolution::Confirmed => Change::PartConfirmed { part, rest },
            _ => Change::PartReleased { part, rest },
        };
        let mark = call.hook.before(&slot.key, &hold.request, &change);
        hold.mark = mark.map_err(declined)?;
        let part = split.keep();
        let before = mem::replace(&mut hold.units, units);
        let held = hold.held(call.at);
        self.units = self.units.wrapping_sub(before).wrapping_add(units);
        self.given_back += u64::from(to != Resolution::Confirmed);
        match to {
            Resolution::Confirmed => part.into_iter().for_each(R::commit),
            _ => part.into_iter().for_each(R::release),
        }
        Ok(Some(held))
    }
}
