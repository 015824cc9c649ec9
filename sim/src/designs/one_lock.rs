//! One key, and one lock around the whole order: take the lock, read, check, do the order's work, write, release.
//!
//! The lock is a lease. A node may stand still for longer than the lease lasts, in a garbage collection or behind
//! a slow link; then it writes over what another order wrote meanwhile. **Without fencing it oversells.**
//!
//! **With fencing tokens it promises everything.** Each grant of the lock has a greater token, and the row refuses a
//! token that is smaller than the greatest it has seen. *Reads* must show it, too. If only writes do, a write that the
//! old holder has under way may arrive between the new holder's read and write; the new holder then undoes it, though
//! it was answered.
//!
//! A lease's end in place of a token ([`Fencing::ByClock`]) needs clocks that agree. **Where clocks drift, it
//! oversells.**
//!
//! What limits it: one order after another.

use super::fenced::{Fenced, Fencing, Row};
use crate::design::{Counter, Design, Order, Site};
use crate::locks::Locks;
use crate::network::TimedOut;
use crate::store::Store;
use segstock_conformance::Answer;

/// One key under one lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneLock(pub Fencing);

impl Design for OneLock {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let store = Store::new(&site.network).with([Row::new(units)]);
        Locked(Fenced {
            key: store.key(0),
            lock: 0,
            locks: Locks::new(&site.network),
            fencing: self.0,
            site: site.clone(),
        })
    }
}

struct Locked(Fenced);

impl Counter for Locked {
    async fn deduct(&self, order: Order) -> Answer {
        self.0.deduct(order.units).await
    }

    async fn restock(&self, order: Order) -> Answer {
        self.0.restock(order.units).await
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        self.0.at_rest().await
    }
}
