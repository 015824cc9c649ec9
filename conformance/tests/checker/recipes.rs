//! Histories that are drawn at random, some with an answer that was changed: the checker says of each what the
//! one says that tries every order.

use crate::every_order::naive;
use proptest::prelude::*;
use segstock_conformance::{Call, Checker, History, Verdict};
use segstock_model::{Model, Op, Outcome, Refusal, Snapshot};

/// What a history is made of: the calls happen in this sequence, each at an instant between its
/// stamps; then some answers are changed.
#[derive(Debug, Clone)]
struct Recipe {
    initial: u64,
    calls: Vec<Ingredient>,
}

#[derive(Debug, Clone)]
struct Ingredient {
    thread: usize,
    op: Op,
    /// Time since the call before, and how long before and after that instant it is under way.
    pause: u64,
    before: u64,
    after: u64,
    lie: u8,
}

impl Recipe {
    fn history(&self) -> History {
        let mut stock = Model::new(self.initial);
        let mut at = 100;
        let mut calls: Vec<Call> = Vec::new();
        for part in &self.calls {
            at += part.pause;
            let earlier = calls.iter().filter(|call| call.thread == part.thread);
            let free = earlier.map(|call| call.returned).max().unwrap_or(0);
            let called = (at - part.before).max(free);
            let returned = (at + part.after).max(called);
            let mut outcome = Outcome::Unknown;
            // A call whose outcome is unknown may not have happened at all.
            if part.lie != 1 {
                outcome = bound(stock.apply(part.op), part.lie);
            }
            if part.lie == 2 {
                outcome = Outcome::Unknown;
            }
            calls.push(Call::new(
                part.thread,
                called,
                returned,
                part.op,
                lie(outcome, part.lie),
            ));
        }
        History::new(self.initial, calls).expect("made to be well formed")
    }
}

fn bound(outcome: Outcome, lie: u8) -> Outcome {
    match outcome {
        Outcome::Exactly(units) => Outcome::AtMost(units + u64::from(lie == 3)),
        Outcome::ExactSnapshot(sums) => Outcome::Snapshot(sums),
        outcome => outcome,
    }
}

fn lie(outcome: Outcome, lie: u8) -> Outcome {
    match (lie, outcome) {
        (4, Outcome::Done) => Outcome::Refused(Refusal::Short { available: None }),
        (4 | 5, Outcome::Refused(_)) => Outcome::Done,
        (4, Outcome::AtMost(units)) => Outcome::AtMost(units.saturating_sub(1)),
        (4, Outcome::UpTo(units)) => Outcome::UpTo(units.saturating_sub(1)),
        (4, Outcome::Snapshot(sums)) => Outcome::Snapshot(Snapshot {
            available: sums.available + 1,
            sold: sums.sold.wrapping_sub(1),
            ..sums
        }),
        (5, Outcome::Snapshot(sums)) => Outcome::Snapshot(Snapshot {
            reserved: 0,
            sold: sums.sold + sums.reserved,
            ..sums
        }),
        // Shown as not sold yet.
        (6 | 7, Outcome::Snapshot(sums)) => {
            let units = sums.sold.min(u64::from(lie) - 5);
            Outcome::Snapshot(Snapshot {
                reserved: sums.reserved + units,
                sold: sums.sold - units,
                ..sums
            })
        }
        (_, outcome) => outcome,
    }
}

fn ops(with_holds: bool) -> impl Strategy<Value = Op> {
    let units = 0..4_u64;
    let counts = prop_oneof![
        4 => units.clone().prop_map(Op::Deduct),
        2 => units.clone().prop_map(Op::Restock),
        1 => units.clone().prop_map(Op::DeductUpTo),
        1 => units.clone().prop_map(Op::Reserve),
        1 => units.clone().prop_map(Op::ReserveUpTo),
        1 => units.clone().prop_map(Op::Commit),
        1 => units.clone().prop_map(Op::Release),
        1 => Just(Op::Available),
        1 => Just(Op::Snapshot),
    ];
    let holds = prop_oneof![
        3 => (0..2_u64, units, 0..3_u64)
            .prop_map(|(key, units, ttl)| Op::Place { key, units, ttl }),
        2 => (0..2_u64).prop_map(|key| Op::Confirm { key }),
        1 => (0..2_u64).prop_map(|key| Op::ReleaseHold { key }),
        2 => (0..3_u64).prop_map(|by| Op::Advance { by }),
    ];
    if with_holds {
        prop_oneof![2 => counts, 3 => holds].boxed()
    } else {
        counts.boxed()
    }
}

fn recipe(with_holds: bool) -> impl Strategy<Value = Recipe> {
    let part = (
        0..3_usize,
        ops(with_holds),
        0..6_u64,
        0..20_u64,
        0..20_u64,
        // A third of the calls have an unknown outcome.
        prop_oneof![2 => Just(1), 2 => Just(2), 8 => 0..20_u8],
    );
    let ingredient = part.prop_map(|(thread, op, pause, before, after, lie)| Ingredient {
        thread,
        op,
        pause,
        before,
        after,
        lie,
    });
    (0..5_u64, prop::collection::vec(ingredient, 1..8))
        .prop_map(|(initial, calls)| Recipe { initial, calls })
}

fn agrees(recipe: &Recipe, seen: &mut [u32; 2]) -> Result<(), TestCaseError> {
    let history = recipe.history();
    let expected = naive(&history);
    let verdict = Checker::new().check(&history);
    prop_assert_eq!(
        verdict.is_linearizable(),
        expected,
        "{:?}: {:?}",
        history,
        verdict
    );
    if let Verdict::NotLinearizable(why) = &verdict {
        prop_assert!(why.window.contains(&why.offender));
    }
    seen[usize::from(expected)] += 1;
    Ok(())
}

fn run(with_holds: bool, cases: u32) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let seen = std::cell::Cell::new([0; 2]);
    let ran = runner.run(&recipe(with_holds), |recipe| {
        let mut counts = seen.get();
        let agreed = agrees(&recipe, &mut counts);
        seen.set(counts);
        agreed
    });
    ran.unwrap_or_else(|failure| panic!("{failure}"));
    let [wrong, right] = seen.get();
    println!("{wrong} wrong histories, {right} right ones");
    assert!(
        wrong > cases / 20 && right > cases / 20,
        "{wrong} wrong, {right} right"
    );
}

#[test]
fn agrees_with_every_order_on_counts() {
    run(false, 40_000);
}

#[test]
fn agrees_with_every_order_on_holds() {
    run(true, 20_000);
}
