//! Old rows of a shelf: one stands for many, in the batch that comes along.

use segstock::MAX_UNITS;
use segstock_orders::ledger::Recovered;
use segstock_orders::ledger::faults::{Disk, Faults};
use segstock_orders::{Change, OrderBook, Position, Refusal, SkuLimits};
use std::sync::Arc;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(60);
const RETENTION: Duration = Duration::from_secs(100);

/// Sells and restocks, and opens the ledger again now and then; nothing that was answered may change by that. All units are
/// multiples of `parcel`.
fn old_entries_become_one(seeds: std::ops::Range<u64>, faults: Faults, parcel: u64) {
    for seed in seeds {
        let mut lives = 0;
        let mut chance = fastrand::Rng::with_seed(seed);
        let clock = Arc::new(segstock::ManualClock::new());
        let disk = Disk::<String>::new();
        let mut open = || {
            lives += 1;
            let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
            let builder = builder.retention(RETENTION).max_units(MAX_UNITS);
            let builder = builder.max_returnable(0);
            let opened = builder.recover(disk.faulty(seed << 32 | lives, faults));
            opened.unwrap_or_else(|error| panic!("seed {seed}: {error}"))
        };
        let mut shop = open();
        let skus = ["phone", "tablet"];
        for sku in skus {
            shop.book
                .open(sku.to_owned(), 50 * parcel)
                .expect("a new SKU");
        }
        let mut made = 0;
        let mut sent = Vec::new();
        for number in 0..600 {
            let sku = || skus[number % 2].to_owned();
            let other = || skus[(number + 1) % 2].to_owned();
            let (key, units) = (format!("key-{number}"), chance.u64(1..9) * parcel);
            let order = format!("order-{number}");
            let done = match chance.u8(0..11) {
                0 => shop.book.restock(sku(), &key, units).is_ok(),
                1 => shop.book.write_off(sku(), &key, units).is_ok(),
                2 => {
                    let counted = chance.u64(0..60) * parcel;
                    shop.book.count(sku(), &key, counted).is_ok()
                }
                3 => {
                    let mut limits = SkuLimits::default();
                    limits.safety = chance.u64(0..5) * parcel;
                    limits.per_customer = (chance.u8(0..3) == 0).then_some(7);
                    shop.book.limit(sku(), limits).is_ok()
                }
                7 => shop.book.move_units(sku(), other(), &key, units).is_ok(),
                8 => {
                    let answer = shop.book.send(sku(), other(), &key, units);
                    sent.extend(answer.iter().map(|sent| (sent.position, other(), units)));
                    answer.is_ok()
                }
                9 if !sent.is_empty() => {
                    let (sending, to, left) = sent.swap_remove(chance.usize(0..sent.len()));
                    let units = chance.u64(0..=left / parcel) * parcel;
                    let lost = (left - units) * chance.u64(0..2);
                    let arrived = shop.book.arrive(to.clone(), sending, &key, units, lost);
                    if arrived.is_err() || units + lost < left {
                        let came = arrived.is_ok().then_some(units + lost);
                        sent.push((sending, to, left - came.unwrap_or(0)));
                    }
                    arrived.is_ok()
                }
                4 => {
                    let placed = shop.book.place(&order, None, [(sku(), units)], TTL);
                    placed.is_ok()
                        && shop.book.pay(&order).is_ok()
                        && shop.book.ship(&order).is_ok()
                }
                5 => {
                    let one = [(sku(), parcel)];
                    shop.book.place(&order, Some("ann"), one, TTL).is_ok()
                }
                _ => {
                    clock.advance(Duration::from_secs(chance.u64(0..20)));
                    false
                }
            };
            made += usize::from(done);
            if chance.u8(0..40) == 0 {
                let before = skus.map(|sku| shop.book.stock(sku));
                shop.writer.close();
                drop(shop);
                shop = open();
                assert_eq!(skus.map(|sku| shop.book.stock(sku)), before, "seed {seed}");
            }
        }
        // The keys of all that was done are forgotten. A few rows go with each batch.
        clock.advance(2 * RETENTION);
        let new = disk.at().last;
        for number in 0..40 {
            let on_hand = shop.book.stock("phone").expect("it is open").on_hand;
            let counted = shop
                .book
                .count("phone".to_owned(), &format!("count-{number}"), on_hand);
            counted.expect("as many as there are");
        }
        shop.writer.close();
        let left = disk.entries();
        let is_on_the_way = |sending: &Position| sent.iter().any(|(sent, ..)| sent == sending);
        let is_needed = |position: &Position, change: &Change<String>| match change {
            Change::Sent { .. } => is_on_the_way(position),
            Change::Arrived { sending, .. } => is_on_the_way(sending),
            Change::Opened { .. } | Change::Placed { .. } => true,
            change => change.order().is_some(),
        };
        let left = left
            .iter()
            .filter(|(position, entry)| *position <= new && !is_needed(position, &entry.change));
        let left = left.count();
        assert!(
            left < 30 && made > 150,
            "seed {seed}: {left} rows are left of {made} changes"
        );
    }
}

#[test]
fn old_entries_of_a_shelf_become_one_and_the_shelf_stays_as_it_is() {
    old_entries_become_one(0..40, Faults::none(), 1);
}

/// A shelf holds at most 2^40 units at a time. What came and what left may be more in all, in whichever sequence its rows
/// are read.
#[test]
fn shelves_that_are_full_now_and_then_stay_as_they_are() {
    old_entries_become_one(60..100, Faults::none(), MAX_UNITS / 60);
}

#[test]
fn a_sku_that_had_more_units_than_a_shelf_holds_is_opened_again() {
    let clock = Arc::new(segstock::ManualClock::new());
    let disk = Disk::<String>::new();
    let open = || {
        let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
        let builder = builder.retention(RETENTION).max_units(MAX_UNITS);
        let builder = builder.shards(1).max_returnable(0);
        builder
            .recover(disk.ledger())
            .expect("the disk can be read")
    };
    let phone = || "phone".to_owned();
    let mut shop = open();
    shop.book.open(phone(), MAX_UNITS).expect("a new SKU");
    for number in 0..40 {
        if number % 3 == 0 {
            // What is there is there, whether the orders are known still or not.
            clock.advance(RETENTION);
        }
        let order = format!("order-{number}");
        let all = [(phone(), MAX_UNITS)];
        shop.book.place(&order, None, all, TTL).expect("units");
        shop.book.pay(&order).expect("it is held");
        shop.book.ship(&order).expect("it is paid for");
        let again = shop.book.restock(phone(), &order, MAX_UNITS);
        assert!(again.is_ok(), "the shelf is empty");
        shop.writer.close();
        drop(shop);
        shop = open();
        let stock = shop.book.stock("phone").expect("it is open");
        let units = (stock.on_hand, stock.available, stock.owed);
        assert_eq!(units, (MAX_UNITS, MAX_UNITS, 0), "after {number} orders");
    }
    let rows = disk.entries().len();
    assert!(
        rows < 100,
        "most orders were forgotten, and {rows} rows are left"
    );
}

/// Customers are counted from the first limit on, whichever rows of limits are left.
#[test]
fn customers_are_counted_however_often_their_limit_was_switched() {
    let clock = Arc::new(segstock::ManualClock::new());
    let disk = Disk::<String>::new();
    let open = || {
        let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
        let builder = builder.retention(RETENTION);
        builder
            .recover(disk.ledger())
            .expect("the disk can be read")
    };
    let limit = |shop: &Recovered<String>, per_customer| {
        let mut limits = SkuLimits::default();
        limits.per_customer = per_customer;
        let limited = shop.book.limit("phone".to_owned(), limits);
        limited.expect("it is open");
    };
    let place = |shop: &Recovered<String>, order: &str| {
        let one = [("phone".to_owned(), 1)];
        let placed = shop.book.place(order, Some("ann"), one, TTL);
        placed.and_then(|_| shop.book.pay(order)).map(drop)
    };
    let mut shop = open();
    shop.book.open("phone".to_owned(), 50).expect("a new SKU");
    let mut safe = SkuLimits::default();
    safe.safety = 1;
    shop.book
        .limit("phone".to_owned(), safe)
        .expect("it is open");
    place(&shop, "not counted").expect("there is no limit yet");
    for number in 0..200 {
        let has_limit = number % 3 == 0;
        limit(&shop, has_limit.then_some(1_000 + number));
        if number == 100 {
            place(&shop, "counted").expect("it can have more");
        }
        clock.advance(Duration::from_secs(5));
        if number % 40 == 0 {
            shop.writer.close();
            drop(shop);
            shop = open();
        }
    }
    let limits = disk.entries().into_iter();
    let limits = limits.filter(|(_, entry)| matches!(entry.change, Change::Limited { .. }));
    let kept = limits.count();
    // Three of old ones; those of which the keys are known still; those that wait until there are more.
    assert!(kept < 3 + 20 + 16, "{kept} of 201");
    limit(&shop, Some(2));
    place(&shop, "second").expect("one was counted");
    assert!(matches!(
        place(&shop, "third"),
        Err(Refusal::PerCustomer(_))
    ));
}

/// How many rows there are after each night, in a shop where nothing happens but that all these SKUs are counted, and units of
/// all of them move.
fn rows_after_nights(skus: u32) -> Vec<usize> {
    let clock = Arc::new(segstock::ManualClock::new());
    let disk = Disk::<String>::new();
    let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
    let builder = builder.retention(RETENTION).recover(disk.ledger());
    let shop = builder.expect("the disk can be read");
    let together = |calls: &dyn Fn(u32)| {
        let all = || (0..skus).for_each(calls);
        let decided = shop.writer.together(skus as usize, all);
        let durable = shop.writer.durable(decided.expect("places").rests_on);
        pollster::block_on(durable).expect("the disk is written");
    };
    together(&|sku| _ = shop.book.open(sku.to_string(), 5).expect("a new SKU"));
    let rows_after = |night: u32| {
        clock.advance(2 * RETENTION);
        let (count, moved) = (format!("count-{night}"), format!("move-{night}"));
        together(&|sku| {
            let counted = shop.book.count(sku.to_string(), &count, 5);
            assert!(counted.is_ok());
        });
        together(&|sku| {
            let (from, to) = (sku.to_string(), (sku ^ 1).to_string());
            assert!(shop.book.move_units(from, to, &moved, 1).is_ok());
        });
        disk.entries().len()
    };
    (0..6).map(rows_after).collect()
}

/// The rows of a SKU become one also where no two of them are looked at together.
#[test]
fn a_row_that_is_alone_is_put_together_with_later_ones() {
    let rows = rows_after_nights(16);
    assert!(rows[5] <= rows[1] + 16, "{rows:?}");
}

/// As many rows go with a list as it brings: else there were more after each night.
#[test]
fn nightly_lists_leave_no_more_rows_than_one_of_them() {
    let rows = rows_after_nights(1_000);
    assert!(rows[5] <= rows[1] + 16, "{rows:?}");
}

/// A batch that folds is lost, sent again, or lands late; what it folds goes along with it, once.
#[test]
fn batches_that_fold_may_be_lost_and_sent_again() {
    let mut faults = Faults::none();
    (faults.answer_lost, faults.lost, faults.late) = (50, 50, 50);
    old_entries_become_one(40..60, faults, 1);
}
