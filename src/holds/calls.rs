//! The calls on a hold as a whole.

use super::answers::{Held, Placed, Resolution, Settled, Status};
use super::errors::{HoldError, PlaceError, RetakeError};
use super::hook::{Declined, Hook};
use super::settling::Retake;
use super::shard::{Call, Found, Freed, Marked, PlaceAnswer};
use super::slots::Id;
use super::work::{InProgress, Lockable, Short, deadline};
use super::{Holds, shard};
use crate::clock::Clock;
use crate::settle::Settle;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

impl<K, R, Q, C, H, W> Holds<K, R, Q, C, H, W>
where
    K: Hash + Eq,
    R: Settle,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    /// Reserves what `request` asks for and holds it under `key` for `ttl`; once, however often
    /// it is called.
    ///
    /// `Ok` means that the key is held: [placed now](Placed::Now), or
    /// [before](Placed::Before) by a call with this request.
    ///
    /// `reserve` may run several times, if it is refused and units of other holds come back. It runs without a
    /// lock, and may call these holds for other keys. If it panics, the key is as it was. The clock
    /// is read before each run; the deadline is `ttl` after the reading that preceded the successful run.
    ///
    /// # Errors
    ///
    /// - [`PlaceError::Refused`]: `reserve` failed, and no expired hold was left to free;
    /// - [`PlaceError::Busy`]: `reserve` failed, and expired holds could not be freed;
    /// - [`PlaceError::Resolved`] if the hold under this key ended; it says how;
    /// - [`PlaceError::Overdue`] if the hold under this key has expired and is not freed;
    /// - [`PlaceError::Conflict`] if the key was placed for another request;
    /// - [`PlaceError::InProgress`] if another call works on the key: retry later;
    /// - [`PlaceError::Declined`] if the hook declined;
    /// - [`PlaceError::ZeroUnits`] if the reservation has no units;
    /// - [`PlaceError::ZeroTtl`] if `ttl` is zero;
    /// - [`PlaceError::TtlOverflow`] if the deadline is further away than the clock can tell.
    ///
    /// After an error nothing is reserved by this call.
    pub fn place<E>(
        &self,
        key: K,
        request: Q,
        ttl: Duration,
        reserve: impl FnMut(&Q) -> Result<R, E>,
    ) -> Result<Placed, PlaceError<E>>
    where
        Q: PartialEq,
    {
        self.place_marked(key, request, ttl, reserve, None).0
    }

    /// Sells what is held under `key`.
    ///
    /// # Errors
    ///
    /// - [`HoldError::Expired`] after the deadline: the payment came too late. The units may still
    ///   be in stock: see [`confirm_or_retake`](Self::confirm_or_retake);
    /// - [`HoldError::Overdue`] after the deadline, if the hold could not be freed;
    /// - [`HoldError::Released`] if it was released;
    /// - [`HoldError::Unknown`] if the key was never placed, or is forgotten;
    /// - [`HoldError::InProgress`] while another call works on it;
    /// - [`HoldError::Declined`] if the hook declined.
    #[doc(alias = "pay")]
    pub fn confirm<B>(&self, key: &B) -> Result<Settled, HoldError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.settle_marked(key, Resolution::Confirmed, None).0
    }

    /// Sells what is held under `key`. If the hold has expired, `reserve` is called to reserve its
    /// units again, and those are sold.
    ///
    /// `reserve` is given the request that the key was placed for, and the units that were held when
    /// it expired: fewer than were asked for, if a [part](Self::confirm_part) had been settled before.
    /// It runs as in [`place`](Self::place). An expired hold that no call has freed yet is sold as it
    /// is, without calling `reserve`. The same holds where expiry is
    /// [left to its owner](crate::HoldsBuilder::expiry_by_owner).
    ///
    /// # Errors
    ///
    /// - [`RetakeError::Refused`] and [`RetakeError::Busy`], as for [`place`](Self::place): it stays
    ///   expired;
    /// - [`RetakeError::ZeroUnits`] if the reservation has no units: it stays expired;
    /// - [`RetakeError::Hold`] with [`HoldError::Unknown`], [`HoldError::Released`],
    ///   [`HoldError::InProgress`] or [`HoldError::Declined`], as for [`confirm`](Self::confirm).
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::{HoldError, Holds, ManualClock, Settled, Stock};
    /// use std::time::Duration;
    ///
    /// let (stock, clock) = (Stock::new(5), ManualClock::new());
    /// let holds = Holds::builder().clock(&clock).build();
    /// let minute = Duration::from_secs(60);
    /// let placed = holds.place(17, 2, minute, |&units| stock.reserve(units))?;
    /// assert_eq!(placed.held().units, 2);
    ///
    /// clock.advance(minute);
    /// assert_eq!(holds.confirm(&17), Err(HoldError::Expired));
    /// let late = holds.confirm_or_retake(&17, |_, units| stock.reserve(units));
    /// assert_eq!(late, Ok(Settled::Now));
    /// assert_eq!(stock.snapshot().sold, 2);
    /// # Ok::<(), segstock::PlaceError<segstock::OutOfStock>>(())
    /// ```
    pub fn confirm_or_retake<B, E>(
        &self,
        key: &B,
        reserve: impl FnMut(&Q, u64) -> Result<R, E>,
    ) -> Result<Settled, RetakeError<E>>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
        Q: Clone,
    {
        self.retake_marked(key, reserve, None).0
    }

    /// Gives back what is held under `key`. A second release is [`Settled::Before`].
    ///
    /// # Errors
    ///
    /// - [`HoldError::Confirmed`] if it was confirmed;
    /// - [`HoldError::Expired`], [`HoldError::Overdue`], [`HoldError::Unknown`],
    ///   [`HoldError::InProgress`] and [`HoldError::Declined`], as for [`confirm`](Self::confirm).
    #[doc(alias = "cancel")]
    pub fn release<B>(&self, key: &B) -> Result<Settled, HoldError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.settle_marked(key, Resolution::Released, None).0
    }

    /// Moves the deadline of a hold to `ttl` from now, later or sooner than it was.
    ///
    /// # Errors
    ///
    /// - [`HoldError::ZeroTtl`] if `ttl` is zero;
    /// - [`HoldError::TtlOverflow`] if the deadline is further away than the clock can tell;
    /// - [`HoldError::Confirmed`] if it was confirmed;
    /// - all errors of [`confirm`](Self::confirm).
    pub fn extend<B>(&self, key: &B, ttl: Duration) -> Result<Held, HoldError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.extend_marked(key, ttl, None).0
    }

    /// What is known of `key`: what is held and for how long, or how the hold ended, as long as the
    /// retention lasts; and the request that it was placed for.
    #[must_use]
    pub fn get<B>(&self, key: &B) -> Option<Status<Q>>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
        Q: Clone,
    {
        self.get_marked(key, None).0
    }

    /// Forgets a key whose hold ended, so that it can be placed for another order, and returns how the
    /// hold ended.
    ///
    /// # Errors
    ///
    /// [`HoldError::Held`], [`HoldError::Overdue`] or [`HoldError::InProgress`]: the hold has not ended.
    /// [`HoldError::Unknown`]: there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::{Holds, PlaceError, Placed, Resolution, Stock};
    /// use std::time::Duration;
    ///
    /// let stock = Stock::new(5);
    /// let holds = Holds::new();
    /// let basket = |units| {
    ///     holds.place("basket", units, Duration::from_secs(60), |&units| stock.reserve(units))
    /// };
    /// assert!(basket(2).is_ok());
    /// holds.confirm("basket")?;
    /// assert_eq!(basket(2), Err(PlaceError::Resolved(Resolution::Confirmed)));
    ///
    /// assert_eq!(holds.forget("basket"), Ok(Resolution::Confirmed));
    /// assert!(matches!(basket(3), Ok(Placed::Now(_))));
    /// # Ok::<(), segstock::HoldError>(())
    /// ```
    pub fn forget<B>(&self, key: &B) -> Result<Resolution, HoldError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.forget_marked(key, None).0
    }

    /// Frees the expired hold under `key`: for the owner of the expiry, if it is
    /// [left to one](crate::HoldsBuilder::expiry_by_owner). If the hold was freed before, the answer is
    /// [`Settled::Before`].
    ///
    /// # Errors
    ///
    /// - [`HoldError::Held`] before the deadline;
    /// - [`HoldError::Confirmed`] or [`HoldError::Released`] if it ended in that way;
    /// - [`HoldError::Unknown`], [`HoldError::InProgress`] and [`HoldError::Declined`], as for
    ///   [`confirm`](Self::confirm).
    pub fn expire<B>(&self, key: &B) -> Result<Settled, HoldError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.expire_marked(key, None).0
    }

    /// Frees expired holds and forgets keys past their retention, at most `limit` of each, and returns
    /// how many holds it freed. Call it on a timer if you also sell from the stock directly, want memory
    /// back in quiet times, or own the expiry.
    pub fn sweep(&self, limit: usize) -> usize {
        self.sweep_noting(limit, None)
    }

    pub(super) fn sweep_noting(&self, limit: usize, freed: Freed<'_, K, Q>) -> usize {
        let mut call = self.call(freed);
        call.leaves_expired = false;
        let mut left = limit;
        for shard in &self.shards {
            if left == 0 {
                break;
            }
            left -= self.lock(shard).forget(call.at, left);
        }
        self.free_expired(&mut call, limit).holds
    }

    pub(super) fn place_marked<E>(
        &self,
        key: K,
        request: Q,
        ttl: Duration,
        reserve: impl FnMut(&Q) -> Result<R, E>,
        freed: Freed<'_, K, Q>,
    ) -> Marked<PlaceAnswer<E>, W::Mark>
    where
        Q: PartialEq,
    {
        let mut call = self.call(freed);
        let ttl = match deadline(call.at, ttl) {
            Ok(deadline) => deadline - call.at.now,
            Err(error) => return (Err(PlaceError::of_key(error)), None),
        };
        let hash = self.hash(&key);
        let shard = self.shard_of(hash);
        let found = self.with(shard, &mut call, |shard, call| {
            shard.begin(hash, key, &request, call)
        });
        let id = match found {
            Found::Nothing(id) => id,
            Found::Answer(answer) => return answer,
        };
        match self.place_begun((shard, id), request, ttl, reserve, &mut call) {
            Ok((held, mark)) => (Ok(Placed::Now(held)), Some(mark)),
            Err(error) => (Err(error), None),
        }
    }

    /// Reserves for a key that this call is placing.
    fn place_begun<E>(
        &self,
        (shard, id): (&Lockable<K, R, Q, W::Mark>, Id),
        request: Q,
        ttl: u64,
        mut reserve: impl FnMut(&Q) -> Result<R, E>,
        call: &mut Call<'_, K, Q, W>,
    ) -> Result<(Held, W::Mark), PlaceError<E>> {
        let placing = InProgress::new(shard, |shard| shard.abandon(id));
        let hold = match self.reserve(call, || reserve(&request)) {
            Ok(hold) => hold,
            Err(Short::Refused(error)) => return Err(PlaceError::Refused(error)),
            Err(Short::Busy(error)) => return Err(PlaceError::Busy(error)),
        };
        let units = hold.units();
        if units == 0 {
            return Err(PlaceError::ZeroUnits);
        }
        let deadline = call.at.now.saturating_add(ttl);
        let placed = shard
            .lock()
            .hold(id, request, hold, (units, deadline), call);
        let mark = placed.map_err(|Declined| PlaceError::Declined)?;
        placing.over();
        let remaining = Duration::from_nanos(ttl);
        Ok((Held { units, remaining }, mark))
    }

    pub(super) fn settle_marked<B>(
        &self,
        key: &B,
        to: Resolution,
        freed: Freed<'_, K, Q>,
    ) -> Marked<Result<Settled, HoldError>, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.on_key(key, freed, |shard, name, call| shard.settle(name, to, call))
    }

    pub(super) fn retake_marked<B, E>(
        &self,
        key: &B,
        mut reserve: impl FnMut(&Q, u64) -> Result<R, E>,
        freed: Freed<'_, K, Q>,
    ) -> Marked<Result<Settled, RetakeError<E>>, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
        Q: Clone,
    {
        let mut call = self.call(freed);
        let name = self.name(key);
        let shard = self.shard_of(name.hash);
        let found = self.with(shard, &mut call, |shard, call| {
            shard.settle_or_retake(name, call)
        });
        let (id, request, units, mark) = match found {
            Retake::Answer((answer, mark)) => return (answer.map_err(RetakeError::Hold), mark),
            Retake::Expired {
                id,
                request,
                units,
                mark,
            } => (id, request, units, mark),
        };
        let reserve = || reserve(&request, units);
        match self.retake_begun((shard, id), reserve, &mut call) {
            Ok(mark) => (Ok(Settled::Now), Some(mark)),
            Err(error) => (Err(error), Some(mark)),
        }
    }

    /// Reserves for a key that this call found expired, and confirms it.
    fn retake_begun<E>(
        &self,
        (shard, id): (&Lockable<K, R, Q, W::Mark>, Id),
        reserve: impl FnMut() -> Result<R, E>,
        call: &mut Call<'_, K, Q, W>,
    ) -> Result<W::Mark, RetakeError<E>> {
        let retaking = InProgress::new(shard, |shard| shard.end_work(id));
        let hold = match self.reserve(call, reserve) {
            Ok(hold) => hold,
            Err(Short::Refused(error)) => return Err(RetakeError::Refused(error)),
            Err(Short::Busy(error)) => return Err(RetakeError::Busy(error)),
        };
        let units = hold.units();
        if units == 0 {
            return Err(RetakeError::ZeroUnits);
        }
        let mut locked = shard.lock();
        let confirmed = locked.confirm_retaken(id, &hold, units, call);
        let mark = confirmed.map_err(|Declined| RetakeError::Hold(HoldError::Declined))?;
        retaking.over();
        hold.commit();
        Ok(mark)
    }

    pub(super) fn extend_marked<B>(
        &self,
        key: &B,
        ttl: Duration,
        freed: Freed<'_, K, Q>,
    ) -> Marked<Result<Held, HoldError>, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.on_key(key, freed, |shard, name, call| {
            match deadline(call.at, ttl) {
                Ok(deadline) => shard.extend(name, deadline, call),
                Err(error) => (Err(error), None),
            }
        })
    }

    pub(super) fn get_marked<B>(
        &self,
        key: &B,
        freed: Freed<'_, K, Q>,
    ) -> Marked<Option<Status<Q>>, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
        Q: Clone,
    {
        self.on_key(key, freed, |shard, name, call| shard.status(name, call))
    }

    pub(super) fn forget_marked<B>(
        &self,
        key: &B,
        freed: Freed<'_, K, Q>,
    ) -> Marked<Result<Resolution, HoldError>, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.on_key(key, freed, |shard, name, call| shard.forget_key(name, call))
    }

    pub(super) fn expire_marked<B>(
        &self,
        key: &B,
        freed: Freed<'_, K, Q>,
    ) -> Marked<Result<Settled, HoldError>, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.on_key(key, freed, |shard, name, call| shard.expire(name, call))
    }

    /// Works on the shard of a key.
    #[inline]
    pub(super) fn on_key<'k, B, T>(
        &self,
        key: &'k B,
        freed: Freed<'_, K, Q>,
        work: impl FnOnce(
            &mut shard::Shard<K, R, Q, W::Mark>,
            shard::Name<'k, B>,
            &mut Call<'_, K, Q, W>,
        ) -> T,
    ) -> T
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        let mut call = self.call(freed);
        let name = self.name(key);
        let shard = self.shard_of(name.hash);
        self.with(shard, &mut call, |shard, call| work(shard, name, call))
    }
}
