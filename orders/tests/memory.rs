//! What an order costs in memory, as the operating system counts it.
#![cfg(target_os = "linux")]

use segstock::ManualClock;
use segstock_orders::{Cursor, Filter, OrderBook, SkuLimits};
use std::sync::Arc;
use std::time::Duration;

const ORDERS: u64 = 200_000;
const PAGE: u64 = 4_096;

fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident = pages.split(' ').nth(1).unwrap();
    resident.parse::<u64>().unwrap() * PAGE
}

#[test]
fn an_order_of_two_lines_costs_400_bytes_while_it_is_held_and_200_while_it_is_remembered() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    book.open("phone", 10 * ORDERS).unwrap();
    book.open("case", 10 * ORDERS).unwrap();
    let ttl = Duration::from_secs(900);
    let before = resident();
    for number in 0..ORDERS {
        let id = format!("order-{number:014}");
        book.place(&id, None, [("phone", 1), ("case", 2)], ttl)
            .unwrap();
    }
    let held = (resident() - before) / ORDERS;
    assert!(held <= 400, "{held} bytes");

    clock.advance(ttl);
    assert_eq!(book.sweep(usize::MAX), Ok(ORDERS as usize));
    let page = book
        .list(&Filter::default(), Cursor::default(), 100)
        .unwrap();
    assert_eq!(page.orders.len(), 100);
    let remembered = (resident() - before) / ORDERS;
    assert!(remembered <= 200, "{remembered} bytes");
    println!("{held} bytes held, {remembered} bytes remembered");
    waiting_and_of_customers();
}

/// Printed, and bounded roughly: an order that waits stands in a queue, too, and a customer has a name.
fn waiting_and_of_customers() {
    let each = |per_customer: Option<u64>, customer: bool, waits: bool| {
        let book = OrderBook::new();
        let mut limits = SkuLimits::default();
        limits.per_customer = per_customer;
        for sku in ["phone", "case"] {
            book.open(sku, if waits { 0 } else { 10 * ORDERS }).unwrap();
            book.limit(sku, limits).unwrap();
        }
        let before = resident();
        for number in 0..ORDERS {
            let id = format!("order-{number:014}");
            let name = customer.then(|| format!("customer-{number:011}"));
            let lines = [("phone", 1), ("case", 2)];
            let ttl = Duration::from_secs(900);
            book.place_or_wait(&id, name.as_deref(), lines, ttl)
                .unwrap();
        }
        ((resident() - before) / ORDERS, book)
    };
    // All books live to the end: the next one takes no memory that another has given back.
    let (waiting, _first) = each(None, false, true);
    let (customer, _second) = each(None, true, false);
    let (counted, _third) = each(Some(9), true, false);
    println!("{waiting} bytes waiting, {customer} with a customer, {counted} with a counted one");
    assert!((150..=500).contains(&waiting), "{waiting} bytes");
    assert!((150..=400).contains(&customer), "{customer} bytes");
    assert!((200..=700).contains(&counted), "{counted} bytes");
}
