//! Random lives of orders against the sequential model. Every call may be made again, at once or later; and the entries
//! make the book again.

mod support;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use segstock::ManualClock;
use segstock_orders::{OrderBook, OrderBookBuilder, SkuLimits};
use std::sync::Arc;
use std::time::Duration;
use support::Recorded;
use support::model::{Limits, Line, Lines, Op, Said, Shop, Sku, customer, to};

const SKUS: [Sku; 3] = ["a", "b", "c"];
const UNITS: u64 = 8;
const RETENTION: u64 = 40;

#[derive(Debug, Clone)]
enum Step {
    New(Op),
    /// Makes an earlier call again, counted from the last.
    Again(usize),
}

fn lines() -> impl Strategy<Value = Lines> {
    prop::collection::btree_map(prop::sample::select(&SKUS[..]), 1..4u64, 1..=3)
}

fn part() -> impl Strategy<Value = Option<(u8, Lines)>> {
    let line = prop::collection::btree_map(prop::sample::select(&SKUS[..]), 1..3u64, 1..=2);
    prop::option::of((0..4u8, line))
}

fn limits() -> impl Strategy<Value = Limits> {
    let per_customer = prop::option::weighted(0.3, 1..6u64);
    (0..4u64, prop::bool::weighted(0.2), per_customer, 0..8u64).prop_map(
        |(safety, closed, per_customer, waiting)| Limits {
            safety,
            closed,
            per_customer,
            waiting,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let (id, key) = (0..4u8, 0..4u8);
    let sku = || prop::sample::select(&SKUS[..]);
    prop_oneof![
        8 => (id.clone(), lines(), 1..20u64, any::<bool>())
            .prop_map(|(id, lines, ttl, waits)| Op::Place { id, lines, ttl, waits }),
        2 => (sku(), limits()).prop_map(|(sku, limits)| Op::Limit { sku, limits }),
        3 => (id.clone(), key.clone(), lines(), 1..20u64)
            .prop_map(|(id, key, lines, ttl)| Op::Amend { id, key, lines, ttl }),
        1 => (id.clone(), 1..20u64).prop_map(|(id, ttl)| Op::Extend { id, ttl }),
        6 => (id.clone(), part()).prop_map(|(id, part)| Op::Pay { id, part }),
        5 => (id.clone(), part()).prop_map(|(id, part)| Op::Ship { id, part }),
        3 => (id.clone(), part()).prop_map(|(id, part)| Op::Cancel { id, part }),
        3 => (id, part(), any::<bool>()).prop_map(|(id, part, on_sale)| Op::Return { id, part, on_sale }),
        2 => (sku(), key.clone(), 1..4u64).prop_map(|(sku, key, units)| Op::Restock { sku, key, units }),
        2 => (sku(), key.clone(), 0..10u64).prop_map(|(sku, key, counted)| Op::Count { sku, key, counted }),
        1 => (sku(), key, 1..4u64).prop_map(|(sku, key, units)| Op::WriteOff { sku, key, units }),
        3 => (1..15u64).prop_map(|seconds| Op::Pass { seconds }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![3 => op().prop_map(Step::New), 1 => (0..12usize).prop_map(Step::Again)]
}

fn call(book: &OrderBook<Sku>, clock: &ManualClock, op: &Op, waited_for: bool) -> Said {
    let id = |id: &u8| format!("order-{id}");
    let key = |key: &u8| format!("key-{key}");
    let seconds = |ttl: &u64| Duration::from_secs(*ttl);
    match op {
        Op::Place {
            id: of,
            lines,
            ttl,
            waits,
        } => {
            // In parts, the last first: the same order.
            let lines = lines
                .iter()
                .rev()
                .flat_map(|(sku, units)| vec![(*sku, 1); *units as usize]);
            Said::of_order(if *waits {
                book.place_or_wait(&id(of), customer(*of), lines, seconds(ttl))
            } else {
                book.place(&id(of), customer(*of), lines, seconds(ttl))
            })
        }
        Op::Amend {
            id: of,
            key: by,
            lines,
            ttl,
        } => Said::of_order(book.amend(&id(of), &key(by), lines.clone(), seconds(ttl))),
        Op::Limit { sku, limits } => {
            let mut set = SkuLimits::default();
            set.safety = limits.safety;
            set.closed = limits.closed;
            set.per_customer = limits.per_customer;
            set.waiting = limits.waiting;
            book.limit(sku, set).unwrap();
            Said::Passed
        }
        Op::Extend { id: of, ttl } => Said::of_order(book.extend(&id(of), seconds(ttl))),
        Op::Pay { id: of, part: None } => Said::of_order(book.pay(&id(of))),
        Op::Pay {
            id: of,
            part: Some((by, lines)),
        } => Said::of_order(book.pay_part(&id(of), &key(by), lines.clone())),
        Op::Ship { id: of, part: None } => Said::of_order(book.ship(&id(of))),
        Op::Ship {
            id: of,
            part: Some((by, lines)),
        } => Said::of_order(book.ship_part(&id(of), &key(by), lines.clone())),
        Op::Cancel { id: of, part: None } => Said::of_order(book.cancel(&id(of))),
        Op::Cancel {
            id: of,
            part: Some((by, lines)),
        } => Said::of_order(book.cancel_part(&id(of), &key(by), lines.clone())),
        Op::Return {
            id: of,
            part: None,
            on_sale,
        } => Said::of_order(book.return_order(&id(of), to(*on_sale))),
        Op::Return {
            id: of,
            part: Some((by, lines)),
            on_sale,
        } => Said::of_order(book.return_part(&id(of), &key(by), lines.clone(), to(*on_sale))),
        Op::Restock {
            sku,
            key: by,
            units,
        } => Said::of_stock(book.restock(sku, &key(by), *units)),
        Op::Count {
            sku,
            key: by,
            counted,
        } => Said::of_stock(book.count(sku, &key(by), *counted)),
        Op::WriteOff {
            sku,
            key: by,
            units,
        } => Said::of_stock(book.write_off(sku, &key(by), *units)),
        Op::Pass { seconds: time } => {
            // An order is remembered from when its expiry was written.
            book.sweep(usize::MAX).unwrap();
            clock.advance(seconds(time));
            if waited_for {
                // Whoever waits is served when the units come back, which is when somebody looks.
                book.sweep(usize::MAX).unwrap();
            }
            Said::Passed
        }
    }
}

/// What can be seen of an order or of a SKU.
fn shown(book: &OrderBook<Sku>) -> Vec<String> {
    // Orders past their deadline give their units back to whoever looks at them.
    let orders: Vec<_> = (0..4)
        .map(|id| format!("{:?}", book.get(&format!("order-{id}"))))
        .collect();
    let stocks = SKUS
        .iter()
        .map(|sku| format!("{sku}: {:?}", book.stock(sku)));
    orders.into_iter().chain(stocks).collect()
}

fn assert_shown(book: &OrderBook<Sku>, shop: &Shop) {
    for id in 0..4 {
        let view = book.get(&format!("order-{id}")).ok();
        let lines = |view: segstock_orders::OrderView<Sku>| {
            let line = |line: segstock_orders::OrderLine<Sku>| {
                let figures = Line {
                    waiting: line.waiting,
                    held: line.held,
                    paid: line.paid,
                    shipped: line.shipped,
                    returned: line.returned,
                    written_off: line.written_off,
                    cancelled: line.cancelled,
                    refunded: line.refunded,
                    expired: line.expired,
                };
                (line.sku, figures)
            };
            view.lines.into_iter().map(line).collect()
        };
        let modelled = shop.orders.get(&id).map(|order| order.lines.clone());
        assert_eq!(view.map(lines), modelled, "order {id}");
    }
    for sku in SKUS {
        let stock = book.stock(sku).unwrap();
        assert_eq!(stock.on_hand, shop.on_hand[sku], "on hand: {sku}");
        assert_eq!(stock.available, shop.available(sku), "available: {sku}");
        assert_eq!(stock.waiting, shop.waiting(sku), "waiting: {sku}");
    }
}

fn builder(clock: &Arc<ManualClock>, ships_at_once: bool) -> OrderBookBuilder<Sku> {
    let builder = OrderBook::builder()
        .clock(Arc::clone(clock) as _)
        .retention(Duration::from_secs(RETENTION))
        .shards(2);
    if ships_at_once {
        builder.ships_at_once()
    } else {
        builder
    }
}

fn live(steps: Vec<Step>, ships_at_once: bool) {
    let clock = Arc::new(ManualClock::new());
    let journal = Arc::new(Recorded::default());
    let book = builder(&clock, ships_at_once)
        .journal(Arc::clone(&journal) as _)
        .build();
    let mut shop = Shop {
        retention: RETENTION,
        ships_at_once,
        ..Shop::default()
    };
    for sku in SKUS {
        book.open(sku, UNITS).unwrap();
        shop.on_hand.insert(sku, UNITS);
        let limits = Limits {
            waiting: u64::MAX,
            ..Limits::default()
        };
        shop.limits.insert(sku, limits);
    }
    let mut made: Vec<Op> = Vec::new();
    for step in steps {
        let op = match step {
            Step::New(op) => op,
            Step::Again(back) => match made.iter().rev().nth(back) {
                Some(op) => op.clone(),
                None => continue,
            },
        };
        if matches!(op, Op::Count { .. }) {
            // How much a count leaves uncovered depends on what has come back.
            book.sweep(usize::MAX).unwrap();
        }
        let waited_for = SKUS.iter().any(|sku| shop.waiting(sku) > 0);
        let expected = shop.call(&op);
        let said = call(&book, &clock, &op, waited_for);
        assert_eq!(said, expected, "{op:?} after {made:?}");
        made.push(op);
    }
    book.sweep(usize::MAX).unwrap();
    assert_shown(&book, &shop);
    assert_eq!(
        journal.places(),
        0,
        "every place that was set aside was used or given back"
    );
    let again = builder(&clock, ships_at_once)
        .replay(journal.entries())
        .unwrap();
    assert_eq!(
        shown(&again),
        shown(&book),
        "the entries make the book again"
    );
    for prefix in 0..journal.entries().len() {
        let entries = journal.entries().into_iter().take(prefix);
        assert!(builder(&clock, ships_at_once).replay(entries).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_lives_are_as_the_model_says(steps in prop::collection::vec(step(), 1..60)) {
        live(steps, false);
    }

    #[test]
    fn random_lives_that_ship_at_once_are_as_the_model_says(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        live(steps, true);
    }
}
