//! Random sequences of calls, one after another, against the sequential model; over every kind of
//! counter, every number of segments, and every form that a stock can be forced into.
#![cfg(not(loom))]

mod support;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use segstock::{MAX_UNITS, testing};
use segstock_model::script::FORMS;
use segstock_model::{Model, Op, Step};
use support::counters;
use support::perform::Till;
use support::scenario::Subject;

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
        12 => (0..Op::DRAWS, units()).prop_map(|(draw, units)| Op::drawn(draw, units).into()),
        1 => prop::sample::select(&FORMS[..]),
        1 => (0..20_usize).prop_map(Step::Sit),
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
            let mut till = Till::new(counter.counter());
            for &step in &steps {
                let op = match step {
                    Step::Call(op) => till.sized(op),
                    Step::Sit(index) => {
                        testing::sit_at(index, 20);
                        continue;
                    }
                    form => {
                        drop(counter.force(form));
                        continue;
                    }
                };
                let outcome = till.perform(op);
                match model.step(op, outcome) {
                    Some(after) => model = after,
                    None => prop_assert!(false, "{name}: {op}: {outcome}, of {model:?}"),
                }
            }
            // What it has reserved is released when it goes.
            _ = model.apply(Op::Release(till.reserved()));
            drop(till);
            counters::assert_exact(&name, counter.counter(), &model);
        }
    }
}
