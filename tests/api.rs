//! What a user relies on in the interface: bad input, errors, panics, sizes, traits.
#![cfg(not(loom))]

use segstock::{
    BuildError, Holds, Lease, LockedStock, MAX_SEGMENTS, MAX_UNITS, OrderError, OutOfStock,
    Reservation, RestockOverflow, Selection, Snapshot, Stats, Stock, StockCounter,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

static PHONES: Stock = Stock::new(1_000);

fn stocks(units: u64) -> [Stock; 3] {
    let builder = Stock::builder(units);
    [
        Stock::new(units),
        builder.clone().segments(1).build().unwrap(),
        builder.segments(20).build().unwrap(),
    ]
}

fn locked(units: u64) -> [LockedStock; 2] {
    [
        LockedStock::single(units).unwrap(),
        LockedStock::new(units, 20).unwrap(),
    ]
}

fn counters(units: u64) -> Vec<Box<dyn StockCounter>> {
    let boxed = |stock| -> Box<dyn StockCounter> { Box::new(stock) };
    let locked = locked(units).map(|stock| -> Box<dyn StockCounter> { Box::new(stock) });
    stocks(units).map(boxed).into_iter().chain(locked).collect()
}

#[test]
fn a_static_stock_counts() {
    assert_eq!(PHONES.deduct(1), Ok(()));
    assert_eq!(PHONES.snapshot().sold, 1);
    assert_eq!(PHONES.snapshot().available, 999);
}

#[test]
fn a_cold_stock_is_one_cache_line() {
    assert_eq!(size_of::<Stock>(), 64);
    assert_eq!(align_of::<Stock>(), 64);
}

#[test]
fn counters_can_be_shared_and_unwound_past() {
    fn check<T: Send + Sync + std::panic::RefUnwindSafe + std::panic::UnwindSafe>() {}
    check::<Stock>();
    check::<LockedStock>();
    check::<Arc<Stock>>();
    check::<&'static LockedStock>();
    check::<OrderError<OutOfStock>>();
    check::<Snapshot>();
    check::<Holds<u64, Reservation<Arc<Stock>>>>();
    check::<Reservation<&'static Stock>>();
    check::<Lease<&'static Stock>>();
}

#[test]
fn the_trait_is_kept_by_pointers() {
    fn sell(stock: impl StockCounter) -> bool {
        stock.deduct(1).is_ok() && stock.restock(1).is_ok() && stock.available() == 1
    }
    let stock = Arc::new(Stock::new(1));
    assert!(sell(&*stock) && sell(&stock) && sell(Arc::clone(&stock)));
    assert!(sell(
        Box::new(LockedStock::single(1).unwrap()) as Box<dyn StockCounter>
    ));
    assert!(sell(&*stock as &dyn StockCounter));
}

#[test]
fn no_units_succeed_and_change_nothing() {
    for units in [0, 1, 7] {
        for counter in counters(units) {
            assert_eq!(counter.deduct(0), Ok(()));
            assert_eq!(counter.restock(0), Ok(()));
            assert_eq!(counter.available(), units);
        }
        assert!(stocks(units).iter().all(|stock| stock.deduct_up_to(0) == 0));
        assert!(locked(units).iter().all(|stock| stock.deduct_up_to(0) == 0));
    }
}

#[test]
fn more_than_any_stock_has_is_refused() {
    for counter in counters(7) {
        for units in [8, MAX_UNITS, MAX_UNITS + 1, 1 << 43] {
            assert_eq!(counter.deduct(units), Err(OutOfStock::new(units, 7)));
        }
        for units in [(1 << 44) + 1, u64::MAX] {
            let refusal = counter.deduct(units).unwrap_err();
            assert!((7..=MAX_UNITS).contains(&refusal.available), "{refusal}");
        }
        assert_eq!(counter.available(), 7);
        assert_eq!(counter.deduct(7), Ok(()));
    }
    assert!(
        stocks(7)
            .iter()
            .all(|stock| stock.deduct_up_to(u64::MAX) == 7)
    );
    assert!(
        locked(7)
            .iter()
            .all(|stock| stock.deduct_up_to(u64::MAX) == 7)
    );
}

#[test]
fn a_full_stock_sells_all_of_it() {
    for counter in counters(MAX_UNITS) {
        assert_eq!(counter.deduct(MAX_UNITS), Ok(()));
        assert_eq!(counter.deduct(1), Err(OutOfStock::new(1, 0)));
        assert_eq!(counter.restock(MAX_UNITS), Ok(()));
        assert_eq!(counter.available(), MAX_UNITS);
    }
}

#[test]
fn a_restock_is_accepted_up_to_the_limit_and_not_beyond() {
    for counter in counters(10) {
        for units in [MAX_UNITS, MAX_UNITS - 9, u64::MAX] {
            assert_eq!(counter.restock(units), Err(RestockOverflow::new(units, 10)));
        }
        assert_eq!(counter.restock(MAX_UNITS - 10), Ok(()));
        assert_eq!(counter.restock(1), Err(RestockOverflow::new(1, MAX_UNITS)));
        assert_eq!(counter.deduct(1), Ok(()));
        assert_eq!(counter.restock(1), Ok(()));
        assert_eq!(counter.restock(1), Err(RestockOverflow::new(1, MAX_UNITS)));
        assert_eq!(counter.available(), MAX_UNITS);
    }
}

/// However often it is filled and emptied: what passes through is not what is on hand.
#[test]
fn units_churn_without_end() {
    for stock in stocks(0) {
        for _ in 0..40 {
            stock.restock(MAX_UNITS).unwrap();
            assert_eq!(stock.deduct_up_to(u64::MAX), MAX_UNITS);
        }
        let snapshot = stock.snapshot();
        assert_eq!(snapshot.restocked, 40 * MAX_UNITS);
        assert_eq!((snapshot.sold, snapshot.available), (40 * MAX_UNITS, 0));
    }
}

/// More restocks than fit into the word before they are counted in its sums.
#[test]
fn many_small_restocks_are_all_in_the_snapshot() {
    for stock in stocks(0) {
        for _ in 0..300 {
            stock.restock(10_000).unwrap();
            stock.deduct(9_999).unwrap();
        }
        let snapshot = stock.snapshot();
        assert_eq!(snapshot.restocked, 3_000_000);
        assert_eq!((snapshot.sold, snapshot.available), (2_999_700, 300));
    }
}

#[test]
fn units_are_dealt_out_evenly() {
    let dealt = |units, segments| {
        let stock = Stock::builder(units).segments(segments).build().unwrap();
        assert_eq!(stock.segments(), segments);
        let locked = LockedStock::new(units, segments).unwrap();
        assert_eq!(locked.segments(), segments);
        assert_eq!(locked.holdings(), stock.holdings());
        stock.holdings()
    };
    assert_eq!(dealt(1_000, 20), [50; 20]);
    assert_eq!(dealt(10, 4), [3, 3, 2, 2]);
    assert_eq!(dealt(7, 1), [7]);
    assert_eq!(dealt(0, 3), [0; 3]);
    assert_eq!(dealt(MAX_UNITS, MAX_SEGMENTS), [1 << 30; MAX_SEGMENTS]);
}

#[test]
fn units_in_many_segments_are_one_stock() {
    for stock in counters(40) {
        assert_eq!(stock.deduct(39), Ok(()), "though 2 lie in each segment");
        assert_eq!(stock.deduct(2), Err(OutOfStock::new(2, 1)));
        assert_eq!(stock.deduct(1), Ok(()));
    }
}

#[test]
fn builders_refuse_what_cannot_be() {
    let too_many = BuildError::TooManySegments {
        requested: MAX_SEGMENTS + 1,
    };
    let too_much = BuildError::TooManyUnits {
        requested: MAX_UNITS + 1,
    };
    for (units, segments, error) in [
        (1, 0, BuildError::ZeroSegments),
        (1, MAX_SEGMENTS + 1, too_many),
        (
            1,
            usize::MAX,
            BuildError::TooManySegments {
                requested: usize::MAX,
            },
        ),
        (MAX_UNITS + 1, 1, too_much),
        (
            u64::MAX,
            20,
            BuildError::TooManyUnits {
                requested: u64::MAX,
            },
        ),
    ] {
        let builder = Stock::builder(units);
        assert_eq!(
            builder.clone().segments(segments).build().unwrap_err(),
            error
        );
        assert_eq!(builder.max_segments(segments).build().unwrap_err(), error);
        assert_eq!(LockedStock::new(units, segments).unwrap_err(), error);
    }
    assert_eq!(LockedStock::single(MAX_UNITS + 1).unwrap_err(), too_much);
}

#[test]
fn the_last_word_on_segments_counts() {
    let wide = Stock::builder(100)
        .max_segments(1)
        .segments(4)
        .build()
        .unwrap();
    assert_eq!(wide.holdings().len(), 4);
    let one = Stock::builder(100)
        .segments(4)
        .max_segments(1)
        .build()
        .unwrap();
    assert_eq!(one.holdings(), [100]);
}

#[test]
fn too_many_units_in_a_new_stock_panic_where_it_was_asked_for() {
    let panic = catch_unwind(|| Stock::new(MAX_UNITS + 1)).unwrap_err();
    assert!(panic.downcast_ref::<&str>().unwrap().contains("MAX_UNITS"));
}

#[test]
fn contention_grows_a_stock_and_selling_out_makes_it_one_word_again() {
    // Four threads in a tight loop over a million units meet sooner or later, even on one core.
    let sold_out = (0..100).map(|_| {
        let stock = Stock::new(1_000_000);
        assert_eq!((stock.segments(), stock.stats()), (1, Stats::default()));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| while stock.deduct(1).is_ok() {});
            }
        });
        stock
    });
    let stock = { sold_out }.find(|stock| stock.segments() > 1);
    let stock = stock.expect("it grew");
    assert!(
        stock.stats().widenings > 0 && stock.stats().narrowings > 0,
        "{stock:?}"
    );
    assert_eq!(stock.holdings(), [0], "one word again");
}

#[test]
fn debug_shows_numbers() {
    let stock = Stock::builder(40).segments(4).build().unwrap();
    let text = format!("{stock:?}");
    assert!(
        text.contains("available: 40") && text.contains("[10, 10, 10, 10]"),
        "{text}"
    );
    let text = format!("{:?}", LockedStock::new(40, 4).unwrap());
    assert!(
        text.contains("available: 40") && text.contains("[10, 10, 10, 10]"),
        "{text}"
    );
}

#[test]
fn errors_say_their_numbers() {
    let text = |error: &dyn std::error::Error| error.to_string();
    assert_eq!(
        text(&OutOfStock::new(10, 2)),
        "out of stock: 10 units requested, 2 available"
    );
    assert_eq!(
        text(&OutOfStock::new(1, 0)),
        "out of stock: 1 unit requested, 0 available"
    );
    assert_eq!(
        text(&RestockOverflow::new(10, MAX_UNITS)),
        "restock overflow: 10 units on top of 1099511627776 would exceed the limit of 1099511627776"
    );
    assert_eq!(
        text(&BuildError::ZeroSegments),
        "a stock needs at least one segment"
    );
    assert_eq!(
        text(&BuildError::TooManySegments { requested: 5_000 }),
        "5000 segments exceed the limit of 1024"
    );
    let declined = OrderError::Order(std::io::Error::other("card declined"));
    assert_eq!(text(&declined), "the order failed: card declined");
    assert!(std::error::Error::source(&declined).is_some());
}

#[test]
fn an_order_sells_only_if_it_succeeds() {
    for stock in locked(40) {
        assert_eq!(stock.deduct_with(3, || Ok::<_, ()>("paid")), Ok("paid"));
        let declined = stock.deduct_with(3, || Err::<(), _>("declined"));
        assert_eq!(declined, Err(OrderError::Order("declined")));
        assert!(!declined.as_ref().unwrap_err().is_out_of_stock());
        assert_eq!(declined.unwrap_err().into_order(), Some("declined"));
        assert_eq!(stock.available(), 37);
        // Across segments, too.
        assert!(stock.deduct_with(30, || Err::<(), _>("declined")).is_err());
        assert_eq!(stock.available(), 37);
        assert_eq!(stock.deduct_with(30, || Ok::<_, ()>(())), Ok(()));
        assert_eq!(stock.available(), 7);
    }
}

#[test]
fn a_refused_order_does_not_run() {
    for stock in locked(40) {
        let refused = stock.deduct_with(41, || -> Result<(), ()> { unreachable!("it ran") });
        let refusal = OutOfStock::new(41, 40);
        assert_eq!(refused, Err(OrderError::OutOfStock(refusal)));
        assert!(refused.as_ref().unwrap_err().is_out_of_stock());
        assert_eq!(refused.unwrap_err().into_order(), None);
    }
}

#[test]
fn a_panicking_order_leaves_everything_as_it_was() {
    for stock in locked(40) {
        for units in [1, 30] {
            let order = || stock.deduct_with(units, || -> Result<(), ()> { panic!("no card") });
            let panic = catch_unwind(AssertUnwindSafe(order)).unwrap_err();
            assert_eq!(panic.downcast_ref(), Some(&"no card"));
            assert_eq!(stock.available(), 40);
        }
        assert_eq!(stock.deduct(40), Ok(()), "no segment is still locked");
    }
}

#[test]
fn taking_from_the_own_stock_within_an_order_panics() {
    for stock in locked(40) {
        let takes: [&dyn Fn(); 5] = [
            &|| _ = stock.deduct(1),
            &|| drop(stock.reserve(1)),
            &|| drop(stock.reserve_up_to(1)),
            &|| assert_eq!(stock.deduct_up_to(1), 1),
            &|| _ = stock.deduct_with(1, || Ok::<_, ()>(())),
        ];
        for take in takes {
            let order = || {
                stock.deduct_with(1, || {
                    take();
                    Ok::<_, ()>(())
                })
            };
            let panic = catch_unwind(AssertUnwindSafe(order)).unwrap_err();
            let message = *panic.downcast_ref::<&str>().expect("a message");
            assert!(
                message.contains("cannot take from its own LockedStock"),
                "{message}"
            );
            assert_eq!(stock.available(), 40);
        }
        // The thread is within no order any more.
        assert_eq!(stock.deduct(1), Ok(()));
    }
}

#[test]
fn within_an_order_all_but_taking_is_allowed() {
    for stock in locked(40) {
        let order = stock.deduct_with(1, || {
            assert_eq!((stock.available(), stock.snapshot().available), (40, 40));
            stock.restock(1).unwrap();
            stock.restock(25).unwrap();
            Ok::<_, ()>(())
        });
        assert_eq!(order, Ok(()));
        assert_eq!(stock.available(), 65);
    }
}

#[test]
fn orders_of_different_stocks_may_be_nested() {
    let [phones, cases] = locked(2);
    let order = phones.deduct_with(1, || cases.deduct_with(1, || Ok::<_, ()>("both")));
    assert_eq!(order, Ok("both"));
    assert_eq!((phones.available(), cases.available()), (1, 1));
}

#[test]
fn customers_of_a_busy_segment_are_served_elsewhere() {
    let stock = LockedStock::builder(40)
        .segments(20)
        .selection(Selection::ByThread);
    let stock = stock.build().unwrap();
    let gate = std::sync::Barrier::new(20);
    // Each order waits until all twenty are in flight: one segment for each, or it hangs.
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| stock.deduct_with(1, || Ok::<_, ()>(gate.wait())).unwrap());
        }
    });
    assert_eq!(stock.available(), 20);
}
