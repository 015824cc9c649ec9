//! Random sequences of calls, one after another, against the sequential model; over every kind of
//! counter, every number of segments, and every form that a stock can be forced into.
#![cfg(not(loom))]

mod support;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use segstock::MAX_UNITS;
use support::counters::{self, Form, Step};
use support::history::{Entry, is_linearizable};
use support::model::{Call, Model};

fn units() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0..40_u64,
        2 => 40..5_000_u64,
        1 => prop_oneof![
            Just(1 << 19),
            Just((1 << 20) - 1),
            Just(1 << 20),
            Just(1 << 32),
            Just((1 << 32) + 1),
            Just(MAX_UNITS / 2),
            Just(MAX_UNITS),
            Just(MAX_UNITS + 1),
            Just(u64::MAX),
        ],
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => units().prop_map(Step::Deduct),
        2 => units().prop_map(Step::DeductUpTo),
        4 => units().prop_map(Step::Restock),
        4 => units().prop_map(Step::Reserve),
        2 => Just(Step::Commit),
        2 => Just(Step::Release),
        1 => units().prop_map(Step::CommitPart),
        1 => units().prop_map(Step::Split),
        1 => Just(Step::Merge),
        1 => Just(Step::Available),
        1 => Just(Step::Snapshot),
        2 => prop_oneof![Just(Form::Wide), Just(Form::Narrow), Just(Form::InWord)]
            .prop_map(Step::Reshape),
        2 => (0..20_usize).prop_map(Step::Sit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        // Beside this file: a failure that was found once is tried first ever after.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_counter_is_the_model(
        initial in prop_oneof![0..100_u64, 0..100_000_u64, Just(MAX_UNITS)],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        for (name, open) in counters::all() {
            let counter = open(initial);
            let mut model = Model::new(initial);
            let mut open = Vec::new();
            for step in &steps {
                let Some(call) = step.play(&*counter, &mut open) else { continue };
                // One after another, even the cheap pass is exact.
                if let Call::Available(bound) = call {
                    prop_assert_eq!(bound, model.available, "{}", &name);
                }
                let call = match call {
                    Call::Snapshot(books) => Call::AtRest(books),
                    call => call,
                };
                match model.step(&call) {
                    Some(after) => model = after,
                    None => prop_assert!(false, "{name}: {call:?} of {model:?}"),
                }
            }
            counters::assert_exact(&name, &*counter, &model);
        }
    }

    /// The search agrees with the definition: it finds an order if there is one.
    #[test]
    fn the_checker_finds_every_order(
        initial in 0..4_u64,
        calls in prop::collection::vec((0..3_usize, 0..3_u64, any::<bool>(), 0..6_u64, 0..4_u64), 1..6),
    ) {
        let mut logs = vec![Vec::new(); 3];
        let mut free_from = [0; 3];
        for (thread, units, take, pause, length) in calls {
            let called = free_from[thread] + pause;
            let returned = called + length;
            free_from[thread] = returned + 1;
            let call = if take { Call::Deduct(units, Ok(())) } else { Call::Restock(units, Ok(())) };
            logs[thread].push(Entry { thread, called, returned, call });
        }
        let entries: Vec<Entry> = logs.iter().flatten().copied().collect();
        let start = Model::new(initial);
        prop_assert_eq!(is_linearizable(start, &logs), some_order_explains(start, &entries));
    }
}

/// Linearizability by its definition: tries every order.
fn some_order_explains(stock: Model, rest: &[Entry]) -> bool {
    rest.is_empty()
        || (0..rest.len()).any(|index| {
            let entry = rest[index];
            let is_first = rest.iter().all(|other| other.returned >= entry.called);
            let others: Vec<Entry> = [&rest[..index], &rest[index + 1..]].concat();
            is_first
                && stock
                    .step(&entry.call)
                    .is_some_and(|after| some_order_explains(after, &others))
        })
}
