//! [`EventCounts`]: how many events of each kind there were, whether the feed keeps them or not.

use super::{Feed, What};
use crate::entry::Position;

/// How many events of each kind there were since the book was made or made again.
///
/// They count those of all entries up to [`position`](Self::position), whose last may not be durable yet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventCounts {
    /// The last entry whose events are counted.
    pub position: Position,
    /// [`What::Placed`].
    pub placed: u64,
    /// [`What::Waits`].
    pub waits: u64,
    /// [`What::Served`].
    pub served: u64,
    /// [`What::Amended`].
    pub amended: u64,
    /// [`What::Extended`].
    pub extended: u64,
    /// [`What::Paid`].
    pub paid: u64,
    /// [`What::Shipped`].
    pub shipped: u64,
    /// [`What::Cancelled`].
    pub cancelled: u64,
    /// [`What::Expired`].
    pub expired: u64,
    /// [`What::Returned`].
    pub returned: u64,
    /// [`What::Low`].
    pub low: u64,
    /// [`What::Enough`].
    pub enough: u64,
    /// [`What::SoldOut`].
    pub sold_out: u64,
    /// [`What::BackInStock`].
    pub back_in_stock: u64,
}

impl EventCounts {
    pub(super) const fn count<K>(&mut self, what: &What<K>) {
        let count = match what {
            What::Placed(_) => &mut self.placed,
            What::Waits(_) => &mut self.waits,
            What::Served(_) => &mut self.served,
            What::Amended(_) => &mut self.amended,
            What::Extended(_) => &mut self.extended,
            What::Paid(_) => &mut self.paid,
            What::Shipped(_) => &mut self.shipped,
            What::Cancelled(_) => &mut self.cancelled,
            What::Expired(_) => &mut self.expired,
            What::Returned(_) => &mut self.returned,
            What::Low { .. } => &mut self.low,
            What::Enough(_) => &mut self.enough,
            What::SoldOut(_) => &mut self.sold_out,
            What::BackInStock(_) => &mut self.back_in_stock,
        };
        *count += 1;
    }
}

impl<K> Feed<K> {
    pub(crate) fn counts(&self) -> EventCounts {
        let state = self.0.lock();
        let position = state.last;
        EventCounts {
            position,
            ..state.counts
        }
    }
}
