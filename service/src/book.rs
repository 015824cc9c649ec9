//! [`Book`]: what was ordered, and what was sold of it.

use crate::calls::{Calls, Unseen};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A SKU; shared, since whatever an order goes through has a copy of its SKUs.
pub type Sku = Arc<str>;

/// The SKUs and units of an order.
pub type Lines = Vec<(Sku, u64)>;

/// An order that was placed.
#[derive(Debug)]
pub struct Order {
    /// What it asks for.
    pub lines: Lines,
    /// When it was sold, by the clock of the holds.
    sold: OnceLock<Duration>,
    /// What hides it from who looks into the holds.
    calls: Calls,
}

impl Order {
    fn new(lines: Lines) -> Self {
        Self {
            lines,
            sold: OnceLock::new(),
            calls: Calls::default(),
        }
    }

    /// Whether it is sold.
    #[must_use]
    pub fn is_sold(&self) -> bool {
        self.sold.get().is_some()
    }

    /// It is sold; at the first time that this is said.
    pub fn sell(&self, now: Duration) {
        _ = self.sold.set(now);
    }

    /// It is being placed or paid for until the answer is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.calls.begin();
        UnderWay(Arc::clone(self))
    }

    /// What `look` sees of it in the holds; if that is nothing, whether that is so because it is being
    /// placed or paid for.
    pub(crate) fn look<T>(&self, look: impl FnOnce() -> Option<T>) -> Result<T, Unseen> {
        self.calls.look(look)
    }

    fn is_outdated(&self, id: &String, since: Duration, held: impl Fn(&String) -> bool) -> bool {
        match self.sold.get() {
            Some(&sold) => sold < since,
            None => !held(id),
        }
    }
}

/// A call that places an order or pays for it.
#[derive(Debug)]
#[must_use = "it is over when it is dropped"]
pub(crate) struct UnderWay(Arc<Order>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.calls.end();
    }
}

/// An order in the book that is being placed. It is out again when this is dropped, unless it stays.
#[derive(Debug)]
#[must_use = "it is out of the book again when this is dropped"]
pub(crate) struct Entry<'a> {
    book: &'a Book,
    id: &'a String,
    order: UnderWay,
    stays: bool,
}

impl Entry<'_> {
    /// It is placed.
    pub(crate) fn stays(mut self) {
        self.stays = true;
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if !self.stays {
            let orders = self.book.orders.pin();
            // By now the key may be another's.
            let this = |_: &String, order: &Arc<Order>| Arc::ptr_eq(order, &self.order.0);
            _ = orders.remove_if(self.id, this);
        }
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
        let order = Arc::new(Order::new(lines));
        self.orders.pin().insert(id, Arc::clone(&order));
        order
    }

    /// Enters an order that is being placed: known from now on, and out again if it is not placed.
    pub(crate) fn propose<'a>(&'a self, id: &'a String, lines: Lines) -> Entry<'a> {
        let order = Arc::new(Order::new(lines));
        let under_way = order.begin();
        self.orders.pin().insert(id.clone(), order);
        Entry {
            book: self,
            id,
            order: under_way,
            stays: false,
        }
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

    /// The ids of orders that can be forgotten: sold before `since`, or not sold and unknown to the
    /// holds.
    #[must_use]
    pub fn outdated(&self, since: Duration, held: impl Fn(&String) -> bool) -> Vec<String> {
        let orders = self.orders.pin();
        let outdated = orders
            .iter()
            .filter(|(id, order)| order.is_outdated(id, since, &held));
        outdated.map(|(id, _)| id.clone()).collect()
    }

    /// Forgets those of the orders that can still be.
    pub fn forget(&self, ids: &[String], since: Duration, held: impl Fn(&String) -> bool) {
        let orders = self.orders.pin();
        for id in ids {
            _ = orders.remove_if(id, |id, order| order.is_outdated(id, since, &held));
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
