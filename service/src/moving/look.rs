//! [`Look`]: what there is to be moved, and what a node cannot have, found before anything is changed.

use super::order::{all, is_reachable};
use crate::book::{Book, Sku};
use segstock::MAX_UNITS;
use segstock_orders::ledger::Recovered;
use segstock_orders::{
    Cursor, Filter, OrderLine, OrderState, OrderView, Position, SendingView, SkuId, SkuView,
};
use segstock_remote::OrderId;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Instant;

/// The most bytes of a SKU or a customer, and the most SKUs of an order, that a node takes.
const MAX_NAME: usize = 128;
const MAX_LINES: usize = 1_000;
/// Orders, SKUs or sendings that are read at a time.
const PAGE: usize = 1_000;

/// What there is to be moved.
#[derive(Debug, Default)]
pub struct Look {
    states: BTreeMap<OrderState, usize>,
    skus: usize,
    /// Units of each SKU that all orders have, or had.
    units: HashMap<Sku, u64>,
    /// The first thing that cannot be moved, and how many orders and SKUs.
    first: Option<String>,
    bad_orders: usize,
    bad_skus: usize,
}

impl Look {
    /// Looks at all orders and all SKUs.
    pub fn at(recovered: &Recovered<Sku>) -> Self {
        let mut look = Self::default();
        for order in orders(recovered).flat_map(|page| page.orders) {
            look.see_order(&order);
        }
        for (sku, view) in skus(&recovered.book) {
            look.see_sku(&sku, view);
        }
        look
    }

    fn see_order(&mut self, order: &OrderView<Sku>) {
        *self.states.entry(order.state).or_default() += 1;
        for line in &order.lines {
            let units = self.units.entry(line.sku.clone()).or_default();
            *units = units.saturating_add(all(line));
        }
        if let Err(wrong) = check_order(order) {
            self.bad_orders += 1;
            let id = shown(&order.id);
            self.first
                .get_or_insert_with(|| format!("the order {id} {wrong}"));
        }
    }

    fn see_sku(&mut self, sku: &Sku, view: SkuView) {
        self.skus += 1;
        if let Err(wrong) = check_sku(sku, view, self.begins_with(sku, view)) {
            self.bad_skus += 1;
            let sku = shown(sku);
            self.first
                .get_or_insert_with(|| format!("the SKU {sku} {wrong}"));
        }
    }

    /// Units that a SKU begins with, so that all that its orders ever had can be taken again. At the end it is counted.
    pub fn begins_with(&self, sku: &Sku, view: SkuView) -> u64 {
        let units = self.units.get(sku).copied().unwrap_or_default();
        let sum = units.checked_add(view.on_hand);
        sum.and_then(|sum| sum.checked_add(view.on_the_way))
            .unwrap_or(u64::MAX)
    }

    /// # Errors
    ///
    /// What cannot be moved, in one line.
    pub fn can_all_be_moved(&self) -> Result<(), String> {
        let Some(first) = &self.first else {
            return Ok(());
        };
        let (orders, skus) = (
            number(self.bad_orders, "order"),
            number(self.bad_skus, "SKU"),
        );
        Err(format!(
            "{first}; in all {orders} and {skus} cannot be at a node"
        ))
    }

    /// What there is, in words.
    pub fn counts(&self) -> String {
        let orders = self.states.values().sum();
        let mut text = format!(
            "{} and {}",
            number(self.skus, "SKU"),
            number(orders, "order")
        );
        for (place, (state, orders)) in self.states.iter().enumerate() {
            let before = if place == 0 { " (" } else { ", " };
            _ = write!(text, "{before}{orders} {state}");
        }
        if orders > 0 {
            text.push(')');
        }
        text
    }
}

fn number(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// The beginning of a name that may be long.
fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(80).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

fn check_order(order: &OrderView<Sku>) -> Result<(), String> {
    let id = OrderId::new(&*order.id);
    id.map_err(|error| format!("cannot have this id: {error}"))?;
    if let Some(customer) = &order.customer
        && !is_name(customer)
    {
        return Err(format!(
            "is of a customer whose name has more than {MAX_NAME} bytes, or control characters"
        ));
    }
    if order.lines.len() > MAX_LINES {
        let lines = order.lines.len();
        return Err(format!("has {lines} SKUs, and {MAX_LINES} are the most"));
    }
    let sums = order.lines.iter().map(all);
    if sums.into_iter().any(|units| units > MAX_UNITS) {
        return Err(format!("has a line of more than {MAX_UNITS} units"));
    }
    let unreachable = order.lines.iter().find(|line| !is_reachable(line));
    unreachable.map_or(Ok(()), |OrderLine { sku, .. }| {
        Err(format!(
            "has units of {sku} that are held beside others that were refunded; once it is paid for, cancelled or expired it can be"
        ))
    })
}

fn check_sku(sku: &str, view: SkuView, begins_with: u64) -> Result<(), String> {
    if !is_name(sku) {
        return Err(format!(
            "has more than {MAX_NAME} bytes, or control characters"
        ));
    }
    if begins_with > MAX_UNITS {
        return Err(format!(
            "has more than {MAX_UNITS} units on hand and in all its orders together"
        ));
    }
    if view.limits.safety > MAX_UNITS {
        return Err(format!("has a safety stock of more than {MAX_UNITS} units"));
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Orders that were read together.
pub struct OrderPage {
    pub orders: Vec<OrderView<Sku>>,
    /// When: what is left of a hold is left from then on.
    pub read: Instant,
}

/// All orders, page by page.
pub fn orders(recovered: &Recovered<Sku>) -> impl Iterator<Item = OrderPage> {
    let Recovered { book, writer, .. } = recovered;
    let mut next = Some(Cursor::default());
    std::iter::from_fn(move || {
        let read = Instant::now();
        // Nothing of it is answered before all is durable.
        let page = writer.decide(|| book.list(&Filter::default(), next?, PAGE).ok());
        let page = page.answer?;
        next = page.next;
        let orders = page.orders;
        Some(OrderPage { orders, read })
    })
}

/// All SKUs.
pub fn skus(book: &Book) -> impl Iterator<Item = (Sku, SkuView)> {
    let mut next = Some(SkuId::new(0));
    let pages = std::iter::from_fn(move || {
        let page = book.stocks(next?, PAGE);
        next = page.next;
        Some(page.stocks)
    });
    pages.flatten()
}

/// All that is on its way.
pub fn sendings(book: &Book) -> impl Iterator<Item = SendingView<Sku>> {
    let mut next = Some(Position::default());
    let pages = std::iter::from_fn(move || {
        let page = book.sendings(next?, PAGE);
        next = page.next;
        Some(page.sendings)
    });
    pages.flatten()
}
