//! [`Book`]: what was ordered, and what was sold of it.

use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The SKUs and units of an order.
pub type Lines = Vec<(String, u64)>;

/// An order that was placed.
#[derive(Debug)]
pub struct Order {
    /// What it asks for.
    pub lines: Lines,
    /// When it was sold, by the clock of the holds.
    sold: OnceLock<Duration>,
}

impl Order {
    /// Whether it is sold.
    #[must_use]
    pub fn is_sold(&self) -> bool {
        self.sold.get().is_some()
    }

    /// It is sold; at the first time that this is said.
    pub fn sell(&self, now: Duration) {
        _ = self.sold.set(now);
    }
}

/// An order that was sold, as a snapshot keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldOrder {
    /// Its id.
    pub id: String,
    /// What was sold.
    pub lines: Lines,
}

/// The orders by id. The holds know what became of each; the book knows what was asked for, which a
/// payment that comes too late needs to take it again, and what was sold before the last start.
#[derive(Debug, Default)]
pub struct Book {
    orders: papaya::HashMap<String, Arc<Order>>,
}

impl Book {
    /// Enters an order, in place of one that the holds have forgotten.
    pub fn enter(&self, id: String, lines: Lines) -> Arc<Order> {
        let order = Arc::new(Order {
            lines,
            sold: OnceLock::new(),
        });
        self.orders.pin().insert(id, Arc::clone(&order));
        order
    }

    /// The order of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Order>> {
        self.orders.pin().get(id).cloned()
    }

    /// All orders that are sold.
    #[must_use]
    pub fn sold(&self) -> Vec<SoldOrder> {
        let orders = self.orders.pin();
        let sold = orders.iter().filter(|(_, order)| order.is_sold());
        sold.map(|(id, order)| SoldOrder {
            id: id.clone(),
            lines: order.lines.clone(),
        })
        .collect()
    }

    /// Strikes out what was sold before `since`, and what is not sold and of which the holds know
    /// nothing any more.
    pub fn forget(&self, since: Duration, held: impl Fn(&String) -> bool) {
        let orders = self.orders.pin();
        for (id, order) in &orders {
            let outdated = match order.sold.get() {
                Some(&sold) => sold < since,
                None => !held(id),
            };
            if outdated {
                // Only this one: the id may have been entered anew since the holds were asked.
                _ = orders.remove_if(id, |_, now| Arc::ptr_eq(now, order));
            }
        }
    }

    /// Orders that are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether no order is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }
}
