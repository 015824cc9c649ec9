//! The feed: what happened, in the sequence of the entries.

use crate::support::Recorded;
use segstock::ManualClock;
use segstock_orders::{OrderBook, Position, Returned, SkuLimits, What};
use std::sync::Arc;
use std::time::Duration;

const QUARTER: Duration = Duration::from_secs(15 * 60);

#[test]
fn the_feed_tells_what_happened_in_the_sequence_of_the_entries_and_each_crossing_once() {
    let clock = Arc::new(ManualClock::new());
    let journal = Arc::new(Recorded::default());
    let builder = || {
        OrderBook::builder()
            .clock(Arc::clone(&clock) as _)
            .events(100)
    };
    let book = builder().journal(Arc::clone(&journal) as _).build();
    book.open("phone", 4).unwrap();
    let mut limits = SkuLimits::default();
    limits.low = 3;
    book.limit("phone", limits).unwrap();
    book.place("one", None, [("phone", 2)], QUARTER).unwrap();
    book.place("two", None, [("phone", 1)], QUARTER).unwrap();
    book.place("three", None, [("phone", 1)], 2 * QUARTER)
        .unwrap();
    book.pay("one").unwrap();
    book.ship("one").unwrap();
    book.place_or_wait("four", None, [("phone", 1)], QUARTER)
        .unwrap();
    clock.advance(QUARTER);
    book.sweep(10).unwrap();
    book.return_order("one", Returned::OnSale).unwrap();
    book.cancel("three").unwrap();
    let all = book.events(Position::default(), 100);
    let what: Vec<_> = all.events.iter().map(|event| event.what.clone()).collect();
    let expected = [
        What::Placed("one".into()),
        What::Low {
            sku: "phone",
            left: 2,
        },
        What::Placed("two".into()),
        What::Placed("three".into()),
        What::SoldOut("phone"),
        What::Paid("one".into()),
        What::Shipped("one".into()),
        What::Waits("four".into()),
        What::Expired("two".into()),
        What::Served("four".into()),
        What::Returned("one".into()),
        What::BackInStock("phone"),
        What::Cancelled("three".into()),
        What::Enough("phone"),
    ];
    assert_eq!(what, expected);
    assert_eq!(all.missed, None);
    let again = builder().replay(journal.entries()).unwrap();
    assert_eq!(
        again.events(Position::default(), 100),
        all,
        "the same after a restart"
    );

    // In pages, with nothing lost between them.
    let (mut after, mut pages) = (Position::default(), Vec::new());
    loop {
        let page = book.events(after, 2);
        if page.events.is_empty() {
            break;
        }
        after = page.next;
        pages.extend(page.events);
    }
    assert_eq!(pages, all.events);
}

#[test]
fn a_slow_reader_of_the_feed_learns_what_it_missed() {
    let book = OrderBook::builder().events(3).build();
    book.open("phone", 100).unwrap();
    let place = |number: u64| {
        let id = format!("order-{number}");
        book.place(&id, None, [("phone", 1)], QUARTER)
            .unwrap()
            .position
    };
    let first = place(0);
    assert_eq!(book.events(Position::default(), 10).missed, None);
    let positions: Vec<_> = (1..8).map(place).collect();
    let page = book.events(first, 10);
    assert_eq!(page.missed, Some(positions[3]));
    let kept: Vec<_> = page.events.iter().map(|event| event.position).collect();
    assert_eq!(kept, positions[4..]);
}

#[test]
fn events_are_counted_whether_they_are_kept_or_not() {
    let journal = Arc::new(Recorded::default());
    for kept in [0, 3, 100] {
        let book = OrderBook::builder().events(kept);
        let book = book.journal(Arc::clone(&journal) as _).build();
        book.open("phone", 10).unwrap();
        for number in 0..10 {
            let id = format!("order-{number}");
            book.place(&id, None, [("phone", 1)], QUARTER).unwrap();
        }
        let last = book.cancel("order-7").unwrap().position;
        let counts = book.event_counts();
        assert_eq!((counts.position, counts.placed), (last, 10), "{kept}");
        let others = (counts.sold_out, counts.cancelled, counts.back_in_stock);
        assert_eq!((others, counts.paid), ((1, 1, 1), 0), "{kept}");
    }
    // What was counted before a restart is not counted again.
    let entries = journal.entries().split_off(24);
    let again = OrderBook::builder().events(3).replay(entries).unwrap();
    assert_eq!(again.event_counts().placed, 0);
    again.pay("order-1").unwrap();
    assert_eq!(again.event_counts().paid, 1);
}

/// Every kind of event, shown in the feed and counted as that kind.
#[test]
fn each_change_of_an_order_is_an_event_and_counted_as_what_it_is() {
    let clock = Arc::new(ManualClock::new());
    let builder = OrderBook::builder().clock(Arc::clone(&clock) as _);
    let book = builder.events(100).build();
    book.open("phone", 4).unwrap();
    let mut limits = SkuLimits::default();
    limits.low = 2;
    book.limit("phone", limits).unwrap();
    let mut after = Position::default();
    let mut news = || {
        let page = book.events(after, 100);
        after = page.next;
        let what = page.events.into_iter().map(|event| event.what);
        what.collect::<Vec<_>>()
    };
    let order = || "order".into();
    let low = |left| What::Low { sku: "phone", left };
    let one = [("phone", 1)];
    book.place("order", None, one, QUARTER).unwrap();
    assert_eq!(news(), [What::Placed(order())]);
    book.amend("order", "more", [("phone", 3)], QUARTER)
        .unwrap();
    assert_eq!(news(), [What::Amended(order()), low(1)]);
    book.extend("order", "longer", 2 * QUARTER).unwrap();
    assert_eq!(news(), [What::Extended(order())]);
    book.pay_part("order", "pay", one).unwrap();
    assert_eq!(news(), [What::Paid(order())]);
    book.ship("order").unwrap();
    assert_eq!(news(), [What::Shipped(order())]);
    book.place_or_wait("waits", None, [("phone", 2)], QUARTER)
        .unwrap();
    let waits = || "waits".into();
    assert_eq!(news(), [What::Waits(waits()), What::SoldOut("phone")]);
    book.cancel_part("order", "cancel", one).unwrap();
    assert_eq!(news(), [What::Cancelled(order()), What::Served(waits())]);
    clock.advance(2 * QUARTER);
    book.sweep(1).unwrap();
    book.sweep(1).unwrap();
    let expired = news();
    let of = |id: &str| expired.contains(&What::Expired(id.into()));
    assert!(of("order") && of("waits"), "{expired:?}");
    let back = [What::BackInStock("phone"), What::Enough("phone")];
    assert!(
        back.iter().all(|what| expired.contains(what)),
        "{expired:?}"
    );
    assert_eq!(expired.len(), 4 + usize::from(expired.contains(&low(1))));
    book.return_order("order", Returned::WrittenOff).unwrap();
    assert_eq!(news(), [What::Returned(order())]);
    // A late payment takes the units again.
    book.pay("waits").unwrap();
    assert_eq!(news(), [What::Paid(waits()), low(1)]);

    let counts = book.event_counts();
    let orders = [counts.placed, counts.waits, counts.served, counts.amended];
    assert_eq!(orders, [1, 1, 1, 1]);
    let ends = [counts.shipped, counts.cancelled, counts.returned];
    assert_eq!((ends, counts.extended), ([1, 1, 1], 1));
    assert_eq!((counts.paid, counts.expired), (2, 2));
    assert_eq!((counts.sold_out, counts.back_in_stock), (1, 1));
    assert!(counts.low >= 2 && counts.enough == 1, "{counts:?}");
}
