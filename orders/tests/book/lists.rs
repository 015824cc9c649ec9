//! Lists of orders and of stocks, page by page, while the book changes.

use crate::support::book;
use segstock::ManualClock;
use segstock_orders::{Cursor, Filter, OrderBook, OrderState, Refusal, SkuId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

type Book = OrderBook<&'static str>;

/// The ids that a filter lets through, in pages of `limit`.
fn ids(book: &Book, filter: &Filter<&'static str>, limit: usize) -> Vec<String> {
    let (mut cursor, mut ids) = (Some(Cursor::default()), Vec::new());
    while let Some(from) = cursor {
        // Over the wire and back.
        let from = Cursor::from_number(from.to_number());
        let page = book.list(filter, from, limit).unwrap();
        assert!(page.orders.len() <= limit);
        ids.extend(page.orders.into_iter().map(|order| order.id.into_string()));
        cursor = page.next;
    }
    ids.sort_unstable();
    ids
}

fn filter(set: impl FnOnce(&mut Filter<&'static str>)) -> Filter<&'static str> {
    let mut filter = Filter::default();
    set(&mut filter);
    filter
}

#[test]
fn orders_are_listed_by_state_customer_sku_and_age() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    for sku in ["phone", "case"] {
        book.open(sku, 10).unwrap();
    }
    let minute = Duration::from_secs(60);
    let place = |id, customer, sku| {
        clock.advance(minute);
        let placed = book.place(id, Some(customer), [(sku, 1)], QUARTER);
        placed.unwrap().order
    };
    place("one", "ann", "phone");
    let two = place("two", "bob", "phone");
    let three = place("three", "ann", "case");
    place("four", "bob", "case");
    book.pay("two").unwrap();
    book.cancel("four").unwrap();
    let listed = |set: &dyn Fn(&mut Filter<_>)| ids(&book, &filter(set), 1);
    let state = |state| listed(&|filter| filter.state = Some(state));
    assert_eq!(state(OrderState::Held), ["one", "three"]);
    assert_eq!(state(OrderState::Paid), ["two"]);
    assert_eq!(state(OrderState::Cancelled), ["four"]);
    assert_eq!(
        listed(&|filter| filter.customer = Some("ann".into())),
        ["one", "three"]
    );
    assert_eq!(listed(&|filter| filter.sku = Some("phone")), ["one", "two"]);
    let placed = |id| book.get(id).unwrap().placed;
    assert_eq!(placed("two") - placed("one"), minute);
    let times = |filter: &mut Filter<_>| {
        filter.since = placed("two");
        filter.before = Some(placed("four"));
    };
    assert_eq!(listed(&times), ["three", "two"]);
    assert_eq!(listed(&|filter| filter.from = three), ["four", "three"]);
    assert_eq!(listed(&|filter| filter.to = Some(two)), ["one", "two"]);
    let both = |filter: &mut Filter<_>| {
        filter.sku = Some("phone");
        filter.state = Some(OrderState::Held);
    };
    assert_eq!(listed(&both), ["one"]);
    // Who holds a SKU: the order is held, and its phone is paid for.
    book.place("five", None, [("phone", 1), ("case", 1)], QUARTER)
        .unwrap();
    book.pay_part("five", "pay", [("phone", 1)]).unwrap();
    assert_eq!(book.get("five").unwrap().state, OrderState::Held);
    assert_eq!(listed(&both), ["one"]);
    let paid = |filter: &mut Filter<_>| {
        filter.sku = Some("phone");
        filter.state = Some(OrderState::Paid);
    };
    assert_eq!(listed(&paid), ["five", "two"]);
    let unknown = book.list(
        &filter(|filter| filter.sku = Some("bag")),
        Cursor::default(),
        1,
    );
    assert_eq!(unknown, Err(Refusal::UnknownSkus(vec!["bag"])));
}

/// Orders come, go and are forgotten between the pages: those that stay are shown once.
#[test]
fn a_cursor_bears_changes() {
    let clock = Arc::new(ManualClock::new());
    let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
    let book = builder.retention(QUARTER).shards(2).build();
    book.open("phone", 1_000_000).unwrap();
    let place = |id: &str| book.place(id, None, [("phone", 1)], 10 * QUARTER);
    for number in 0..2_000 {
        place(&format!("stays-{number}")).unwrap();
        place(&format!("goes-{number}")).unwrap();
    }
    let mut seen = BTreeMap::<String, u32>::new();
    let (mut cursor, mut pages) = (Some(Cursor::default()), 0);
    while let Some(from) = cursor {
        let page = book.list(&Filter::default(), from, 50).unwrap();
        for order in page.orders {
            *seen.entry(order.id.into_string()).or_default() += 1;
        }
        cursor = page.next;
        for number in 20 * pages..20 * pages + 20 {
            _ = book.cancel(&format!("goes-{number}"));
            place(&format!("comes-{number}")).unwrap();
        }
        clock.advance(QUARTER / 10);
        book.sweep(100).unwrap();
        pages += 1;
    }
    assert!(book.orders() < 4_000 + 20 * pages, "some are forgotten");
    for number in 0..2_000 {
        let id = format!("stays-{number}");
        assert_eq!(seen.get(&id), Some(&1), "{id}");
    }
}

/// A book that was large once is listed in few calls, once its orders are forgotten.
#[test]
fn places_that_are_free_again_are_passed_quickly() {
    let clock = Arc::new(ManualClock::new());
    let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
    let book = builder.retention(QUARTER).shards(1).build();
    book.open("phone", 1_000_000).unwrap();
    for number in 0..100_000 {
        let id = format!("order-{number}");
        book.place(&id, None, [("phone", 1)], QUARTER).unwrap();
    }
    clock.advance(QUARTER);
    assert_eq!(book.sweep(usize::MAX), Ok(100_000));
    book.place("last", None, [("phone", 1)], 10 * QUARTER)
        .unwrap();
    clock.advance(QUARTER);
    while book.orders() > 1 {
        book.sweep(0).unwrap();
    }
    let (mut cursor, mut pages, mut orders) = (Some(Cursor::default()), 0, 0);
    while let Some(from) = cursor {
        let page = book.list(&Filter::default(), from, 100).unwrap();
        orders += page.orders.len();
        pages += 1;
        cursor = page.next;
    }
    assert_eq!((orders, pages), (1, 1));
}

#[test]
fn stocks_are_listed_in_the_sequence_in_which_they_were_opened() {
    let book = book(10);
    book.open("bag", 3).unwrap();
    book.place("order", None, [("bag", 1)], QUARTER).unwrap();
    let (mut from, mut stocks) = (Some(SkuId::new(0)), Vec::new());
    while let Some(sku) = from {
        let page = book.stocks(sku, 2);
        assert!(page.stocks.len() <= 2);
        stocks.extend(page.stocks);
        from = page.next;
    }
    let figures = stocks
        .iter()
        .map(|(sku, stock)| (*sku, stock.available, stock.on_hand));
    let expected = [("phone", 10, 10), ("case", 10, 10), ("bag", 2, 3)];
    assert!(figures.eq(expected));
    assert!(
        stocks
            .iter()
            .all(|(sku, stock)| book.stock(sku) == Some(*stock))
    );
    let end = book.stocks(SkuId::new(77), 2);
    assert!(end.stocks.is_empty() && end.next.is_none());
}

#[test]
fn an_order_that_waits_shows_for_how_long_it_will_be_held() {
    let book = book(1);
    let hold = |id| book.get(id).unwrap().hold;
    book.place_or_wait("first", None, [("phone", 1)], QUARTER)
        .unwrap();
    let hour = Duration::from_secs(3_600);
    book.place_or_wait("second", None, [("phone", 1)], hour)
        .unwrap();
    assert_eq!((hold("first"), hold("second")), (None, Some(hour)));
    book.cancel("first").unwrap();
    assert_eq!(hold("second"), None);
    assert!(book.get("second").unwrap().remaining.is_some());
}
