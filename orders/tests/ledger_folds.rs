//! Old rows of a shelf: one stands for many, in the batch that comes along.

use segstock_orders::ledger::faults::{Disk, Faults};
use segstock_orders::{Change, Entry, OrderBook};
use std::sync::Arc;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(60);

/// Sells and restocks, and opens the ledger again now and then; nothing that was answered may change by that.
fn old_entries_become_one(seeds: std::ops::Range<u64>, faults: Faults) {
    const RETENTION: Duration = Duration::from_secs(100);
    for seed in seeds {
        let mut lives = 0;
        let mut chance = fastrand::Rng::with_seed(seed);
        let clock = Arc::new(segstock::ManualClock::new());
        let disk = Disk::<String>::new();
        let mut open = || {
            lives += 1;
            let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
            let builder = builder.retention(RETENTION);
            builder
                .recover(disk.faulty(seed << 32 | lives, faults))
                .expect("the disk can be read")
        };
        let mut shop = open();
        let skus = ["phone", "tablet"];
        for sku in skus {
            shop.book.open(sku.to_owned(), 50).expect("a new SKU");
        }
        let mut made = 0;
        for number in 0..400 {
            let sku = || skus[number % 2].to_owned();
            let (key, units) = (format!("key-{number}"), chance.u64(1..9));
            let order = format!("order-{number}");
            let done = match chance.u8(0..7) {
                0 => shop.book.restock(sku(), &key, units).is_ok(),
                1 => shop.book.write_off(sku(), &key, units).is_ok(),
                2 => shop.book.count(sku(), &key, chance.u64(0..60)).is_ok(),
                3 => {
                    let mut limits = segstock_orders::SkuLimits::default();
                    limits.safety = chance.u64(0..5);
                    limits.per_customer = (chance.u8(0..9) == 0).then_some(7);
                    shop.book.limit(sku(), limits).is_ok()
                }
                4 => {
                    let placed = shop.book.place(&order, None, [(sku(), units)], TTL);
                    placed.is_ok()
                        && shop.book.pay(&order).is_ok()
                        && shop.book.ship(&order).is_ok()
                }
                5 => shop.book.place(&order, None, [(sku(), 1)], TTL).is_ok(),
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
        shop.writer.close();
        let old = clock_nanos(&clock).saturating_sub(RETENTION.as_nanos() as u64);
        let left = disk.entries();
        let is_of_shelf = |change: &Change<String>| {
            use Change::{Counted, Limited, Restocked, WrittenOff};
            matches!(
                change,
                Restocked { .. } | Counted { .. } | WrittenOff { .. } | Limited { .. }
            )
        };
        let is_old = |entry: &Entry<String>| entry.time < old && is_of_shelf(&entry.change);
        let left = left.iter().filter(|(_, entry)| is_old(entry)).count();
        assert!(
            left < 50 && made > 150,
            "seed {seed}: {left} old of {made} changes"
        );
    }
}

#[test]
fn old_entries_of_a_shelf_become_one_and_the_shelf_stays_as_it_is() {
    old_entries_become_one(0..40, Faults::none());
}

/// A batch that folds is lost, sent again, or lands late; what it folds goes along with it, once.
#[test]
fn batches_that_fold_may_be_lost_and_sent_again() {
    let mut faults = Faults::none();
    (faults.answer_lost, faults.lost, faults.late) = (50, 50, 50);
    old_entries_become_one(40..60, faults);
}

fn clock_nanos(clock: &segstock::ManualClock) -> u64 {
    segstock::Clock::now(clock).as_nanos() as u64
}
