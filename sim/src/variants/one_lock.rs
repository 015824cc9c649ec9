//! One key, and one lock around the whole order: take the lock, read, check, do the order's work, write,
//! release.
//!
//! The lock is a lease. Whoever stands still for longer than it lasts, in a collection of garbage or behind
//! a slow link, writes what another order has long overtaken. **Without fencing it oversells.**
//!
//! **With fencing it promises everything.** Each grant of the lock has a greater token, and the row
//! refuses a token that is smaller than the greatest it has seen. That must hold for *reads*, too: if only
//! writes show their token, then a write that the old holder has under way may land between the new holder's
//! read and write, and is undone though it was answered.
//!
//! What limits it: one order after another.

use super::super::locks::Locks;
use super::super::network::TimedOut;
use super::super::store::Store;
use super::guarded::{Fencing, Guarded, Row};
use super::{Answer, Counter, Order, Site, Variant};

#[derive(Debug, Clone, Copy)]
pub struct OneLock(pub Fencing);

impl Variant for OneLock {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let store = Store::new(&site.network).with([Row::new(units)]);
        Locked(Guarded {
            key: store.key(0),
            lock: 0,
            locks: Locks::new(&site.network),
            fencing: self.0,
            site: site.clone(),
        })
    }

    fn has_leases(&self) -> bool {
        true
    }
}

struct Locked(Guarded);

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
