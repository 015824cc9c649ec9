//! [`Settle`]: what can be put under a key with a deadline.

/// Units that were set aside and are settled as a whole: sold, or given back.
///
/// A [`Reservation`](crate::Reservation) is; so is whatever else [`Holds`](crate::Holds) are to keep.
/// Dropping one must give its units back, as [`release`](Self::release) does.
///
/// Holds call the last two under a lock of theirs: they must be quick, and must not call the same
/// holds. A panic in them is the caller's, and the hold counts as settled. Units are asked for once,
/// when a hold is placed.
pub trait Settle {
    /// Units that are set aside.
    fn units(&self) -> u64;

    /// Sells them.
    fn commit(self);

    /// Gives them back.
    fn release(self);
}
