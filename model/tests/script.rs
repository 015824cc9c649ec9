//! Scripts and their outcomes.

use segstock_model::script::{self, Refused};
use segstock_model::{Model, Op, Outcome, Refusal, Step, outcomes};

fn listed(units: u64, scripts: &[&[Step]]) -> Vec<String> {
    let scripts: Vec<Vec<Step>> = scripts.iter().map(|script| script.to_vec()).collect();
    let outcomes = outcomes(&Model::new(units), &scripts);
    outcomes.iter().map(ToString::to_string).collect()
}

#[test]
fn every_outcome_of_every_order_is_listed() {
    let deduct = Step::Call(Op::Deduct(1));
    let restock = Step::Call(Op::Restock(1));
    let look = Step::Call(Op::Available);
    assert_eq!(listed(0, &[&[deduct], &[restock]]), ["ok | ok", "no | ok"]);
    let two = ["ok | ok 0", "no | ok 1"];
    assert_eq!(listed(0, &[&[deduct], &[restock, look]])[..1], two[..1]);
    assert_eq!(listed(0, &[&[deduct], &[restock, look]]).len(), 3);
}

#[test]
fn an_order_that_fails_takes_nothing() {
    let deduct = Step::Call(Op::Deduct(1));
    for order in [Step::FailingOrder(1), Step::PanickingOrder(1)] {
        assert_eq!(listed(1, &[&[order, deduct]]), ["ok"]);
        assert_eq!(listed(0, &[&[order]]), ["no"], "it is refused");
    }
    assert_eq!(listed(1, &[&[Step::RestockingOrder(1, 2)]]), ["ok ok"]);
    assert_eq!(listed(0, &[&[Step::RestockingOrder(1, 2)]]), ["no"]);
}

#[test]
fn what_was_refused_is_neither_committed_nor_released() {
    let mut refused = Refused::default();
    let commit = |units| Step::Call(Op::Commit(units));
    assert_eq!(refused.admit(commit(2)), Some(commit(2)));
    let short = Outcome::Refused(Refusal::Short { available: None });
    refused.note(Op::Reserve(3), short);
    refused.note(Op::Reserve(9), Outcome::Done);
    assert_eq!(refused.admit(commit(2)), None);
    assert_eq!(refused.admit(commit(2)), Some(commit(1)));
    assert_eq!(refused.admit(commit(2)), Some(commit(2)));
}

#[test]
fn a_drawn_script_settles_what_it_reserves() {
    let mut seed = 7_u64;
    let mut reserving = 0;
    for _ in 0..200 {
        let script = script::drawn(8, |limit| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % limit
        });
        let mut stock = Model::new(1_000);
        for step in script {
            for (op, outcome) in step.apply(&mut stock) {
                assert_ne!(outcome, Outcome::Refused(Refusal::NotReserved), "{op}");
                reserving += u64::from(matches!(op, Op::Reserve(_)));
            }
        }
        assert_eq!(stock.snapshot().reserved, 0);
    }
    assert!(reserving > 100);
}
