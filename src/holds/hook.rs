//! [`Hook`]: called before a change of a hold becomes visible.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Called before each change of a hold becomes visible, under the lock of the key's shard, once, whichever call
/// causes the change. So a ledger can write the changes of each key in the sequence in which they take effect.
///
/// The change takes effect as soon as the hook has returned a mark: nothing can fail or panic between
/// the hook's return and the change. The mark stays with the key until the next change, and
/// [detailed](crate::Holds::detailed) calls return it with every answer. If the hook declines, nothing
/// changes. If it panics, nothing changes, and the panic goes to the caller.
///
/// A hook runs under the lock of a shard: it must be quick, must not wait for another thread that calls
/// these holds, and must not call them itself.
///
/// The trait grows by provided methods only.
///
/// # Examples
///
/// ```
/// use segstock::{Change, Declined, Holds, Hook, Reservation, Stock};
/// use std::sync::Mutex;
/// use std::time::Duration;
///
/// /// Writes what happens, and marks each key with the number of its last entry.
/// #[derive(Default)]
/// struct Log(Mutex<Vec<String>>);
///
/// impl Hook<&'static str, Reservation<&Stock>, u64> for Log {
///     type Mark = u64;
///
///     fn before(
///         &self,
///         key: &&'static str,
///         units: &u64,
///         change: &Change<'_, Reservation<&Stock>, u64>,
///     ) -> Result<u64, Declined> {
///         let mut log = self.0.lock().unwrap();
///         log.push(match change {
///             Change::Placed { .. } => format!("{key}: {units} placed"),
///             Change::Confirmed { .. } => format!("{key}: confirmed"),
///             _ => return Err(Declined),
///         });
///         Ok(log.len() as u64)
///     }
/// }
///
/// let stock = Stock::new(10);
/// let log = Log::default();
/// let holds = Holds::builder().hook(&log).build();
/// let placed = holds.place("order-17", 2, Duration::from_secs(600), |&units| stock.reserve(units));
/// assert!(placed.is_ok());
/// assert_eq!(holds.release(&"order-17"), Err(segstock::HoldError::Declined));
/// assert_eq!(holds.detailed().confirm(&"order-17").mark, Some(2));
/// assert_eq!(*log.0.lock().unwrap(), ["order-17: 2 placed", "order-17: confirmed"]);
/// ```
pub trait Hook<K, R, Q> {
    /// What a key is marked with: a position in a log, say. Each key keeps one, so make it small.
    type Mark: Copy;

    /// Allows a change of `key` by returning the key's next mark, or declines it. `request` is the key's current
    /// request: for [`Change::Placed`] the one that it is placed for.
    ///
    /// # Errors
    ///
    /// [`Declined`] if the change is not to happen.
    fn before(
        &self,
        key: &K,
        request: &Q,
        change: &Change<'_, R, Q>,
    ) -> Result<Self::Mark, Declined>;
}

/// A change of a hold that is about to show.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change<'a, R, Q> {
    /// A hold is placed under the key.
    Placed {
        /// What was reserved.
        hold: &'a R,
        /// Time until the deadline.
        remaining: Duration,
    },
    /// All that is held is confirmed.
    Confirmed {
        /// What is confirmed.
        hold: &'a R,
        /// Whether the hold had expired, and its units were reserved again.
        retaken: bool,
    },
    /// All that is held is released.
    Released {
        /// What is released.
        hold: &'a R,
    },
    /// The deadline has passed, and all that is held is given back.
    Expired {
        /// What is given back.
        hold: &'a R,
    },
    /// The deadline is to move.
    Extended {
        /// What is held.
        hold: &'a R,
        /// Time until the new deadline.
        remaining: Duration,
    },
    /// The hold is to be for another request.
    Amended {
        /// The new request.
        to: &'a Q,
        /// What stays of the hold.
        kept: &'a R,
        /// What was reserved in addition.
        taken: Option<&'a R>,
        /// What is given back.
        given: Option<&'a R>,
    },
    /// A part is confirmed.
    PartConfirmed {
        /// The part.
        part: &'a R,
        /// What stays held.
        rest: &'a R,
    },
    /// A part is released.
    PartReleased {
        /// The part.
        part: &'a R,
        /// What stays held.
        rest: &'a R,
    },
}

/// A [`Hook`] declines a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Declined;

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the hook declined the change")
    }
}

impl Error for Declined {}

/// No hook: every change happens, and no key has a mark. It costs nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct NoHook;

impl<K, R, Q> Hook<K, R, Q> for NoHook {
    type Mark = ();

    #[inline]
    fn before(&self, _: &K, _: &Q, _: &Change<'_, R, Q>) -> Result<(), Declined> {
        Ok(())
    }
}

impl<K, R, Q, W: Hook<K, R, Q> + ?Sized> Hook<K, R, Q> for &W {
    type Mark = W::Mark;

    fn before(
        &self,
        key: &K,
        request: &Q,
        change: &Change<'_, R, Q>,
    ) -> Result<Self::Mark, Declined> {
        (**self).before(key, request, change)
    }
}

impl<K, R, Q, W: Hook<K, R, Q> + ?Sized> Hook<K, R, Q> for Arc<W> {
    type Mark = W::Mark;

    fn before(
        &self,
        key: &K,
        request: &Q,
        change: &Change<'_, R, Q>,
    ) -> Result<Self::Mark, Declined> {
        (**self).before(key, request, change)
    }
}
