//! Rows of orders that are forgotten: what they took for good stays taken, and nothing else stays.

use segstock::ManualClock;
use segstock_orders::ledger::faults::Disk;
use segstock_orders::ledger::{Driver, Ledger, Recovered, Step, WriterSettings};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{OrderBook, Returned, SkuLimits};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn Error>>;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const RETENTION: Duration = Duration::from_secs(60);
const RETURNS: Duration = Duration::from_secs(240);
/// Orders that are kept for returns at most.
const RETURNABLE: usize = 4;

/// A file, and one clock for the book and the wall.
struct Place {
    directory: TempDir,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new() -> Self {
        let clock = ManualClock::new();
        clock.advance(SECOND);
        Self {
            directory: tempfile::tempdir().expect("a directory for temporary files"),
            clock: Arc::new(clock),
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("shop.db")
    }

    fn open(&self) -> Result<Shop, Box<dyn Error>> {
        self.open_with(RETURNABLE)
    }

    /// One that keeps this many orders for returns.
    fn open_with(&self, returnable: usize) -> Result<Shop, Box<dyn Error>> {
        open(SqliteLedger::at(self.file()), &self.clock, returnable)
    }
}

/// A shop whose batches the test writes.
struct Shop {
    shop: Recovered<String>,
    driver: Driver<String>,
}

fn open(
    ledger: impl Ledger<String> + 'static,
    clock: &Arc<ManualClock>,
    returnable: usize,
) -> Result<Shop, Box<dyn Error>> {
    let builder = OrderBook::builder().clock(Arc::clone(clock) as _);
    let builder = builder.retention(RETENTION).returns(RETURNS);
    let builder = builder.max_returnable(returnable);
    let builder = builder.shards(1).max_orders(500);
    let settings = WriterSettings::new().wall(Arc::clone(clock) as _);
    let (shop, driver) = builder.recover_by_hand(ledger, settings)?;
    Ok(Shop { shop, driver })
}

impl Shop {
    /// Decides calls, without waiting for the disk.
    fn decide(&self, calls: impl FnOnce(&OrderBook<String>) -> Outcome) -> Outcome {
        self.shop.writer.decide(|| calls(&self.shop.book)).answer
    }

    /// Forgets what is over.
    fn sweep(&self) -> Outcome {
        self.decide(|book| {
            while book.sweep(1_000)? > 0 {}
            Ok(())
        })
    }

    fn write(&mut self) {
        while self.driver.step() == Step::Written {}
    }

    fn figures(&self) -> (u64, u64) {
        let stock = self.shop.book.stock("phone").expect("the SKU is there");
        (stock.on_hand, stock.available)
    }
}

/// An order that has left.
fn ship(book: &OrderBook<String>, id: &str) -> Outcome {
    book.place(id, None, [(phone(), 1)], HOUR)?;
    book.pay(id)?;
    book.ship(id)?;
    Ok(())
}

/// Which of these orders are known.
fn known(shop: &Shop, orders: usize) -> Vec<usize> {
    let numbers = 0..orders;
    let is_known = |number: &usize| shop.shop.book.get(&format!("order-{number}")).is_ok();
    numbers.filter(is_known).collect()
}

fn phone() -> String {
    "phone".to_owned()
}

/// A process that stood still, or a ledger that was away, for longer than the retention.
#[test]
fn an_order_that_is_forgotten_before_its_last_entry_is_durable_keeps_what_it_took() -> Outcome {
    for (returned, on_hand) in [(false, 8), (true, 10)] {
        let place = Place::new();
        let mut shop = place.open()?;
        shop.decide(|book| {
            book.open(phone(), 10)?;
            book.place("order", None, [(phone(), 2)], HOUR)?;
            book.pay("order")?;
            Ok(())
        })?;
        shop.write();
        shop.decide(|book| {
            book.ship("order")?;
            if returned {
                book.return_order("order", Returned::OnSale)?;
            }
            Ok(())
        })?;
        place.clock.advance(RETURNS + SECOND);
        shop.sweep()?;
        assert_eq!(shop.figures(), (on_hand, on_hand));
        shop.write();
        drop(shop);
        let shop = place.open()?;
        assert_eq!(shop.figures(), (on_hand, on_hand), "returned: {returned}");
        assert_eq!(shop.shop.found.orders, 0, "its rows are gone");
    }
    Ok(())
}

/// A call that may be refused.
fn some_call(book: &OrderBook<String>, chance: &mut fastrand::Rng, number: u64) {
    let id = format!("order-{}", number.saturating_sub(chance.u64(0..12)));
    let key = format!("key-{number}");
    let units = chance.u64(1..4);
    _ = match chance.u8(0..8) {
        0..3 => book.place(&id, None, [(phone(), units)], HOUR).is_ok(),
        3 => book.pay(&id).is_ok(),
        4 => book.ship(&id).is_ok(),
        5 => book
            .return_part(&id, &key, [(phone(), 1)], Returned::OnSale)
            .is_ok(),
        6 => book.cancel(&id).is_ok(),
        _ => book.restock(phone(), &key, units).is_ok(),
    };
}

/// Calls, batches, time that passes and forgetting, in any sequence.
#[test]
fn whatever_was_forgotten_when_stock_is_as_before_after_a_restart() -> Outcome {
    for seed in 0..150 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (disk, clock) = (Disk::new(), Arc::new(ManualClock::new()));
        clock.advance(SECOND);
        let mut shop = open(disk.ledger(), &clock, RETURNABLE)?;
        shop.shop
            .writer
            .decide(|| shop.shop.book.open(phone(), 100))
            .answer?;
        for number in 0..200 {
            let writer = &shop.shop.writer;
            _ = writer.decide(|| some_call(&shop.shop.book, &mut chance, number));
            match chance.u8(0..8) {
                0 => clock.advance(RETENTION / 4),
                1 => clock.advance([2 * RETENTION, RETURNS][chance.usize(0..2)]),
                2 | 3 => shop.sweep()?,
                4 | 5 => _ = shop.driver.step(),
                _ => {}
            }
        }
        shop.write();
        let before = shop.figures();
        drop(shop);
        let shop = open(disk.ledger(), &clock, RETURNABLE)?;
        assert_eq!(shop.figures(), before, "seed {seed}");
    }
    Ok(())
}

#[test]
fn forgetting_does_not_set_the_clock_back() -> Outcome {
    let place = Place::new();
    let mut shop = place.open()?;
    shop.decide(|book| {
        book.open(phone(), 10)?;
        book.place("brief", None, [(phone(), 1)], SECOND)?;
        book.cancel("brief")?;
        book.place("long", None, [(phone(), 2)], 2 * HOUR)?;
        Ok(())
    })?;
    shop.write();
    place.clock.advance(HOUR);
    shop.sweep()?;
    shop.write();
    let times = |shop: &Shop| {
        let order = shop.shop.book.get("long").expect("it is held");
        (shop.shop.book.time(), order.remaining)
    };
    let before = times(&shop);
    drop(shop);
    assert_eq!(times(&place.open()?), before, "no time has passed");
    Ok(())
}

#[test]
fn orders_of_customers_who_kept_nothing_that_is_counted_are_forgotten() -> Outcome {
    let place = Place::new();
    let mut shop = place.open()?;
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(2);
    shop.decide(|book| {
        book.open(phone(), 1_000)?;
        book.limit(phone(), limits)?;
        Ok(())
    })?;
    for number in 0..1_000 {
        let (id, customer) = (format!("order-{number}"), format!("customer-{number}"));
        shop.decide(|book| {
            book.place(&id, Some(&customer), [(phone(), 1)], SECOND)?;
            let came_back = match number % 4 {
                1 => return Ok(_ = book.cancel(&id)?),
                2 => Some(Returned::OnSale),
                3 => Some(Returned::WrittenOff),
                _ if number == 0 => None,
                _ => return Ok(()),
            };
            book.pay(&id)?;
            book.ship(&id)?;
            if let Some(to) = came_back {
                book.return_order(&id, to)?;
            }
            Ok(())
        })?;
        place.clock.advance(2 * SECOND);
        shop.sweep()?;
        shop.write();
    }
    place.clock.advance(RETENTION);
    shop.sweep()?;
    shop.write();
    drop(shop);
    let shop = place.open()?;
    assert_eq!(shop.shop.found.orders, 1, "of the customer who has a phone");
    let again = |customer| {
        shop.decide(|book| {
            book.place("next", Some(customer), [(phone(), 2)], HOUR)?;
            Ok(())
        })
    };
    assert!(again("customer-0").is_err(), "one is counted");
    again("customer-3")
}

/// Ten orders that left, all past their retention.
fn shipped(place: &Place) -> Result<Shop, Box<dyn Error>> {
    let mut shop = place.open()?;
    shop.decide(|book| Ok(_ = book.open(phone(), 100)?))?;
    for number in 0..10 {
        shop.decide(|book| ship(book, &format!("order-{number}")))?;
        shop.write();
        place.clock.advance(SECOND);
    }
    place.clock.advance(RETENTION);
    Ok(shop)
}

#[test]
fn orders_that_are_kept_for_returns_are_there_after_a_restart_and_the_others_are_gone() -> Outcome {
    let place = Place::new();
    let mut shop = shipped(&place)?;
    shop.sweep()?;
    shop.write();
    assert_eq!(known(&shop, 10), [6, 7, 8, 9]);
    drop(shop);

    let mut shop = place.open()?;
    assert_eq!(shop.shop.found.orders, 4, "the rows of the others are gone");
    assert_eq!(known(&shop, 10), [6, 7, 8, 9]);
    assert_eq!(shop.figures(), (90, 90));
    shop.decide(|book| Ok(_ = book.return_order("order-6", Returned::OnSale)?))?;
    shop.write();
    drop(shop);
    assert_eq!(place.open()?.figures(), (91, 91));
    Ok(())
}

/// What was forgotten, and not written, is there again; and is forgotten again, since it is the oldest.
#[test]
fn a_crash_before_the_rows_are_gone_ends_with_the_same_orders() -> Outcome {
    let place = Place::new();
    let shop = shipped(&place)?;
    shop.sweep()?;
    assert_eq!(known(&shop, 10), [6, 7, 8, 9]);
    drop(shop);

    let shop = place.open()?;
    assert_eq!(shop.shop.found.orders, 10, "nothing was written");
    shop.sweep()?;
    assert_eq!(known(&shop, 10), [6, 7, 8, 9]);
    assert_eq!(shop.figures(), (90, 90));
    Ok(())
}

/// An id is free once its order is forgotten for want of room, also if the order's rows are there still after a crash.
#[test]
fn an_order_that_made_room_is_not_there_again_once_its_id_is_used_again() -> Outcome {
    let place = Place::new();
    let mut shop = shipped(&place)?;
    shop.sweep()?;
    shop.decide(|book| {
        let again = book.place("order-0", None, [(phone(), 7)], HOUR)?;
        assert!(!again.before);
        Ok(())
    })?;
    // The order, and not yet the rows that go.
    assert_eq!(shop.driver.step(), Step::Written);
    drop(shop);

    // Not for want of room this time.
    let mut shop = place.open_with(20)?;
    assert_eq!(shop.shop.found.orders, 11);
    shop.sweep()?;
    shop.decide(|book| {
        assert_eq!(book.get("order-0")?.lines[0].held, 7);
        assert_eq!(book.orders(), 10, "the one of before is gone");
        Ok(())
    })?;
    assert_eq!(shop.figures(), (90, 83));
    shop.write();
    drop(shop);
    let shop = place.open_with(20)?;
    assert_eq!((shop.shop.found.orders, shop.figures()), (10, (90, 83)));
    Ok(())
}

#[test]
fn settings_that_changed_between_two_runs_hold_for_the_orders_of_before() -> Outcome {
    let place = Place::new();
    drop(shipped(&place)?);
    // More than before.
    let shop = place.open_with(8)?;
    shop.sweep()?;
    assert_eq!(known(&shop, 10), [2, 3, 4, 5, 6, 7, 8, 9]);
    drop(shop);
    // Less, and none: what is gone stays gone.
    let mut shop = place.open_with(2)?;
    shop.sweep()?;
    shop.write();
    assert_eq!(known(&shop, 10), [8, 9]);
    drop(shop);
    let mut shop = place.open_with(10)?;
    assert_eq!(known(&shop, 10), [8, 9]);
    place.clock.advance(RETURNS);
    shop.sweep()?;
    shop.write();
    drop(shop);
    let shop = place.open_with(10)?;
    assert_eq!((shop.shop.found.orders, shop.figures()), (0, (90, 90)));
    Ok(())
}
