//! Units that go from one SKU to another: at once, or on a way.

use crate::support::{Recorded, short};
use segstock_orders::{
    Limit, OrderBook, OrderState, Position, Refusal, SendingView, SkuLimits, SkuView, StockAnswer,
};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

type Book = OrderBook<&'static str>;

fn builder() -> segstock_orders::OrderBookBuilder<&'static str> {
    OrderBook::builder()
}

fn opened(book: Book) -> Book {
    book.open("north", 10).unwrap();
    book.open("south", 1).unwrap();
    book
}

/// On hand, on the way from it, coming to it.
fn figures(stock: Option<SkuView>) -> (u64, u64, u64) {
    let stock = stock.unwrap();
    (stock.on_hand, stock.on_the_way, stock.coming)
}

fn both(book: &Book) -> [(u64, u64, u64); 2] {
    [figures(book.stock("north")), figures(book.stock("south"))]
}

fn difference(answer: Result<StockAnswer, Refusal<&'static str>>) -> (bool, i64) {
    let answer = answer.unwrap();
    (answer.before, answer.difference)
}

#[test]
fn units_that_move_are_moved_once_for_each_key() {
    let book = opened(OrderBook::new());
    for before in [false, true] {
        let moved = book.move_units("north", "south", "move", 4);
        assert_eq!(difference(moved), (before, -4));
    }
    assert_eq!(both(&book), [(6, 0, 0), (5, 0, 0)]);
    // Another request under the key: other units, another SKU, another call.
    book.open("west", 0).unwrap();
    for other in [
        book.move_units("north", "south", "move", 3),
        book.move_units("north", "west", "move", 4),
        book.send("north", "south", "move", 4),
        book.write_off("north", "move", 4),
    ] {
        assert_eq!(other, Err(Refusal::Conflict));
    }
}

#[test]
fn units_on_the_way_are_nowhere_on_hand_until_they_arrive() {
    let book = opened(OrderBook::new());
    let sent = book.send("north", "south", "lorry", 5).unwrap();
    assert_eq!(
        book.send("north", "south", "lorry", 5).unwrap().position,
        sent.position
    );
    assert_eq!(both(&book), [(5, 5, 0), (1, 0, 5)]);
    assert_eq!(book.count("north", "count", 5).unwrap().difference, 0);

    let arrive = |key, units, lost| book.arrive("south", sent.position, key, units, lost);
    for before in [false, true] {
        assert_eq!(difference(arrive("first", 2, 1)), (before, 2));
    }
    assert_eq!(both(&book), [(5, 2, 0), (3, 0, 2)]);
    let second = book.send("north", "south", "van", 1).unwrap();
    let page = book.sendings(Position::default(), 1);
    let shown =
        |sending: &SendingView<_>| (sending.number, sending.from, sending.to, sending.units);
    assert_eq!(
        shown(&page.sendings[0]),
        (sent.position, "north", "south", 2)
    );
    assert_eq!(page.next, Some(second.position));
    let rest = book.sendings(second.position, 0);
    assert_eq!(
        (shown(&rest.sendings[0]).3, rest.sendings.len(), rest.next),
        (1, 1, None)
    );
    book.arrive("south", second.position, "van", 0, 1).unwrap();
    book.restock("north", "found", 1).unwrap();
    let (requested, on_the_way) = (3, 2);
    let more = Refusal::NotOnTheWay {
        requested,
        on_the_way,
    };
    assert_eq!(arrive("more", 3, 0), Err(more.clone()));
    assert_eq!(arrive("more", 0, 3), Err(more));
    arrive("last", 2, 0).unwrap();
    assert_eq!(both(&book), [(5, 0, 0), (5, 0, 0)]);
    // Nothing of it is on the way any more, and a late copy is still known.
    assert_eq!(arrive("more", 1, 0), Err(Refusal::UnknownSending));
    assert!(arrive("last", 2, 0).unwrap().before);
    assert!(arrive("first", 2, 1).unwrap().before);
    assert_eq!(arrive("first", 2, 0), Err(Refusal::Conflict));
}

#[test]
fn only_units_that_nobody_was_promised_leave() {
    let book = opened(OrderBook::new());
    book.place("order", None, [("north", 7)], QUARTER).unwrap();
    for refused in [
        book.move_units("north", "south", "key", 4),
        book.send("north", "south", "key", 4),
    ] {
        assert_eq!(short(refused.unwrap_err()), [("north", 4, 3)]);
    }
    book.move_units("north", "south", "key", 3).unwrap();
    book.pay("order").unwrap();
    book.ship("order").unwrap();
}

#[test]
fn units_that_arrive_serve_first_what_is_owed_and_then_who_waits() {
    let book = opened(OrderBook::new());
    book.place("paid", None, [("south", 1)], QUARTER).unwrap();
    book.pay("paid").unwrap();
    book.count("south", "count", 0).unwrap();
    book.place_or_wait("waits", None, [("south", 2)], QUARTER)
        .unwrap();
    let lorry = book.send("north", "south", "lorry", 4).unwrap().position;
    book.arrive("south", lorry, "one", 1, 0).unwrap();
    let stock = book.stock("south").unwrap();
    assert_eq!((stock.owed, stock.available), (0, 0));
    assert_eq!(book.get("waits").unwrap().state, OrderState::Waiting);
    book.arrive("south", lorry, "all", 3, 0).unwrap();
    assert_eq!(book.get("waits").unwrap().state, OrderState::Held);
    assert_eq!(book.available("south"), Some(1));
}

#[test]
fn what_cannot_be_moved_is_refused_with_an_error_of_its_own() {
    let book = opened(builder().max_sendings(1).build());
    assert_eq!(
        book.send("north", "south", "key", 0),
        Err(Refusal::ZeroUnits("north"))
    );
    assert_eq!(
        book.move_units("north", "north", "key", 1),
        Err(Refusal::SameSku("north"))
    );
    let unknown = book.move_units("east", "west", "key", 1);
    assert_eq!(unknown, Err(Refusal::UnknownSkus(vec!["east", "west"])));
    let lorry = book.send("north", "south", "lorry", 1).unwrap().position;
    let full = Err(Refusal::Limit(Limit::OnTheWay(1)));
    assert_eq!(book.send("north", "south", "another", 1), full);
    assert_eq!(
        book.arrive("south", lorry, "key", 0, 0),
        Err(Refusal::ZeroUnits("south"))
    );
    for (to, sending) in [("north", lorry), ("south", Position::new(77))] {
        let refused = book.arrive(to, sending, "key", 1, 0);
        assert_eq!(refused, Err(Refusal::UnknownSending));
    }
    let many = book.arrive("south", lorry, "key", u64::MAX, 1);
    assert_eq!(many, Err(Refusal::TooManyUnits("south")));
    book.open("full", segstock::MAX_UNITS).unwrap();
    let overflow = book.move_units("north", "full", "key", 1);
    assert!(matches!(
        overflow,
        Err(Refusal::Overflow { sku: "full", .. })
    ));
}

#[test]
fn what_is_on_the_way_is_so_after_a_replay() {
    let journal = Arc::new(Recorded::default());
    let book = opened(builder().journal(Arc::clone(&journal) as _).build());
    let mut limits = SkuLimits::default();
    limits.safety = 2;
    book.limit("south", limits).unwrap();
    book.move_units("north", "south", "move", 1).unwrap();
    let lorry = book.send("north", "south", "lorry", 4).unwrap().position;
    book.arrive("south", lorry, "first", 1, 1).unwrap();
    let again = builder().replay(journal.entries()).unwrap();
    assert_eq!(both(&again), both(&book));
    assert!(again.send("north", "south", "lorry", 4).unwrap().before);
    assert!(again.arrive("south", lorry, "first", 1, 1).unwrap().before);
    again.arrive("south", lorry, "rest", 2, 0).unwrap();
    assert_eq!(both(&again), [(5, 0, 0), (5, 0, 0)]);
}

/// A ledger keeps moves like all else: its sums are those of the book, and the book is the same again.
#[cfg(feature = "sqlite")]
#[test]
fn moves_are_durable() {
    use segstock_orders::sqlite::SqliteLedger;

    let directory = tempfile::tempdir().unwrap();
    let ledger = || SqliteLedger::at(directory.path().join("shop.db"));
    let shop = OrderBook::<String>::builder().recover(ledger()).unwrap();
    let sku = str::to_owned;
    let book = &shop.book;
    book.open(sku("north"), 10).unwrap();
    book.open(sku("south"), 1).unwrap();
    book.move_units(sku("north"), sku("south"), "move", 1)
        .unwrap();
    let sent = book.send(sku("north"), sku("south"), "lorry", 4).unwrap();
    let lorry = sent.position;
    book.arrive(sku("south"), lorry, "first", 1, 1).unwrap();
    let on_hand = |number| {
        shop.writer
            .stock(segstock_orders::SkuId::new(number))
            .on_hand
    };
    assert_eq!((on_hand(0), on_hand(1)), (5, 3));
    let stocks = |book: &OrderBook<String>| ["north", "south"].map(|sku| book.stock(sku));
    let before = stocks(book);
    drop(shop);
    let again = OrderBook::<String>::builder().recover(ledger()).unwrap();
    assert_eq!(stocks(&again.book), before);
    let rest = again.book.arrive(sku("south"), lorry, "rest", 2, 0);
    assert_eq!(rest.unwrap().difference, 2);
}
