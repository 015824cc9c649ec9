//! [`RemoteStock`] and [`RemoteHolds`]: what a design offers.

use crate::answer::{Answer, Unknown};
use crate::id::OrderId;
use crate::units::Units;
use std::time::Duration;

/// A stock behind a network.
///
/// A call that is answered *unknown* is asked again under the same id: by the same call, which does it if it did not
/// happen yet, or by [`outcome`](Self::outcome), which sees to it that it never will.
///
/// # Two calls of one id at once
///
/// An order that is asked for twice at once, as by a customer who clicks twice, takes its units once, whichever processes ask.
/// But each call is answered for itself: one may be refused, and the other served a moment later. So a refusal is the last word
/// on an order once no other call of its id is under way; where one may be, ask for the [`outcome`](Self::outcome) before you
/// tell the customer.
///
/// The trait grows by provided methods only.
pub trait RemoteStock: Send + Sync {
    /// Sells `units` to `order`, all of them or none, once.
    fn deduct(&self, order: &OrderId, units: Units) -> impl Future<Output = Answer> + Send;

    /// Adds `units`, all of them or none, once for each id. It is refused beyond [`MAX_UNITS`](crate::MAX_UNITS).
    fn restock(&self, order: &OrderId, units: Units) -> impl Future<Output = Answer> + Send;

    /// Units in stock: at one instant of the call no more than this; exact when nothing runs beside it.
    fn available(&self) -> impl Future<Output = Result<u64, Unknown>> + Send;

    /// What became of the call under this id, now and for ever: where nothing is known of it, it is refused from now
    /// on.
    fn outcome(&self, order: &OrderId) -> impl Future<Output = Answer> + Send;

    /// Attempts so far that may have happened though no answer came; 0 of a design that does not count them.
    fn unanswered(&self) -> u64 {
        0
    }
}

/// A stock behind a network that reserves units under an order's id, until a deadline by the server's clock.
///
/// The trait grows by provided methods only.
pub trait RemoteHolds: RemoteStock {
    /// Reserves `units` for `order`, all of them or none. A retry is answered as the first attempt was.
    fn reserve(
        &self,
        order: &OrderId,
        units: Units,
        ttl: Duration,
    ) -> impl Future<Output = HoldAnswer> + Send;

    /// Sells what is reserved for `order`.
    fn confirm(&self, order: &OrderId) -> impl Future<Output = HoldAnswer> + Send;

    /// Releases what is reserved for `order`.
    fn release(&self, order: &OrderId) -> impl Future<Output = HoldAnswer> + Send;

    /// Sets the deadline to now and `ttl`.
    fn extend(&self, order: &OrderId, ttl: Duration) -> impl Future<Output = HoldAnswer> + Send;
}

/// What a call on a hold answers.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the hold may be resolved otherwise"]
pub enum HoldAnswer {
    /// It is as was asked for: reserved, confirmed, released or extended, by this attempt or one before.
    Done,
    /// There were too few units.
    Refused,
    /// The hold was resolved before, otherwise than was asked for.
    Resolved(Resolved),
    /// Nothing was ever reserved under this id, or it is forgotten.
    NoHold,
    /// The id is known for another number of units.
    Conflict,
    /// Nobody knows yet. The same call asks again.
    Unknown(Unknown),
}

/// How a hold ended.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// Its units are sold.
    Confirmed,
    /// Its units are back.
    Released,
    /// Its deadline passed, and its units are back.
    Expired,
}
