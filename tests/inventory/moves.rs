//! Stocktakes, and units on the way from one SKU to another.

use crate::shop::{Over, figures, open};
use segstock::MAX_UNITS;
use segstock::inventory::SkuError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn a_count_does_not_undo_sales() {
    let shop = open([("a", 100)]);
    let order = shop.order([("a", 10)]).unwrap();
    let book = shop.get("a").unwrap().on_hand();
    assert_eq!(book, 100, "what is reserved is on the shelf");
    shop.deduct("a", 20).unwrap();
    shop.stocktake("a", book, 97).unwrap();
    let counted = shop.get("a").unwrap();
    assert_eq!((counted.available, counted.written_off), (67, 3));
    assert_eq!((counted.sold, counted.reserved), (20, 10));
    shop.stocktake("a", 77, 80).unwrap();
    assert_eq!(shop.get("a").unwrap().restocked, 3, "found again");
    shop.stocktake("a", 80, 80).unwrap();
    // More are missing than are not promised to anybody.
    let refusal = shop.stocktake("a", 80, 5).unwrap_err();
    assert!(refusal.is_out_of_stock(), "{refusal}");
    assert_eq!(shop.get("a").unwrap().on_hand(), 80);
    order.commit();
    assert_eq!(figures(&shop, "a"), (70, 0, 30));
}

#[test]
fn units_on_the_way_are_nowhere_else() {
    let shop = open([("north", 10), ("south", MAX_UNITS - 2)]);
    assert!(
        shop.send("north", "south", 11)
            .unwrap_err()
            .is_out_of_stock()
    );
    let lorry = shop.send("north", "south", 4).unwrap();
    let north = shop.get("north").unwrap();
    assert_eq!((north.available, north.on_the_way), (6, 4));
    assert_eq!((north.reserved, north.sold), (0, 0));
    let (error, lorry) = lorry.arrive().unwrap_err();
    assert!(matches!(error, SkuError::Overflow(_)));
    shop.deduct("south", 2).unwrap();
    lorry.arrive().unwrap();
    let north = shop.get("north").unwrap();
    assert_eq!((north.on_the_way, north.moved_out, north.sold), (0, 4, 0));
    assert_eq!(shop.get("south").unwrap().restocked, 4);
    shop.move_units("south", "north", 1).unwrap();
    shop.move_units("north", "north", 1).unwrap();
    assert_eq!(shop.available("north"), Some(7));
    assert_eq!(shop.available("south"), Some(MAX_UNITS - 1));
}

#[test]
fn no_snapshot_shows_a_unit_twice() {
    let skus = ["north", "south", "east"];
    let shop = open(skus.map(|sku| (sku, 100)));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for shift in 1..3 {
            let (shop, done) = (&shop, &done);
            scope.spawn(move || {
                for turn in 0.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    let (from, to) = (skus[turn % 3], skus[(turn + shift) % 3]);
                    if let Ok(lorry) = shop.send(from, to, 1 + turn as u64 % 7)
                        && turn % 5 > 0
                    {
                        lorry.arrive().unwrap();
                    }
                }
            });
        }
        let _over = Over(&done);
        for _ in 0..2_000 {
            let kept = shop.snapshot();
            let on_hand: u64 = kept.skus.iter().map(|row| row.snapshot.on_hand()).sum();
            assert_eq!(on_hand, 300, "{kept:?}");
            let sold: u64 = kept.skus.iter().map(|row| row.snapshot.sold).sum();
            assert_eq!(sold, 0, "{kept:?}");
        }
    });
}
