//! Reservations and leases as a user meets them, over both counters.
#![cfg(not(loom))]

mod support;

use segstock::testing;
use segstock::{
    Lease, LockedStock, MAX_UNITS, OutOfStock, Reservation, Reserving, RestockOverflow, Settle,
    Stock, StockCounter,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use support::counters;

/// Available, reserved, sold.
fn figures<S: StockCounter>(stock: &S) -> (u64, u64, u64) {
    let snapshot = stock.try_snapshot().expect("both counters offer it");
    assert_eq!(
        snapshot.initial + snapshot.restocked,
        snapshot.available + snapshot.reserved + snapshot.sold,
        "{snapshot:?}"
    );
    (snapshot.available, snapshot.reserved, snapshot.sold)
}

/// Runs a test on every kind of counter, opened with `units`.
fn on_all(units: u64, test: impl Fn(&str, &dyn Reserving)) {
    for (name, open) in counters::all() {
        test(&name, open(units).counter());
    }
}

#[test]
fn what_is_reserved_is_nobodys_until_it_is_settled() {
    on_all(10, |name, stock| {
        let reservation = Reservation::new(stock, 7).unwrap();
        assert_eq!(figures(&stock), (3, 7, 0), "{name}");
        let refusal = stock.deduct(4).unwrap_err();
        assert_eq!((refusal.requested, refusal.available), (4, 3), "{name}");
        reservation.commit();
        assert_eq!(figures(&stock), (3, 0, 7), "{name}");
    });
}

#[test]
fn dropping_and_releasing_give_back() {
    on_all(10, |name, stock| {
        drop(Reservation::new(stock, 7).unwrap());
        assert_eq!(figures(&stock), (10, 0, 0), "{name}");
        Reservation::new(stock, 10).unwrap().release();
        assert_eq!(figures(&stock), (10, 0, 0), "{name}");
        assert!(stock.deduct(10).is_ok(), "{name}: all of it can be sold");
    });
}

#[test]
fn a_refused_reserve_reserves_nothing() {
    on_all(3, |name, stock| {
        let refusal = Reservation::new(stock, 4).unwrap_err();
        assert_eq!((refusal.requested, refusal.available), (4, 3), "{name}");
        assert!(Reservation::new(stock, u64::MAX).is_err(), "{name}");
        assert_eq!(figures(&stock), (3, 0, 0), "{name}");
    });
}

#[test]
fn nothing_can_be_reserved() {
    on_all(0, |name, stock| {
        let nothing = Reservation::new(stock, 0).unwrap();
        assert_eq!(nothing.units(), 0, "{name}");
        nothing.commit();
        drop(Reservation::new(stock, 0).unwrap());
        assert_eq!(figures(&stock), (0, 0, 0), "{name}");
    });
}

#[test]
fn parts_are_settled_for_themselves() {
    on_all(10, |name, stock| {
        let mut order = Reservation::new(stock, 6).unwrap();
        order.commit_part(2).unwrap();
        assert_eq!((order.units(), figures(&stock)), (4, (4, 4, 2)), "{name}");
        let rest = order.split(3).unwrap();
        assert_eq!((order.units(), rest.units()), (1, 3), "{name}");
        drop(order);
        assert_eq!(figures(&stock), (5, 3, 2), "{name}");
        rest.commit();
        assert_eq!(figures(&stock), (5, 0, 5), "{name}");
    });
}

#[test]
fn asking_for_more_than_is_reserved_changes_nothing() {
    on_all(10, |name, stock| {
        let mut order = Reservation::new(stock, 6).unwrap();
        let refusal = order.commit_part(7).unwrap_err();
        assert_eq!((refusal.requested, refusal.reserved), (7, 6), "{name}");
        assert_eq!(
            order.split(u64::MAX).unwrap_err().to_string(),
            "not reserved: 18446744073709551615 units requested, 6 reserved"
        );
        assert_eq!((order.units(), figures(&stock)), (6, (4, 6, 0)), "{name}");
    });
}

#[test]
fn reservations_of_one_stock_can_be_merged() {
    on_all(10, |name, stock| {
        let one = Reservation::new(stock, 2).unwrap();
        let other = Reservation::new(stock, 3).unwrap();
        let both = one.merge(other).unwrap();
        assert_eq!((both.units(), figures(&stock)), (5, (5, 5, 0)), "{name}");
        both.commit();
        assert_eq!(figures(&stock), (5, 0, 5), "{name}");
    });
}

#[test]
fn reservations_of_two_stocks_come_back_from_a_merge() {
    let (phones, cases) = (Stock::new(5), Stock::new(5));
    let error = phones
        .reserve(2)
        .unwrap()
        .merge(cases.reserve(3).unwrap())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "reservations of 2 and 3 units are of two stocks"
    );
    let debug = format!("{error:?}");
    assert!(
        debug.starts_with("MergeError { left: Reservation { units: 2"),
        "{debug}"
    );
    error.left.commit();
    drop(error.right);
    assert_eq!(figures(&phones), (3, 0, 2));
    assert_eq!(figures(&cases), (5, 0, 0));
}

#[test]
fn handles_of_one_stock_are_of_one_stock() {
    let stock = Arc::new(Stock::new(5));
    let one = Arc::clone(&stock).reserve_owned(1).unwrap();
    let other = Reservation::new(Arc::clone(&stock), 2).unwrap();
    assert_eq!(one.merge(other).unwrap().units(), 3);
    assert_eq!(stock.available(), 5, "and it was dropped");
}

#[test]
fn owned_reservations_go_into_threads() {
    static TICKETS: Stock = Stock::new(4);
    let ticket = TICKETS.reserve(1).unwrap();
    std::thread::spawn(move || ticket.commit()).join().unwrap();
    assert_eq!(figures(&TICKETS), (3, 0, 1));

    let seats = Arc::new(LockedStock::new(4, 2).unwrap());
    let seat = Arc::clone(&seats).reserve_owned(3).unwrap();
    std::thread::spawn(move || drop(seat)).join().unwrap();
    assert_eq!(figures(&seats), (4, 0, 0));
}

#[test]
fn a_panic_between_reserve_and_commit_gives_back() {
    on_all(10, |name, stock| {
        let flow = catch_unwind(AssertUnwindSafe(|| {
            let _order = Reservation::new(stock, 7).unwrap();
            std::panic::resume_unwind(Box::new("the payment service is on fire"));
        }));
        assert!(flow.is_err());
        assert_eq!(figures(&stock), (10, 0, 0), "{name}");
    });
}

#[test]
fn a_forgotten_reservation_stays_reserved() {
    on_all(10, |name, stock| {
        std::mem::forget(Reservation::new(stock, 7).unwrap());
        assert_eq!(figures(&stock), (3, 7, 0), "{name}");
        assert!(stock.deduct(4).is_err(), "{name}: never sold twice");
    });
}

/// More at a time, and more in all, than the word's field can hold.
#[test]
fn many_reserved_units_are_counted_exactly() {
    on_all(MAX_UNITS, |name, stock| {
        let mut open = Vec::new();
        let mut reserved = 0;
        for units in [1, 511, 512, 1, 1_000, 3, 1 << 20, 1 << 33, 400, 400, 400] {
            open.push(Reservation::new(stock, units).unwrap());
            reserved += units;
            assert_eq!(figures(&stock).1, reserved, "{name}");
        }
        for (index, reservation) in open.into_iter().enumerate() {
            reserved -= reservation.units();
            if index % 2 == 0 {
                reservation.commit();
            } else {
                drop(reservation);
            }
            assert_eq!(figures(&stock).1, reserved, "{name}");
        }
        let snapshot = stock.try_snapshot().unwrap();
        let sold = 1 + 512 + 1_000 + (1 << 20) + 400 + 400;
        assert_eq!(figures(&stock), (MAX_UNITS - sold, 0, sold), "{name}");
        assert_eq!(
            snapshot.restocked, 0,
            "{name}: what came back is no restock"
        );
    });
}

#[test]
fn reserved_units_are_on_hand() {
    on_all(MAX_UNITS - 5, |name, stock| {
        let order = Reservation::new(stock, 1_000).unwrap();
        let refusal = stock.restock(6).unwrap_err();
        assert_eq!(
            (refusal.requested, refusal.on_hand),
            (6, MAX_UNITS - 5),
            "{name}"
        );
        assert!(stock.restock(5).is_ok(), "{name}");
        assert!(stock.restock(1).is_err(), "{name}");
        drop(order);
        assert_eq!(figures(&stock), (MAX_UNITS, 0, 0), "{name}");
        Reservation::new(stock, 2).unwrap().commit();
        assert!(
            stock.restock(3).is_err() && stock.restock(2).is_ok(),
            "{name}"
        );
    });
}

/// Reserved narrow and settled wide, and the other way round.
#[test]
fn a_stock_may_change_its_form_in_between() {
    let stock = Stock::new(100);
    let (one, two) = (stock.reserve(10).unwrap(), stock.reserve(20).unwrap());
    testing::widen(&stock);
    drop(one);
    two.commit();
    assert_eq!(figures(&stock), (80, 0, 20));
    testing::widen(&stock);
    let (one, two) = (stock.reserve(10).unwrap(), stock.reserve(20).unwrap());
    assert!(testing::narrow(&stock));
    drop(one);
    two.commit();
    assert_eq!(figures(&stock), (60, 0, 40));
    assert_eq!(stock.segments() > 1, stock.stats().widenings > 0);
}

#[test]
fn units_come_back_to_the_giver() {
    let stock = Stock::builder(100).segments(4).build().unwrap();
    testing::sit_at(0, 4);
    let order = stock.reserve(5).unwrap();
    testing::sit_at(3, 4);
    drop(order);
    assert_eq!(stock.holdings(), [20, 25, 25, 30]);
}

#[test]
#[should_panic(expected = "would wait for itself")]
fn an_order_cannot_reserve_of_its_own_stock() {
    let stock = LockedStock::new(10, 2).unwrap();
    let _ = stock.deduct_with(1, || stock.reserve(1).map(drop));
}

#[test]
fn an_order_may_settle_a_reservation_of_its_own_stock() {
    let stock = LockedStock::single(10).unwrap();
    let (one, two) = (stock.reserve(1).unwrap(), stock.reserve(2).unwrap());
    let order = stock.deduct_with(3, || {
        one.commit();
        drop(two);
        Ok::<_, ()>(())
    });
    assert_eq!(order, Ok(()));
    assert_eq!(figures(&stock), (6, 0, 4));
}

#[test]
fn a_reservation_says_its_numbers() {
    let stock = Stock::new(10);
    let order = stock.reserve(3).unwrap();
    assert_eq!(format!("{order:?}"), "Reservation { units: 3, .. }");
    assert_eq!(Settle::units(&order), 3);
    assert_eq!(order.stock().available(), 7);
    Settle::commit(order);
    Settle::release(stock.reserve(3).unwrap());
    assert_eq!(figures(&stock), (7, 0, 3));
}

#[test]
fn a_till_sells_from_its_batch() {
    on_all(1_000, |name, stock| {
        let mut till = Lease::new(stock, 100);
        assert_eq!(stock.available(), 1_000, "{name}: it begins empty");
        for _ in 0..30 {
            till.deduct(3).unwrap();
        }
        assert_eq!((till.units(), stock.available()), (10, 900), "{name}");
        assert_eq!(figures(&stock), (900, 100, 0), "{name}: not settled yet");
        till.deduct(11).unwrap();
        assert_eq!(figures(&stock), (800, 110, 90), "{name}: a second batch");
        assert_eq!(till.settle(), 101, "{name}");
        assert_eq!(figures(&stock), (899, 0, 101), "{name}");
    });
}

#[test]
fn at_the_tail_a_till_takes_only_what_it_needs() {
    on_all(130, |name, stock| {
        let mut till = Lease::new(stock, 100);
        till.deduct(90).unwrap();
        till.deduct(15).unwrap();
        assert_eq!(
            (till.units(), stock.available()),
            (0, 25),
            "{name}: 5 and not 100"
        );
        let refusal = till.deduct(26).unwrap_err();
        assert_eq!((refusal.requested, refusal.available), (26, 25), "{name}");
        till.deduct(24).unwrap();
        let refusal = till.deduct(2).unwrap_err();
        assert_eq!((refusal.requested, refusal.available), (2, 1), "{name}");
        drop(till);
        assert_eq!(figures(&stock), (1, 0, 129), "{name}");
    });
}

#[test]
fn a_refusal_counts_what_is_in_the_till() {
    let stock = Stock::new(10);
    let mut till = stock.lease(8);
    till.deduct(1).unwrap();
    let refusal = till.deduct(10).unwrap_err();
    assert_eq!((refusal.requested, refusal.available), (10, 9));
    assert_eq!(till.units(), 7, "it is as it was");
    assert_eq!(
        format!("{till:?}"),
        "Lease { batch: 8, left: 7, sold: 1, .. }"
    );
}

#[test]
fn a_till_tops_up_only_when_it_is_short() {
    let stock = Stock::new(100);
    let mut till = stock.lease(8);
    till.deduct(3).unwrap();
    till.deduct(5).unwrap();
    assert_eq!(
        (till.units(), stock.available()),
        (0, 92),
        "to the last unit"
    );
    till.deduct(1).unwrap();
    assert_eq!((till.units(), stock.available()), (7, 84));
}

#[test]
fn any_batch_will_do() {
    for batch in [0, 1, 10, 11, MAX_UNITS + 1, u64::MAX] {
        let stock = LockedStock::new(10, 2).unwrap();
        let mut till = stock.lease(batch);
        let mut sold = 0;
        while till.deduct(3).is_ok() {
            sold += 3;
        }
        assert_eq!(sold, 9, "batches of {batch}");
        assert!(till.deduct(0).is_ok(), "nothing can always be had");
        assert_eq!(till.settle(), 9);
        assert_eq!(figures(&stock), (1, 0, 9));
    }
}

#[test]
fn tills_of_many_threads_sell_every_unit_once() {
    on_all(10_000, |name, stock| {
        let sold: u64 = std::thread::scope(|scope| {
            let till = |batch| {
                move || {
                    let mut till = Lease::new(stock, batch);
                    while till.deduct(1).is_ok() {}
                    till.settle()
                }
            };
            let tills: Vec<_> = (0..4).map(|n| scope.spawn(till(16 << n))).collect();
            tills.into_iter().map(|till| till.join().unwrap()).sum()
        });
        assert_eq!(sold + stock.available(), 10_000, "{name}");
        assert_eq!(figures(&stock).2, sold, "{name}");
    });
}

#[test]
fn a_counter_says_what_it_offers() {
    let stock = Stock::new(10);
    let counter: &dyn StockCounter = &stock;
    assert_eq!(counter.try_deduct_up_to(4), Some(4));
    assert!(
        counter
            .reserving()
            .is_some_and(|counter| counter.reserve_units(1).is_ok())
    );
    assert_eq!(figures(&counter), (5, 1, 4));
    assert_eq!(
        Reservation::up_to(&stock, 9).map(|all| all.units()),
        Some(5)
    );

    let counter: &dyn StockCounter = &Plain;
    assert!(counter.try_deduct_up_to(1).is_none() && counter.try_snapshot().is_none());
    assert!(counter.reserving().is_none());
    assert!(Reservation::up_to(&Plain, 1).is_none());
}

/// A counter that offers what it must, and no more.
struct Plain;

impl StockCounter for Plain {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        Err(OutOfStock::new(units, 0))
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        Err(RestockOverflow::new(units, 0))
    }

    fn available(&self) -> u64 {
        0
    }
}

impl Reserving for Plain {
    fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
        self.deduct(units)
    }

    fn commit_units(&self, _: u64) {}

    fn release_units(&self, _: u64) {}
}

#[test]
fn reserve_up_to_reserves_what_is_in_stock() {
    /// Of a stock of 10,000 units.
    fn check<'a, S: Reserving>(stock: &'a S, up_to: impl Fn(u64) -> Reservation<&'a S>) {
        let some = up_to(7_000);
        let rest = up_to(7_000);
        assert_eq!((some.units(), rest.units()), (7_000, 3_000));
        assert_eq!(up_to(1).units(), 0);
        rest.commit();
        drop(some);
        assert_eq!(figures(stock), (7_000, 0, 3_000));
    }
    // Narrow, wide, and gathered from several segments.
    let wide = Stock::builder(10_000).segments(4).build().unwrap();
    for stock in [Stock::new(10_000), wide] {
        check(&stock, |units| stock.reserve_up_to(units));
    }
    let locked = LockedStock::new(10_000, 4).unwrap();
    check(&locked, |units| locked.reserve_up_to(units));
}
