//! The table of the crate's documentation: each call in each state.

use segstock::ManualClock;
use segstock_orders::{Answer, OrderBook, OrderState, Refusal, Returned};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

/// Phones in all.
const PHONES: u64 = 10;

type Book = OrderBook<&'static str>;
type Said = Result<Answer, Refusal<&'static str>>;

/// The rows of the table: cells without what is around them. The first has the states in which a call may find the order.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = include_str!("../../src/lib.rs").lines();
    let rows = lines.filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix(" |"));
    let rows = rows.map(|row| row.split(" | ").map(str::trim).collect());
    rows.collect()
}

/// Calls each call in each state. `check` has the name of the call, the state, and what the table says of it.
fn for_each_cell(check: impl Fn(&str, &str, &str)) {
    let rows = rows();
    let (states, calls) = rows.split_first().unwrap();
    assert_eq!((states.len(), calls.len()), (9, 14), "{rows:?}");
    for row in calls {
        assert_eq!(row.len(), states.len(), "{row:?}");
        for (state, cell) in states.iter().zip(row).skip(1) {
            check(row[0], state, cell);
        }
    }
}

/// A book with an order of which this is said.
struct Shop {
    book: Book,
    clock: Arc<ManualClock>,
}

impl Shop {
    fn with(state: &str) -> Self {
        let clock = Arc::new(ManualClock::new());
        let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
        book.open("phone", PHONES).unwrap();
        book.open("case", PHONES).unwrap();
        if state == "waiting" {
            // There are no phones but those that others have.
            book.place("others", None, [("phone", PHONES)], 2 * QUARTER)
                .unwrap();
            let lines = [("phone", 2), ("case", 1)];
            let waits = book.place_or_wait("order", Some("ann"), lines, QUARTER);
            assert_eq!(waits.unwrap().state, OrderState::Waiting);
        } else if state != "nothing known" {
            place(&book).unwrap();
        }
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
        // The look itself expires an order whose deadline has passed.
        _ = book.get("order");
        Self { book, clock }
    }

    /// Others have all units that the order has not, and none is on the shelf.
    fn without_units(self) -> Self {
        for sku in ["phone", "case"] {
            let left = self.book.available(sku).unwrap();
            if left > 0 {
                let all = format!("all-{sku}");
                // Those that are kept for an order that waits are nobody's.
                _ = self.book.place(&all, None, [(sku, left)], QUARTER);
            }
            self.book.count(sku, "nothing", 0).unwrap();
        }
        self
    }

    /// What can be seen of the order and of the stock.
    fn seen(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let stock = |sku| self.book.stock(sku);
        (self.book.get("order"), stock("phone"), stock("case"))
    }
}

fn place(book: &Book) -> Said {
    book.place("order", Some("ann"), [("phone", 2), ("case", 1)], QUARTER)
}

fn call(book: &Book, call: &str) -> Said {
    let (id, part) = ("order", [("phone", 1)]);
    match call {
        "place, the order as before" => place(book),
        "place or wait, the order as before" => {
            let lines = [("phone", 2), ("case", 1)];
            book.place_or_wait(id, Some("ann"), lines, QUARTER)
        }
        "place, another order" => book.place(id, Some("ann"), [("phone", 2)], QUARTER),
        "amend" => book.amend(id, "amend-1", [("phone", 1), ("case", 3)], QUARTER),
        "extend" => book.extend(id, "extend-1", 2 * QUARTER),
        "pay" => book.pay(id),
        "pay a part" => book.pay_part(id, "pay-1", part),
        "ship" => book.ship(id),
        "ship a part" => book.ship_part(id, "ship-1", part),
        "cancel" => book.cancel(id),
        "cancel a part" => book.cancel_part(id, "cancel-1", part),
        "return, on sale" => book.return_order(id, Returned::OnSale),
        "return, written off" => book.return_order(id, Returned::WrittenOff),
        "return a part" => book.return_part(id, "return-1", part, Returned::OnSale),
        _ => panic!("no such call: {call}"),
    }
}

/// An answer in the words of the table.
fn said(call: &str, answer: &Said) -> String {
    let answer = match answer {
        Ok(answer) => answer,
        Err(Refusal::State(state)) => return state.to_string(),
        Err(Refusal::Conflict) => return "conflict".into(),
        Err(Refusal::UnknownOrder) => return "unknown".into(),
        Err(Refusal::Short(_)) => return "short".into(),
        Err(Refusal::NotOnHand(_)) => return "not on hand".into(),
        Err(Refusal::NotInOrder(_)) => return "not in it".into(),
        Err(refusal) => panic!("the table has no {refusal}"),
    };
    let verb = call.split([' ', ',']).next().unwrap();
    let done = match verb {
        _ if answer.before => return "before".into(),
        "place" if answer.state == OrderState::Waiting => "waits",
        "place" => "placed",
        "amend" => "amended",
        "extend" => "extended",
        "pay" if answer.late > 0 => "paid late",
        "pay" => "paid",
        "ship" => "shipped",
        "cancel" if answer.refunded > 0 => "refunded",
        "cancel" => "cancelled",
        "return" => "returned",
        _ => panic!("no such call: {call}"),
    };
    format!("*{done}*")
}

#[test]
fn each_call_in_each_state_answers_as_the_table_says() {
    for_each_cell(|name, state, cell| {
        // Of a cell with an "or" the first is for a book that has units, the last for one that has none.
        let mut expected = cell.split(", or ");
        let (first, last) = (expected.next(), expected.next());
        let shop = Shop::with(state);
        let answer = said(name, &call(&shop.book, name));
        assert_eq!(Some(&*answer), first, "{name}, {state}");
        let shop = Shop::with(state).without_units();
        let answer = said(name, &call(&shop.book, name));
        assert_eq!(
            Some(&*answer),
            last.or(first),
            "{name}, {state}, without units"
        );
    });
}

/// A minute later, so that a call that counts from its own now would be seen.
#[test]
fn a_call_that_is_made_again_is_answered_as_before_and_changes_nothing_in_any_state() {
    for_each_cell(|name, state, _| {
        let shop = Shop::with(state);
        let first = call(&shop.book, name);
        shop.clock.advance(Duration::from_secs(60));
        let before = shop.seen();
        let again = call(&shop.book, name);
        match (first, again) {
            (Ok(first), Ok(again)) => {
                assert!(again.before, "{name}, {state}");
                let figures = |answer: Answer| (answer.units, answer.refunded, answer.late);
                assert_eq!(figures(again), figures(first), "{name}, {state}");
            }
            (first, again) => assert_eq!(again, first, "{name}, {state}"),
        }
        assert_eq!(shop.seen(), before, "{name}, {state}");
    });
}

#[test]
fn a_refused_call_leaves_order_and_stock_as_they_were() {
    for_each_cell(|name, state, _| {
        for shop in [Shop::with(state), Shop::with(state).without_units()] {
            let before = shop.seen();
            let answer = call(&shop.book, name);
            if answer.is_ok_and(|answer| !answer.before) {
                continue;
            }
            assert_eq!(shop.seen(), before, "{name}, {state}");
        }
    });
}

#[test]
fn units_are_on_hand_until_they_are_shipped_and_again_when_they_come_back_on_sale() {
    let figures = |state| {
        let book = Shop::with(state).book;
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
    let shown = |state| Shop::with(state).book.get("order").unwrap().state;
    assert_eq!(shown("waiting"), OrderState::Waiting);
    assert_eq!(shown("held"), OrderState::Held);
    assert_eq!(shown("paid"), OrderState::Paid);
    assert_eq!(shown("shipped"), OrderState::Shipped);
    assert_eq!(shown("returned"), OrderState::Returned);
    assert_eq!(shown("cancelled"), OrderState::Cancelled);
    assert_eq!(shown("expired"), OrderState::Expired);
}
