//! No call grows anything in one large step: whatever a book holds, the memory that a call asks for is bounded. What
//! doubles, and is copied under a lock that others wait for, asks for twice of all that it holds at once.

use allocation_counter::measure;
use segstock::ManualClock;
use segstock_orders::{Cursor, Filter, OrderBook, Position, Returned, SkuLimits};
use std::sync::Arc;
use std::time::Duration;

const ORDERS: u64 = 200_000;
/// More than any call asks for, and less than a hundredth of what the book holds.
const BOUND: u64 = 100_000;
const TTL: Duration = Duration::from_secs(900);

/// The most bytes that a call asked for, and which call that was.
#[derive(Default)]
struct Most {
    bytes: u64,
    call: &'static str,
}

impl Most {
    fn call<T>(&mut self, name: &'static str, call: impl FnOnce() -> T) -> T {
        let mut answer = None;
        let asked = measure(|| answer = Some(call())).bytes_total;
        if asked > self.bytes {
            (self.bytes, self.call) = (asked, name);
        }
        answer.expect("it was called")
    }

    fn assert_bounded(&self, when: &str) {
        let Self { bytes, call } = self;
        assert!(*bytes < BOUND, "while it {when}: {bytes} bytes by a {call}");
    }
}

/// The calls on shelves, and those on an order that is held.
fn change_some(book: &OrderBook<&'static str>, most: &mut Most, key: &str, number: u64) {
    let left = book.stock("spare").unwrap().on_hand - 1;
    most.call("count", || book.count("spare", key, left))
        .unwrap();
    let out = format!("{key}-out");
    let write_off = || book.write_off("spare", &out, 1);
    most.call("write off", write_off).unwrap();
    let moved = format!("{key}-moved");
    let move_units = || book.move_units("spare", "phone", &moved, 1);
    most.call("move", move_units).unwrap();
    let sending = format!("{key}-sent");
    let send = || book.send("spare", "phone", &sending, 1);
    let sent = most.call("send", send).unwrap().position;
    if number % 16 == 1 {
        let came = format!("{key}-came");
        let arrive = || book.arrive("phone", sent, &came, 1, 0);
        most.call("arrive", arrive).unwrap();
    }
    // An order that is placed, changed and cancelled.
    let id = format!("changes-{key}");
    book.place(&id, Some(&id), [("phone", 1)], TTL).unwrap();
    let more = || book.amend(&id, "more", [("phone", 2), ("spare", 1)], TTL);
    most.call("amend", more).unwrap();
    let extend = || book.extend(&id, "longer", 2 * TTL);
    most.call("extend", extend).unwrap();
    let part = || book.cancel_part(&id, "part", [("phone", 1)]);
    most.call("cancel a part", part).unwrap();
    most.call("cancel", || book.cancel(&id)).unwrap();
}

/// One shard, one SKU: all that grows is in one place.
#[test]
fn no_call_asks_for_more_memory_than_a_constant_however_much_the_book_holds() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder()
        .clock(Arc::clone(&clock) as _)
        .shards(1)
        .retention(TTL)
        .max_requests(64, usize::MAX)
        .events(ORDERS as usize)
        .build();
    book.open("phone", 10 * ORDERS).unwrap();
    book.open("case", 0).unwrap();
    book.open("spare", ORDERS).unwrap();
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(u64::MAX - 1);
    book.limit("phone", limits).unwrap();

    let mut most = Most::default();
    for number in 0..ORDERS {
        let id = format!("order-{number}");
        // Deadlines out of sequence, too.
        let ttl = TTL + Duration::from_secs(number * 7_919 % 1_000);
        let placed = most.call("place", || book.place(&id, Some(&id), [("phone", 1)], ttl));
        placed.unwrap();
        if number % 2 == 0 {
            most.call("pay", || book.pay(&id)).unwrap();
        }
        if number % 4 == 0 {
            most.call("ship", || book.ship(&id)).unwrap();
            let back = || book.return_order(&id, Returned::OnSale);
            most.call("return", back).unwrap();
        }
        if number % 8 == 0 {
            change_some(&book, &mut most, &id, number + 1);
            most.call("restock", || book.restock("phone", &id, 1))
                .unwrap();
            let waits = format!("waits-{number}");
            let lines = [("case", 1)];
            let wait = || book.place_or_wait(&waits, None, lines, TTL);
            most.call("wait", wait).unwrap();
        }
    }
    most.call("events", || book.events(Position::default(), usize::MAX));
    let pages = || book.list(&Filter::default(), Cursor::default(), 100);
    most.call("list", pages).unwrap();
    most.assert_bounded("grows");

    // And while orders are forgotten.
    clock.advance(2 * TTL);
    let mut left = 0;
    while left != book.orders() {
        left = book.orders();
        most.call("sweep", || book.sweep(512)).unwrap();
    }
    most.assert_bounded("shrinks");
}
