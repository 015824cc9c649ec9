//! The calls that change what a hold holds.

use super::Holds;
use super::answers::{Amendment, Held, Placed, Resolution};
use super::dividing::{Amend, NotAmended};
use super::errors::{AmendError, HoldError, PartError};
use super::hook::Hook;
use super::shard::{Call, Freed, Marked};
use super::slots::Id;
use super::work::{InProgress, Lockable, Short};
use crate::clock::Clock;
use crate::settle::{Settle, SettleParts};
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

impl<K, R, Q, C, H, W> Holds<K, R, Q, C, H, W>
where
    K: Hash + Eq,
    R: SettleParts,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    /// Changes what is held under `key` from one request to another, in one step: all or nothing. The
    /// deadline stays.
    ///
    /// `change` gets all that is held and the new request. It returns the missing units, reserved, and the part that
    /// is to be given back. When the amendment takes effect, the first are added and then the second given back, so no
    /// unit is given back before all missing ones are reserved. `change` runs without a lock, and again after expired
    /// holds were freed if it was refused; meanwhile the key is in progress.
    ///
    /// If the hold already has this request (a retry), the answer is [`Placed::Before`].
    ///
    /// # Errors
    ///
    /// - [`AmendError::Refused`] and [`AmendError::Busy`], as for [`place`](Self::place);
    /// - [`AmendError::NotReserved`] if something is to be given back that is not held;
    /// - [`AmendError::OtherStock`] if what was reserved is of another stock or inventory than the hold;
    /// - [`AmendError::ZeroUnits`] if nothing would stay held;
    /// - [`AmendError::Hold`] with [`HoldError::Confirmed`] if it was confirmed, or with an error of
    ///   [`confirm`](Self::confirm).
    ///
    /// After an error, this call has changed nothing of the hold and its request; the hold may have expired meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::{Amendment, Holds, Placed, Stock};
    /// use std::time::Duration;
    ///
    /// let stock = Stock::new(5);
    /// let holds = Holds::new();
    /// let placed = holds.place("basket", 2, Duration::from_secs(60), |&units| stock.reserve(units));
    /// assert!(placed.is_ok());
    ///
    /// let amend = |units: u64| {
    ///     holds.amend("basket", units, |&held, &units| match units.checked_sub(held) {
    ///         Some(missing) => stock.reserve(missing).map(Amendment::take),
    ///         None => Ok(Amendment::give(held - units)),
    ///     })
    /// };
    /// assert!(matches!(amend(4), Ok(Placed::Now(hold)) if hold.units == 4));
    /// assert!(matches!(amend(4), Ok(Placed::Before(_))));
    /// assert!(amend(6).is_err());
    /// assert!(matches!(amend(1), Ok(Placed::Now(hold)) if hold.units == 1));
    /// assert_eq!(stock.snapshot().reserved, 1);
    /// ```
    pub fn amend<B, E>(
        &self,
        key: &B,
        request: Q,
        change: impl FnMut(&R::Part, &Q) -> Result<Amendment<R>, E>,
    ) -> Result<Placed, AmendError<E>>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
        Q: PartialEq,
    {
        self.amend_marked(key, request, change, None).0
    }

    /// Sells a part of what is held under `key`, and returns what stays held: `None` if this part was the last and the
    /// hold is now confirmed. The request stays what it was.
    ///
    /// The call cannot tell a retry from a second part: see [`get`](Self::get) for the units that are
    /// still held.
    ///
    /// # Errors
    ///
    /// - [`PartError::NotReserved`] if the part is not held in full;
    /// - [`PartError::ZeroUnits`] if it has no units;
    /// - [`PartError::Hold`] with [`HoldError::Confirmed`] if it was confirmed, or with an error of
    ///   [`confirm`](Self::confirm).
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock::{Holds, Resolution, Stock};
    /// use std::time::Duration;
    ///
    /// let stock = Stock::new(5);
    /// let holds = Holds::new();
    /// let placed = holds.place("order-17", 3, Duration::from_secs(60), |&units| stock.reserve(units));
    /// assert!(placed.is_ok());
    ///
    /// // Two are shipped, and the customer does without the third.
    /// let rest = holds.confirm_part("order-17", &2)?;
    /// assert_eq!(rest.map(|held| held.units), Some(1));
    /// assert_eq!(holds.release_part("order-17", &1)?, None);
    /// let snapshot = stock.snapshot();
    /// assert_eq!((snapshot.available, snapshot.reserved, snapshot.sold), (3, 0, 2));
    /// # Ok::<(), segstock::PartError>(())
    /// ```
    pub fn confirm_part<B>(&self, key: &B, part: &R::Part) -> Result<Option<Held>, PartError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.part_marked(key, part, Resolution::Confirmed, None).0
    }

    /// Gives back a part of what is held under `key`, and returns what stays held: `None` if this part was the last
    /// and the hold is now released. Otherwise it is as [`confirm_part`](Self::confirm_part).
    ///
    /// # Errors
    ///
    /// As for [`confirm_part`](Self::confirm_part).
    pub fn release_part<B>(&self, key: &B, part: &R::Part) -> Result<Option<Held>, PartError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.part_marked(key, part, Resolution::Released, None).0
    }

    pub(super) fn part_marked<B>(
        &self,
        key: &B,
        part: &R::Part,
        to: Resolution,
        freed: Freed<'_, K, Q>,
    ) -> Marked<Result<Option<Held>, PartError>, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        self.on_key(key, freed, |shard, name, call| {
            shard.settle_part(name, part, to, call)
        })
    }

    pub(super) fn amend_marked<B, E>(
        &self,
        key: &B,
        request: Q,
        change: impl FnMut(&R::Part, &Q) -> Result<Amendment<R>, E>,
        freed: Freed<'_, K, Q>,
    ) -> Marked<Result<Placed, AmendError<E>>, W::Mark>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
        Q: PartialEq,
    {
        let mut call = self.call(freed);
        let name = self.name(key);
        let shard = self.shard_of(name.hash);
        let found = self.with(shard, &mut call, |shard, call| {
            shard.begin_amend(name, &request, call)
        });
        let (id, all) = match found {
            Amend::Answer((answer, mark)) => return (answer.map_err(AmendError::Hold), mark),
            Amend::Begun(id, all) => (id, all),
        };
        match self.amend_begun((shard, id), &all, request, change, &mut call) {
            Ok((held, mark)) => (Ok(Placed::Now(held)), Some(mark)),
            // The mark is looked up again: another call may have changed the hold since.
            Err(error) => {
                let name = self.name(key);
                let (active, mark) =
                    self.with(shard, &mut call, |shard, call| shard.look(name, call));
                (Err(error.or_what_became(active)), mark)
            }
        }
    }

    /// Reserves for a hold that this call is amending, and amends it.
    fn amend_begun<E>(
        &self,
        (shard, id): (&Lockable<K, R, Q, W::Mark>, Id),
        all: &R::Part,
        request: Q,
        mut change: impl FnMut(&R::Part, &Q) -> Result<Amendment<R>, E>,
        call: &mut Call<'_, K, Q, W>,
    ) -> Result<(Held, W::Mark), AmendError<E>> {
        let amending = InProgress::new(shard, |shard| shard.end_work(id));
        let amendment = match self.reserve(call, || change(all, &request)) {
            Ok(amendment) => amendment,
            Err(Short::Refused(error)) => return Err(AmendError::Refused(error)),
            Err(Short::Busy(error)) => return Err(AmendError::Busy(error)),
        };
        let mut locked = self.lock(shard);
        let amended = locked.amend(id, request, amendment, call)?;
        amending.over();
        amended.given.into_iter().for_each(Settle::release);
        Ok((amended.held, amended.mark))
    }
}

impl<E> From<NotAmended> for AmendError<E> {
    fn from(error: NotAmended) -> Self {
        match error {
            NotAmended::NotReserved(error) => Self::NotReserved(error),
            NotAmended::OtherStock => Self::OtherStock,
            NotAmended::ZeroUnits => Self::ZeroUnits,
            NotAmended::Declined => Self::Hold(HoldError::Declined),
            // `or_what_became` replaces it by what became of the hold.
            NotAmended::Expired => Self::Hold(HoldError::Overdue),
        }
    }
}

impl<E> AmendError<E> {
    /// If the deadline passed while the hold was being amended: what became of the hold since. If another call has
    /// placed the key again, the caller is to ask again: *in progress*.
    fn or_what_became(self, active: Result<(), HoldError>) -> Self {
        match (self, active) {
            (Self::Hold(HoldError::Overdue), Err(error)) => Self::Hold(error),
            (Self::Hold(HoldError::Overdue), Ok(())) => Self::Hold(HoldError::InProgress),
            (error, _) => error,
        }
    }
}
