//! The feed after a restart, over a ledger whose retention is over for most of what it had: its events are as they were, and
//! the rest is said to be missed.

use segstock::ManualClock;
use segstock_orders::ledger::Recovered;
use segstock_orders::ledger::faults::Disk;
use segstock_orders::{Event, OrderBook, Position, Returned, SkuLimits, What};
use std::sync::Arc;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(60);
const RETENTION: Duration = Duration::from_secs(100);

struct Shop {
    clock: Arc<ManualClock>,
    disk: Disk<String>,
}

impl Shop {
    fn open(&self) -> Recovered<String> {
        let builder = OrderBook::builder().clock(Arc::clone(&self.clock) as _);
        let builder = builder
            .retention(RETENTION)
            .max_returnable(0)
            .events(10_000);
        builder.recover(self.disk.ledger()).unwrap()
    }
}

/// All events after a position, in pages.
fn all_events(book: &OrderBook<String>, after: Position) -> (Option<Position>, Vec<Event<String>>) {
    let (missed, events, _) = followed(book, after);
    (missed, events)
}

/// And where the reader is then.
fn followed(
    book: &OrderBook<String>,
    mut after: Position,
) -> (Option<Position>, Vec<Event<String>>, Position) {
    let (mut missed, mut events) = (None, Vec::new());
    loop {
        let page = book.events(after, 100);
        missed = missed.or(page.missed);
        if page.next == after {
            return (missed, events, after);
        }
        after = page.next;
        events.extend(page.events);
    }
}

/// Sells, ships, restocks and counts so that the SKUs are low, out and back again and again.
fn trade(shop: &Shop, book: &OrderBook<String>, numbers: std::ops::Range<u64>, seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    for number in numbers {
        let sku = || ["phone", "case"][number as usize % 2].to_owned();
        let (id, units) = (format!("order-{number}"), chance.u64(1..4));
        if book.place(&id, None, [(sku(), units)], TTL).is_ok() {
            match chance.u8(0..4) {
                0 => drop(book.cancel(&id).unwrap()),
                1 => {}
                _ => {
                    book.pay(&id).unwrap();
                    book.ship(&id).unwrap();
                }
            }
            if chance.u8(0..8) == 0 {
                _ = book.return_order(&id, Returned::OnSale);
            }
        } else {
            book.restock(sku(), &id, chance.u64(2..9)).unwrap();
        }
        if chance.u8(0..6) == 0 {
            let other = ["case", "phone"][number as usize % 2].to_owned();
            _ = book.move_units(sku(), other, &format!("{id}-moved"), 1);
        }
        shop.clock.advance(Duration::from_secs(chance.u64(0..6)));
        book.sweep(10).unwrap();
    }
}

fn is_crossing(event: &Event<String>) -> bool {
    use What::{BackInStock, Enough, Low, SoldOut};
    let what = &event.what;
    matches!(what, BackInStock(_) | Enough(_) | Low { .. } | SoldOut(_))
}

#[test]
fn events_after_a_restart_are_those_of_before_and_the_rest_is_missed() {
    for seed in 0..20 {
        let shop = Shop {
            clock: Arc::new(ManualClock::new()),
            disk: Disk::new(),
        };
        let mut opened = shop.open();
        for sku in ["phone", "case"] {
            opened.book.open(sku.to_owned(), 12).unwrap();
            let mut limits = SkuLimits::default();
            limits.low = 4;
            opened.book.limit(sku.to_owned(), limits).unwrap();
        }
        let mut all: Vec<Event<String>> = Vec::new();
        let (mut last, mut crossings) = (Position::default(), 0);
        for life in 0..4 {
            trade(&shop, &opened.book, 200 * life..200 * life + 200, seed);
            let missed;
            let events;
            (missed, events, last) = followed(&opened.book, last);
            assert_eq!(
                missed, None,
                "seed {seed}, life {life}: a reader that follows misses nothing, whatever its last entries were"
            );
            all.extend(events);
            opened.writer.close();
            drop(opened);
            opened = shop.open();

            let (missed, events) = all_events(&opened.book, Position::default());
            let missed = missed.expect("rows are gone");
            let kept = all.iter().filter(|event| event.position > missed);
            let kept: Vec<_> = kept.cloned().collect();
            assert_eq!(events, kept, "seed {seed}, life {life}, after {missed:?}");
            crossings += kept.iter().filter(|event| is_crossing(event)).count();
            assert_eq!(all_events(&opened.book, missed), (None, kept));
        }
        assert!(crossings > 20, "seed {seed}: {crossings} crossings");
    }
}

/// Twenty restocks are one row, which stands where the last of them stood: the first made the SKU be back in stock.
#[test]
fn a_row_that_stands_for_others_tells_no_crossing() {
    let shop = Shop {
        clock: Arc::new(ManualClock::new()),
        disk: Disk::new(),
    };
    let Recovered { book, writer, .. } = shop.open();
    let restock = |key: &str| book.restock("phone".to_owned(), key, 1).unwrap().position;
    book.open("phone".to_owned(), 0).unwrap();
    let old: Vec<_> = (0..20).map(|key| restock(&format!("old-{key}"))).collect();
    shop.clock.advance(2 * RETENTION);
    restock("new-1");
    restock("new-2");
    let sold = book.place("order", None, [("phone".to_owned(), 22)], TTL);
    let sold = sold.unwrap().position;
    writer.close();
    drop((book, writer));
    assert!(
        shop.disk.entries().len() < 10,
        "the old ones are put together"
    );

    let (missed, events) = all_events(&shop.open().book, Position::default());
    assert_eq!(missed, old.last().copied());
    let expected = [What::Placed("order".into()), What::SoldOut("phone".into())];
    let expected = expected.map(|what| (sold, what));
    let events = events.into_iter().map(|event| (event.position, event.what));
    assert!(events.eq(expected));
}

/// Restocks that no crossing follows are no events, and at the end their rows are one; the last order is forgotten.
#[test]
fn who_followed_to_the_end_misses_nothing_though_the_last_rows_are_gone() {
    let shop = Shop {
        clock: Arc::new(ManualClock::new()),
        disk: Disk::new(),
    };
    let Recovered { book, writer, .. } = shop.open();
    let restock = |key: &str| _ = book.restock("phone".to_owned(), key, 1).unwrap();
    let place = |id| {
        book.place(id, None, [("phone".to_owned(), 1)], TTL)
            .unwrap()
    };
    book.open("phone".to_owned(), 5).unwrap();
    let first = place("order").position;
    book.pay("order").unwrap();
    (0..20).for_each(|key| restock(&format!("old-{key}")));
    shop.clock.advance(2 * RETENTION);
    restock("new");
    let (missed, events, followed_to) = followed(&book, Position::default());
    assert_eq!((missed, events.len()), (None, 2));
    writer.close();
    drop((book, writer));
    assert!(shop.disk.entries().len() < 10, "rows are put together");

    let Recovered { book, writer, .. } = shop.open();
    assert_eq!(all_events(&book, followed_to), (None, Vec::new()));
    assert!(
        all_events(&book, first).0.is_some(),
        "who did not follow learns that"
    );

    let place = |id| {
        book.place(id, None, [("phone".to_owned(), 1)], TTL)
            .unwrap()
    };
    let before = place("forgotten").position;
    let last = book.cancel("forgotten").unwrap().position;
    let (_, _, followed_to) = followed(&book, before);
    shop.clock.advance(2 * RETENTION);
    book.sweep(10).unwrap();
    writer.close();
    drop((book, writer));
    let rows = shop.disk.entries();
    assert!(
        rows.iter().all(|(position, _)| *position < before),
        "they are gone"
    );

    let opened = shop.open();
    assert_eq!(all_events(&opened.book, followed_to), (None, Vec::new()));
    assert_eq!(all_events(&opened.book, before), (Some(last), Vec::new()));
}
