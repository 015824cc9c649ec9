//! What a call does for others is a constant, however much there is to do: seen by the entries that it makes.

use crate::support::Recorded;
use segstock::ManualClock;
use segstock_orders::{Cursor, Filter, OrderBook, Position, Refusal, SkuId};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

struct Shop {
    book: OrderBook<&'static str>,
    clock: Arc<ManualClock>,
    journal: Arc<Recorded<&'static str>>,
}

impl Shop {
    /// A shop whose orders are all in one shard.
    fn with(units: u64) -> Self {
        let (clock, journal) = (Arc::new(ManualClock::new()), Arc::new(Recorded::default()));
        let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
        let builder = builder.journal(Arc::clone(&journal) as _);
        let book = builder.shards(1).build();
        book.open("phone", units).unwrap();
        Self {
            book,
            clock,
            journal,
        }
    }

    fn place(&self, id: &str, units: u64, ttl: Duration) -> Result<(), Refusal<&'static str>> {
        let lines = [("phone", units)];
        self.book.place(id, None, lines, ttl).map(drop)
    }

    /// How many entries a call makes.
    fn entries<T>(&self, call: impl FnOnce(&OrderBook<&'static str>) -> T) -> (usize, T) {
        let before = self.journal.entries().len();
        let answer = call(&self.book);
        (self.journal.entries().len() - before, answer)
    }
}

#[test]
fn a_call_expires_two_orders_of_others() {
    let shop = Shop::with(1_000);
    for number in 0..900 {
        shop.place(&format!("order-{number}"), 1, QUARTER).unwrap();
    }
    shop.place("own", 2, 4 * QUARTER).unwrap();
    shop.clock.advance(QUARTER);
    let (entries, shown) = shop.entries(|book| book.get("own"));
    assert!((entries, shown.is_ok()) == (2, true), "{entries} entries");
    let (entries, paid) = shop.entries(|book| book.pay("own"));
    assert!(
        (entries, paid.is_ok()) == (1 + 2, true),
        "{entries} entries"
    );
    let (entries, _) = shop.entries(|_| shop.place("new", 1, QUARTER));
    assert_eq!(entries, 1 + 2);
    let (entries, swept) = shop.entries(|book| book.sweep(100));
    assert_eq!((entries, swept), (100, Ok(100)));
}

/// It lacks more than it may expire: it gives up, and the next one goes on.
#[test]
fn a_call_that_lacks_units_expires_a_few_orders_each_time() {
    const ORDERS: u64 = 2_000;
    let shop = Shop::with(ORDERS);
    for number in 0..ORDERS {
        shop.place(&format!("order-{number}"), 1, QUARTER).unwrap();
    }
    shop.clock.advance(QUARTER);
    let mut busy = 0;
    loop {
        let (entries, placed) = shop.entries(|_| shop.place("all", ORDERS, QUARTER));
        assert!(entries <= 8 * (64 + 2), "{entries} entries");
        match placed {
            Err(Refusal::Busy) => busy += 1,
            placed => break assert_eq!(placed, Ok(())),
        }
    }
    assert!((2..6).contains(&busy), "{busy} calls");
}

#[test]
fn a_call_serves_eight_orders_that_wait() {
    let shop = Shop::with(0);
    for number in 0..100 {
        let (id, lines) = (format!("order-{number}"), [("phone", 1)]);
        shop.book.place_or_wait(&id, None, lines, QUARTER).unwrap();
    }
    let (entries, _) = shop.entries(|book| book.restock("phone", "delivery", 100));
    assert_eq!(entries, 1 + 8);
    let (entries, _) = shop.entries(|book| book.get("order-0"));
    assert_eq!(entries, 8);
}

/// One that finds nothing ends its page all the same.
#[test]
fn a_list_looks_at_a_few_orders_whatever_it_finds() {
    const ORDERS: u64 = 20_000;
    let shop = Shop::with(ORDERS);
    for number in 0..ORDERS {
        shop.place(&format!("order-{number}"), 1, QUARTER).unwrap();
    }
    let mut nobodys = Filter::default();
    nobodys.customer = Some("nobody".into());
    let (mut cursor, mut pages) = (Some(Cursor::default()), 0);
    while let Some(from) = cursor {
        let page = shop.book.list(&nobodys, from, 100).unwrap();
        assert_eq!(page.orders, []);
        (cursor, pages) = (page.next, pages + 1);
    }
    assert!(pages >= ORDERS / 2_000, "{pages} pages");
}

#[test]
fn no_page_is_longer_than_a_constant() {
    let builder = OrderBook::builder().events(10_000);
    let book = builder.build();
    for sku in 0..1_500 {
        book.open(sku, 2).unwrap();
    }
    for from in 0..1_499 {
        book.send(from, from + 1, "key", 1).unwrap();
        let id = format!("order-{from}");
        book.place(&id, None, [(from, 1)], QUARTER).unwrap();
    }
    let stocks = book.stocks(SkuId::new(0), usize::MAX);
    assert_eq!(
        (stocks.stocks.len(), stocks.next),
        (1_000, Some(SkuId::new(1_000)))
    );
    let sendings = book.sendings(Position::default(), usize::MAX);
    assert!(sendings.sendings.len() == 1_000 && sendings.next.is_some());
    // The events of one entry come together.
    let events = book.events(Position::default(), usize::MAX);
    assert!((1_000..1_002).contains(&events.events.len()));
    assert!(!book.events(events.next, 1).events.is_empty());
}
