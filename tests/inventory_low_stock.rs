//! Low stock: told once for each crossing, in time, and whatever who is told does.
#![cfg(all(feature = "inventory", not(loom)))]

use segstock::Stock;
use segstock::inventory::Inventory;
use segstock::testing::Tuning;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

fn books(shop: &Inventory<&'static str>, sku: &'static str) -> (u64, u64, u64) {
    let books = shop.get(sku).unwrap();
    (books.available, books.reserved, books.sold)
}

/// An inventory that tells of low stock, and what it told.
fn with_alerts() -> (Inventory<&'static str>, mpsc::Receiver<(u64, u64)>) {
    let (tell, told) = mpsc::channel();
    let shop = Inventory::builder().on_low_stock(move |sku: &&str, low| {
        // A panic would end here, and nobody would know: another SKU is told as what cannot be.
        let available = if *sku == "a" { low.available } else { u64::MAX };
        _ = tell.send((low.threshold, available));
    });
    (shop.build(), told)
}

#[test]
fn low_stock_is_told_once_for_each_crossing() {
    let (shop, told) = with_alerts();
    shop.insert("a", 12).unwrap();
    shop.insert("b", 0).unwrap();
    shop.set_low_stock(&"a", 10).unwrap();
    let told = || told.try_iter().collect::<Vec<_>>();
    shop.deduct("a", 2).unwrap();
    assert_eq!(told(), [], "ten is not below ten");
    shop.deduct("a", 1).unwrap();
    shop.deduct("a", 1).unwrap();
    assert_eq!(told(), [(10, 9)], "once");
    shop.restock("a", 1).unwrap();
    shop.deduct("a", 1).unwrap();
    assert_eq!(told(), [], "not armed below the threshold");
    shop.restock("a", 2).unwrap();
    drop(shop.order([("a", 1)]).unwrap());
    assert_eq!(told(), [(10, 9)], "by a reservation, too");
    drop(shop.reserve(&"a", 1).unwrap());
    assert_eq!(told(), [(10, 9)], "which came back, and armed it");
    shop.write_off("a", 1).unwrap();
    assert_eq!(told(), [(10, 9)]);
    shop.set_low_stock(&"a", 5).unwrap();
    assert_eq!(told(), []);
    shop.set_low_stock(&"a", 20).unwrap();
    assert_eq!(told(), [(20, 9)], "at once, if it is low already");
    shop.set_low_stock(&"a", 0).unwrap();
    shop.deduct("a", 9).unwrap();
    assert_eq!(told(), [], "never");
}

/// The map grows while the SKU has its threshold.
#[test]
fn low_stock_is_told_whatever_is_opened_meanwhile() {
    let (tell, told) = mpsc::channel();
    let shop = Inventory::builder()
        .on_low_stock(move |sku: &u64, low| _ = tell.send((*sku, low.available)))
        .build();
    shop.insert(0, 10).unwrap();
    shop.set_low_stock(&0, 10).unwrap();
    for sku in 1..20_000 {
        shop.insert(sku, 1).unwrap();
    }
    shop.deduct(&0, 1).unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [(0, 9)]);
}

#[test]
fn low_stock_is_told_once_under_load() {
    const RUNS: usize = 20;
    let in_time = (0..RUNS).filter(|_| {
        let (shop, told) = with_alerts();
        shop.insert("a", 100_000).unwrap();
        shop.set_low_stock(&"a", 1_000).unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| while shop.deduct("a", 3).is_ok() {});
            }
        });
        let told: Vec<_> = told.try_iter().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].1 < 1_000);
        // An eighth below it, and what the others take beside the look.
        told[0].1 >= 800
    });
    // That is all there is, where the system has the thread wait that looks.
    assert!(in_time.count() > RUNS / 2);
}

/// However the units of a wide stock lie, and whichever segment they come from last.
#[test]
fn low_stock_in_segments_is_told_in_time() {
    for (segments, in_all) in [(2, 3_000), (20, 10_000), (20, 1_100), (64, 40_000)] {
        for threshold in [1_000, 100, 20] {
            for order in [1, 3, 7] {
                let (shop, told) = with_alerts();
                let stock = Stock::builder(in_all).segments(segments);
                let stock = stock.tuning(Tuning::STILL).build().unwrap();
                shop.insert_stock("a", stock).unwrap();
                shop.set_low_stock(&"a", threshold).unwrap();
                while shop.deduct("a", order).is_ok() {}
                let told: Vec<_> = told.try_iter().collect();
                let [(_, left)] = told[..] else {
                    panic!("{segments} segments, {threshold}: {told:?}");
                };
                let late = threshold - left;
                assert!(
                    late <= threshold / 8 + order,
                    "{segments} segments: {told:?}"
                );
            }
        }
    }
}

#[test]
fn who_is_told_may_use_the_inventory() {
    let (tell, told) = mpsc::channel::<Arc<Inventory<&'static str>>>();
    let inner = std::sync::Mutex::new(told);
    let (done, was_done) = mpsc::channel();
    let shop = Arc::new(
        Inventory::builder()
            .on_low_stock(move |sku: &&str, _| {
                let shop = inner.lock().unwrap().recv().unwrap();
                shop.restock(sku, 100).unwrap();
                shop.insert("made in the meantime", 1).unwrap();
                done.send(shop.remove("made in the meantime")).unwrap();
            })
            .build(),
    );
    shop.insert("a", 10).unwrap();
    shop.set_low_stock(&"a", 5).unwrap();
    tell.send(Arc::clone(&shop)).unwrap();
    shop.deduct("a", 6).unwrap();
    assert_eq!(shop.available("a"), Some(104));
    assert!(was_done.try_recv().unwrap().is_ok(), "to the end");
}

/// Who is told panics, each time. No unit is lost by it, and no call returns otherwise.
#[test]
fn a_panic_of_who_is_told_loses_nothing() {
    let told = Arc::new(AtomicU64::new(0));
    let tell = Arc::clone(&told);
    let shop = Inventory::builder()
        .on_low_stock(move |_: &&str, _| {
            tell.fetch_add(1, Ordering::Relaxed);
            std::panic::resume_unwind(Box::new("who is told"));
        })
        .build();
    let low = |skus: &[&'static str]| {
        for sku in skus {
            // Just not low: each call below tells.
            let available = shop.available(sku).unwrap();
            shop.set_low_stock(sku, available).unwrap();
        }
        told.swap(0, Ordering::Relaxed)
    };
    for sku in ["a", "b"] {
        shop.insert(sku, 10).unwrap();
    }
    low(&["a", "b"]);
    let order = shop.order([("a", 1), ("b", 1)]).unwrap();
    assert_eq!(low(&["a", "b"]), 2, "by an order");
    assert_eq!(
        (books(&shop, "a"), books(&shop, "b")),
        ((9, 1, 0), (9, 1, 0))
    );
    // What is given back arms, and what was taken in the meantime is told of by who arms.
    shop.deduct("a", 1).unwrap();
    shop.set_low_stock(&"b", 10).unwrap();
    assert_eq!(low(&[]), 2, "by a deduct, and by a threshold");
    drop(order);
    assert_eq!(
        (books(&shop, "a"), books(&shop, "b")),
        ((9, 0, 1), (10, 0, 0))
    );

    low(&["a"]);
    let reservation = shop.reserve(&"a", 2).unwrap();
    assert_eq!(low(&["a"]), 1, "by a reservation");
    drop(reservation);
    assert_eq!(books(&shop, "a"), (9, 0, 1));

    low(&["a"]);
    shop.write_off("a", 1).unwrap();
    assert_eq!(low(&["a"]), 1, "by a write-off");
    shop.move_units(&"a", &"b", 3).unwrap();
    assert_eq!(low(&["a"]), 1, "by a move");
    drop(shop.send(&"a", &"b", 2).unwrap());
    assert_eq!(low(&[]), 1, "by what turned back");
    let a = shop.get("a").unwrap();
    assert_eq!((a.available, a.reserved, a.on_the_way), (5, 0, 0));
    assert_eq!((a.sold, a.written_off, a.moved_out), (1, 1, 3));
    assert_eq!(books(&shop, "b"), (13, 0, 0));
}
