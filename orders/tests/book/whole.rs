//! A call on the whole order takes effect once. No answer says that it did what it did not do.

use segstock::ManualClock;
use segstock_orders::{OrderBook, OrderState, Refusal, Returned};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

type Book = OrderBook<&'static str>;

/// A book with an order of two phones and three cases that are held.
fn book() -> (Book, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    book.open("phone", 5).unwrap();
    book.open("case", 5).unwrap();
    let lines = [("phone", 2), ("case", 3)];
    book.place("order", None, lines, QUARTER).unwrap();
    (book, clock)
}

#[test]
fn what_was_paid_for_after_the_first_parcel_is_not_said_to_have_left() {
    let (book, _) = book();
    book.pay_part("order", "cases", [("case", 3)]).unwrap();
    let parcel = book.ship("order").unwrap();
    let again = book.ship("order").unwrap();
    assert_eq!((again.before, again.units), (true, parcel.units), "a retry");

    book.pay("order").unwrap();
    assert_eq!(book.ship("order"), Err(Refusal::Conflict));
    assert_eq!(book.get("order").unwrap().state, OrderState::Paid);
    book.ship_part("order", "phones", [("phone", 2)]).unwrap();
    assert_eq!(book.stock("phone").unwrap().on_hand, 3);
    assert!(book.ship("order").unwrap().before);
}

#[test]
fn what_left_after_the_first_return_is_not_said_to_be_back() {
    for to in [Returned::OnSale, Returned::WrittenOff] {
        let (book, _) = book();
        book.pay("order").unwrap();
        book.ship_part("order", "cases", [("case", 3)]).unwrap();
        book.return_order("order", to).unwrap();
        assert!(book.return_order("order", to).unwrap().before);
        book.ship_part("order", "phones", [("phone", 2)]).unwrap();
        assert_eq!(book.return_order("order", to), Err(Refusal::Conflict));
        book.return_part("order", "back", [("phone", 2)], to)
            .unwrap();
        assert!(book.return_order("order", to).unwrap().before);
    }
}

#[test]
fn what_was_paid_for_late_is_not_said_to_be_cancelled() {
    let (book, clock) = book();
    book.pay_part("order", "cases", [("case", 3)]).unwrap();
    clock.advance(QUARTER);
    assert_eq!(book.cancel("order").unwrap().refunded, 3);
    book.pay("order").unwrap();
    assert_eq!(book.cancel("order"), Err(Refusal::Conflict));
    let part = book.cancel_part("order", "phones", [("phone", 2)]).unwrap();
    assert_eq!(part.refunded, 2);
    assert!(book.cancel("order").unwrap().before);
}

/// Whoever pays for the whole order has not heard that a part of it was cancelled.
#[test]
fn nothing_is_paid_for_that_was_cancelled() {
    let (book, _) = book();
    book.pay_part("order", "cases", [("case", 3)]).unwrap();
    book.cancel_part("order", "phones", [("phone", 2)]).unwrap();
    assert_eq!(book.pay("order"), Err(Refusal::State(OrderState::Paid)));

    let (book, _) = self::book();
    book.pay_part("order", "all", [("case", 3), ("phone", 2)])
        .unwrap();
    assert!(book.pay("order").unwrap().before, "all of it is paid for");
    book.cancel_part("order", "phones", [("phone", 2)]).unwrap();
    assert_eq!(book.pay("order"), Err(Refusal::State(OrderState::Paid)));

    let (book, _) = self::book();
    book.pay("order").unwrap();
    book.cancel_part("order", "phones", [("phone", 2)]).unwrap();
    assert!(book.pay("order").unwrap().before, "it was paid for by this");
}
