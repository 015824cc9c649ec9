//! Which segment of a [`LockedStock`] serves, and what waits for an order in flight. The latter is in
//! `loom_locked.rs`, too; here with real threads, where waiting fails the test.
#![cfg(not(loom))]

use segstock::testing::sit_at;
use segstock::{LockedStock, MAX_UNITS, Selection};
use std::sync::mpsc;
use std::time::Duration;

/// Ten units in two segments, all threads at the first.
fn five_and_five() -> LockedStock {
    let builder = LockedStock::builder(10).segments(2);
    builder.selection(Selection::ByThread).build().unwrap()
}

/// Makes `calls` while an order for one unit is in flight on the first segment, which they must not
/// wait for.
fn beside_an_order(stock: &LockedStock, calls: impl FnOnce() + Send) {
    let (done, is_done) = mpsc::channel();
    sit_at(0, 2);
    std::thread::scope(|scope| {
        let order = stock.deduct_with(1, || {
            scope.spawn(move || {
                sit_at(0, 2);
                calls();
                done.send(()).unwrap();
            });
            is_done.recv_timeout(Duration::from_secs(20))
        });
        order.expect("they do not wait, and do not panic");
    });
}

#[test]
fn no_units_wait_for_nobody() {
    for stock in [five_and_five(), LockedStock::single(10).unwrap()] {
        beside_an_order(&stock, || {
            stock.deduct(0).unwrap();
            stock.deduct_with(0, || Ok::<_, ()>(())).unwrap();
            assert_eq!(stock.deduct_up_to(0), 0);
            drop(stock.reserve(0).unwrap());
            stock.restock(0).unwrap();
            let withdrawn = stock.withdraw(0);
            assert_eq!(
                (withdrawn.taken, withdrawn.owed, stock.forgive(0)),
                (0, 0, 0)
            );
        });
        assert_eq!(stock.available(), 9);
    }
}

#[test]
fn refusals_wait_for_nobody() {
    for stock in [five_and_five(), LockedStock::single(10).unwrap()] {
        beside_an_order(&stock, || {
            assert_eq!(stock.deduct(11).unwrap_err().available, 10);
            assert_eq!(stock.reserve(11).unwrap_err().available, 10);
            let order = stock.deduct_with(11, || Ok::<_, ()>(()));
            assert!(order.is_err());
        });
    }
}

#[test]
fn empty_segments_wait_for_nobody() {
    let stock = LockedStock::new(0, 2).unwrap();
    stock.restock(1).unwrap();
    beside_an_order(&stock, || assert!(stock.deduct(2).is_err()));
    beside_empty(&stock);
}

/// With nothing in stock even an order of nothing may be in flight.
fn beside_empty(stock: &LockedStock) {
    let order = stock.deduct_with(0, || {
        std::thread::scope(|scope| {
            let (done, is_done) = mpsc::channel();
            scope.spawn(move || {
                _ = done.send((stock.deduct_up_to(3), stock.deduct(1).is_err()));
            });
            is_done.recv_timeout(Duration::from_secs(20))
        })
    });
    assert_eq!(order.unwrap(), (0, true));
}

#[test]
fn units_come_in_and_are_looked_at() {
    let stock = five_and_five();
    beside_an_order(&stock, || {
        stock.restock(1).unwrap();
        stock.restock(4).unwrap();
        assert_eq!((stock.available(), stock.snapshot().available), (15, 15));
        assert_eq!(stock.holdings(), [8, 7]);
    });
    assert_eq!(stock.available(), 14);
}

/// Another segment serves all that it has, with an order in flight before it.
#[test]
fn a_busy_segment_is_passed_over() {
    let stock = five_and_five();
    beside_an_order(&stock, || {
        stock.deduct(2).unwrap();
        drop(stock.reserve(3).unwrap());
    });
    assert_eq!(stock.available(), 7);
    let stock = five_and_five();
    beside_an_order(&stock, || stock.deduct(5).unwrap());
    let stock = five_and_five();
    beside_an_order(&stock, || assert_eq!(stock.deduct_up_to(5), 5));
    let stock = five_and_five();
    beside_an_order(&stock, || assert_eq!(stock.reserve_up_to(5).units(), 5));
}

#[test]
fn a_restock_is_dealt_out_if_each_segment_gets_a_unit() {
    let stock = LockedStock::new(0, 4).unwrap();
    sit_at(2, 4);
    stock.restock(3).unwrap();
    assert_eq!(stock.holdings(), [0, 0, 3, 0]);
    stock.restock(4).unwrap();
    assert_eq!(stock.holdings(), [1, 1, 4, 1]);
    stock.restock(5).unwrap();
    assert_eq!(stock.holdings(), [3, 2, 5, 2]);
}

/// Units that were sold from each of four segments of a thousand, by a thousand orders.
fn sold_from_each(selection: Selection) -> [u64; 4] {
    let builder = LockedStock::builder(4_000).segments(4);
    let stock = builder.selection(selection).build().unwrap();
    sit_at(2, 4);
    for _ in 0..1_000 {
        stock.deduct(1).unwrap();
    }
    std::array::from_fn(|segment| 1_000 - stock.holdings()[segment])
}

#[test]
fn orders_choose_at_random_or_by_thread() {
    assert_eq!(sold_from_each(Selection::ByThread), [0, 0, 1_000, 0]);
    let sold = sold_from_each(Selection::Random);
    // Twelve standard deviations around 250.
    assert!(sold.iter().all(|sold| (90..410).contains(sold)), "{sold:?}");
}

/// However many restocks race at the limit: what fits is accepted, and nothing beyond.
#[test]
fn restocks_that_race_fill_the_stock_to_the_brim() {
    let stock = LockedStock::new(MAX_UNITS - 1_000, 4).unwrap();
    let fill = || -> u64 {
        let restock = || (0..500).filter(|_| stock.restock(1).is_ok()).count() as u64;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(restock)).collect();
            threads.into_iter().map(|one| one.join().unwrap()).sum()
        })
    };
    assert_eq!((fill(), stock.available()), (1_000, MAX_UNITS));
    let reserved = stock.reserve(7).unwrap();
    stock.deduct(10).unwrap();
    assert_eq!(fill(), 10, "what is reserved is on hand");
    drop(reserved);
    assert_eq!(stock.available(), MAX_UNITS);
}
