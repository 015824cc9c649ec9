//! What is limited: of a SKU, of a customer, of an order, and of all that grows.

use crate::support::{Recorded, book, short};
use segstock::{MAX_UNITS, ManualClock};
use segstock_orders::{Limit, OrderBook, OrderState, Refusal, Returned, SkuLimits};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

#[test]
fn safety_stock_is_not_for_sale_and_fills_up_first() {
    let book = book(5);
    let mut limits = SkuLimits::default();
    limits.safety = 3;
    book.limit("phone", limits).unwrap();
    assert_eq!(book.available("phone"), Some(2));
    book.place("order", None, [("phone", 2)], QUARTER).unwrap();
    book.count("phone", "count", 3).unwrap();
    assert_eq!(book.stock("phone").unwrap().safety, 1);
    book.restock("phone", "delivery", 3).unwrap();
    let stock = book.stock("phone").unwrap();
    assert_eq!((stock.safety, stock.available, stock.owed), (3, 1, 0));
    book.limit("phone", SkuLimits::default()).unwrap();
    assert_eq!(book.available("phone"), Some(4));
}

/// The safety stock and all that is promised may be missing at a count: what is owed then is never more than a stock can owe.
#[test]
fn a_count_is_booked_whatever_it_finds_beside_the_largest_safety_stock() {
    let journal = Arc::new(Recorded::default());
    let book = OrderBook::builder()
        .journal(Arc::clone(&journal) as _)
        .build();
    book.open("phone", 10).unwrap();
    book.place("order", None, [("phone", 4)], QUARTER).unwrap();
    book.pay("order").unwrap();
    let keep = |safety| {
        let mut limits = SkuLimits::default();
        limits.safety = safety;
        book.limit("phone", limits)
    };
    let refused = Refusal::Overflow {
        sku: "phone",
        requested: MAX_UNITS - 9,
        on_hand: 10,
    };
    assert_eq!(keep(MAX_UNITS - 9), Err(refused));
    assert!(matches!(keep(u64::MAX), Err(Refusal::Overflow { .. })));
    keep(MAX_UNITS - 10).unwrap();
    book.count("phone", "count", 0).unwrap();
    let figures = |book: &OrderBook<&'static str>| {
        let stock = book.stock("phone").unwrap();
        (stock.on_hand, stock.available, stock.owed, stock.safety)
    };
    assert_eq!(figures(&book), (0, 0, 4, 0));
    // Beside units that are owed the rule is the same: they are promised.
    assert!(matches!(keep(MAX_UNITS - 3), Err(Refusal::Overflow { .. })));
    keep(MAX_UNITS - 4).unwrap();
    let again = OrderBook::builder().replay(journal.entries()).unwrap();
    assert_eq!(figures(&again), (0, 0, 4, 0));
    for book in [&book, &again] {
        book.limit("phone", SkuLimits::default()).unwrap();
        assert_eq!(figures(book), (0, 0, 4, 0));
        book.cancel("order").unwrap();
        assert_eq!(
            figures(book),
            (0, 0, 0, 0),
            "no unit is in stock to be sold"
        );
    }
}

#[test]
fn a_closed_sku_takes_no_new_order_and_its_open_orders_finish() {
    let book = book(5);
    book.place("open", None, [("phone", 1)], QUARTER).unwrap();
    let mut limits = SkuLimits::default();
    limits.closed = true;
    book.limit("phone", limits).unwrap();
    let refused = book.place("new", None, [("phone", 1), ("case", 1)], QUARTER);
    assert_eq!(refused, Err(Refusal::Closed(vec!["phone"])));
    book.pay("open").unwrap();
    book.ship("open").unwrap();
    book.return_order("open", Returned::OnSale).unwrap();
}

/// It waited before: it is no new order.
#[test]
fn a_closed_sku_serves_those_who_wait() {
    let book = book(1);
    let wait = |id, units| book.place_or_wait(id, None, [("phone", units)], QUARTER);
    wait("waits", 2).unwrap();
    let mut limits = SkuLimits::default();
    limits.closed = true;
    book.limit("phone", limits).unwrap();
    assert_eq!(wait("new", 1), Err(Refusal::Closed(vec!["phone"])));
    book.restock("phone", "delivery", 2).unwrap();
    assert_eq!(book.get("waits").unwrap().state, OrderState::Held);
    // Fewer units are no new ones, and more are.
    let amend = |key, units| book.amend("waits", key, [("phone", units)], QUARTER);
    assert_eq!(amend("more", 3), Err(Refusal::Closed(vec!["phone"])));
    amend("fewer", 1).unwrap();
    book.pay("waits").unwrap();
}

#[test]
fn no_more_units_come_back_than_were_shipped() {
    let book = book(5);
    book.place("order", None, [("phone", 3), ("case", 1)], QUARTER)
        .unwrap();
    book.pay("order").unwrap();
    book.ship_part("order", "parcel", [("phone", 2), ("case", 1)])
        .unwrap();
    let back = |key, lines: [(&'static str, u64); 2]| {
        book.return_part("order", key, lines, Returned::OnSale)
    };
    let refused = back("many", [("phone", 3), ("case", 2)]).unwrap_err();
    assert!(matches!(refused, Refusal::NotInOrder(_)), "{refused}");
    assert_eq!(short(refused), [("phone", 3, 2), ("case", 2, 1)]);
    back("all", [("phone", 2), ("case", 1)]).unwrap();
    let refused = back("more", [("phone", 1), ("case", 1)]).unwrap_err();
    assert_eq!(short(refused), [("phone", 1, 0), ("case", 1, 0)]);
    assert_eq!(
        (book.available("phone"), book.available("case")),
        (Some(4), Some(5))
    );
}

#[test]
fn all_that_grows_has_a_limit() {
    let book = OrderBook::builder()
        .max_orders(2)
        .max_skus(2)
        .max_lines(1)
        .max_units(5)
        .max_requests(1, 1)
        .longest_hold(QUARTER)
        .build();
    book.open("phone", 50).unwrap();
    book.open("case", 50).unwrap();
    assert_eq!(book.open("bag", 1), Err(Refusal::Limit(Limit::Skus(2))));
    let place =
        |id: &str, lines: &[(&'static str, u64)]| book.place(id, None, lines.to_vec(), QUARTER);
    let both = place("order", &[("phone", 1), ("case", 1)]);
    assert_eq!(both, Err(Refusal::Limit(Limit::Lines(1))));
    assert_eq!(
        place("order", &[("phone", 6)]),
        Err(Refusal::Limit(Limit::Units(5)))
    );
    let longest = QUARTER;
    let long = book.place("order", None, [("phone", 1)], 2 * QUARTER);
    assert_eq!(long, Err(Refusal::Ttl { longest }));
    place("one", &[("phone", 3)]).unwrap();
    place("two", &[("phone", 1)]).unwrap();
    assert_eq!(
        place("three", &[("phone", 1)]),
        Err(Refusal::Limit(Limit::Orders(2)))
    );
    book.pay_part("one", "part-1", [("phone", 1)]).unwrap();
    let second = book.pay_part("one", "part-2", [("phone", 1)]);
    assert_eq!(second, Err(Refusal::Limit(Limit::Requests(1))));
    book.restock("phone", "delivery-1", 1).unwrap();
    let second = book.restock("phone", "delivery-2", 1);
    assert_eq!(second, Err(Refusal::Limit(Limit::Requests(1))));
    for key in [String::new(), "x".repeat(201)] {
        assert_eq!(place(&key, &[("phone", 1)]), Err(Refusal::Key));
    }
}

#[test]
fn what_is_set_for_a_sku_outlives_a_restart() {
    let journal = Arc::new(Recorded::default());
    let book = OrderBook::builder()
        .journal(Arc::clone(&journal) as _)
        .build();
    book.open("phone", 10).unwrap();
    let mut limits = SkuLimits::default();
    limits.safety = 3;
    limits.waiting = 5;
    limits.per_customer = Some(4);
    limits.unpaid = Some(80);
    limits.low = 2;
    book.limit("phone", limits).unwrap();
    let lines = [("phone", 2)];
    book.place("order", Some("ann"), lines, QUARTER).unwrap();
    let mut closed = limits;
    closed.closed = true;
    book.limit("phone", closed).unwrap();

    let again = OrderBook::builder().replay(journal.entries()).unwrap();
    let stock = again.stock("phone").unwrap();
    assert_eq!((stock.safety, stock.available), (3, 5));
    assert_eq!(stock.limits, closed);
    let refused = again.place("new", Some("ann"), lines, QUARTER);
    assert_eq!(refused, Err(Refusal::Closed(vec!["phone"])));
    // What was open goes on to its end.
    again.pay("order").unwrap();
    again.ship("order").unwrap();
    again.return_order("order", Returned::OnSale).unwrap();
}

/// What is held in no time and never paid for keeps others from buying: a part of the shelf stays for them.
#[test]
fn only_a_share_of_a_sku_can_be_held_without_being_paid_for() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    book.open("phone", 10).unwrap();
    let mut limits = SkuLimits::default();
    limits.unpaid = Some(45);
    book.limit("phone", limits).unwrap();
    let place = |id, units| book.place(id, None, [("phone", units)], QUARTER);
    // 45 percent of 10, rounded up.
    place("ann", 4).unwrap();
    let refused = place("bob", 2).unwrap_err();
    assert!(matches!(refused, Refusal::Unpaid(_)), "{refused}");
    assert_eq!(short(refused), [("phone", 2, 1)]);
    let amended = book.amend("ann", "more", [("phone", 6)], QUARTER);
    assert!(matches!(amended, Err(Refusal::Unpaid(_))), "{amended:?}");
    // An order for more than is available is refused for that reason.
    assert_eq!(short(place("all", 7).unwrap_err()), [("phone", 7, 6)]);
    // Units that are paid for do not count any more, though they are on hand.
    book.pay("ann").unwrap();
    place("bob", 5).unwrap();
    assert!(matches!(place("carl", 1), Err(Refusal::Unpaid(_))));
    // Nor those that were cancelled, or not paid for in time.
    book.cancel_part("bob", "fewer", [("phone", 1)]).unwrap();
    place("carl", 1).unwrap();
    clock.advance(QUARTER);
    place("dora", 5).unwrap();
    // Those that were shipped are on hand no more: 45 percent of 6.
    book.ship("ann").unwrap();
    book.cancel("dora").unwrap();
    assert_eq!(short(place("emil", 4).unwrap_err()), [("phone", 4, 3)]);
    place("emil", 3).unwrap();
}

#[test]
fn an_order_that_is_refused_counts_for_no_share() {
    let book = book(10);
    let mut limits = SkuLimits::default();
    limits.unpaid = Some(50);
    book.limit("phone", limits).unwrap();
    let place = |id, lines: &[(&'static str, u64)]| book.place(id, None, lines.to_vec(), QUARTER);
    for id in ["paid-1", "paid-2"] {
        place(id, &[("phone", 4)]).unwrap();
        book.pay(id).unwrap();
    }
    for id in ["one", "two"] {
        // Three could be held, and two are there. Of a case there are too few.
        assert_eq!(
            short(place(id, &[("phone", 3)]).unwrap_err()),
            [("phone", 3, 2)]
        );
        let both = [("phone", 1), ("case", 11)];
        assert_eq!(short(place(id, &both).unwrap_err()), [("case", 11, 10)]);
    }
    place("two", &[("phone", 2)]).unwrap();
    assert_eq!(book.stock("phone").unwrap().available, 0);
}

#[test]
fn an_order_that_waited_is_served_whatever_the_share_and_counts() {
    let book = book(0);
    let mut limits = SkuLimits::default();
    limits.unpaid = Some(50);
    book.limit("phone", limits).unwrap();
    let lines = [("phone", 3)];
    book.place_or_wait("waits", None, lines, QUARTER).unwrap();
    book.restock("phone", "delivery", 4).unwrap();
    assert_eq!(book.get("waits").unwrap().state, OrderState::Held);
    let refused = book.place("next", None, [("phone", 1)], QUARTER);
    assert!(matches!(refused, Err(Refusal::Unpaid(_))), "{refused:?}");
    book.pay("waits").unwrap();
    book.place("next", None, [("phone", 1)], QUARTER).unwrap();
}

#[test]
fn the_share_that_can_be_held_is_as_before_after_a_replay() {
    let journal = Arc::new(Recorded::default());
    let book = OrderBook::builder()
        .journal(Arc::clone(&journal) as _)
        .build();
    book.open("phone", 10).unwrap();
    let mut limits = SkuLimits::default();
    limits.unpaid = Some(50);
    book.limit("phone", limits).unwrap();
    let place = |book: &OrderBook<_>, id, units| book.place(id, None, [("phone", units)], QUARTER);
    place(&book, "held", 3).unwrap();
    place(&book, "paid", 2).unwrap();
    book.pay("paid").unwrap();
    let again = OrderBook::builder().replay(journal.entries()).unwrap();
    assert_eq!(
        short(place(&again, "new", 3).unwrap_err()),
        [("phone", 3, 2)]
    );
    place(&again, "new", 2).unwrap();
}

#[test]
fn a_sku_without_a_share_of_its_own_has_that_of_the_book() {
    let journal = Arc::new(Recorded::default());
    let builder = || OrderBook::builder().unpaid(50);
    let book = builder().journal(Arc::clone(&journal) as _).build();
    book.open("phone", 10).unwrap();
    let held = |book: &OrderBook<_>, id, units| {
        let placed = book.place(id, None, [("phone", units)], QUARTER);
        placed.map(drop)
    };
    let refused = held(&book, "a", 6).unwrap_err();
    assert!(matches!(refused, Refusal::Unpaid(_)), "{refused}");
    held(&book, "a", 5).unwrap();
    let mut limits = SkuLimits::default();
    limits.unpaid = Some(70);
    book.limit("phone", limits).unwrap();
    held(&book, "b", 2).unwrap();
    // A limit that is taken away leaves that of the book.
    limits.unpaid = None;
    book.limit("phone", limits).unwrap();
    assert_eq!(short(held(&book, "c", 1).unwrap_err()), [("phone", 1, 0)]);
    let again = builder().replay(journal.entries()).unwrap();
    assert_eq!(short(held(&again, "c", 1).unwrap_err()), [("phone", 1, 0)]);
    limits.unpaid = Some(101);
    again.limit("phone", limits).unwrap();
    held(&again, "c", 3).unwrap();
}

#[test]
fn lines_are_counted_over_the_whole_book_and_have_a_limit_there() {
    let clock = Arc::new(ManualClock::new());
    let journal = Arc::new(Recorded::default());
    let builder = || {
        let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
        builder.retention(QUARTER).max_all_lines(4)
    };
    let book = builder().journal(Arc::clone(&journal) as _).build();
    for sku in ["phone", "case", "cable"] {
        book.open(sku, 10).unwrap();
    }
    let place = |id, lines: &[(&'static str, u64)]| book.place(id, None, lines.to_vec(), QUARTER);
    let all = [("phone", 2), ("case", 1), ("cable", 1)];
    place("all", &all).unwrap();
    let full = Err(Refusal::Limit(Limit::AllLines(4)));
    assert_eq!(place("two", &all[..2]).map(drop), full);
    place("one", &all[..1]).unwrap();
    let amended = book.amend("one", "more", all[..2].to_vec(), QUARTER);
    assert_eq!(amended.map(drop), full);
    // What is known is answered, and goes on, also in parts.
    assert!(place("all", &all).unwrap().before);
    book.pay_part("all", "part", [("phone", 1)]).unwrap();
    assert_eq!(book.lines(), 5);
    book.pay("all").unwrap();
    assert_eq!(book.lines(), 4);
    assert_eq!(builder().replay(journal.entries()).unwrap().lines(), 4);
    book.cancel("all").unwrap();
    book.cancel("one").unwrap();
    assert_eq!(place("late", &all[..1]).map(drop), full);
    clock.advance(QUARTER);
    book.sweep(10).unwrap();
    assert_eq!(book.lines(), 0);
    place("late", &all).unwrap();
    assert_eq!((book.orders(), book.lines()), (1, 3));
}

#[test]
fn keys_are_counted_over_the_whole_book_and_have_a_limit_there() {
    let clock = Arc::new(ManualClock::new());
    let journal = Arc::new(Recorded::default());
    let builder = || {
        let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
        builder
            .retention(QUARTER)
            .returns(QUARTER)
            .max_all_requests(3)
    };
    let book = builder().journal(Arc::clone(&journal) as _).build();
    book.open("phone", 10).unwrap();
    book.open("case", 10).unwrap();
    let lines = [("phone", 3)];
    book.place("order", None, lines, QUARTER).unwrap();
    let one = [("phone", 1)];
    book.pay_part("order", "pay-1", one).unwrap();
    book.restock("phone", "delivery-1", 1).unwrap();
    book.restock("case", "delivery-1", 1).unwrap();
    assert_eq!(book.requests(), 3);
    let full = Refusal::Limit(Limit::AllRequests(3));
    assert_eq!(book.pay_part("order", "pay-2", one), Err(full.clone()));
    assert_eq!(book.restock("case", "delivery-2", 1), Err(full.clone()));
    // What needs no key goes on, and what was done is answered as before.
    assert!(book.pay_part("order", "pay-1", one).unwrap().before);
    assert!(book.restock("case", "delivery-1", 1).unwrap().before);
    book.pay("order").unwrap();
    book.ship("order").unwrap();
    let again = builder().replay(journal.entries()).unwrap();
    assert_eq!(again.requests(), 3);
    // When their time has passed they are forgotten, whatever calls come.
    for book in [&book, &again] {
        assert_eq!(book.restock("case", "delivery-2", 1), Err(full.clone()));
    }
    clock.advance(QUARTER);
    for book in [&book, &again] {
        book.restock("case", "delivery-2", 1).unwrap();
        book.sweep(10).unwrap();
        assert_eq!(book.requests(), 1);
    }
}

#[test]
fn a_return_that_does_not_fit_names_its_sku() {
    let book = book(10);
    book.place("order", None, [("phone", 1), ("case", 1)], QUARTER)
        .unwrap();
    book.pay("order").unwrap();
    book.ship("order").unwrap();
    book.count("case", "full", MAX_UNITS).unwrap();
    let refused = book.return_order("order", Returned::OnSale);
    let expected = Refusal::Overflow {
        sku: "case",
        requested: 1,
        on_hand: MAX_UNITS,
    };
    assert_eq!(refused, Err(expected));
    let shipped = book.get("order").unwrap().lines;
    assert!(
        shipped.iter().all(|line| line.shipped == 1),
        "nothing changed"
    );
}

#[test]
fn what_was_done_is_answered_as_before_under_limits_that_were_lowered_since() {
    let journal = Arc::new(Recorded::default());
    let clock = Arc::new(ManualClock::new());
    let builder = || OrderBook::builder().clock(Arc::clone(&clock) as _);
    let book = builder().journal(Arc::clone(&journal) as _).build();
    for sku in ["a", "b", "c"] {
        book.open(sku, 10).unwrap();
    }
    let lines = [("a", 3), ("b", 3), ("c", 3)];
    let more = [("a", 4), ("b", 3), ("c", 3)];
    let half = [("a", 1), ("b", 1), ("c", 1)];
    let whole_day = 96 * QUARTER;
    let calls = |book: &OrderBook<&'static str>| {
        [
            book.place("order", None, lines, whole_day),
            book.amend("order", "amend", more, whole_day),
            book.extend("order", "extend", whole_day),
            book.pay_part("order", "pay", half),
            book.ship_part("order", "ship", half),
            book.return_part("order", "return", half, Returned::OnSale),
            book.cancel_part("order", "cancel", half),
        ]
    };
    for answer in calls(&book) {
        answer.unwrap();
    }
    let lower = builder()
        .max_lines(1)
        .max_units(1)
        .max_orders(1)
        .max_skus(1)
        .max_customers(0)
        .max_requests(1, 1)
        .longest_hold(QUARTER)
        .replay(journal.entries())
        .unwrap();
    for (number, answer) in calls(&lower).into_iter().enumerate() {
        assert!(
            answer.as_ref().is_ok_and(|answer| answer.before),
            "call {number}: {answer:?}"
        );
    }
    // The order goes on to its end, in as many lines as it has.
    let lower = builder()
        .max_lines(1)
        .max_units(1)
        .replay(journal.entries())
        .unwrap();
    lower.pay_part("order", "pay-2", half).unwrap();
    lower.ship_part("order", "ship-2", half).unwrap();
    // What is new is limited.
    for (refused, limit) in [
        (lower.place("new", None, lines, QUARTER), Limit::Lines(1)),
        (
            lower.place("new", None, [("a", 2)], QUARTER),
            Limit::Units(1),
        ),
    ] {
        assert_eq!(refused, Err(Refusal::Limit(limit)));
    }
}
