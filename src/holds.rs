//! [`Holds`]: reservations with a key and a deadline.

mod answers;
mod builder;
mod calls;
mod detailed;
mod dividing;
mod errors;
mod expiring;
mod hook;
mod parts;
mod queue;
mod restore;
mod settling;
mod shard;
mod slots;
mod state;
mod times;
mod walk;
mod work;

pub use answers::{Amendment, Held, Placed, Resolution, Settled, Status};
pub use builder::HoldsBuilder;
pub use detailed::{Detail, Detailed};
pub use errors::{AmendError, HoldError, PartError, PlaceError, RetakeError};
pub use hook::{Change, Declined, Hook, NoHook};
pub use walk::{Entry, Frozen, HeldEntry, ResolvedEntry};

use crate::clock::{Clock, SystemClock};
use crate::settle::Settle;
use crate::sync::{AtomicU64, Mutex};
use crossbeam_utils::CachePadded;
use shard::Shard;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(feature = "inventory")]
use std::time::Duration;

/// Reservations that outlive a request: each under a key, and until a deadline.
///
/// A customer puts something into the basket and pays minutes later, in another request, perhaps
/// twice, perhaps too late, perhaps never. So a hold is placed under a key that the customer's
/// requests carry. It ends **exactly once**, whatever races: it is confirmed (sold), released, or it
/// expires. How it ended stays known for a [retention](HoldsBuilder::retention), so that a request
/// that is retried gets the answer of the first.
///
/// `K` is the key (an idempotency key, an order number), `R` what is held (a
/// [`Reservation`](crate::Reservation)), `Q` what was asked for (units, or the lines of an order). The
/// request is kept: a place of another request under that key is a conflict. A key is given away
/// once, to [`place`](Self::place); all other calls take any borrowed form of it, as maps do: `&str`
/// for a `String`. `W` is the [`Hook`], if there is one.
///
/// # Deadlines
///
/// A hold is active while `now < deadline`. Each call reads the [`Clock`] once, and again before each
/// further try to reserve. Expiry needs no thread: every operation treats a hold past its deadline as
/// expired. When [`place`](Self::place), [`amend`](Self::amend) or
/// [`confirm_or_retake`](Self::confirm_or_retake) cannot reserve, it frees expired holds and tries
/// again, until it is served or none is left. So nobody who goes through the holds is refused because
/// of an expired hold. Every other call on a key also frees up to two expired holds. `len`, `units` and
/// `Debug` ignore expired holds and free none.
///
/// A direct [`Stock::deduct`](crate::Stock::deduct) frees nothing: to it, the units of an expired hold
/// are reserved until a call on the holds frees them. If you also sell from the stock directly, or want
/// memory back in quiet times, call [`sweep`](Self::sweep) on a timer.
///
/// # Consistency
///
/// Each call on a key takes effect at one instant. When it returns, its units are sold or back. The
/// calls that reserve take two steps: their closure runs without a lock, and meanwhile the key is *in
/// progress*: other calls on it answer that.
///
/// The following code of yours runs under a lock: [`Settle`] and [`SettleParts`](crate::SettleParts), the [`Hook`], `Eq`,
/// `Clone` and `Drop` of the key, `PartialEq`, `Clone` and `Drop` of the request, `Drop` of a reservation whose place the hook
/// declines, and in `for_each` and `freeze` the [`Clock`]. It must be quick and must not call these holds. If it panics, the
/// panic goes to the caller of the call that ran it, even if that call only freed another hold, and the holds stay consistent.
/// A hold whose `commit` panics counts as confirmed, one whose `release` panics as released or expired, and its own `Drop`
/// decides what becomes of its units.
///
/// # Examples
///
/// ```
/// use segstock::{Holds, Placed, Settled, Stock};
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
#[doc(alias = "basket")]
#[doc(alias = "cart")]
#[doc(alias = "idempotency")]
pub struct Holds<K, R, Q = u64, C = SystemClock, H = RandomState, W = NoHook>
where
    W: Hook<K, R, Q>,
{
    shards: Shards<K, R, Q, W::Mark>,
    clock: C,
    hasher: H,
    hook: W,
    /// In nanoseconds.
    retention: u64,
    /// Whether only `sweep` and `expire` free expired holds.
    expiry_by_owner: bool,
    /// How often units were given back, in all shards. Counted once the units are back.
    given_back: AtomicU64,
}

/// Each on cache lines of its own.
type Shards<K, R, Q, M> = Box<[CachePadded<Mutex<Shard<K, R, Q, M>>>]>;

// The code of a caller that runs under a lock is that of its types. A change is written completely before it runs
// (`shard.rs`), so a panic leaves nothing half-done.
impl<K, R, Q, C, H, W> UnwindSafe for Holds<K, R, Q, C, H, W>
where
    W: Hook<K, R, Q> + UnwindSafe,
    (K, R, Q, C, H): UnwindSafe,
{
}

impl<K, R, Q, C, H, W> RefUnwindSafe for Holds<K, R, Q, C, H, W>
where
    W: Hook<K, R, Q> + RefUnwindSafe,
    (K, R, Q, C, H): RefUnwindSafe,
{
}

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
    /// Holds whose clock, retention, shards, hashing and hook you choose.
    pub fn builder() -> HoldsBuilder {
        HoldsBuilder::new()
    }
}

impl<K, R, Q, C, H, W> Holds<K, R, Q, C, H, W>
where
    K: Hash + Eq,
    R: Settle,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    /// How many holds are active. It looks at one shard after another.
    #[must_use]
    pub fn len(&self) -> usize {
        self.figures().0
    }

    /// Whether no hold is active.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Units of all active holds, counted as in [`len`](Self::len).
    #[must_use]
    pub fn units(&self) -> u64 {
        self.figures().1
    }

    /// Keys that take memory: those that are held, resolved and not forgotten yet, or being placed.
    #[must_use]
    pub fn known(&self) -> usize {
        self.shard_sizes().into_iter().sum()
    }

    /// The keys of each shard, counted as in [`known`](Self::known): for tests of the spread.
    #[doc(hidden)]
    #[must_use]
    pub fn shard_sizes(&self) -> Vec<usize> {
        let sizes = self.shards.iter().map(|shard| shard.lock().known());
        sizes.collect()
    }

    /// Holds that ever expired, whichever call freed them. It looks at one shard after another.
    #[must_use]
    pub fn expired(&self) -> u64 {
        let expired = self.shards.iter().map(|shard| shard.lock().expired());
        expired.sum()
    }

    /// How long it stays known how a hold ended.
    #[cfg(feature = "inventory")]
    pub(crate) const fn retention(&self) -> Duration {
        Duration::from_nanos(self.retention)
    }

    /// The hook.
    pub const fn hook(&self) -> &W {
        &self.hook
    }

    fn figures(&self) -> (usize, u64) {
        let at = self.moment();
        let figures = self.shards.iter().map(|shard| shard.lock().figures(at));
        figures.fold((0, 0), |(holds, units), (more, of_them)| {
            (holds + more, units.wrapping_add(of_them))
        })
    }
}

/// Shows numbers, as one shard after another was read.
impl<K, R, Q, C, H, W> fmt::Debug for Holds<K, R, Q, C, H, W>
where
    K: Hash + Eq,
    R: Settle,
    C: Clock,
    H: BuildHasher,
    W: Hook<K, R, Q>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, units) = self.figures();
        f.debug_struct("Holds")
            .field("len", &len)
            .field("units", &units)
            .field("known", &self.known())
            .field("expired", &self.expired())
            .finish_non_exhaustive()
    }
}
