//! Orders of which units can come back: they are known for weeks, up to a limit, and never keep a shop from selling.

use crate::support::Recorded;
use segstock::ManualClock;
use segstock_orders::{
    Entry, Journal, Limit, Lost, NoPlace, OrderBook, OrderBookBuilder, OrderState, Position,
    Refusal, Returned,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Book = OrderBook<&'static str>;
type Builder = OrderBookBuilder<&'static str>;

fn builder(clock: &Arc<ManualClock>) -> Builder {
    OrderBook::builder().clock(Arc::clone(clock) as _)
}

/// A book with phones and cases, and what its clock says.
fn book(set: impl FnOnce(Builder) -> Builder) -> (Book, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let book = set(builder(&clock)).build();
    for sku in ["phone", "case"] {
        book.open(sku, 100_000).unwrap();
    }
    (book, clock)
}

fn place(book: &Book, id: &str) -> Result<(), Refusal<&'static str>> {
    book.place(id, None, [("phone", 2)], HOUR).map(drop)
}

/// An order of two phones that has left.
fn ship(book: &Book, id: &str) {
    place(book, id).unwrap();
    book.pay(id).unwrap();
    book.ship(id).unwrap();
}

fn is_known(book: &Book, id: &str) -> bool {
    book.get(id).is_ok()
}

#[test]
fn by_default_a_shipped_order_can_be_returned_for_30_days() {
    let (book, clock) = book(|builder| builder);
    ship(&book, "shipped");
    place(&book, "cancelled").unwrap();
    book.cancel("cancelled").unwrap();
    ship(&book, "returned");
    book.return_order("returned", Returned::OnSale).unwrap();
    place(&book, "expired").unwrap();
    clock.advance(HOUR);
    for gone in ["cancelled", "returned"] {
        assert!(!is_known(&book, gone), "{gone}: the retention is an hour");
    }
    assert!(is_known(&book, "expired"), "since now");
    clock.advance(DAY);
    assert!(!is_known(&book, "expired"));

    let part = [("phone", 1)];
    let back = |key| book.return_part("shipped", key, part, Returned::OnSale);
    let answer = back("return-1").unwrap();
    assert_eq!((answer.units, answer.before), (1, false));
    // From its last change on.
    clock.advance(30 * DAY - Duration::from_secs(1));
    assert!(back("return-1").unwrap().before, "a retry returns nothing");
    assert_eq!(book.get("shipped").unwrap().state, OrderState::Shipped);
    assert_eq!(place(&book, "shipped"), Ok(()), "it is the order of then");
    clock.advance(Duration::from_secs(1));
    assert_eq!(back("return-2"), Err(Refusal::UnknownOrder));
    assert_eq!((book.orders(), book.returnable()), (0, 0));
}

/// Whether there would be room for a request's key is asked, and nothing makes it.
#[test]
fn to_ask_whether_a_request_is_known_forgets_no_order() {
    let (book, clock) = book(|builder| builder.max_all_requests(1));
    book.place("order", None, [("phone", 1)], HOUR).unwrap();
    book.pay("order").unwrap();
    book.ship_part("order", "key", [("phone", 1)]).unwrap();
    clock.advance(HOUR);
    book.sweep(10).unwrap();
    assert_eq!(book.returnable(), 1);
    assert_eq!(book.knows_restock("phone", "new", 1), Ok(false));
    assert!(is_known(&book, "order"));
    book.restock("phone", "new", 1).unwrap();
    assert!(!is_known(&book, "order"), "for the new key");
}

/// One without a key makes no room for another: what is asked for is what a request would be answered.
#[test]
fn an_order_without_a_key_makes_no_room_for_one() {
    let (book, clock) = book(|builder| builder.max_all_requests(1));
    ship(&book, "order");
    clock.advance(HOUR);
    book.sweep(10).unwrap();
    assert_eq!(book.returnable(), 1);
    book.restock("phone", "first", 1).unwrap();
    let full = Err(Refusal::Limit(Limit::AllRequests(1)));
    assert_eq!(book.knows_restock("phone", "new", 1), full);
    assert_eq!(book.restock("phone", "new", 1).map(drop), full.map(drop));
    assert!(is_known(&book, "order"));
}

#[test]
fn an_order_of_which_all_units_came_back_is_remembered_for_the_retention() {
    let (book, clock) = book(|builder| builder);
    ship(&book, "order");
    clock.advance(10 * DAY);
    book.return_order("order", Returned::WrittenOff).unwrap();
    assert_eq!(book.returnable(), 0);
    clock.advance(HOUR - Duration::from_secs(1));
    assert!(
        book.return_order("order", Returned::WrittenOff)
            .unwrap()
            .before
    );
    clock.advance(Duration::from_secs(1));
    assert!(!is_known(&book, "order"));
}

#[test]
fn the_time_for_returns_is_at_least_the_retention() {
    let (book, clock) = book(|builder| builder.returns(Duration::ZERO));
    ship(&book, "order");
    clock.advance(HOUR - Duration::from_secs(1));
    assert!(is_known(&book, "order"));
    clock.advance(Duration::from_secs(1));
    assert!(!is_known(&book, "order"));
}

#[test]
fn an_order_in_parts_is_kept_while_a_unit_can_come_back() {
    let (book, clock) = book(|builder| builder);
    let lines = [("phone", 2), ("case", 1)];
    book.place("order", None, lines, HOUR).unwrap();
    book.pay_part("order", "pay", [("phone", 2)]).unwrap();
    book.ship("order").unwrap();
    clock.advance(HOUR);
    assert_eq!(book.sweep(10), Ok(1), "the case expires");
    clock.advance(DAY);
    assert!(is_known(&book, "order"));
    assert_eq!(book.returnable(), 1);
    // A late payment of the rest: it is open again, and nothing ends it.
    book.pay_part("order", "late", [("case", 1)]).unwrap();
    assert_eq!(book.returnable(), 0);
    clock.advance(60 * DAY);
    book.sweep(10).unwrap();
    assert_eq!(book.get("order").unwrap().state, OrderState::Paid);
}

#[test]
fn beyond_the_limit_the_oldest_are_forgotten() {
    let (book, clock) = book(|builder| builder.shards(1).max_returnable(3));
    let names: Vec<String> = (0..8).map(|number| format!("order-{number}")).collect();
    for name in &names {
        ship(&book, name);
        clock.advance(Duration::from_secs(1));
    }
    // One that is changed is younger.
    let part = [("phone", 1)];
    book.return_part("order-1", "back", part, Returned::OnSale)
        .unwrap();
    assert_eq!((book.orders(), book.returnable()), (8, 0));
    clock.advance(HOUR);
    book.sweep(10).unwrap();
    assert_eq!((book.orders(), book.returnable()), (3, 3));
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let known: Vec<&str> = known
        .into_iter()
        .filter(|name| is_known(&book, name))
        .collect();
    assert_eq!(known, ["order-1", "order-6", "order-7"]);
    // Those that are within the retention do not count.
    for number in 10..20 {
        ship(&book, &format!("order-{number}"));
    }
    assert_eq!((book.orders(), book.returnable()), (13, 3));
}

#[test]
fn with_a_limit_of_none_they_are_forgotten_after_the_retention() {
    let (book, clock) = book(|builder| builder.max_returnable(0));
    ship(&book, "order");
    clock.advance(HOUR);
    assert!(!is_known(&book, "order"));
}

#[test]
fn each_shard_keeps_its_share_and_at_least_one() {
    for (limit, most) in [(5, 16), (160, 160)] {
        let (book, clock) = book(|builder| builder.shards(16).max_returnable(limit));
        for number in 0..2_000 {
            ship(&book, &format!("order-{number}"));
        }
        clock.advance(HOUR);
        for _ in 0..10 {
            book.sweep(10).unwrap();
        }
        assert_eq!((book.orders(), book.returnable()), (most, most));
    }
}

/// Calls alone keep it, without a timer.
#[test]
fn calls_forget_as_many_as_they_ship() {
    let (book, clock) = book(|builder| builder.shards(4).max_returnable(40));
    for number in 0..2_000 {
        ship(&book, &format!("order-{number}"));
        clock.advance(Duration::from_secs(36));
        let known = book.orders();
        // A hundred within the hour, and those that no call has come for yet.
        assert!(known < 40 + 100 + 60, "{known} orders at {number}");
    }
}

#[test]
fn a_book_that_is_full_forgets_the_oldest_that_are_kept_for_returns() {
    let (book, clock) = book(|builder| builder.shards(1).max_orders(4));
    let full = Err(Refusal::Limit(Limit::Orders(4)));
    for id in ["old-1", "old-2", "young"] {
        ship(&book, id);
        clock.advance(Duration::from_secs(1));
    }
    place(&book, "held").unwrap();
    assert_eq!(place(&book, "new"), full, "all are within their retention");
    clock.advance(HOUR - Duration::from_secs(2));
    assert_eq!(place(&book, "new-1"), Ok(()), "two are kept for returns");
    assert!(!is_known(&book, "old-1") && is_known(&book, "old-2"));
    assert_eq!(place(&book, "new-2"), Ok(()));
    assert!(!is_known(&book, "old-2") && is_known(&book, "young"));
    assert_eq!(place(&book, "new-3"), full, "it is within its retention");
    clock.advance(Duration::from_secs(1));
    assert_eq!(place(&book, "new-3"), Ok(()));
}

/// The oldest of all shards, and not those of the first ones.
#[test]
fn a_full_book_of_many_shards_forgets_the_oldest() {
    let (book, clock) = book(|builder| builder.shards(256).max_orders(1_000));
    for number in 0..1_000 {
        ship(&book, &format!("order-{number}"));
        clock.advance(Duration::from_secs(1));
    }
    clock.advance(HOUR);
    for number in 0..500 {
        place(&book, &format!("new-{number}")).unwrap();
    }
    let left = (0..1_000).filter(|number| is_known(&book, &format!("order-{number}")));
    let left: Vec<usize> = left.collect();
    let young = left.iter().filter(|number| **number >= 600).count();
    assert!(left.len() >= 400, "no more than are needed: {}", left.len());
    assert!(young >= 350, "{young} of the 400 youngest");
}

#[test]
fn lines_of_orders_that_are_kept_for_returns_make_room() {
    let (book, clock) = book(|builder| builder.shards(1).max_all_lines(3));
    for id in ["one", "two", "three"] {
        ship(&book, id);
    }
    clock.advance(HOUR);
    let lines = [("phone", 1), ("case", 1)];
    book.place("new", None, lines, HOUR).unwrap();
    assert_eq!((book.orders(), book.lines()), (2, 3));
}

#[test]
fn keys_of_orders_that_are_kept_for_returns_make_room() {
    let (book, clock) = book(|builder| builder.shards(1).max_all_requests(2));
    let part = [("phone", 1)];
    let back = |id, key| book.return_part(id, key, part, Returned::OnSale);
    ship(&book, "without");
    for id in ["one", "two"] {
        ship(&book, id);
        back(id, "back").unwrap();
    }
    clock.advance(HOUR);
    book.sweep(1).unwrap();
    book.restock("phone", "delivery", 1).unwrap();
    assert!(!is_known(&book, "one"), "the oldest that has a key");
    assert!(is_known(&book, "without") && is_known(&book, "two"));
    // A return does not forget the order that it is about.
    let full = Err(Refusal::Limit(Limit::AllRequests(2)));
    assert_eq!(back("two", "rest").map(drop), full);
    assert_eq!(back("without", "back").map(drop), Ok(()));
    assert!(!is_known(&book, "two"));
}

/// Counts how often it is asked whether an order may be forgotten.
#[derive(Debug, Default)]
struct Asked {
    journal: Recorded<&'static str>,
    asked: AtomicU64,
}

impl Journal<&'static str> for Asked {
    fn permit(&self) -> Result<(), NoPlace> {
        self.journal.permit()
    }

    fn give_back(&self) {
        self.journal.give_back();
    }

    fn append(&self, entry: &Entry<&'static str>) -> Position {
        self.journal.append(entry)
    }

    fn wait(&self, position: Position) -> Result<(), Lost> {
        self.journal.wait(position)
    }

    fn may_forget(&self, _: Position) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// However many are kept, and however many are too many, a call does a constant amount of work for them.
#[test]
fn no_call_forgets_more_than_a_few() {
    const ORDERS: usize = 5_000;
    let journal = Arc::new(Asked::default());
    let (book, clock) = book(|builder| {
        let builder = builder.shards(1).max_returnable(2_000);
        builder
            .max_orders(ORDERS)
            .journal(Arc::clone(&journal) as _)
    });
    let forgets = |call: &dyn Fn()| {
        let before = journal.asked.load(Ordering::Relaxed);
        call();
        journal.asked.load(Ordering::Relaxed) - before
    };
    for number in 0..ORDERS {
        ship(&book, &format!("order-{number}"));
    }
    clock.advance(HOUR);
    // A full book, all of which is past the retention: one place makes room for itself, and does a little for others.
    assert!((1..=64 + 2).contains(&forgets(&|| place(&book, "new").unwrap())));
    let mut most = 0;
    while book.orders() > 2_001 {
        most = most.max(forgets(&|| _ = book.get("new").unwrap()));
    }
    assert_eq!(most, 2);
    assert_eq!(book.returnable(), 2_000);
    clock.advance(30 * DAY);
    // And when all of them are past their time at once.
    assert_eq!(forgets(&|| _ = book.get("order-4999")), 1);
    assert_eq!(forgets(&|| place(&book, "last").unwrap()), 2);
    let swept = forgets(&|| _ = book.sweep(1).unwrap());
    assert!(swept <= 2 * 64, "{swept}");
}

/// Forgetting is no entry: the entries make all orders again, and the first calls keep and forget them.
#[test]
fn a_book_that_is_made_again_keeps_the_same_orders() {
    let clock = Arc::new(ManualClock::new());
    let journal = Arc::new(Recorded::default());
    let builder = |returns: Duration, limit| {
        let builder = builder(&clock).shards(1);
        builder.returns(returns).max_returnable(limit)
    };
    let book = builder(30 * DAY, 3)
        .journal(Arc::clone(&journal) as _)
        .build();
    book.open("phone", 100).unwrap();
    let names: Vec<String> = (0..6).map(|number| format!("order-{number}")).collect();
    for name in &names {
        ship(&book, name);
        clock.advance(Duration::from_secs(1));
    }
    clock.advance(DAY);
    let known = |book: &Book| -> Vec<bool> {
        book.sweep(10).unwrap();
        names.iter().map(|name| is_known(book, name)).collect()
    };
    let expected = [false, false, false, true, true, true];
    assert_eq!(known(&book), expected);
    let again = |returns, limit| {
        let entries = journal.entries();
        known(&builder(returns, limit).replay(entries).unwrap())
    };
    assert_eq!(again(30 * DAY, 3), expected);
    // With other settings.
    assert_eq!(again(30 * DAY, 10), [true; 6]);
    assert_eq!(again(30 * DAY, 0), [false; 6]);
    assert_eq!(again(DAY, 10), [false; 6]);
    assert_eq!(again(DAY + Duration::from_secs(4), 10)[..3], [false; 3]);
    assert_eq!(again(DAY + Duration::from_secs(4), 10)[3..], [true; 3]);
}
