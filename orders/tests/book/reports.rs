//! What people reported of the order books that they wrote by hand: each report is a test.

use crate::support::{Recorded, book, short};
use segstock::ManualClock;
use segstock_orders::{Cursor, Filter, OrderBook, OrderState, Refusal, Returned, SkuLimits};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

#[test]
fn a_count_of_what_is_paid_and_not_shipped_finds_nothing() {
    let book = book(2);
    book.place("order", None, [("phone", 2)], QUARTER).unwrap();
    book.pay("order").unwrap();
    let counted = book.count("phone", "count", 2).unwrap();
    assert_eq!((counted.difference, counted.uncovered), (0, 0));
    let next = book
        .place("next", None, [("phone", 1)], QUARTER)
        .unwrap_err();
    assert_eq!(short(next), [("phone", 1, 0)]);
}

#[test]
fn a_shop_that_ships_at_once_says_so_in_one_setting() {
    let book = OrderBook::builder().ships_at_once().build();
    book.open("ticket", 2).unwrap();
    book.place("order", None, [("ticket", 2)], QUARTER).unwrap();
    assert_eq!(book.pay("order").unwrap().state, OrderState::Shipped);
    assert_eq!(book.stock("ticket").unwrap().on_hand, 0);
}

#[test]
fn a_late_copy_of_a_count_changes_nothing_however_many_counts_came_between() {
    let book = book(0);
    assert_eq!(book.count("phone", "first", 100).unwrap().difference, 100);
    for number in 0..1_000 {
        book.count("phone", &format!("count-{number}"), 90 + number % 2)
            .unwrap();
    }
    let copy = book.count("phone", "first", 100).unwrap();
    assert!(copy.before);
    assert_eq!(copy.difference, 100, "it is answered as it was");
    assert_eq!(book.available("phone"), Some(91));
    assert_eq!(book.count("phone", "first", 7), Err(Refusal::Conflict));
    assert_eq!(book.restock("phone", "first", 100), Err(Refusal::Conflict));
}

#[test]
fn restocks_and_write_offs_are_booked_once() {
    let book = book(10);
    for before in [false, true] {
        assert_eq!(book.restock("phone", "delivery", 5).unwrap().before, before);
        assert_eq!(book.write_off("phone", "broken", 3).unwrap().before, before);
    }
    assert_eq!(book.available("phone"), Some(12));
}

#[test]
fn a_count_below_what_is_promised_is_booked_and_the_rest_is_owed() {
    let book = book(8);
    book.place("five", None, [("phone", 5)], QUARTER).unwrap();
    book.place("three", None, [("phone", 3)], QUARTER).unwrap();
    book.pay("five").unwrap();
    let counted = book.count("phone", "count", 5).unwrap();
    assert_eq!((counted.difference, counted.uncovered), (-3, 3));
    assert_eq!(book.stock("phone").unwrap().owed, 3);

    book.ship("five").unwrap();
    book.pay("three").unwrap();
    assert_eq!(short(book.ship("three").unwrap_err()), [("phone", 3, 0)]);
    // What comes back pays what is owed before anybody else has it.
    book.return_part("five", "back", [("phone", 4)], Returned::OnSale)
        .unwrap();
    assert_eq!(
        (book.stock("phone").unwrap().owed, book.available("phone")),
        (0, Some(1))
    );
    book.ship("three").unwrap();
}

#[test]
fn units_that_come_back_serve_what_is_owed_then_who_waits_then_the_sale() {
    let book = book(4);
    book.place("paid", None, [("phone", 4)], QUARTER).unwrap();
    book.pay("paid").unwrap();
    book.count("phone", "count", 3).unwrap();
    for (id, units) in [("first", 2), ("second", 1)] {
        let waits = book
            .place_or_wait(id, None, [("phone", units)], QUARTER)
            .unwrap();
        assert_eq!(waits.state, OrderState::Waiting);
    }
    let state = |id| book.get(id).unwrap().state;
    book.restock("phone", "one", 1).unwrap();
    assert_eq!(
        (book.stock("phone").unwrap().owed, state("first")),
        (0, OrderState::Waiting)
    );
    // One unit would do for the second, and for the sale: the first is first.
    book.restock("phone", "two", 1).unwrap();
    assert_eq!(state("second"), OrderState::Waiting);
    assert!(book.place("sale", None, [("phone", 1)], QUARTER).is_err());
    book.restock("phone", "three", 1).unwrap();
    assert_eq!(
        (state("first"), state("second")),
        (OrderState::Held, OrderState::Waiting)
    );
    book.restock("phone", "four", 2).unwrap();
    assert_eq!(state("second"), OrderState::Held);
    book.place("sale", None, [("phone", 1)], QUARTER).unwrap();
}

#[test]
fn preorders_go_to_a_limit_and_are_held_like_any_order_once_they_are_served() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    book.open("book", 0).unwrap();
    let mut limits = SkuLimits::default();
    limits.waiting = 3;
    book.limit("book", limits).unwrap();
    let wait = |id, units| book.place_or_wait(id, None, [("book", units)], QUARTER);
    wait("ann", 2).unwrap();
    let full = wait("bob", 2).unwrap_err();
    assert!(matches!(full, Refusal::QueueFull(_)));
    assert_eq!(short(full), [("book", 2, 1)]);
    assert!(
        wait("ann", 2).unwrap().before,
        "a retry is answered as before"
    );

    clock.advance(10 * QUARTER);
    book.restock("book", "delivery", 2).unwrap();
    assert_eq!(
        book.get("ann").unwrap().remaining,
        Some(QUARTER),
        "from when it was served"
    );
    clock.advance(QUARTER);
    assert_eq!(book.get("ann").unwrap().state, OrderState::Expired);
}

#[test]
fn a_waiting_order_that_is_cancelled_lets_the_next_one_go() {
    let book = book(1);
    book.place_or_wait("two", None, [("phone", 2)], QUARTER)
        .unwrap();
    book.place_or_wait("one", None, [("phone", 1)], QUARTER)
        .unwrap();
    assert_eq!(book.get("one").unwrap().state, OrderState::Waiting);
    book.cancel("two").unwrap();
    assert_eq!(book.get("one").unwrap().state, OrderState::Held);
}

#[test]
fn many_who_wait_are_all_served_though_each_call_serves_a_few() {
    let book = book(0);
    for number in 0..100 {
        book.place_or_wait(&format!("order-{number}"), None, [("phone", 1)], QUARTER)
            .unwrap();
    }
    book.restock("phone", "delivery", 100).unwrap();
    // Any calls: here those of somebody who looks.
    for _ in 0..20 {
        assert!(book.get("order-0").is_ok());
    }
    let mut waiting = Filter::default();
    waiting.state = Some(OrderState::Waiting);
    let page = book.list(&waiting, Cursor::default(), 100).unwrap();
    assert_eq!(page.orders, []);
}

#[test]
fn lines_in_another_sequence_or_split_are_the_same_order() {
    let book = book(10);
    book.place("order", Some("ann"), [("phone", 2), ("case", 1)], QUARTER)
        .unwrap();
    let split = [("case", 1), ("phone", 1), ("phone", 1)];
    assert!(
        book.place("order", Some("ann"), split, QUARTER)
            .unwrap()
            .before
    );
    for other in [
        book.place("order", Some("ann"), [("phone", 2)], QUARTER),
        book.place("order", Some("bob"), [("phone", 2), ("case", 1)], QUARTER),
        book.place("order", None, [("phone", 2), ("case", 1)], QUARTER),
        book.place("order", Some("ann"), [("phone", 2), ("bag", 1)], QUARTER),
    ] {
        assert_eq!(other, Err(Refusal::Conflict));
    }
}

#[test]
fn a_place_is_known_by_its_first_lines_after_the_order_was_amended() {
    let book = book(10);
    book.place("order", None, [("phone", 2)], QUARTER).unwrap();
    book.amend("order", "more", [("phone", 3)], QUARTER)
        .unwrap();
    assert!(
        book.place("order", None, [("phone", 2)], QUARTER)
            .unwrap()
            .before
    );
    book.amend("order", "less", [("phone", 1)], QUARTER)
        .unwrap();
    assert!(
        book.amend("order", "more", [("phone", 3)], QUARTER)
            .unwrap()
            .before,
        "a late copy"
    );
    assert_eq!(book.available("phone"), Some(9));
}

#[test]
fn the_id_of_a_refused_order_can_be_used_again() {
    let book = book(1);
    assert!(book.place("order", None, [("phone", 2)], QUARTER).is_err());
    book.place("order", None, [("phone", 1)], QUARTER).unwrap();
}

#[test]
fn a_refusal_names_every_line_that_lacks_units() {
    let book = book(1);
    let refused = book
        .place("order", None, [("phone", 2), ("case", 3)], QUARTER)
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "out of stock: phone (2 requested, 1 available), case (3 requested, 1 available)"
    );
    let unknown = book.place("order", None, [("bag", 1), ("hat", 1), ("bag", 1)], QUARTER);
    assert_eq!(unknown, Err(Refusal::UnknownSkus(vec!["bag", "hat"])));
}

#[test]
fn a_late_payment_is_served_while_units_can_be_had_and_refused_with_what_lacks_after() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    book.open("phone", 2).unwrap();
    book.place("ann", None, [("phone", 2)], QUARTER).unwrap();
    clock.advance(QUARTER);
    book.place("bob", None, [("phone", 1)], QUARTER).unwrap();
    assert_eq!(short(book.pay("ann").unwrap_err()), [("phone", 2, 1)]);
    book.cancel("bob").unwrap();
    assert_eq!(book.pay("ann").unwrap().late, 2);
}

#[test]
fn a_place_has_the_units_of_orders_past_their_deadline() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    book.open("phone", 300).unwrap();
    for number in 0..300 {
        book.place(&format!("order-{number}"), None, [("phone", 1)], QUARTER)
            .unwrap();
    }
    clock.advance(QUARTER);
    book.place("all", None, [("phone", 300)], QUARTER).unwrap();
}

#[test]
fn a_full_queue_is_busy_before_anything_is_taken() {
    let journal = Arc::new(Recorded::default());
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder()
        .journal(Arc::clone(&journal) as _)
        .clock(Arc::clone(&clock) as _)
        .build();
    book.open("phone", 5).unwrap();
    book.place("held", None, [("phone", 1)], QUARTER).unwrap();
    book.place("paid", None, [("phone", 2)], QUARTER).unwrap();
    book.pay("paid").unwrap();
    let entries = journal.entries().len();
    journal.leave(0);
    let shown = || (book.stock("phone"), book.get("held"), book.get("paid"));
    let before = shown();
    assert_eq!(
        book.place("new", None, [("phone", 1)], QUARTER),
        Err(Refusal::Busy)
    );
    assert_eq!(
        book.place_or_wait("new", None, [("phone", 9)], QUARTER),
        Err(Refusal::Busy)
    );
    assert_eq!(
        book.amend("held", "key", [("phone", 2)], QUARTER),
        Err(Refusal::Busy)
    );
    assert_eq!(book.pay("held"), Err(Refusal::Busy));
    assert_eq!(book.ship("paid"), Err(Refusal::Busy));
    assert_eq!(book.cancel("paid"), Err(Refusal::Busy));
    assert_eq!(book.restock("phone", "key", 1), Err(Refusal::Busy));
    assert_eq!(book.count("phone", "key", 1), Err(Refusal::Busy));
    assert_eq!(book.write_off("phone", "key", 1), Err(Refusal::Busy));
    assert_eq!(shown(), before);
    // Retries of what was done, and refusals that change nothing, need no place.
    assert!(book.pay("paid").unwrap().before);
    assert_eq!(journal.entries().len(), entries);
    // An expiry that cannot be written makes a place that is short busy, not sold out.
    clock.advance(QUARTER);
    let held = book.get("held").unwrap();
    assert_eq!(
        (held.state, held.remaining),
        (OrderState::Held, Some(Duration::ZERO))
    );
    assert_eq!(
        book.place("new", None, [("phone", 3)], QUARTER),
        Err(Refusal::Busy)
    );
    journal.leave(u64::MAX);
    book.place("new", None, [("phone", 3)], QUARTER).unwrap();
}
