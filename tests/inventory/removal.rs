//! A SKU is removed while other calls use it.

use crate::shop::{Over, figures, open};
use segstock::inventory::{Inventory, OrderRefused, RemoveError};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

#[test]
fn removing_takes_all_that_was_answered() {
    for round in 0..300 {
        let shop = open([("a", 1_000)]);
        let barrier = Barrier::new(3);
        let sell = || {
            barrier.wait();
            let mut sold = 0;
            loop {
                match shop.deduct("a", 1) {
                    Ok(()) => sold += 1,
                    Err(error) if error.is_out_of_stock() => {}
                    Err(error) => {
                        assert!(error.is_unknown_sku(), "{error}");
                        return sold;
                    }
                }
            }
        };
        let receive = || {
            barrier.wait();
            let mut came = 0;
            while shop.restock("a", 5).is_ok() {
                came += 5;
            }
            came
        };
        let (sold, came, last) = thread::scope(|scope| {
            let (sold, came) = (scope.spawn(sell), scope.spawn(receive));
            barrier.wait();
            for _ in 0..round {
                std::hint::spin_loop();
            }
            let last = shop.remove("a").unwrap();
            (sold.join().unwrap(), came.join().unwrap(), last)
        });
        assert_eq!((last.sold, last.restocked), (sold, came));
        assert_eq!(last.available, 1_000 + came - sold);
        assert!(shop.is_empty());
    }
}

#[test]
fn what_is_reserved_is_not_removed() {
    let shop = open([("a", 5), ("b", 5)]);
    let order = shop.order([("a", 2)]).unwrap();
    assert_eq!(
        shop.remove("a"),
        Err(RemoveError::Reserved { units: 2 }),
        "an order"
    );
    let lorry = shop.send("b", "a", 3).unwrap();
    assert_eq!(
        shop.remove("b"),
        Err(RemoveError::Reserved { units: 3 }),
        "on the way"
    );
    order.commit();
    _ = shop.remove("a").unwrap();
    let (error, lorry) = lorry.arrive().unwrap_err();
    assert!(error.is_unknown_sku());
    assert_eq!(lorry.units(), 3);
    drop(lorry);
    assert_eq!(figures(&shop, "b"), (5, 0, 0), "they turn back");
    // A SKU that comes again is a new one.
    shop.insert("a", 1).unwrap();
    assert_eq!(figures(&shop, "a"), (1, 0, 0));
}

#[test]
fn orders_race_with_removing() {
    for _ in 0..200 {
        let shop = open([("a", 100), ("b", 100)]);
        let served = AtomicU64::new(0);
        let last = thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        match shop.order([("a", 1), ("b", 1)]) {
                            Ok(order) => {
                                order.commit();
                                served.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(OrderRefused::UnknownSkus(skus)) => {
                                assert_eq!(skus, ["b"]);
                                return;
                            }
                            Err(refused) => assert!(refused.is_out_of_stock()),
                        }
                    }
                });
            }
            loop {
                if let Ok(last) = shop.remove("b") {
                    return last;
                }
            }
        });
        assert_eq!(last.sold, served.into_inner());
        assert_eq!(figures(&shop, "a"), (100 - last.sold, 0, last.sold));
    }
}

/// While it is walked, a SKU goes and comes again, in another place of the map.
#[test]
fn no_snapshot_shows_a_sku_twice() {
    let shop = Inventory::new();
    for sku in 0..200_u64 {
        shop.insert(sku, 1).unwrap();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..2 {
            let (shop, done) = (&shop, &done);
            scope.spawn(move || {
                for turn in (0..).take_while(|_| !done.load(Ordering::Relaxed)) {
                    let sku = turn % 100 * 2 + thread;
                    _ = shop.remove(&sku).unwrap();
                    shop.insert(sku, 1).unwrap();
                }
            });
        }
        let _over = Over(&done);
        for _ in 0..2_000 {
            let kept = shop.snapshot();
            let opened = Inventory::<u64>::builder().restore(&kept).map(drop);
            assert_eq!(opened, Ok(()), "each stands in it once");
            let mut walked: Vec<_> = shop.iter().map(|(sku, _)| sku).collect();
            walked.sort_unstable();
            assert!(walked.is_sorted_by(|a, b| a < b), "{walked:?}");
        }
    });
}
