//! Random lives of orders against the sequential model. Every call may be made again, at once or later; and the entries
//! make the book again.

use crate::support::Recorded;
use crate::support::calls::{Limits, Lines, Op, Sku};
use crate::support::model::Shop;
use crate::support::player::{Player, SKUS, assert_shown, shown};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use segstock::ManualClock;
use segstock_orders::{OrderBook, OrderBookBuilder, Position};
use std::sync::Arc;
use std::time::Duration;

const UNITS: u64 = 8;
const RETENTION: u64 = 40;
const RETURNS: u64 = 90;

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
    let unpaid = prop::option::weighted(0.3, 0..101u8);
    let closed = prop::bool::weighted(0.2);
    (0..4u64, closed, per_customer, 0..8u64, unpaid).prop_map(
        |(safety, closed, per_customer, waiting, unpaid)| Limits {
            safety,
            closed,
            per_customer,
            waiting,
            unpaid,
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
        1 => (id.clone(), key.clone(), 1..20u64).prop_map(|(id, key, ttl)| Op::Extend { id, key, ttl }),
        6 => (id.clone(), part()).prop_map(|(id, part)| Op::Pay { id, part }),
        5 => (id.clone(), part()).prop_map(|(id, part)| Op::Ship { id, part }),
        3 => (id.clone(), part()).prop_map(|(id, part)| Op::Cancel { id, part }),
        3 => (id, part(), any::<bool>()).prop_map(|(id, part, on_sale)| Op::Return { id, part, on_sale }),
        2 => (sku(), key.clone(), 1..4u64).prop_map(|(sku, key, units)| Op::Restock { sku, key, units }),
        2 => (sku(), key.clone(), 0..10u64).prop_map(|(sku, key, counted)| Op::Count { sku, key, counted }),
        1 => (sku(), key.clone(), 1..4u64).prop_map(|(sku, key, units)| Op::WriteOff { sku, key, units }),
        3 => (0..6usize, key.clone(), 1..4u64, any::<bool>()).prop_map(|(pair, key, units, sends)| {
            let (from, to) = (SKUS[pair % 3], SKUS[(pair % 3 + 1 + pair / 3) % 3]);
            Op::Move { from, to, key, units, sends }
        }),
        2 => (0..3usize, key, 0..3u64, 0..2u64).prop_filter("something arrives", |op| op.2 + op.3 > 0)
            .prop_map(|(sending, key, units, lost)| Op::Arrive { sending, key, units, lost }),
        3 => (1..15u64).prop_map(|seconds| Op::Pass { seconds }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![3 => op().prop_map(Step::New), 1 => (0..12usize).prop_map(Step::Again)]
}

fn builder(clock: &Arc<ManualClock>, ships_at_once: bool) -> OrderBookBuilder<Sku> {
    let builder = OrderBook::builder()
        .clock(Arc::clone(clock) as _)
        .retention(Duration::from_secs(RETENTION))
        .returns(Duration::from_secs(RETURNS))
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
        returns: RETURNS,
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
    let mut player = Player {
        book: &book,
        clock: &clock,
        sendings: Vec::new(),
    };
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
        let said = player.call(&op, waited_for);
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
    assert_retries_are_answered_alike(&book, &again, &clock, player.sendings, &made);
    for prefix in 0..journal.entries().len() {
        let entries = journal.entries().into_iter().take(prefix);
        assert!(builder(&clock, ships_at_once).replay(entries).is_ok());
    }
}

/// Every call that was made is made again, on the book and on the one that its entries made.
fn assert_retries_are_answered_alike(
    book: &OrderBook<Sku>,
    again: &OrderBook<Sku>,
    clock: &ManualClock,
    sendings: Vec<(Sku, Position)>,
    made: &[Op],
) {
    let [mut one, mut other] = [book, again].map(|book| Player {
        book,
        clock,
        sendings: sendings.clone(),
    });
    let calls = made.iter().filter(|op| !matches!(op, Op::Pass { .. }));
    for op in calls {
        let (said, said_again) = (one.call(op, false), other.call(op, false));
        assert_eq!(said_again, said, "{op:?} after {made:?}");
    }
    assert_eq!(shown(again), shown(book));
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
