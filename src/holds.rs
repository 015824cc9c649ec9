//! [`Holds`]: reservations with a key and a deadline.

mod answers;
mod builder;
mod deadlines;
mod queue;
mod shard;
mod slots;

pub use answers::{Held, HoldError, PlaceError, Placed, Resolution, RetakeError, Settled, Status};
pub use builder::HoldsBuilder;

use crate::clock::nanos;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::{Clock, Settle, SystemClock};
use crossbeam_utils::CachePadded;
#[cfg(feature = "inventory")]
pub(crate) use shard::HeldRef;
use shard::{Found, Moment, Name, Retake, Shard};
use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// Reservations that outlive a request: each under a key, and good until a deadline.
///
/// A customer puts something into the basket and pays minutes later, in another request, perhaps
/// twice, perhaps too late, perhaps never. So a hold is placed under a key that the customer's
/// requests carry, and resolves **exactly once**, whatever races: it is confirmed (sold), released,
/// or it expires. What became of it stays known for a [retention](HoldsBuilder::retention), so that
/// a request that is retried gets the same answer.
///
/// `K` is the key (an idempotency key, an order number), `R` what is held (a
/// [`Reservation`](crate::Reservation)), `Q` what was asked for (units, or the lines of an order),
/// which is kept to tell a retry from another order under the same key. A key is given away once,
/// to [`place`](Self::place); all other calls take any borrowed form of it, as maps do: `&str` for a
/// `String`.
///
/// # Deadlines
///
/// A hold is good while `now < deadline`, by the [`Clock`], which is read once a call, and once more
/// for each try again. Expiry needs no thread: every operation treats a due hold as expired.
/// [`place`](Self::place) and [`confirm_or_retake`](Self::confirm_or_retake), when their reserve is
/// refused, take back what is due and try again, until they are served or nothing is due: nobody
/// who goes through the holds is refused because of a dead one. Any other call takes back at most
/// two others, and [`len`](Self::len), [`units`](Self::units) and `Debug`, which look at each that
/// is due, none. To a direct [`Stock::deduct`](crate::Stock::deduct), though, the units of a due hold
/// are reserved until somebody takes them back: where stock is sold past the holds, or to see the
/// memory of quiet times freed, run [`sweep`](Self::sweep) on a timer.
///
/// # Consistency
///
/// Each call on a key happens whole at one instant, and what it sold or gave back is so when it
/// returns. The one call in two steps is a reserve: its closure runs without a lock, while its key
/// is *in progress*.
///
/// What else is yours runs under a lock, and must be quick and not call these holds:
/// [`Settle::commit`] and [`Settle::release`], `Eq` of the key, `PartialEq` of the request, and the
/// `Drop` of both. Should one of them panic, even one that a call takes along, the panic goes to the
/// caller, and the holds are whole: a
/// hold whose commit panics counts as sold, one whose release panics as released or expired, and what
/// became of its units is for its own `Drop` to say.
///
/// # Examples
///
/// ```
/// use segstock::{Holds, Resolution, Placed, Settled, Stock};
/// use std::time::Duration;
///
/// static SEATS: Stock = Stock::new(10);
/// let holds = Holds::new();
/// let ttl = Duration::from_secs(600);
///
/// // The first request; and its retry, which reserves nothing.
/// let placed = holds.place("order-17", 2, ttl, |&units| SEATS.reserve(units))?;
/// assert!(matches!(placed, Placed::Now(hold) if hold.units == 2));
/// let retried = holds.place("order-17", 2, ttl, |&units| SEATS.reserve(units))?;
/// assert!(matches!(retried, Placed::Before(_)));
/// assert_eq!(SEATS.snapshot().reserved, 2);
///
/// // The payment came; and came again.
/// assert_eq!(holds.confirm(&"order-17"), Ok(Settled::Now));
/// assert_eq!(holds.confirm(&"order-17"), Ok(Settled::Before));
/// assert_eq!(SEATS.snapshot().sold, 2);
/// # Ok::<(), segstock::PlaceError<segstock::OutOfStock>>(())
/// ```
pub struct Holds<K, R, Q = u64, C = SystemClock, H = RandomState> {
    shards: Box<[Padded<K, R, Q>]>,
    clock: C,
    hasher: H,
    /// In nanoseconds.
    retention: u64,
    /// Holds that were given back, ever; counted once their units are back.
    given_back: AtomicU64,
}

/// A shard on cache lines of its own.
type Padded<K, R, Q> = CachePadded<Mutex<Shard<K, R, Q>>>;

impl<K, R, Q> Holds<K, R, Q>
where
    K: Hash + Eq,
    R: Settle,
{
    /// Holds by the system's clock, with a retention of 15 minutes.
    #[must_use]
    pub fn new() -> Self {
        HoldsBuilder::new().build()
    }
}

impl<K, R, Q> Default for Holds<K, R, Q>
where
    K: Hash + Eq,
    R: Settle,
{
    fn default() -> Self {
        Self::new()
    }
}

impl Holds<(), ()> {
    /// Holds with a say in their clock, retention, shards and hashing.
    pub fn builder() -> HoldsBuilder {
        HoldsBuilder::new()
    }
}

impl<K, R, Q, C, H> Holds<K, R, Q, C, H>
where
    K: Hash + Eq,
    R: Settle,
    C: Clock,
    H: BuildHasher,
{
    /// Sets aside what `request` asks for and holds it under `key` for `ttl`; once, however often
    /// it is called.
    ///
    /// `reserve` may run several times, if what is due must be taken back first; it runs without a
    /// lock, and may call these holds for other keys. If it panics, the key is as it was. The time
    /// of the hold counts from a look at the clock before the `reserve` that sets the units aside.
    ///
    /// # Errors
    ///
    /// - [`PlaceError::Refused`] with the error of `reserve`, once nothing is due any more;
    /// - [`PlaceError::Conflict`] if the key was placed for another request;
    /// - [`PlaceError::InProgress`] if another call is placing it: who retries later gets its
    ///   answer;
    /// - [`PlaceError::ZeroUnits`] if the reservation is of nothing;
    /// - [`PlaceError::ZeroTtl`] and [`PlaceError::TtlOverflow`] for such a deadline.
    ///
    /// After an error nothing is set aside, and the key is as it was.
    pub fn place<E>(
        &self,
        key: K,
        request: Q,
        ttl: Duration,
        mut reserve: impl FnMut(&Q) -> Result<R, E>,
    ) -> Result<Placed, PlaceError<E>>
    where
        Q: PartialEq,
    {
        let at = self.moment();
        let first = deadline(at, ttl).map_err(|error| match error {
            HoldError::ZeroTtl => PlaceError::ZeroTtl,
            _ => PlaceError::TtlOverflow,
        })?;
        let remaining = first - at.now;
        let hash = self.hasher.hash_one(&key);
        let shard = self.shard_of(hash);
        let found = self.with(shard, at, |shard| shard.begin(hash, key, &request, at));
        let id = match found {
            Found::Nothing(id) => id,
            Found::Busy => return Err(PlaceError::InProgress),
            Found::Conflict => return Err(PlaceError::Conflict),
            Found::Status(Status::Held(held)) => return Ok(Placed::Before(held)),
            Found::Status(Status::Resolved(outcome)) => return Ok(Placed::Resolved(outcome)),
        };
        let busy = Busy::new(shard, |shard| shard.abandon(id));
        let hold = self.reserve(at, || reserve(&request));
        let (hold, at) = hold.map_err(PlaceError::Refused)?;
        let units = hold.units();
        if units == 0 {
            return Err(PlaceError::ZeroUnits);
        }
        busy.over();
        let deadline = at.now.saturating_add(remaining);
        shard.lock().hold(id, request, hold, units, deadline);
        let remaining = Duration::from_nanos(remaining);
        Ok(Placed::Now(Held { units, remaining }))
    }

    /// Sells what is held under `key`.
    ///
    /// # Errors
    ///
    /// - [`HoldError::Expired`] after the deadline: the payment came too late. The units may still
    ///   be there: see [`confirm_or_retake`](Self::confirm_or_retake);
    /// - [`HoldError::Released`] if it was released;
    /// - [`HoldError::Unknown`] if the key was never placed, or so long ago that it is forgotten;
    /// - [`HoldError::InProgress`] while another call is placing it or retaking it.
    pub fn confirm<B>(&self, key: &B) -> Result<Settled, HoldError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        let at = self.moment();
        let name = self.name(key);
        let shard = self.shard_of(name.hash);
        self.with(shard, at, |shard| {
            shard.settle(name, Resolution::Confirmed, at)
        })
    }

    /// Sells what is held under `key`, and what was held and has expired, if it can still be had:
    /// then `reserve` is to set it aside anew.
    ///
    /// A hold that is due and not taken back yet is sold as it is. `reserve` runs as in
    /// [`place`](Self::place).
    ///
    /// # Errors
    ///
    /// - [`RetakeError::Refused`] with the error of `reserve`: it stays expired;
    /// - [`RetakeError::ZeroUnits`] if the reservation is of nothing: likewise;
    /// - [`RetakeError::Hold`] for whatever else [`confirm`](Self::confirm) answers.
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
    /// _ = holds.place(17, 2, minute, |&units| stock.reserve(units))?;
    ///
    /// clock.advance(minute);
    /// assert_eq!(holds.confirm(&17), Err(HoldError::Expired));
    /// assert_eq!(holds.confirm_or_retake(&17, || stock.reserve(2)), Ok(Settled::Now));
    /// assert_eq!(stock.snapshot().sold, 2);
    /// # Ok::<(), segstock::PlaceError<segstock::OutOfStock>>(())
    /// ```
    pub fn confirm_or_retake<B, E>(
        &self,
        key: &B,
        reserve: impl FnMut() -> Result<R, E>,
    ) -> Result<Settled, RetakeError<E>>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        let at = self.moment();
        let name = self.name(key);
        let shard = self.shard_of(name.hash);
        let found = self.with(shard, at, |shard| shard.settle_or_retake(name, at));
        let id = match found {
            Retake::Answer(answer) => return Ok(answer?),
            Retake::Expired(id) => id,
        };
        let busy = Busy::new(shard, |shard| shard.stay_expired(id));
        let (hold, at) = self.reserve(at, reserve).map_err(RetakeError::Refused)?;
        if hold.units() == 0 {
            return Err(RetakeError::ZeroUnits);
        }
        busy.over();
        shard.lock().sell(id, hold, at);
        Ok(Settled::Now)
    }

    /// Gives back what is held under `key`.
    ///
    /// # Errors
    ///
    /// As for [`confirm`](Self::confirm); and [`HoldError::Confirmed`] if it was confirmed.
    pub fn release<B>(&self, key: &B) -> Result<Settled, HoldError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        let at = self.moment();
        let name = self.name(key);
        let shard = self.shard_of(name.hash);
        self.with(shard, at, |shard| {
            shard.settle(name, Resolution::Released, at)
        })
    }

    /// Has the hold end `ttl` from now, be that later or sooner than before.
    ///
    /// # Errors
    ///
    /// As for [`confirm`](Self::confirm); [`HoldError::Confirmed`] if it was confirmed;
    /// [`HoldError::ZeroTtl`] and [`HoldError::TtlOverflow`] for such a deadline.
    pub fn extend<B>(&self, key: &B, ttl: Duration) -> Result<Held, HoldError>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        let at = self.moment();
        let deadline = deadline(at, ttl)?;
        let name = self.name(key);
        let shard = self.shard_of(name.hash);
        self.with(shard, at, |shard| shard.extend(name, deadline, at))
    }

    /// What is known of `key`: the hold with its remaining time, or what became of it, as long as the
    /// retention lasts. Nothing while it is being placed; while what has expired is being sold once
    /// more, that it has expired.
    #[must_use]
    pub fn get<B>(&self, key: &B) -> Option<Status>
    where
        K: Borrow<B>,
        B: Hash + Eq + ?Sized,
    {
        let at = self.moment();
        let name = self.name(key);
        let shard = self.shard_of(name.hash);
        self.with(shard, at, |shard| shard.status(name, at))
    }

    /// How many holds are good. It looks at one shard after another, and at each hold that is due.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held().0
    }

    /// Whether no hold is good.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Units of all holds that are good, counted as in [`len`](Self::len).
    #[must_use]
    pub fn units(&self) -> u64 {
        self.held().1
    }

    /// Keys of which something is known, resolved ones included: what the memory goes into.
    #[must_use]
    pub fn known(&self) -> usize {
        self.shard_sizes().into_iter().sum()
    }

    /// How many keys each shard knows: for tests of the spread.
    #[doc(hidden)]
    #[must_use]
    pub fn shard_sizes(&self) -> Vec<usize> {
        self.shards
            .iter()
            .map(|shard| shard.lock().known())
            .collect()
    }

    /// Holds that ever expired and were taken back, whoever did it; read from one shard after
    /// another.
    #[must_use]
    pub fn expired(&self) -> u64 {
        let expired = self.shards.iter().map(|shard| shard.lock().expired());
        expired.sum()
    }

    /// Takes back what is due and forgets what is outdated, at most `limit` of each, and returns how
    /// many holds it took back. For a timer; nothing depends on it but those who sell past the holds
    /// and the memory of quiet times.
    pub fn sweep(&self, limit: usize) -> usize {
        let at = self.moment();
        let mut left = limit;
        for shard in &self.shards {
            if left == 0 {
                break;
            }
            left -= self.lock(shard).forget(at, left);
        }
        self.take_back(at, limit)
    }

    /// Stops all calls until the answer is dropped: nothing is settled meanwhile.
    #[cfg(feature = "inventory")]
    pub(crate) fn freeze(&self) -> Frozen<'_, K, R, Q> {
        // First the locks, which may take their time; then the time.
        let shards = self.shards.iter().map(|shard| shard.lock()).collect();
        let at = self.moment();
        Frozen { shards, at }
    }

    fn moment(&self) -> Moment {
        let now = nanos(self.clock.now());
        Moment {
            now,
            until: now.saturating_add(self.retention),
        }
    }

    fn held(&self) -> (usize, u64) {
        let at = self.moment();
        let held = self.shards.iter().map(|shard| shard.lock().held(at));
        held.fold((0, 0), |(n, units), (more, of_it)| {
            (n + more, units.wrapping_add(of_it))
        })
    }

    /// Reserves; whenever that is refused, takes back what is due and tries again. Returns the last
    /// look at the clock before it succeeded, too.
    fn reserve<E>(
        &self,
        mut at: Moment,
        mut reserve: impl FnMut() -> Result<R, E>,
    ) -> Result<(R, Moment), E> {
        /// Enough to serve most orders, few enough not to give back what nobody asked for.
        const AT_ONCE: usize = 64;
        loop {
            // What others give back after this counts as a reason to try again: it was not back
            // when the reserve was refused, and it is not due any more when this looks. What they
            // release, too: their look at the clock may be older.
            let given_back = self.given_back.load(Ordering::Acquire);
            let refusal = match reserve() {
                Ok(hold) => return Ok((hold, at)),
                Err(refusal) => refusal,
            };
            let nothing_due = self.take_back(at, AT_ONCE) == 0;
            if nothing_due && self.given_back.load(Ordering::Acquire) == given_back {
                return Err(refusal);
            }
            // Others may have given back what was not due at that look: a hold of those units counts
            // from a later one.
            at = self.moment();
        }
    }

    /// Takes back what is due, at most `limit`.
    fn take_back(&self, at: Moment, limit: usize) -> usize {
        let mut taken = 0;
        for shard in &self.shards {
            if taken == limit {
                break;
            }
            taken += self.lock(shard).take_back(at, limit - taken);
        }
        taken
    }

    fn name<'a, B: Hash + ?Sized>(&self, key: &'a B) -> Name<'a, B> {
        let hash = self.hasher.hash_one(key);
        Name { hash, key }
    }

    fn shard_of(&self, hash: u64) -> &Mutex<Shard<K, R, Q>> {
        /// 2^64 divided by the golden ratio: spreads hashes that are hardly any, such as numbers
        /// taken for their own.
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let index = (hash.wrapping_mul(GOLDEN) >> 40) as usize & (self.shards.len() - 1);
        &self.shards[index]
    }

    /// Makes a call on a shard, and takes along what is due there.
    fn with<T>(
        &self,
        shard: &Mutex<Shard<K, R, Q>>,
        at: Moment,
        call: impl FnOnce(&mut Shard<K, R, Q>) -> T,
    ) -> T {
        let mut shard = self.lock(shard);
        let answer = call(&mut shard);
        shard.tidy(at);
        answer
    }

    fn lock<'a>(&'a self, shard: &'a Mutex<Shard<K, R, Q>>) -> Locked<'a, K, R, Q> {
        let guard = shard.lock();
        Locked {
            given_back: &self.given_back,
            before: guard.given_back(),
            guard,
        }
    }
}

/// Holds that nobody changes.
#[cfg(feature = "inventory")]
pub(crate) struct Frozen<'a, K, R, Q> {
    shards: Vec<MutexGuard<'a, Shard<K, R, Q>>>,
    at: Moment,
}

#[cfg(feature = "inventory")]
impl<K, R, Q> Frozen<'_, K, R, Q>
where
    K: Hash + Eq,
    R: Settle,
{
    /// All holds that are good.
    pub(crate) fn held(&self) -> impl Iterator<Item = HeldRef<'_, K, R, Q>> {
        self.shards.iter().flat_map(|shard| shard.good(self.at))
    }
}

/// The deadline that is `ttl` away.
fn deadline(at: Moment, ttl: Duration) -> Result<u64, HoldError> {
    let ttl = u64::try_from(ttl.as_nanos()).map_err(|_| HoldError::TtlOverflow)?;
    if ttl == 0 {
        return Err(HoldError::ZeroTtl);
    }
    at.now.checked_add(ttl).ok_or(HoldError::TtlOverflow)
}

/// A shard in hand. What is given back in that time is counted when it is let go of: its units are
/// back by then, and who finds nothing due in the shard afterwards sees the count.
struct Locked<'a, K, R, Q> {
    given_back: &'a AtomicU64,
    guard: MutexGuard<'a, Shard<K, R, Q>>,
    before: u64,
}

impl<K, R, Q> Deref for Locked<'_, K, R, Q> {
    type Target = Shard<K, R, Q>;

    fn deref(&self) -> &Self::Target {
        &self.guard
    }
}

impl<K, R, Q> DerefMut for Locked<'_, K, R, Q> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.guard
    }
}

impl<K, R, Q> Drop for Locked<'_, K, R, Q> {
    fn drop(&mut self) {
        let given_back = self.guard.given_back() - self.before;
        if given_back > 0 {
            self.given_back.fetch_add(given_back, Ordering::AcqRel);
        }
    }
}

/// A key that this call has made busy: whatever happens, it does not stay so.
struct Busy<'a, K, R, Q, F: FnOnce(&mut Shard<K, R, Q>)> {
    shard: &'a Mutex<Shard<K, R, Q>>,
    /// Makes the key what it was; nothing once the caller says what it is now.
    undo: Option<F>,
}

impl<'a, K, R, Q, F: FnOnce(&mut Shard<K, R, Q>)> Busy<'a, K, R, Q, F> {
    fn new(shard: &'a Mutex<Shard<K, R, Q>>, undo: F) -> Self {
        let undo = Some(undo);
        Self { shard, undo }
    }

    /// The caller says what is known of the key now.
    fn over(mut self) {
        self.undo = None;
    }
}

impl<K, R, Q, F: FnOnce(&mut Shard<K, R, Q>)> Drop for Busy<'_, K, R, Q, F> {
    fn drop(&mut self) {
        if let Some(undo) = self.undo.take() {
            undo(&mut self.shard.lock());
        }
    }
}

/// Shows numbers, as one shard after another was read.
impl<K, R, Q, C, H> fmt::Debug for Holds<K, R, Q, C, H>
where
    K: Hash + Eq,
    R: Settle,
    C: Clock,
    H: BuildHasher,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, units) = self.held();
        f.debug_struct("Holds")
            .field("len", &len)
            .field("units", &units)
            .field("known", &self.known())
            .field("expired", &self.expired())
            .finish_non_exhaustive()
    }
}
