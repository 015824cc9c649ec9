//! Units that are withdrawn: what there is at once, and the rest from what comes back.

use segstock::testing::sit_at;
use segstock::{LockedStock, MAX_UNITS, Reservation, Reserving, Snapshot, Stock};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Both counters in all forms, opened with `units`.
fn counters(units: u64) -> [(&'static str, Box<dyn Reserving>); 5] {
    let locked = |segments| LockedStock::new(units, segments).unwrap();
    let wide = Stock::builder(units).segments(4).build().unwrap();
    let single = Stock::builder(units).segments(1).build().unwrap();
    [
        ("narrow", Box::new(Stock::new(units))),
        ("wide", Box::new(wide)),
        ("single", Box::new(single)),
        ("one lock", Box::new(locked(1))),
        ("four locks", Box::new(locked(4))),
    ]
}

fn snapshot(counter: &dyn Reserving) -> Snapshot {
    let it = counter.try_snapshot().expect("it has snapshots");
    let came = it.initial.wrapping_add(it.restocked).wrapping_add(it.owed);
    let known = it.available + it.reserved + it.sold;
    assert_eq!(came, known.wrapping_add(it.withdrawn), "{it:?}");
    it
}

fn withdraw(counter: &dyn Reserving, units: u64) -> (u64, u64) {
    let withdrawn = counter.try_withdraw(units).expect("it withdraws");
    (withdrawn.taken, withdrawn.owed)
}

#[test]
fn a_withdraw_takes_what_is_in_stock_and_owes_the_rest() {
    for (name, counter) in counters(100) {
        let counter = &*counter;
        assert_eq!(withdraw(counter, 30), (30, 0), "{name}");
        assert_eq!(withdraw(counter, 100), (70, 30), "{name}");
        assert_eq!(withdraw(counter, 5), (0, 5), "{name}: a second one adds");
        let it = snapshot(counter);
        assert_eq!(
            (it.available, it.owed, it.withdrawn, it.sold),
            (0, 35, 135, 0),
            "{name}"
        );
        assert_eq!(counter.deduct(1).unwrap_err().available, 0, "{name}");
        assert_eq!(counter.available(), 0, "{name}");
    }
}

#[test]
fn what_comes_back_pays_first() {
    for (name, counter) in counters(100) {
        let counter = &*counter;
        let mut reserved = Reservation::new(counter, 90).unwrap();
        assert_eq!(withdraw(counter, 100), (10, 90), "{name}");
        counter.restock(20).unwrap();
        assert_eq!(
            (snapshot(counter).owed, counter.available()),
            (70, 0),
            "{name}"
        );
        drop(reserved.split(30).unwrap());
        assert_eq!(
            (snapshot(counter).owed, counter.available()),
            (40, 0),
            "{name}"
        );
        reserved.commit_part(15).unwrap();
        assert_eq!(
            snapshot(counter).owed,
            40,
            "{name}: what is sold pays nothing"
        );
        drop(reserved);
        let it = snapshot(counter);
        assert_eq!(
            (it.available, it.reserved, it.sold, it.owed),
            (5, 0, 15, 0),
            "{name}"
        );
        counter.restock(1_000).unwrap();
        assert_eq!(counter.deduct(1_005), Ok(()), "{name}: as any stock again");
    }
}

#[test]
fn what_is_forgiven_is_as_never_withdrawn() {
    for (name, counter) in counters(10) {
        let counter = &*counter;
        assert_eq!(counter.try_forgive(1), Some(0), "{name}");
        assert_eq!(withdraw(counter, 25), (10, 15), "{name}");
        assert_eq!(counter.try_forgive(5), Some(5), "{name}");
        let it = snapshot(counter);
        assert_eq!((it.owed, it.withdrawn), (10, 20), "{name}");
        assert_eq!(counter.try_forgive(u64::MAX), Some(10), "{name}");
        counter.restock(3).unwrap();
        assert_eq!(
            (counter.available(), snapshot(counter).withdrawn),
            (3, 10),
            "{name}"
        );
    }
}

#[test]
fn at_most_the_limit_is_owed() {
    for (name, counter) in counters(0) {
        let counter = &*counter;
        assert_eq!(withdraw(counter, u64::MAX), (0, MAX_UNITS), "{name}");
        assert_eq!(withdraw(counter, 1), (0, 0), "{name}");
        counter.restock(MAX_UNITS + 7).unwrap();
        assert_eq!(
            (counter.available(), snapshot(counter).owed),
            (7, 0),
            "{name}"
        );
        let full = counter.restock(MAX_UNITS - 6).unwrap_err();
        assert_eq!(full.on_hand, 7, "{name}");
    }
}

/// 500 units come back one by one while 500 are owed: a thread that asks all the time gets none of them.
#[test]
fn a_thread_that_polls_gets_no_unit_that_is_owed() {
    for (name, counter) in counters(500) {
        let counter = &*counter;
        let mut reserved = Reservation::new(counter, 500).unwrap();
        assert_eq!(withdraw(counter, 499), (0, 499), "{name}");
        let (over, got) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    got.fetch_add(u64::from(counter.deduct(1).is_ok()), Ordering::Relaxed);
                }
            });
            for _ in 0..499 {
                drop(reserved.split(1).unwrap());
            }
            assert_eq!(snapshot(counter).owed, 0, "{name}");
            assert_eq!(got.load(Ordering::Relaxed), 0, "{name}");
            drop(reserved);
            while got.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!(snapshot(counter).sold, 1, "{name}");
    }
}

/// All calls at once, and each snapshot in balance.
#[test]
fn nothing_is_lost_beside_withdraws() {
    const UNITS: u64 = 4_000;
    const TURNS: usize = 2_000;
    for (name, counter) in counters(UNITS) {
        let counter = &*counter;
        let sold = AtomicU64::new(0);
        thread::scope(|scope| {
            for index in 0..3 {
                let sold = &sold;
                scope.spawn(move || {
                    sit_at(index, 4);
                    for turn in 0..TURNS {
                        let units = 1 + (turn % 5) as u64;
                        if let Ok(order) = Reservation::new(counter, units)
                            && turn % 3 == 0
                        {
                            order.commit();
                            sold.fetch_add(units, Ordering::Relaxed);
                            counter.restock(units).unwrap();
                        }
                    }
                });
            }
            for turn in 0..TURNS as u64 / 10 {
                withdraw(counter, UNITS / 2);
                let it = snapshot(counter);
                assert!(it.owed == 0 || it.available == 0, "{name}: {it:?}");
                counter.try_forgive(turn % 100);
                counter.restock(UNITS / 2).unwrap();
            }
        });
        let it = snapshot(counter);
        assert_eq!((it.reserved, it.sold), (0, sold.into_inner()), "{name}");
        // A restock of the same units followed each withdraw; what was forgiven came back on top.
        assert_eq!(it.owed, 0, "{name}: {it:?}");
        assert!(it.available >= UNITS, "{name}: {it:?}");
    }
}
