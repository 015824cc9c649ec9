//! The table of the crate's documentation: each call in each state.

use segstock::ManualClock;
use segstock_orders::{Answer, OrderBook, OrderState, Refusal, Returned};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

/// The states in which a call may find the order, in the sequence of the columns.
const STATES: [&str; 8] = [
    "nothing",
    "waiting",
    "held",
    "paid",
    "shipped",
    "returned",
    "cancelled",
    "expired",
];

/// What the table says: an answer, or a refusal.
const TABLE: [(&str, [&str; 8]); 9] = [
    (
        "place",
        [
            "done",
            "before",
            "before",
            "before",
            "before",
            "before",
            "cancelled",
            "expired",
        ],
    ),
    (
        "place another",
        [
            "done", "conflict", "conflict", "conflict", "conflict", "conflict", "conflict",
            "conflict",
        ],
    ),
    (
        "amend",
        [
            "unknown",
            "waiting",
            "done",
            "paid",
            "shipped",
            "returned",
            "cancelled",
            "expired",
        ],
    ),
    (
        "extend",
        [
            "unknown",
            "waiting",
            "done",
            "paid",
            "shipped",
            "returned",
            "cancelled",
            "expired",
        ],
    ),
    (
        "pay",
        [
            "unknown",
            "waiting",
            "done",
            "before",
            "before",
            "before",
            "cancelled",
            "late",
        ],
    ),
    (
        "ship",
        [
            "unknown",
            "waiting",
            "held",
            "done",
            "before",
            "before",
            "cancelled",
            "expired",
        ],
    ),
    (
        "cancel",
        [
            "unknown", "done", "done", "refunded", "shipped", "returned", "before", "expired",
        ],
    ),
    (
        "return on sale",
        [
            "unknown",
            "waiting",
            "held",
            "paid",
            "done",
            "before",
            "cancelled",
            "expired",
        ],
    ),
    (
        "return written off",
        [
            "unknown",
            "waiting",
            "held",
            "paid",
            "done",
            "before",
            "cancelled",
            "expired",
        ],
    ),
];

fn book_in(state: &str) -> OrderBook<&'static str> {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    book.open("phone", 10).unwrap();
    book.open("case", 10).unwrap();
    if state == "nothing" {
        return book;
    }
    if state == "waiting" {
        // There are no phones but those that others have.
        book.place("others", None, [("phone", 10)], 2 * QUARTER)
            .unwrap();
        let lines = [("phone", 2), ("case", 1)];
        let waits = book.place_or_wait("order", Some("ann"), lines, QUARTER);
        assert_eq!(waits.unwrap().state, OrderState::Waiting);
        return book;
    }
    place(&book).unwrap();
    match state {
        "cancelled" => drop(book.cancel("order").unwrap()),
        "expired" => clock.advance(QUARTER),
        _ => {}
    }
    if ["paid", "shipped", "returned"].contains(&state) {
        book.pay("order").unwrap();
    }
    if ["shipped", "returned"].contains(&state) {
        book.ship("order").unwrap();
    }
    if state == "returned" {
        book.return_order("order", Returned::OnSale).unwrap();
    }
    book
}

fn place(book: &OrderBook<&'static str>) -> Result<Answer, Refusal<&'static str>> {
    book.place("order", Some("ann"), [("phone", 2), ("case", 1)], QUARTER)
}

fn call(book: &OrderBook<&'static str>, call: &str) -> Result<Answer, Refusal<&'static str>> {
    match call {
        "place" => place(book),
        "place another" => book.place("order", Some("ann"), [("phone", 2)], QUARTER),
        "amend" => book.amend("order", "amend-1", [("phone", 1), ("case", 3)], QUARTER),
        "extend" => book.extend("order", 2 * QUARTER),
        "pay" => book.pay("order"),
        "ship" => book.ship("order"),
        "cancel" => book.cancel("order"),
        "return on sale" => book.return_order("order", Returned::OnSale),
        "return written off" => book.return_order("order", Returned::WrittenOff),
        _ => unreachable!("no such call: {call}"),
    }
}

fn said(answer: &Result<Answer, Refusal<&'static str>>) -> String {
    match answer {
        Ok(answer) if answer.before => "before".into(),
        Ok(answer) if answer.late > 0 => "late".into(),
        Ok(answer) if answer.refunded > 0 => "refunded".into(),
        Ok(_) => "done".into(),
        Err(Refusal::State(state)) => state.to_string(),
        Err(Refusal::Conflict) => "conflict".into(),
        Err(Refusal::UnknownOrder) => "unknown".into(),
        Err(refusal) => panic!("the table has no {refusal}"),
    }
}

#[test]
fn each_call_in_each_state_answers_as_the_table_says() {
    for (name, row) in TABLE {
        for (state, expected) in STATES.into_iter().zip(row) {
            let book = book_in(state);
            assert_eq!(said(&call(&book, name)), expected, "{name}, {state}");
        }
    }
}

#[test]
fn a_call_that_is_made_again_changes_nothing_in_any_state() {
    for (name, _) in TABLE {
        for state in STATES {
            let book = book_in(state);
            let first = call(&book, name);
            let order = book.get("order");
            let stock = (book.stock("phone"), book.stock("case"));
            let again = call(&book, name);
            let changed = first.is_ok_and(|first| !first.before);
            if changed {
                assert!(
                    again.as_ref().is_ok_and(|again| again.before),
                    "{name}, {state}: {again:?}"
                );
            }
            assert_eq!(book.get("order"), order, "{name}, {state}");
            assert_eq!(
                (book.stock("phone"), book.stock("case")),
                stock,
                "{name}, {state}"
            );
        }
    }
}

#[test]
fn a_refused_call_leaves_order_and_stock_as_they_were() {
    for (name, row) in TABLE {
        for (state, expected) in STATES.into_iter().zip(row) {
            let book = book_in(state);
            // The look itself expires an order whose deadline has passed.
            let before = (book.get("order"), book.stock("phone"), book.stock("case"));
            let answer = call(&book, name);
            if answer.is_err() || expected == "before" {
                let after = (book.get("order"), book.stock("phone"), book.stock("case"));
                assert_eq!(after, before, "{name}, {state}");
            }
        }
    }
}

#[test]
fn units_are_on_hand_until_they_are_shipped_and_again_when_they_come_back_on_sale() {
    let figures = |state| {
        let book = book_in(state);
        _ = book.get("order");
        let stock = book.stock("phone").unwrap();
        (stock.available, stock.on_hand)
    };
    assert_eq!(figures("held"), (8, 10));
    assert_eq!(figures("paid"), (8, 10));
    assert_eq!(figures("shipped"), (8, 8));
    assert_eq!(figures("returned"), (10, 10));
    assert_eq!(figures("cancelled"), (10, 10));
    assert_eq!(figures("expired"), (10, 10));
}

#[test]
fn each_state_is_shown() {
    let shown = |state| book_in(state).get("order").unwrap().state;
    assert_eq!(shown("waiting"), OrderState::Waiting);
    assert_eq!(shown("held"), OrderState::Held);
    assert_eq!(shown("paid"), OrderState::Paid);
    assert_eq!(shown("shipped"), OrderState::Shipped);
    assert_eq!(shown("returned"), OrderState::Returned);
    assert_eq!(shown("cancelled"), OrderState::Cancelled);
    assert_eq!(shown("expired"), OrderState::Expired);
}
