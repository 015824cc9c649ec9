//! [`Settle`] and [`SettleParts`]: what can be held under a key with a deadline.

use crate::error::NotReserved;

/// Units that are reserved and are settled together: committed, or released.
///
/// A [`Reservation`](crate::Reservation) implements it, and so can any type of yours that
/// [`Holds`](crate::Holds) are to keep. Dropping a value must give its units back, as
/// [`release`](Self::release) does.
///
/// Holds call `commit` and `release` under a lock of theirs. Both must be quick, and must not call
/// these holds. If one of them panics, the panic goes to the caller, and the hold counts as settled.
///
/// The trait may grow, by methods that have a default.
pub trait Settle {
    /// Units that are reserved.
    fn units(&self) -> u64;

    /// Sells them.
    fn commit(self);

    /// Puts them back in stock.
    fn release(self);
}

/// A reservation of which parts can be settled: what [`Holds::amend`](crate::Holds::amend),
/// [`Holds::confirm_part`](crate::Holds::confirm_part) and
/// [`Holds::release_part`](crate::Holds::release_part) need.
///
/// Holds call all of it under a lock of theirs: it must be quick, and must not call these holds. The trait may
/// grow, by methods that have a default.
pub trait SettleParts: Settle + Sized {
    /// What names a part: units of a [`Reservation`](crate::Reservation), lines of an order.
    type Part;

    /// All that is reserved.
    fn all(&self) -> Self::Part;

    /// Splits a part off, to be settled apart from the rest.
    ///
    /// # Errors
    ///
    /// [`NotReserved`] if the part is not reserved in full. Nothing changed.
    fn split(&mut self, part: &Self::Part) -> Result<Self, NotReserved>;

    /// Whether [`merge`](Self::merge) can add `other`: both are of one stock, or of one inventory.
    fn can_merge(&self, other: &Self) -> bool;

    /// Adds `other`. It is called only after [`can_merge`](Self::can_merge) said yes, or with a part
    /// that was split off this value. It must not panic.
    fn merge(&mut self, other: Self);
}
