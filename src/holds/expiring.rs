//! How a shard frees expired holds, forgets keys, and gives memory back.

use super::answers::Resolution;
use super::hook::{Declined, Hook};
use super::shard::{Call, Shard};
use super::slots::Id;
use super::state::{Moment, State};
use super::times::{Timed, Times};
use crate::settle::Settle;
use std::mem;

/// The most expired holds that a call frees besides its own key, and the most keys that it forgets. Both are more than a call can
/// add, so that while calls come neither expired holds nor old keys pile up.
const BESIDES: usize = 2;

/// If the hook declines this number of expired holds of a shard, a call that needs units goes on to the next shard.
const PATIENCE: usize = 64;

/// What a call freed.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Expiry {
    pub(super) holds: usize,
    /// Whether the call met an expired hold that it could not free.
    pub(super) some_left: bool,
}

impl<K, R, Q, M> Shard<K, R, Q, M> {
    /// Forgets keys whose retention has ended, at most `limit`.
    pub(super) fn forget(&mut self, at: Moment, limit: usize) -> usize {
        let mut forgotten = 0;
        while forgotten < limit
            && let Some((until, id)) = self.retained.first(&self.slots)
            && until <= at.now
        {
            self.retained.remove(id, &mut self.slots);
            self.slots.remove(id);
            forgotten += 1;
        }
        self.shrink_if_sparse();
        forgotten
    }

    pub(super) fn shrink_if_sparse(&mut self) {
        if self.placing == 0 && self.in_progress.is_empty() && self.slots.is_sparse() {
            self.shrink();
        }
    }

    /// Gives memory back after a rush. This moves slots, and the slot of a key on which a call works without the lock must
    /// not move: the caller has checked that there is none.
    #[cold]
    fn shrink(&mut self) {
        let smaller = self.slots.smaller();
        let mut slots = mem::replace(&mut self.slots, smaller);
        for times in [&mut self.deadlines, &mut self.retained] {
            let mut before = mem::replace(times, Times::new());
            while let Some((time, id)) = before.first(&slots) {
                before.remove(id, &mut slots);
                let id = self.slots.move_in(slots.remove(id));
                times.add(id, time, &mut self.slots);
            }
        }
    }

    /// Holds that a call works on without the lock, and whose deadline has passed.
    pub(super) fn expired_in_progress(&self, at: Moment) -> impl Iterator<Item = Id> {
        self.in_progress.iter().copied().filter(move |id| {
            let state = &self.slots[*id].state;
            matches!(state, State::Held(_)) && state.time() <= at.now
        })
    }
}

impl<K, R: Settle, Q, M: Copy> Shard<K, R, Q, M> {
    /// Frees at most [`BESIDES`] expired holds, and forgets at most [`BESIDES`] keys past their retention.
    #[inline]
    pub(super) fn tidy<W>(&mut self, call: &mut Call<'_, K, Q, W>)
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        if call.at.now >= self.quiet_until {
            self.tidy_up(call);
        }
    }

    fn tidy_up<W>(&mut self, call: &mut Call<'_, K, Q, W>)
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let now = call.at.now;
        let mut deadline = self.next_deadline(call);
        if deadline <= now {
            self.free_some(call, BESIDES, BESIDES);
            deadline = self.next_deadline(call);
        }
        self.forget(call.at, BESIDES);
        let until = self.retained.first(&self.slots);
        self.quiet_until = until.map_or(deadline, |(until, _)| until.min(deadline));
    }

    /// The first deadline; `u64::MAX` if expiry is left to the owner of the holds.
    fn next_deadline<W>(&self, call: &Call<'_, K, Q, W>) -> u64 {
        let first = self.deadlines.first(&self.slots);
        let first = first.filter(|_| !call.leaves_expired);
        first.map_or(u64::MAX, |(deadline, _)| deadline)
    }

    /// Frees expired holds, at most `limit`.
    pub(super) fn free_expired<W>(&mut self, call: &mut Call<'_, K, Q, W>, limit: usize) -> Expiry
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let (holds, declined) = self.free_some(call, limit, PATIENCE);
        let some_left = declined > 0
            || self.expired_in_progress(call.at).next().is_some()
            || call.leaves_expired && self.next_expired(call.at, 0).is_some();
        Expiry { holds, some_left }
    }

    /// Frees expired holds, at most `limit`. A hold that the hook declines stays; the call goes on to the
    /// next, until the hook has declined `patience` of them. Returns how many it freed, and how many the
    /// hook declined.
    fn free_some<W>(
        &mut self,
        call: &mut Call<'_, K, Q, W>,
        limit: usize,
        patience: usize,
    ) -> (usize, usize)
    where
        W: Hook<K, R, Q, Mark = M>,
    {
        let (mut holds, mut declined) = (0, 0);
        while holds < limit
            && declined < patience
            && !call.leaves_expired
            && let Some(id) = self.next_expired(call.at, declined)
        {
            match self.end(id, Resolution::Expired, call) {
                Ok(()) => holds += 1,
                Err(Declined) => declined += 1,
            }
        }
        (holds, declined)
    }

    /// The next expired hold, after the `declined` ones that the hook has declined.
    fn next_expired(&self, at: Moment, declined: usize) -> Option<Id> {
        self.deadlines.passed(at.now, &self.slots).nth(declined)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::error::OutOfStock;
    use crate::holds::hook::NoHook;
    use crate::holds::settling::Retake;
    use crate::holds::shard::{Found, Name};
    use crate::reservation::Reservation;
    use crate::stock::Stock;

    const RUSH: u64 = 10_000;
    const LONG_AGO: Moment = Moment { now: 0, until: 1 };
    const NOW: Moment = Moment { now: 1, until: 2 };

    type Seats<'a> = Shard<u64, Reservation<&'a Stock>, u64, ()>;

    fn call(at: Moment) -> Call<'static, u64, u64, NoHook> {
        Call {
            at,
            hook: &NoHook,
            leaves_expired: false,
            freed: None,
        }
    }

    fn name(key: &u64) -> Name<'_, u64> {
        Name { hash: *key, key }
    }

    fn begin(shard: &mut Seats<'_>, key: u64, at: Moment) -> Id {
        let found: Found<OutOfStock, ()> = shard.begin(key, key, &1, &mut call(at));
        match found {
            Found::Nothing(id) => id,
            Found::Answer(answer) => panic!("{key} is known: {answer:?}"),
        }
    }

    /// After a rush of which all but one hold is over.
    fn after_a_rush(stock: &Stock) -> Seats<'_> {
        let mut shard = Shard::new();
        for key in 0..RUSH {
            let id = begin(&mut shard, key, LONG_AGO);
            let hold = stock.reserve(1).unwrap();
            let placed = shard.hold(id, 1, hold, (1, u64::MAX), &call(LONG_AGO));
            assert_eq!(placed, Ok(()));
        }
        for key in 1..RUSH {
            let settled = shard.settle(name(&key), Resolution::Confirmed, &mut call(LONG_AGO));
            assert!(settled.0.is_ok());
        }
        assert!(shard.slots.capacity() as u64 >= RUSH);
        shard
    }

    fn assert_shrunk(shard: &Seats<'_>) {
        assert!(shard.slots.capacity() < 100, "{}", shard.slots.capacity());
    }

    #[test]
    fn memory_is_given_back_after_a_rush() {
        let stock = Stock::new(RUSH);
        let mut shard = after_a_rush(&stock);
        assert_eq!(shard.forget(NOW, usize::MAX) as u64, RUSH - 1);
        assert_shrunk(&shard);
        assert_eq!((shard.known(), shard.figures(NOW)), (1, (1, 1)));
    }

    /// One key that has expired, in a shard after a rush, and that a call retakes.
    fn retaking(stock: &Stock) -> (Seats<'_>, Id) {
        let mut shard = after_a_rush(stock);
        let late = Moment {
            now: u64::MAX,
            until: u64::MAX,
        };
        assert_eq!(shard.free_expired(&mut call(late), 1).holds, 1);
        let Retake::Expired { id, units: 1, .. } = shard.settle_or_retake(name(&0), &mut call(NOW))
        else {
            panic!("it has expired")
        };
        shard.forget(NOW, usize::MAX);
        let capacity = shard.slots.capacity() as u64;
        assert!(capacity >= RUSH, "slots stay while a call works on one");
        (shard, id)
    }

    #[test]
    fn memory_is_given_back_after_a_refused_retake() {
        let stock = Stock::new(RUSH);
        let (mut shard, id) = retaking(&stock);
        shard.end_work(id);
        shard.forget(NOW, usize::MAX);
        assert_shrunk(&shard);
        assert_eq!(shard.known(), 1);
    }

    #[test]
    fn memory_is_given_back_after_a_retake() {
        let stock = Stock::new(RUSH);
        let (mut shard, id) = retaking(&stock);
        let hold = stock.reserve(1).unwrap();
        assert_eq!(shard.confirm_retaken(id, &hold, 1, &call(NOW)), Ok(()));
        shard.forget(NOW, usize::MAX);
        assert_shrunk(&shard);
        assert_eq!(shard.known(), 1);
    }

    #[test]
    fn memory_is_given_back_after_a_place_beside_a_rush() {
        let stock = Stock::new(RUSH);
        let mut shard = after_a_rush(&stock);
        let placing = begin(&mut shard, RUSH, NOW);
        shard.forget(NOW, usize::MAX);
        let capacity = shard.slots.capacity() as u64;
        assert!(capacity >= RUSH, "slots stay while a call works on one");
        shard.abandon(placing);
        assert_shrunk(&shard);
        assert_eq!((shard.known(), shard.figures(NOW)), (1, (1, 1)));
    }
}
