//! Entries that make no book are refused, each at the entry that is wrong.

use segstock::MAX_UNITS;
use segstock_orders::{
    Change, Cursor, Entry, Filter, LineUnits, Lines, NewOrder, OrderBook, OrderState, Position,
    Refusal, ReplayReason, SkuId, SkuLimits,
};
use std::time::Duration;

const PHONE: SkuId = SkuId::new(0);
const CASE: SkuId = SkuId::new(1);

fn opened(sku: &str, id: SkuId, units: u64) -> Change<String> {
    let sku = sku.to_owned();
    Change::Opened { sku, id, units }
}

fn lines(sku: SkuId, units: u64) -> Lines {
    [LineUnits { sku, units }].into_iter().collect()
}

fn placed(id: &str, sku: SkuId, units: u64) -> Change<String> {
    let order = NewOrder::new(id, None, lines(sku, units));
    let until = 1 << 60;
    Change::Placed { order, until }
}

fn paid(order: u64, sku: SkuId, units: u64, shipped: bool) -> Change<String> {
    Change::Paid {
        order: Position::new(order),
        held: lines(sku, units),
        retaken: Lines::new(),
        shipped,
    }
}

fn cancelled(order: u64, sku: SkuId, units: u64) -> Change<String> {
    Change::Cancelled {
        order: Position::new(order),
        waiting: Lines::new(),
        held: lines(sku, units),
        paid: Lines::new(),
    }
}

fn counted(sku: SkuId, difference: i64, uncovered: u64) -> Change<String> {
    Change::Counted {
        sku,
        counted: 0,
        difference,
        uncovered,
    }
}

fn restocked(sku: SkuId, units: u64) -> Change<String> {
    Change::Restocked { sku, units }
}

/// This many units of safety stock more.
fn limited(safety: i64) -> Change<String> {
    Change::Limited {
        sku: PHONE,
        safety,
        uncovered: 0,
        limits: SkuLimits::default(),
    }
}

/// The book of these changes, or the first that is wrong, and why.
fn replay(
    changes: impl IntoIterator<Item = Change<String>>,
) -> Result<OrderBook<String>, (u64, ReplayReason)> {
    let entries = (1..).zip(changes);
    let entries = entries.map(|(at, change)| (Position::new(at), Entry::new(at, change)));
    let book = OrderBook::builder().events(10).replay(entries);
    book.map_err(|error| (error.position.number(), error.reason))
}

fn refused(changes: impl IntoIterator<Item = Change<String>>) -> (u64, ReplayReason) {
    replay(changes).expect_err("it is no book")
}

#[test]
fn more_units_than_there_are_are_refused() {
    let phones = || opened("phone", PHONE, 5);
    let more_than_a_shelf = [phones(), restocked(PHONE, MAX_UNITS)];
    for (changes, at) in [
        (vec![phones(), placed("order", PHONE, 6)], 2),
        (
            vec![
                phones(),
                placed("one", PHONE, 3),
                placed("two", PHONE, 3),
                placed("three", PHONE, 1),
            ],
            3,
        ),
        (vec![phones(), counted(PHONE, -6, 6)], 2),
        (
            vec![phones(), counted(PHONE, -5, 0), placed("order", PHONE, 1)],
            3,
        ),
        (more_than_a_shelf.to_vec(), 2),
        (vec![phones(), restocked(PHONE, MAX_UNITS + 1)], 2),
        (
            vec![
                phones(),
                counted(PHONE, i64::MAX, 0),
                counted(PHONE, -i64::MAX, 0),
            ],
            2,
        ),
        (
            vec![
                phones(),
                restocked(PHONE, MAX_UNITS + 1),
                counted(PHONE, -(MAX_UNITS as i64) - 1, 0),
            ],
            2,
        ),
        (vec![phones(), limited(-1), limited(1)], 2),
        // All that is promised and kept may be owed.
        (
            vec![
                phones(),
                placed("order", PHONE, 5),
                limited(MAX_UNITS as i64 - 4),
            ],
            3,
        ),
        // What is promised for a while only must fit, too.
        (
            vec![
                phones(),
                placed("order", PHONE, MAX_UNITS + 1),
                cancelled(2, PHONE, MAX_UNITS + 1),
            ],
            2,
        ),
    ] {
        assert_eq!(
            refused(changes.clone()),
            (at, ReplayReason::Units),
            "{changes:?}"
        );
    }
}

/// Rows that somebody edited: numbers at the ends of what they are written in.
#[test]
fn units_that_no_stock_has_are_refused_before_they_are_summed_up() {
    let phones = || opened("phone", PHONE, 5);
    let waiting = |units| Change::Waiting {
        order: NewOrder::new("order", None, lines(PHONE, units)),
        ttl: 1,
    };
    let amended = |units| Change::Amended {
        order: Position::new(2),
        taken: lines(PHONE, units),
        given: Lines::new(),
        until: 1,
    };
    for units in [MAX_UNITS + 1, 1 << 62, (1 << 62) + 1, 1 << 63, u64::MAX] {
        let moved = Change::Moved {
            from: PHONE,
            to: PHONE,
            units,
        };
        for change in [
            placed("order", PHONE, units),
            waiting(units),
            restocked(PHONE, units),
            moved,
        ] {
            let changes = [phones(), change.clone()];
            assert_eq!(refused(changes), (2, ReplayReason::Units), "{change:?}");
        }
        let changes = [phones(), placed("order", PHONE, 1), amended(units)];
        assert_eq!(refused(changes), (3, ReplayReason::Units), "{units}");
    }
    for units in [i64::MIN, i64::MAX] {
        for change in [counted(PHONE, units, u64::MAX), limited(units)] {
            let changes = [phones(), change.clone()];
            assert_eq!(refused(changes), (2, ReplayReason::Units), "{change:?}");
        }
    }
}

#[test]
fn units_may_be_missing_on_the_way() {
    let changes = [
        opened("phone", PHONE, 5),
        placed("one", PHONE, 7),
        paid(2, PHONE, 7, true),
        placed("two", PHONE, 2),
        // One entry that stands for several, the first of which came before the orders.
        restocked(PHONE, 5),
    ];
    let book = replay(changes.clone()).expect("it ends well");
    let stock = book.stock("phone").expect("it is open");
    assert_eq!((stock.on_hand, stock.available, stock.owed), (3, 1, 0));
    assert!(book.pay("two").is_ok() && book.ship("two").is_ok());
    assert_eq!(
        book.count("phone".to_owned(), "key", 1)
            .map(|answer| answer.difference),
        Ok(0)
    );
    assert_eq!(refused(changes[..4].to_vec()), (2, ReplayReason::Units));
}

#[test]
fn units_that_are_owed_are_those_that_entries_call_uncovered() {
    let changes = [
        opened("phone", PHONE, 5),
        placed("order", PHONE, 4),
        counted(PHONE, -3, 2),
        restocked(PHONE, 1),
    ];
    let book = replay(changes.clone()).expect("it ends well");
    let stock = book.stock("phone").expect("it is open");
    assert_eq!((stock.on_hand, stock.available, stock.owed), (3, 0, 1));
    // What comes pays what is owed first.
    assert!(book.restock("phone".to_owned(), "key", 2).is_ok());
    assert_eq!(book.available("phone"), Some(1));
}

#[test]
fn skus_and_orders_are_as_the_entries_say() {
    let phones = || opened("phone", PHONE, 5);
    for (changes, wrong) in [
        (vec![opened("case", CASE, 5)], (1, ReplayReason::Sku)),
        (
            vec![phones(), placed("order", CASE, 1)],
            (2, ReplayReason::Sku),
        ),
        (vec![phones(), restocked(CASE, 1)], (2, ReplayReason::Sku)),
        // The same name again.
        (
            vec![
                phones(),
                placed("order", PHONE, 1),
                opened("phone", CASE, 1),
            ],
            (3, ReplayReason::Sku),
        ),
        (
            vec![phones(), paid(1, PHONE, 1, false)],
            (2, ReplayReason::Order),
        ),
        (
            vec![
                phones(),
                placed("order", PHONE, 1),
                paid(2, PHONE, 2, false),
            ],
            (3, ReplayReason::Units),
        ),
        // It is held still.
        (
            vec![
                phones(),
                placed("order", PHONE, 1),
                placed("order", PHONE, 1),
            ],
            (3, ReplayReason::Order),
        ),
        // It has ended only after that.
        (
            vec![
                phones(),
                placed("order", PHONE, 1),
                placed("order", PHONE, 1),
                cancelled(2, PHONE, 1),
            ],
            (3, ReplayReason::Order),
        ),
    ] {
        assert_eq!(refused(changes.clone()), wrong, "{changes:?}");
    }
    let late = [(2, phones()), (1, restocked(PHONE, 1))];
    let late = late.map(|(at, change)| (Position::new(at), Entry::new(at, change)));
    let error = OrderBook::builder().replay(late).expect_err("it is late");
    assert_eq!(
        (error.position.number(), error.reason),
        (1, ReplayReason::Sequence)
    );
}

/// Forgetting is no entry.
#[test]
fn an_id_that_is_placed_again_was_forgotten() {
    let changes = [
        opened("phone", PHONE, 5),
        placed("order", PHONE, 2),
        cancelled(2, PHONE, 2),
        placed("order", PHONE, 3),
        paid(4, PHONE, 3, true),
        placed("order", PHONE, 1),
    ];
    let book = replay(changes).expect("it ends well");
    let order = book.get("order").expect("the last of them");
    assert_eq!(order.lines.iter().map(|line| line.held).sum::<u64>(), 1);
    assert_eq!(book.available("phone"), Some(1));
    let page = book.list(&Filter::default(), Cursor::default(), 10);
    assert_eq!(page.expect("a page").orders, [order]);
    assert_eq!((book.orders(), book.lines()), (1, 1));
}

#[test]
fn units_that_are_held_count_for_the_limit_of_unpaid_ones() {
    let changes = [opened("phone", PHONE, 4), placed("order", PHONE, 2)];
    let entries = (1..).zip(changes);
    let entries = entries.map(|(at, change)| (Position::new(at), Entry::new(at, change)));
    let book = OrderBook::builder().unpaid(50).replay(entries);
    let book = book.expect("it ends well");
    let place = || {
        let quarter = Duration::from_secs(900);
        book.place("another", None, [("phone".to_owned(), 1)], quarter)
    };
    assert!(matches!(place(), Err(Refusal::Unpaid(_))), "{:?}", place());
    assert!(book.pay("order").is_ok() && place().is_ok());
}

/// The process ended between a delivery and the order that it served.
#[test]
fn an_order_that_waits_for_what_came_is_served_after_a_restart() {
    let waiting = |id, units| Change::Waiting {
        order: NewOrder::new(id, None, lines(PHONE, units)),
        ttl: 1 << 40,
    };
    let book = replay([
        opened("phone", PHONE, 0),
        waiting("first", 2),
        waiting("second", 1),
        restocked(PHONE, 2),
    ]);
    let book = book.expect("it ends well");
    let quarter = Duration::from_secs(900);
    let sale = book.place("sale", None, [("phone".to_owned(), 1)], quarter);
    assert!(matches!(sale, Err(Refusal::Short(_))), "{sale:?}");
    let state = |id| book.get(id).expect("it is known").state;
    assert_eq!(
        (state("first"), state("second")),
        (OrderState::Held, OrderState::Waiting)
    );
    assert_eq!(book.stock("phone").expect("it is open").waiting, 1);
}
