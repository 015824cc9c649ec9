//! One key, and one atomic script on it: take the units if they are in stock. The order's work comes after.
//!
//! **It promises everything**, if each order has an idempotency key. By the key the row knows an order that asks again,
//! and gives it the first answer, also if that was a refusal. Without keys, a request that timed out cannot be
//! retried: if the store served it, the retry takes the units a second time, and **they are lost**. A network that
//! repeats messages loses them without any retry.
//!
//! The store must keep what it answered. One that answers before its replica has the change forgets sales when it
//! fails over, and **sells their units twice**.
//!
//! What limits it: one key, as fast as its server serves requests. The keys of orders take room until no copy of a
//! request can be under way any more.

use crate::design::{Counter, Design, Order, Site, answer};
use crate::network::TimedOut;
use crate::store::{Key, Store};
use segstock_conformance::Answer;
use std::collections::BTreeMap;

/// A conditional decrement of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conditional {
    /// Each order has an idempotency key.
    WithKeys,
    /// Orders have no idempotency key, and are retried all the same. Breaks conservation.
    WithoutKeys,
    /// The store is [asynchronous](Store::asynchronous). Oversells.
    Asynchronous,
}

#[derive(Debug, Clone, Default)]
struct Row {
    units: u64,
    /// What each order was answered.
    answers: BTreeMap<u64, bool>,
}

impl Row {
    fn deduct(&mut self, units: u64) -> bool {
        let enough = self.units >= units;
        self.units -= if enough { units } else { 0 };
        enough
    }

    fn restock(&mut self, units: u64) -> bool {
        self.units += units;
        true
    }
}

impl Design for Conditional {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let row = Row {
            units,
            answers: BTreeMap::new(),
        };
        let store = Store::new(&site.network).with([row]);
        let store = match self {
            Self::Asynchronous => store.asynchronous(),
            _ => store,
        };
        OneKey {
            key: store.key(0),
            knows_orders: *self != Self::WithoutKeys,
            site: site.clone(),
        }
    }
}

struct OneKey {
    key: Key<Row>,
    knows_orders: bool,
    site: Site,
}

impl OneKey {
    async fn change(
        &self,
        order: Order,
        change: fn(&mut Row, u64) -> bool,
    ) -> Result<bool, TimedOut> {
        let knows_orders = self.knows_orders;
        let script = move |row: &mut Row| {
            if let Some(&answer) = row.answers.get(&order.id) {
                return answer;
            }
            let answer = change(row, order.units);
            if knows_orders {
                row.answers.insert(order.id, answer);
            }
            answer
        };
        self.key.retried(script).await
    }
}

impl Counter for OneKey {
    async fn deduct(&self, order: Order) -> Answer {
        let deducted = self.change(order, Row::deduct).await;
        self.site.work_if(deducted).await
    }

    async fn restock(&self, order: Order) -> Answer {
        answer(self.change(order, Row::restock).await)
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        Ok(self.key.get().await?.units)
    }
}
