//! Low stock: the SKUs that have less than their threshold, whenever somebody asks.

use segstock::inventory::Inventory;
use segstock::{MAX_UNITS, Stock};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn low(shop: &Inventory<&'static str>) -> Vec<(&'static str, u64, u64)> {
    let low = shop.low_stock();
    low.map(|(sku, low)| (sku, low.threshold, low.available))
        .collect()
}

#[test]
fn skus_below_their_threshold_are_low() {
    let shop = Inventory::new();
    for sku in ["c", "a", "b", "none"] {
        shop.insert(sku, 10).unwrap();
    }
    for (sku, threshold) in [("a", 10), ("b", 11), ("c", MAX_UNITS)] {
        shop.set_low_stock(sku, threshold).unwrap();
    }
    assert_eq!(low(&shop), [("b", 11, 10), ("c", MAX_UNITS, 10)]);
    shop.deduct("a", 1).unwrap();
    shop.deduct("none", 10).unwrap();
    shop.restock("b", 1).unwrap();
    assert_eq!(low(&shop), [("a", 10, 9), ("c", MAX_UNITS, 10)]);
    shop.set_low_stock("c", 0).unwrap();
    assert_eq!(low(&shop), [("a", 10, 9)], "0 is never");
    assert!(shop.set_low_stock("d", 1).unwrap_err().is_unknown_sku());
}

#[test]
fn reserved_units_are_not_in_stock() {
    let shop = Inventory::new();
    shop.insert("a", 10).unwrap();
    shop.set_low_stock("a", 10).unwrap();
    let order = shop.order([("a", 2)]).unwrap();
    assert_eq!(low(&shop), [("a", 10, 8)]);
    drop(order);
    assert_eq!(low(&shop), []);
}

#[test]
fn a_removed_sku_has_no_threshold() {
    let shop = Inventory::new();
    for _ in 0..2 {
        shop.insert("a", 1).unwrap();
        assert_eq!(low(&shop), []);
        shop.set_low_stock("a", 5).unwrap();
        assert_eq!(low(&shop), [("a", 5, 1)]);
        _ = shop.remove("a").unwrap();
        assert_eq!(low(&shop), []);
    }
}

/// The inventory may be changed while it is walked.
#[test]
fn a_walk_is_in_nobodys_way() {
    let shop = Inventory::new();
    for sku in ["a", "b", "c"] {
        shop.insert(sku, 1).unwrap();
        shop.set_low_stock(sku, 5).unwrap();
    }
    let mut walk = shop.low_stock().map(|(sku, _)| sku);
    assert_eq!(walk.next(), Some("a"));
    _ = shop.remove("b").unwrap();
    shop.restock("c", 9).unwrap();
    assert_eq!(walk.next(), None, "one is gone, the other is not low");
}

/// A stock that always has enough is never low, however its units are moved meanwhile.
#[test]
fn a_stock_that_has_enough_is_not_low_under_load() {
    let shop = Inventory::new();
    let stock = Stock::builder(10_000).segments(4).build().unwrap();
    shop.insert_stock("a", stock).unwrap();
    shop.insert("b", 1).unwrap();
    for sku in ["a", "b"] {
        shop.set_low_stock(sku, 1_000).unwrap();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop(shop.reserve("a", 4_000).unwrap());
                }
            });
        }
        for _ in 0..5_000 {
            assert_eq!(low(&shop), [("b", 1_000, 1)]);
        }
        done.store(true, Ordering::Relaxed);
    });
}
