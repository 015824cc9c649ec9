//! [`Detailed`]: calls whose answers come with the key's mark and the keys that expired.

use super::Holds;
use super::answers::{Amendment, Held, Placed, Resolution, Settled, Status};
use super::errors::{AmendError, HoldError, PartError, PlaceError, RetakeError};
use super::hook::Hook;
use super::shard::{Freed, Marked};
use crate::clock::Clock;
use crate::settle::{Settle, SettleParts};
use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// An answer, and what else the call knows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "the answer is in it"]
pub struct Detail<T, K, M = ()> {
    /// The answer of the call.
    pub answer: T,
    /// The [hook](Hook)'s mark of the last change of the call's key, read in one step with the answer; `None` if no change of the
    /// key is known.
    pub mark: Option<M>,
    /// The keys of the holds that this call expired, its own included.
    pub expired: Vec<K>,
}

/// The calls of [`Holds`], each with a [`Detail`]; made by [`Holds::detailed`].
pub struct Detailed<'a, K, R, Q, C, H, W: Hook<K, R, Q>>(&'a Holds<K, R, Q, C, H, W>);

impl<K, R, Q, C, H, W> Holds<K, R, Q, C, H, W>
where
    K: Hash + Eq,
    R: Settle,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    /// The calls of these holds, whose answers come with the mark of the key and with the keys that
    /// the call expired. To learn of every key that any call expires, use a [`Hook`].
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::{Holds, ManualClock, Stock};
    /// use std::time::Duration;
    ///
    /// let (stock, clock) = (Stock::new(5), ManualClock::new());
    /// let holds = Holds::builder().clock(&clock).build();
    /// let minute = Duration::from_secs(60);
    /// let placed = holds.place(17, 2, minute, |&units| stock.reserve(units));
    /// assert!(placed.is_ok());
    ///
    /// clock.advance(minute);
    /// assert_eq!(holds.detailed().sweep(100).expired, [17]);
    /// ```
    pub const fn detailed(&self) -> Detailed<'_, K, R, Q, C, H, W>
    where
        K: Clone,
    {
        Detailed(self)
    }
}

impl<K, R, Q, C, H, W> Detailed<'_, K, R, Q, C, H, W>
where
    K: Hash + Eq + Clone,
    R: Settle,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    fn detail<T>(
        &self,
        call: impl FnOnce(Freed<'_, K, Q>) -> Marked<T, W::Mark>,
    ) -> Detail<T, K, W::Mark> {
        let mut expired = Vec::new();
        let (answer, mark) = call(Some(&mut |key, _| expired.push(key.clone())));
        Detail {
            answer,
            mark,
            expired,
        }
    }

    /// See [`Holds::place`].
    pub fn place<E>(
        &self,
        key: K,
        request: Q,
        ttl: Duration,
        reserve: impl FnMut(&Q) -> Result<R, E>,
    ) -> Detail<Result<Placed, PlaceError<E>>, K, W::Mark>
    where
        Q: PartialEq,
    {
        self.detail(|freed| self.0.place_marked(key, request, ttl, reserve, freed))
    }

    /// See [`Holds::confirm`].
    pub fn confirm<B>(&self, key: &B) -> Detail<Result<Settled, HoldError>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.detail(|freed| self.0.settle_marked(key, Resolution::Confirmed, freed))
    }

    /// See [`Holds::confirm_or_retake`].
    pub fn confirm_or_retake<B, E>(
        &self,
        key: &B,
        reserve: impl FnMut(&Q, u64) -> Result<R, E>,
    ) -> Detail<Result<Settled, RetakeError<E>>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
        Q: Clone,
    {
        self.detail(|freed| self.0.retake_marked(key, reserve, freed))
    }

    /// See [`Holds::release`].
    pub fn release<B>(&self, key: &B) -> Detail<Result<Settled, HoldError>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.detail(|freed| self.0.settle_marked(key, Resolution::Released, freed))
    }

    /// See [`Holds::extend`].
    pub fn extend<B>(&self, key: &B, ttl: Duration) -> Detail<Result<Held, HoldError>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.detail(|freed| self.0.extend_marked(key, ttl, freed))
    }

    /// See [`Holds::get`].
    pub fn get<B>(&self, key: &B) -> Detail<Option<Status<Q>>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
        Q: Clone,
    {
        self.detail(|freed| self.0.get_marked(key, freed))
    }

    /// See [`Holds::forget`].
    pub fn forget<B>(&self, key: &B) -> Detail<Result<Resolution, HoldError>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.detail(|freed| self.0.forget_marked(key, freed))
    }

    /// See [`Holds::expire`].
    pub fn expire<B>(&self, key: &B) -> Detail<Result<Settled, HoldError>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.detail(|freed| self.0.expire_marked(key, freed))
    }

    /// See [`Holds::sweep`].
    pub fn sweep(&self, limit: usize) -> Detail<usize, K, W::Mark> {
        self.detail(|freed| (self.0.sweep_noting(limit, freed), None))
    }
}

impl<K, R, Q, C, H, W> Detailed<'_, K, R, Q, C, H, W>
where
    K: Hash + Eq + Clone,
    R: SettleParts,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    /// See [`Holds::amend`].
    pub fn amend<B, E>(
        &self,
        key: &B,
        request: Q,
        change: impl FnMut(&R::Part, &Q) -> Result<Amendment<R>, E>,
    ) -> Detail<Result<Placed, AmendError<E>>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
        Q: PartialEq,
    {
        self.detail(|freed| self.0.amend_marked(key, request, change, freed))
    }

    /// See [`Holds::confirm_part`].
    pub fn confirm_part<B>(
        &self,
        key: &B,
        part: &R::Part,
    ) -> Detail<Result<Option<Held>, PartError>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        let to = Resolution::Confirmed;
        self.detail(|freed| self.0.part_marked(key, part, to, freed))
    }

    /// See [`Holds::release_part`].
    pub fn release_part<B>(
        &self,
        key: &B,
        part: &R::Part,
    ) -> Detail<Result<Option<Held>, PartError>, K, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        let to = Resolution::Released;
        self.detail(|freed| self.0.part_marked(key, part, to, freed))
    }
}

impl<K, R, Q, C, H, W: Hook<K, R, Q>> fmt::Debug for Detailed<'_, K, R, Q, C, H, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detailed").finish_non_exhaustive()
    }
}
