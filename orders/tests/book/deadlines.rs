//! Orders past their deadline: who needs their units has them, and who does not is not kept waiting by them.

use crate::support::{Recorded, short};
use segstock::ManualClock;
use segstock_orders::{OrderBook, Refusal, SkuLimits};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// More than a call expires for itself.
const OVERDUE: u64 = 3_000;

/// A book in which 3,000 orders of a case are past their deadline. Of a phone there are 4: 1 is held, 1 is paid for, 2 are
/// available.
fn book(journal: &Arc<Recorded<&'static str>>) -> OrderBook<&'static str> {
    let clock = Arc::new(ManualClock::new());
    let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
    let book = builder.journal(Arc::clone(journal) as _).build();
    book.open("case", OVERDUE).unwrap();
    book.open("phone", 4).unwrap();
    let phone = [("phone", 1)];
    book.place("paid", Some("ann"), phone, QUARTER).unwrap();
    book.pay("paid").unwrap();
    for number in 0..OVERDUE {
        let id = format!("order-{number}");
        book.place(&id, None, [("case", 1)], QUARTER).unwrap();
    }
    clock.advance(QUARTER / 2);
    book.place("held", Some("ann"), phone, QUARTER).unwrap();
    clock.advance(QUARTER / 2);
    book
}

#[test]
fn a_place_that_is_short_is_refused_beside_many_overdue_orders_of_other_skus() {
    let book = book(&Arc::default());
    let place = |units| book.place("order", None, [("phone", units)], QUARTER);
    // More than could come back if all orders were past their deadline; and more than is in stock.
    for units in [4, 3] {
        assert_eq!(short(place(units).unwrap_err()), [("phone", units, 2)]);
    }
    let written_off = book.write_off("phone", "broken", 3).unwrap_err();
    assert_eq!(short(written_off), [("phone", 3, 2)]);
    let amended = book.amend("held", "more", [("phone", 4)], QUARTER);
    assert_eq!(short(amended.unwrap_err()), [("phone", 3, 2)]);
    place(2).unwrap();
}

#[test]
fn a_customer_is_refused_with_its_limit_beside_many_overdue_orders_of_other_skus() {
    let book = book(&Arc::default());
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(1);
    book.limit("phone", limits).unwrap();
    let place = |id| book.place(id, Some("bob"), [("phone", 1)], QUARTER);
    place("one").unwrap();
    assert!(matches!(place("two"), Err(Refusal::PerCustomer(_))));
}

/// What cannot be written, of orders that have nothing that is lacking, is in nobody's way.
#[test]
fn a_full_queue_does_not_make_a_place_busy_that_no_overdue_order_could_help() {
    let journal = Arc::default();
    let book = book(&journal);
    journal.leave(1);
    let place = |units| book.place("order", None, [("phone", units)], QUARTER);
    assert_eq!(short(place(3).unwrap_err()), [("phone", 3, 2)]);
}

#[test]
fn a_place_finds_the_overdue_order_that_has_what_it_lacks_among_many_others() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    book.open("case", OVERDUE).unwrap();
    book.open("phone", 1).unwrap();
    for number in 0..OVERDUE {
        let id = format!("order-{number}");
        book.place(&id, None, [("case", 1)], QUARTER).unwrap();
    }
    book.place("last", None, [("phone", 1)], QUARTER).unwrap();
    clock.advance(QUARTER);
    book.place("order", None, [("phone", 1)], QUARTER).unwrap();
}

/// A key is known for what was asked for with it: the lines, and for how long.
#[test]
fn an_amendment_for_another_time_is_another_request() {
    let book = OrderBook::new();
    book.open("phone", 5).unwrap();
    book.place("order", None, [("phone", 1)], HOUR).unwrap();
    let amend = |ttl| book.amend("order", "more", [("phone", 2)], ttl);
    assert!(!amend(HOUR).unwrap().before);
    assert!(amend(HOUR).unwrap().before);
    assert_eq!(amend(2 * HOUR), Err(Refusal::Conflict));
}

/// A customer extends an order again and again. The last eight extensions are known by their keys, and no copy of any moves
/// the deadline back.
#[test]
fn an_order_is_extended_more_often_than_it_has_keys() {
    let clock = Arc::new(ManualClock::new());
    let journal = Arc::new(Recorded::default());
    let builder = || OrderBook::builder().clock(Arc::clone(&clock) as _);
    let book = builder().journal(Arc::clone(&journal) as _).build();
    book.open("phone", 1).unwrap();
    book.place("order", None, [("phone", 1)], HOUR).unwrap();
    // A key of another kind stays, whatever comes.
    book.amend("order", "amend", [("phone", 1)], HOUR).unwrap();
    let extend = |book: &OrderBook<&'static str>, number: u64| {
        let ttl = HOUR + Duration::from_secs(number);
        book.extend("order", &format!("extend-{number}"), ttl)
    };
    for number in 0..200 {
        clock.advance(Duration::from_secs(60));
        assert!(!extend(&book, number).unwrap().before);
    }
    assert_eq!(book.requests(), 9);
    let again = builder().replay(journal.entries()).unwrap();
    assert_eq!(again.requests(), 9);
    for book in [&book, &again] {
        let remaining = book.get("order").unwrap().remaining;
        for number in 192..200 {
            let copy = extend(book, number).unwrap();
            assert!(copy.before, "extension {number}");
            assert_eq!(copy.remaining, remaining, "a copy moves no deadline");
        }
        let amended = book.amend("order", "amend", [("phone", 1)], HOUR);
        assert!(amended.unwrap().before);
        // A copy of one that is known no more is a new request for less time.
        let late = extend(book, 7).unwrap();
        assert!(!late.before && late.remaining == remaining);
        assert_eq!(book.requests(), 9);
    }
}
