//! What readers meet after a crash, and beside a ledger that died: nothing that is not, and all that is.

use segstock::ManualClock;
use segstock_orders::ledger::faults::Disk;
use segstock_orders::ledger::{Driver, Recovered, Step, WriterSettings};
use segstock_orders::{Cursor, Filter, OrderBook, Position, Refusal, SkuLimits, What};
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

struct Shop {
    clock: Arc<ManualClock>,
    disk: Disk<String>,
}

impl Shop {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        clock.advance(MINUTE);
        let disk = Disk::new();
        Self { clock, disk }
    }

    /// One life. It ends as by a crash when the driver is dropped before the rest is written.
    fn open(&self) -> (Recovered<String>, Driver<String>) {
        let builder = OrderBook::builder().clock(Arc::clone(&self.clock) as _);
        let builder = builder.retention(MINUTE).events(4).shards(8);
        let settings = WriterSettings::new().wall(Arc::clone(&self.clock) as _);
        builder
            .recover_by_hand(self.disk.ledger(), settings)
            .unwrap()
    }
}

/// Decides calls on a book, whose entries wait for the next step.
fn decide(shop: &Recovered<String>, call: impl FnOnce(&OrderBook<String>)) {
    _ = shop.writer.decide(|| call(&shop.book));
}

fn place(book: &OrderBook<String>, id: &str) {
    let line = ("phone".to_owned(), 1);
    book.place(id, None, [line], 10 * MINUTE).unwrap();
}

fn write(driver: &mut Driver<String>) {
    while driver.step() == Step::Written {}
}

fn open_phones(book: &OrderBook<String>) {
    book.open("phone".to_owned(), 10_000).unwrap();
}

/// More happened than the feed keeps, and none of it was durable when the process died.
#[test]
fn a_reader_of_the_feed_is_sent_no_further_than_what_is_durable() {
    let disk = Shop::new();
    let (shop, mut driver) = disk.open();
    decide(&shop, open_phones);
    write(&mut driver);
    decide(&shop, |book| {
        (0..10).for_each(|number| place(book, &format!("lost-{number}")));
    });
    let page = shop.book.events(Position::default(), 100);
    assert!(page.events.is_empty() && page.next <= shop.writer.status().durable);
    drop((shop, driver));

    let (shop, mut driver) = disk.open();
    decide(&shop, |book| place(book, "order"));
    write(&mut driver);
    let page = shop.book.events(page.next, 100);
    let what: Vec<_> = page.events.into_iter().map(|event| event.what).collect();
    assert_eq!(what, [What::Placed("order".into())]);
}

/// What happened is dropped before it is durable: the reader learns so once it is.
#[test]
fn a_reader_of_the_feed_learns_what_was_dropped_once_that_is_durable() {
    let disk = Shop::new();
    let (shop, mut driver) = disk.open();
    decide(&shop, open_phones);
    write(&mut driver);
    decide(&shop, |book| {
        (0..10).for_each(|number| place(book, &format!("order-{number}")));
    });
    let before = shop.book.events(Position::new(1), 100);
    assert_eq!((before.next, before.missed), (Position::new(1), None));
    write(&mut driver);
    let page = shop.book.events(before.next, 100);
    assert_eq!(page.missed, Some(Position::new(7)), "entries 2 to 7");
    assert_eq!((page.events.len(), page.next), (4, Position::new(11)));
}

/// In another process orders lie elsewhere: a list that went on there would show some twice, and miss others.
#[test]
fn a_cursor_ends_with_its_process() {
    let disk = Shop::new();
    let (shop, mut driver) = disk.open();
    decide(&shop, |book| {
        open_phones(book);
        (0..200).for_each(|number| place(book, &format!("order-{number}")));
    });
    write(&mut driver);
    let list = |shop: &Recovered<String>, cursor| {
        let listed = || shop.book.list(&Filter::default(), cursor, 100);
        shop.writer.decide(listed).answer
    };
    let page = list(&shop, Cursor::default()).unwrap();
    let number = page.next.unwrap().to_number();
    assert!(number < 1 << 53, "a number in JSON");
    let cursor = Cursor::from_number(number);
    assert_eq!(list(&shop, cursor).unwrap().orders.len(), 100);
    drop((shop, driver));

    let (shop, _driver) = disk.open();
    for number in [number, 1, u64::MAX] {
        let listed = list(&shop, Cursor::from_number(number));
        assert_eq!(listed, Err(Refusal::Cursor), "{number}");
    }
}

#[test]
fn beside_a_dead_ledger_a_list_shows_what_is_durable() {
    let disk = Shop::new();
    let (shop, mut driver) = disk.open();
    decide(&shop, |book| {
        open_phones(book);
        place(book, "durable");
    });
    write(&mut driver);
    decide(&shop, |book| place(book, "lost"));
    drop(driver);
    let list = |book: &OrderBook<String>| {
        let page = book.list(&Filter::default(), Cursor::default(), 100);
        let orders = page.unwrap().orders.into_iter();
        orders
            .map(|order| order.id.into_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&shop.book), ["durable"]);
    let decided = shop.writer.decide(|| list(&shop.book));
    assert_eq!(decided.answer, ["durable"]);
    assert!(decided.rests_on <= shop.writer.status().durable);
}

/// Whoever sets limits as they are is answered as whoever set them: once that is durable.
#[test]
fn limits_that_are_set_again_are_answered_once_they_are_durable() {
    let disk = Shop::new();
    let (shop, mut driver) = disk.open();
    decide(&shop, open_phones);
    write(&mut driver);
    let mut limits = SkuLimits::default();
    limits.safety = 3;
    let limit = |shop: &Recovered<String>| {
        let limited = || shop.book.limit("phone".to_owned(), limits).unwrap();
        shop.writer.decide(limited)
    };
    let (first, again) = (limit(&shop), limit(&shop));
    assert_eq!((first.answer, again.answer), (Some(first.rests_on), None));
    assert_eq!(again.rests_on, first.rests_on);
    assert_eq!(shop.writer.outcome(again.rests_on), None, "not yet");
    write(&mut driver);
    assert_eq!(shop.writer.outcome(again.rests_on), Some(Ok(())));
    drop((shop, driver));
    let (shop, _driver) = disk.open();
    let again = limit(&shop);
    assert_eq!(again.answer, None);
    assert_eq!(shop.writer.outcome(again.rests_on), Some(Ok(())));
}

/// A SKU that is open already, and orders of a list: answers that name them come once that is durable.
#[test]
fn what_is_open_and_what_is_listed_is_answered_once_it_is_durable() {
    let disk = Shop::new();
    let (shop, mut driver) = disk.open();
    let open = || {
        let opened = || shop.book.open("phone".to_owned(), 5);
        shop.writer.decide(opened)
    };
    let (first, again) = (open(), open());
    assert_eq!(again.answer, Err(Refusal::AlreadyOpen));
    assert_eq!(
        (first.answer, again.rests_on),
        (Ok(first.rests_on), first.rests_on)
    );
    write(&mut driver);
    decide(&shop, |book| place(book, "order"));
    let list = || {
        let listed = || shop.book.list(&Filter::default(), Cursor::default(), 10);
        shop.writer.decide(listed)
    };
    let listed = list();
    assert_eq!(listed.answer.unwrap().orders[0].position, listed.rests_on);
    assert_eq!(shop.writer.outcome(listed.rests_on), None, "not yet");
}

/// Rows go in small steps. Whoever crashes between finds rows of an order beside those of a later one with its id.
#[test]
fn rows_of_an_order_go_though_its_id_was_used_again() {
    const ORDERS: u64 = 200;
    let disk = Shop::new();
    let ids = || (0..ORDERS).map(|number| format!("order-{number}"));
    let place_and_cancel = |book: &OrderBook<String>| {
        for id in ids() {
            place(book, &id);
            book.cancel(&id).unwrap();
        }
    };
    let (shop, mut driver) = disk.open();
    decide(&shop, open_phones);
    decide(&shop, place_and_cancel);
    write(&mut driver);
    disk.clock.advance(2 * MINUTE);
    decide(&shop, |book| {
        _ = book.sweep(0);
        place_and_cancel(book);
    });
    // One batch, and then a crash.
    assert_eq!(driver.step(), Step::Written);
    drop((shop, driver));

    let (shop, mut driver) = disk.open();
    assert!(shop.found.orders as u64 > ORDERS, "rows of both are there");
    for id in ids() {
        let order = shop.writer.decide(|| shop.book.get(&id)).answer;
        assert!(
            order.unwrap().number > Position::new(2 * ORDERS),
            "the second"
        );
    }
    disk.clock.advance(2 * MINUTE);
    while shop.book.orders() > 0 {
        decide(&shop, |book| _ = book.sweep(0));
        write(&mut driver);
    }
    let orders = disk.disk.entries();
    let orders = orders
        .iter()
        .filter(|(_, entry)| entry.change.order().is_some());
    assert_eq!(orders.count(), 0, "all rows are gone");
}
