//! One key, and one atomic script on it: take the units if they are there. The order's work comes after.
//!
//! **It promises everything**, if each order has an idempotency key, by which the row knows the order when
//! it is asked again and gives the same answer, refusals included. Without one, a request that timed out
//! cannot be retried: it may have been served, and then the retry takes the units a second time. **They are
//! lost.** A network that repeats messages does the same without any retry.
//!
//! What limits it: one key, as fast as the store serves it. The keys of orders take room until it is certain
//! that no copy of a request is still under way.

use super::super::network::TimedOut;
use super::super::store::{Key, Store};
use super::{Answer, Counter, Order, Site, Variant, told};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditional {
    WithKeys,
    /// Orders are retried all the same.
    WithoutKeys,
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

impl Variant for Conditional {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let row = Row {
            units,
            answers: BTreeMap::new(),
        };
        let store = Store::new(&site.network).with([row]);
        OneKey {
            key: store.key(0),
            knows_orders: *self == Self::WithKeys,
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
        self.site.works_if(deducted).await
    }

    async fn restock(&self, order: Order) -> Answer {
        let restocked = self.change(order, Row::restock).await;
        told(restocked)
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        Ok(self.key.get().await?.units)
    }
}
