//! What a customer can have of a SKU, over all its orders.

use crate::support::{Recorded, short};
use segstock::ManualClock;
use segstock_orders::{Limit, OrderBook, Refusal, Returned, SkuLimits};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

#[test]
fn a_customer_has_so_many_units_over_the_whole_sale() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder()
        .clock(Arc::clone(&clock) as _)
        .retention(QUARTER)
        .max_returnable(0)
        .build();
    book.open("phone", 100).unwrap();
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(2);
    book.limit("phone", limits).unwrap();
    let place = |id, customer, units| book.place(id, customer, [("phone", units)], QUARTER);
    place("one", Some("ann"), 1).unwrap();
    book.pay("one").unwrap();
    book.ship("one").unwrap();
    clock.advance(10 * QUARTER);
    assert_eq!(
        book.get("one"),
        Err(Refusal::UnknownOrder),
        "it is forgotten"
    );
    let refused = place("two", Some("ann"), 2).unwrap_err();
    assert!(matches!(refused, Refusal::PerCustomer(_)));
    assert_eq!(short(refused), [("phone", 2, 1)]);
    assert_eq!(
        place("none", None, 1),
        Err(Refusal::CustomerNeeded(vec!["phone"]))
    );
    place("two", Some("ann"), 1).unwrap();
    place("three", Some("bob"), 2).unwrap();
    book.cancel("two").unwrap();
    place("four", Some("ann"), 1).unwrap();
}

/// However they came back; and a late payment has them again only if its customer can.
#[test]
fn units_that_a_customer_has_no_more_do_not_count() {
    let clock = Arc::new(ManualClock::new());
    let book = OrderBook::builder().clock(Arc::clone(&clock) as _).build();
    book.open("phone", 100).unwrap();
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(4);
    limits.waiting = 200;
    book.limit("phone", limits).unwrap();
    let place = |id, units| book.place(id, Some("ann"), [("phone", units)], QUARTER);
    let left = || short(place("probe", 5).unwrap_err())[0].2;
    place("order", 4).unwrap();
    assert_eq!(left(), 0);
    book.amend("order", "fewer", [("phone", 3)], QUARTER)
        .unwrap();
    assert_eq!(left(), 1);
    book.pay_part("order", "pay", [("phone", 2)]).unwrap();
    book.ship("order").unwrap();
    let back = |key, to| book.return_part("order", key, [("phone", 1)], to);
    back("on sale", Returned::OnSale).unwrap();
    assert_eq!(left(), 2);
    back("written off", Returned::WrittenOff).unwrap();
    assert_eq!(left(), 3);
    clock.advance(QUARTER);
    assert_eq!(left(), 4, "the third phone was not paid for");
    place("another", 4).unwrap();
    assert_eq!(short(book.pay("order").unwrap_err()), [("phone", 1, 0)]);
    book.cancel_part("another", "one", [("phone", 1)]).unwrap();
    assert_eq!(book.pay("order").unwrap().late, 1);
    assert_eq!(left(), 0);
    // Units that it waits for count, too.
    let wait = |id, units| book.place_or_wait(id, Some("bob"), [("phone", units)], QUARTER);
    book.write_off("phone", "all", book.available("phone").unwrap())
        .unwrap();
    wait("waits", 3).unwrap();
    assert_eq!(short(wait("more", 2).unwrap_err()), [("phone", 2, 1)]);
    book.cancel("waits").unwrap();
    wait("more", 4).unwrap();
}

#[test]
fn customers_that_are_counted_have_a_limit() {
    let book = OrderBook::builder().max_customers(2).build();
    book.open("phone", 10).unwrap();
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(5);
    book.limit("phone", limits).unwrap();
    let place = |id, customer| book.place(id, Some(customer), [("phone", 1)], QUARTER);
    place("one", "ann").unwrap();
    place("two", "bob").unwrap();
    let refused = Err(Refusal::Limit(Limit::Customers(2)));
    assert_eq!(place("three", "cam"), refused);
    assert_eq!(book.available("phone"), Some(8), "it takes no unit");
    place("four", "ann").expect("she is known");
    book.cancel("one").unwrap();
    assert_eq!(place("three", "cam"), refused, "ann has another order");
    book.cancel("four").unwrap();
    place("three", "cam").expect("ann has none");
}

/// An order counts, or it does not: in memory as in the entries, and when it is cancelled as when it was placed.
#[test]
fn a_limit_that_is_set_beside_orders_counts_those_whose_entries_come_after_its_own() {
    for seed in 0..200 {
        let journal = Arc::new(Recorded::default());
        let builder = OrderBook::builder().journal(Arc::clone(&journal) as _);
        let book = builder.build();
        book.open("phone", 1_000).unwrap();
        let ids = |thread: u32| (0..20).map(move |number| format!("{thread}-{number}"));
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for thread in 0..3 {
                let (book, barrier) = (&book, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for id in ids(thread) {
                        book.place(&id, Some("ann"), [("phone", 1)], QUARTER)
                            .unwrap();
                    }
                });
            }
            barrier.wait();
            (0..seed * 3).for_each(|_| std::hint::spin_loop());
            let mut limits = SkuLimits::default();
            limits.per_customer = Some(1_000);
            book.limit("phone", limits).unwrap();
        });
        let again = OrderBook::builder().replay(journal.entries()).unwrap();
        let left = |book: &OrderBook<&'static str>| {
            let refused = book.place("probe", Some("ann"), [("phone", 1_001)], QUARTER);
            short(refused.unwrap_err())[0].2
        };
        assert_eq!(left(&book), left(&again), "seed {seed}");
        for book in [&book, &again] {
            book.place("counted", Some("ann"), [("phone", 100)], QUARTER)
                .unwrap();
            for id in (0..3).flat_map(ids) {
                book.cancel(&id).unwrap();
            }
            assert_eq!(left(book), 900, "seed {seed}");
        }
    }
}

/// What an order had before the limit counts for nobody, and nobody gets more of it past the limit.
#[test]
fn an_order_from_before_the_limit_is_not_amended_to_more() {
    let book = OrderBook::builder().build();
    book.open("phone", 100).unwrap();
    book.open("case", 100).unwrap();
    let lines = |phones, cases| [("phone", phones), ("case", cases)];
    let customers = [("anns", Some("ann")), ("nobodys", None)];
    for (id, customer) in customers {
        book.place(id, customer, lines(2, 1), QUARTER).unwrap();
    }
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(3);
    book.limit("phone", limits).unwrap();
    let amend = |id, key, phones, cases| book.amend(id, key, lines(phones, cases), QUARTER);
    let refused = amend("anns", "more", 3, 1).unwrap_err();
    assert!(matches!(refused, Refusal::PerCustomer(_)));
    assert_eq!(short(refused), [("phone", 1, 0)]);
    let refused = amend("nobodys", "more", 3, 1).unwrap_err();
    assert_eq!(refused, Refusal::CustomerNeeded(vec!["phone"]));
    for (id, _) in customers {
        amend(id, "cases", 2, 9).unwrap();
        amend(id, "fewer", 1, 9).unwrap();
    }
    limits.per_customer = None;
    book.limit("phone", limits).unwrap();
    amend("anns", "again", 3, 1).unwrap();
}

#[test]
fn a_late_payment_finds_room_for_its_customer() {
    let clock = Arc::new(ManualClock::new());
    let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
    let book = builder.max_customers(1).build();
    book.open("phone", 100).unwrap();
    let mut limits = SkuLimits::default();
    limits.per_customer = Some(3);
    book.limit("phone", limits).unwrap();
    let place = |id, customer| book.place(id, Some(customer), [("phone", 1)], QUARTER);
    place("cats", "cat").unwrap();
    clock.advance(QUARTER);
    place("dans", "dan").unwrap();
    let full = Refusal::Limit(Limit::Customers(1));
    assert_eq!(place("eves", "eve"), Err(full));
    assert_eq!(book.pay("cats").unwrap().late, 1);
    assert_eq!(
        short(
            book.place("more", Some("cat"), [("phone", 3)], QUARTER)
                .unwrap_err()
        ),
        [("phone", 3, 2)]
    );
}
