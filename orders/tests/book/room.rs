//! A book that is full makes room: of what is past its time, for the first call that needs it.

use segstock::ManualClock;
use segstock_orders::{Limit, OrderBook, OrderBookBuilder, Refusal, SkuLimits};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

type Book = OrderBook<&'static str>;

/// A book whose orders are in many shards, and what its clock says.
fn book(
    set: impl FnOnce(OrderBookBuilder<&'static str>) -> OrderBookBuilder<&'static str>,
) -> (Book, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
    let book = set(builder.retention(QUARTER).shards(64)).build();
    book.open("phone", 1_000).unwrap();
    book.open("case", 1_000).unwrap();
    (book, clock)
}

/// Orders of one line, past their deadline at once.
fn place_all(book: &Book, orders: u64) {
    for number in 0..orders {
        let (id, customer) = (format!("order-{number}"), format!("customer-{number}"));
        let placed = book.place(&id, Some(&customer), [("phone", 1)], QUARTER);
        placed.unwrap();
    }
}

#[test]
fn lines_of_orders_past_their_retention_make_room() {
    let (book, clock) = book(|builder| builder.max_all_lines(100));
    place_all(&book, 100);
    for number in 0..100 {
        _ = book.cancel(&format!("order-{number}")).unwrap();
    }
    let place = || book.place("new", None, [("phone", 1), ("case", 1)], QUARTER);
    let full = Err(Refusal::Limit(Limit::AllLines(100)));
    assert_eq!(place(), full, "they are remembered");
    clock.advance(QUARTER);
    assert!(place().is_ok());
}

#[test]
fn customers_of_orders_past_their_deadline_make_room() {
    let (book, clock) = book(|builder| builder.max_customers(100));
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(2);
    book.limit("phone", limits).unwrap();
    place_all(&book, 100);
    let place = || book.place("new", Some("ann"), [("phone", 1)], QUARTER);
    let full = Err(Refusal::Limit(Limit::Customers(100)));
    assert_eq!(place(), full, "all have their phones");
    clock.advance(QUARTER);
    assert!(place().is_ok());
}

/// Where what is past its time has nothing of what is lacking, the call says so after a bounded search.
#[test]
fn a_book_that_is_full_of_what_is_not_past_its_time_stays_full() {
    let (book, clock) = book(|builder| builder.max_customers(2));
    place_all(&book, 2_000 - 1_000);
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(2);
    book.limit("case", limits).unwrap();
    for customer in ["ann", "bob"] {
        let placed = book.place(customer, Some(customer), [("case", 1)], 10 * QUARTER);
        placed.unwrap();
    }
    clock.advance(QUARTER);
    let mut busy = 0;
    loop {
        match book.place("new", Some("cam"), [("case", 1)], QUARTER) {
            Err(Refusal::Busy) => busy += 1,
            answer => break assert_eq!(answer, Err(Refusal::Limit(Limit::Customers(2)))),
        }
    }
    assert!((1..10).contains(&busy), "{busy} calls of a bounded length");
    assert_eq!(book.available("phone"), Some(1_000));
}

#[test]
fn an_amendment_that_needs_no_more_lines_finds_room_in_a_full_book() {
    let (book, _) = book(|builder| builder.max_all_lines(2));
    for id in ["one", "two"] {
        book.place(id, None, [("phone", 4)], QUARTER).unwrap();
    }
    book.pay_part("one", "part", [("phone", 1)]).unwrap();
    assert_eq!(book.lines(), 3, "more than the limit, by a part");
    let amend = |key: &str, lines: &[(&'static str, u64)]| {
        let amended = book.amend("two", key, lines.to_vec(), QUARTER);
        amended.map(|answer| answer.units)
    };
    let both = [("phone", 1), ("case", 1)];
    let full = Err(Refusal::Limit(Limit::AllLines(2)));
    assert_eq!(amend("more", &both), full);
    assert_eq!(amend("fewer units", &[("phone", 1)]), Ok(3));
    book.pay("one").unwrap();
    assert_eq!(amend("another SKU", &[("case", 1)]), Ok(2));
    assert_eq!(amend("more units", &[("case", 3)]), Ok(2));
    assert_eq!(amend("more", &both), full);
}

/// The keys of a SKU are known by their time, and not because keys of another one, older than those, are not forgotten yet.
#[test]
fn a_sku_whose_keys_are_past_their_time_takes_new_ones_at_once() {
    let clock = Arc::new(ManualClock::new());
    let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
    let book = builder.retention(QUARTER).max_requests(64, 300).build();
    book.open("case", 0).unwrap();
    book.open("phone", 0).unwrap();
    for sku in ["case", "phone"] {
        for number in 0..300 {
            let restocked = book.restock(sku, &format!("key-{number}"), 1);
            restocked.unwrap();
        }
        clock.advance(Duration::from_secs(1));
    }
    let limit = Err(Refusal::Limit(Limit::Requests(300)));
    assert_eq!(book.restock("phone", "new", 1), limit);
    clock.advance(QUARTER);
    assert!(book.restock("phone", "new", 1).is_ok());
    let on_hand = |sku| book.stock(sku).unwrap().on_hand;
    assert_eq!((on_hand("case"), on_hand("phone")), (300, 301));
}

/// A question before a restock is answered as the restock is.
#[test]
fn a_sku_whose_keys_are_past_their_time_knows_that_it_has_room() {
    let (book, clock) = book(|builder| builder.max_requests(64, 4).max_all_requests(6));
    for number in 0..4 {
        let key = format!("key-{number}");
        book.restock("phone", &key, 1).unwrap();
    }
    let knows = |sku| book.knows_restock(sku, "new", 1);
    assert_eq!(knows("phone"), Err(Refusal::Limit(Limit::Requests(4))));
    for number in 0..2 {
        let key = format!("key-{number}");
        book.restock("case", &key, 1).unwrap();
    }
    assert_eq!(knows("case"), Err(Refusal::Limit(Limit::AllRequests(6))));
    clock.advance(QUARTER);
    assert_eq!((knows("phone"), knows("case")), (Ok(false), Ok(false)));
}
