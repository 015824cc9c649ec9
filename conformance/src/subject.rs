//! [`Subject`]: what a counter must offer to be judged.

use segstock::{OutOfStock, Reservation, RestockOverflow, StockCounter};
use segstock_model::{Op, Outcome, Refusal, Snapshot};

/// What a call answered: done, refused, or unknown.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Answer<T = ()> {
    /// It happened.
    Done(T),
    /// It did not happen, and changed nothing.
    Refused(Refusal),
    /// Nobody knows, for instance after a time-out: it may have happened, or happen later, or never.
    Unknown,
}

impl<T> Answer<T> {
    /// Refused, for there were too few units; no number is claimed.
    pub const SHORT: Self = Self::Refused(Refusal::Short { available: None });

    /// Refused, for there would be too many units; no number is claimed.
    pub const OVERFLOW: Self = Self::Refused(Refusal::Overflow { on_hand: None });

    pub(super) fn outcome(self, done: impl FnOnce(T) -> Outcome) -> Outcome {
        match self {
            Self::Done(value) => done(value),
            Self::Refused(why) => Outcome::Refused(why),
            Self::Unknown => Outcome::Unknown,
        }
    }
}

/// Done, or refused for there were too few units.
impl From<bool> for Answer {
    fn from(done: bool) -> Self {
        if done { Self::Done(()) } else { Self::SHORT }
    }
}

impl From<Result<(), OutOfStock>> for Answer {
    fn from(result: Result<(), OutOfStock>) -> Self {
        match result {
            Ok(()) => Self::Done(()),
            Err(refusal) => Self::Refused(Refusal::Short {
                available: Some(refusal.available),
            }),
        }
    }
}

impl From<Result<(), RestockOverflow>> for Answer {
    fn from(result: Result<(), RestockOverflow>) -> Self {
        match result {
            Ok(()) => Self::Done(()),
            Err(refusal) => Self::Refused(Refusal::Overflow {
                on_hand: Some(refusal.on_hand),
            }),
        }
    }
}

impl From<segstock::Snapshot> for Answer<Snapshot> {
    fn from(snapshot: segstock::Snapshot) -> Self {
        Self::Done(Snapshot {
            initial: snapshot.initial,
            restocked: snapshot.restocked,
            available: snapshot.available,
            reserved: snapshot.reserved,
            sold: snapshot.sold,
            owed: snapshot.owed,
            withdrawn: snapshot.withdrawn,
        })
    }
}

/// A stock counter that can be judged: it has three calls, and the others if it offers them.
///
/// Every [`StockCounter`] is one. For anything else, write an adapter; where the counter is
/// asynchronous or behind a network, the adapter blocks until it has the answer, or gives up and
/// says [`Answer::Unknown`].
///
/// The trait grows by provided methods only.
///
/// # Examples
///
/// ```
/// use segstock_conformance::{Answer, Options, Subject};
/// use std::sync::Mutex;
///
/// struct Locked(Mutex<u64>);
///
/// impl Subject for Locked {
///     fn deduct(&self, units: u64) -> Answer {
///         let mut left = self.0.lock().unwrap();
///         let enough = *left >= units;
///         *left -= if enough { units } else { 0 };
///         enough.into()
///     }
///
///     fn restock(&self, units: u64) -> Answer {
///         let mut left = self.0.lock().unwrap();
///         let Some(more) = left.checked_add(units) else {
///             return Answer::OVERFLOW;
///         };
///         *left = more;
///         Answer::Done(())
///     }
///
///     fn available(&self) -> Answer<u64> {
///         Answer::Done(*self.0.lock().unwrap())
///     }
/// }
///
/// let open = |units, _segments| Locked(Mutex::new(units));
/// Options::new().limit(u64::MAX).check(open).assert_kept();
/// ```
pub trait Subject: Send + Sync {
    /// Sells `units`, all of them or none.
    fn deduct(&self, units: u64) -> Answer;

    /// Adds `units`, all of them or none.
    fn restock(&self, units: u64) -> Answer;

    /// Units in stock: at one instant of the call no more than this; exact when nothing runs
    /// beside it.
    fn available(&self) -> Answer<u64>;

    /// Sells `units`, or all that are in stock if these are fewer, and says how many it sold.
    fn deduct_up_to(&self, units: u64) -> Option<Answer<u64>> {
        let _ = units;
        None
    }

    /// Takes `units` out of stock for good, or all that are in stock if these are fewer, and says how many it took. The
    /// rest is owed: whatever comes back later pays that first, and is in stock only when nothing is owed.
    fn withdraw(&self, units: u64) -> Option<Answer<u64>> {
        let _ = units;
        None
    }

    /// Owes `units` fewer, or nothing if fewer are owed; says by how many units the debt fell.
    fn forgive(&self, units: u64) -> Option<Answer<u64>> {
        let _ = units;
        None
    }

    /// The sums of one instant of the call. Commits and confirms that overlap it may be shown as not made yet, each as a whole:
    /// their units are shown as reserved still. What is shown as reserved was reserved at some instant of the call, and what is
    /// shown as sold never falls from one snapshot to the next.
    fn snapshot(&self) -> Option<Answer<Snapshot>> {
        None
    }

    /// Reserves `units`, all of them or none.
    fn reserve(&self, units: u64) -> Option<Answer> {
        let _ = units;
        None
    }

    /// Reserves `units`, or all that are in stock if these are fewer, and says how many it reserved.
    fn reserve_up_to(&self, units: u64) -> Option<Answer<u64>> {
        let _ = units;
        None
    }

    /// Sells `units` of those that the calling thread has reserved.
    fn commit(&self, units: u64) -> Option<Answer> {
        let _ = units;
        None
    }

    /// Releases `units` of those that the calling thread has reserved: they are in stock again.
    fn release(&self, units: u64) -> Option<Answer> {
        let _ = units;
        None
    }

    /// Sells `units` in an order whose `flow` runs while nobody else can have them: under the
    /// counter's lock, or with the units reserved. If the flow panics, nothing is sold, and the
    /// panic goes on to the caller.
    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        let _ = (units, flow);
        None
    }

    /// Reserves `units` under `key`, for `ttl` ticks of a clock that only
    /// [`advance`](Self::advance) moves; see [`Op::Place`].
    fn place(&self, key: u64, units: u64, ttl: u64) -> Option<Answer> {
        let _ = (key, units, ttl);
        None
    }

    /// Sells what is held under `key`.
    fn confirm(&self, key: u64) -> Option<Answer> {
        let _ = key;
        None
    }

    /// Releases what is held under `key`.
    fn release_hold(&self, key: u64) -> Option<Answer> {
        let _ = key;
        None
    }

    /// Moves the holds' clock.
    fn advance(&self, ticks: u64) -> Option<Answer> {
        let _ = ticks;
        None
    }

    /// Calls what `op` names; `None` if the counter does not offer it. The suite makes every call of an operation by
    /// this.
    fn perform(&self, op: Op) -> Option<Outcome> {
        let done = |answer: Answer| answer.outcome(|()| Outcome::Done);
        let took = |answer: Option<Answer<u64>>| answer.map(|answer| answer.outcome(Outcome::UpTo));
        match op {
            Op::Deduct(units) => Some(done(self.deduct(units))),
            Op::Restock(units) => Some(done(self.restock(units))),
            Op::Available => Some(self.available().outcome(Outcome::AtMost)),
            Op::DeductUpTo(units) => took(self.deduct_up_to(units)),
            Op::Withdraw(units) => took(self.withdraw(units)),
            Op::Forgive(units) => took(self.forgive(units)),
            Op::Snapshot => Some(self.snapshot()?.outcome(Outcome::Snapshot)),
            Op::Reserve(units) => self.reserve(units).map(done),
            Op::ReserveUpTo(units) => took(self.reserve_up_to(units)),
            Op::Commit(units) => self.commit(units).map(done),
            Op::Release(units) => self.release(units).map(done),
            Op::Place { key, units, ttl } => self.place(key, units, ttl).map(done),
            Op::Confirm { key } => self.confirm(key).map(done),
            Op::ReleaseHold { key } => self.release_hold(key).map(done),
            Op::Advance { by } => self.advance(by).map(done),
            _ => None,
        }
    }

    /// Ends the counter, when all calls have returned: closes its connections, removes what it stored.
    fn close(&self) {}
}

impl<T: StockCounter> Subject for T {
    fn deduct(&self, units: u64) -> Answer {
        self.deduct(units).into()
    }

    fn restock(&self, units: u64) -> Answer {
        self.restock(units).into()
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.available())
    }

    fn deduct_up_to(&self, units: u64) -> Option<Answer<u64>> {
        self.try_deduct_up_to(units).map(Answer::Done)
    }

    fn withdraw(&self, units: u64) -> Option<Answer<u64>> {
        let withdrawn = self.try_withdraw(units)?;
        Some(Answer::Done(withdrawn.taken))
    }

    fn forgive(&self, units: u64) -> Option<Answer<u64>> {
        self.try_forgive(units).map(Answer::Done)
    }

    fn snapshot(&self) -> Option<Answer<Snapshot>> {
        self.try_snapshot().map(Answer::from)
    }

    fn reserve(&self, units: u64) -> Option<Answer> {
        Some(self.reserving()?.reserve_units(units).into())
    }

    fn reserve_up_to(&self, units: u64) -> Option<Answer<u64>> {
        let reserved = self.reserving()?.try_reserve_up_to(units)?;
        Some(Answer::Done(reserved))
    }

    fn commit(&self, units: u64) -> Option<Answer> {
        self.reserving()?.commit_units(units);
        Some(Answer::Done(()))
    }

    fn release(&self, units: u64) -> Option<Answer> {
        self.reserving()?.release_units(units);
        Some(Answer::Done(()))
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        let reservation = Reservation::new(self.reserving()?, units);
        Some(match reservation {
            Ok(reservation) => {
                flow();
                reservation.commit();
                Answer::Done(())
            }
            Err(refusal) => Err(refusal).into(),
        })
    }
}
