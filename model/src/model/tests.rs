//! What is not said by the examples and by the tests of the counters.

use super::Model;
use crate::call::Call;
use crate::op::Op;
use crate::outcome::{Outcome, Refusal};
use crate::search::{Found, Problem, bounds};
use crate::snapshot::Snapshot;

fn place(key: u64, units: u64) -> Op {
    Op::Place {
        key,
        units,
        ttl: 10,
    }
}

fn refused(why: Refusal) -> Outcome {
    Outcome::Refused(why)
}

#[test]
fn a_hold_is_resolved_once() {
    let mut stock = Model::new(3);
    assert_eq!(stock.apply(place(1, 2)), Outcome::Done);
    assert_eq!(stock.apply(place(1, 2)), Outcome::Done, "a retry");
    assert_eq!(stock.snapshot().reserved, 2, "takes nothing");
    assert_eq!(stock.apply(place(1, 1)), refused(Refusal::Conflict));
    assert_eq!(stock.apply(Op::Confirm { key: 1 }), Outcome::Done);
    assert_eq!(stock.apply(Op::Confirm { key: 1 }), Outcome::Done);
    assert_eq!(
        stock.apply(Op::ReleaseHold { key: 1 }),
        refused(Refusal::Confirmed)
    );
    assert_eq!(
        stock.apply(Op::ReleaseHold { key: 2 }),
        refused(Refusal::NoHold)
    );
    assert_eq!(stock.snapshot().sold, 2);
}

#[test]
fn a_hold_expires_at_its_deadline() {
    let mut stock = Model::new(3);
    _ = stock.apply(place(1, 2));
    _ = stock.apply(Op::Advance { by: 9 });
    assert_eq!(stock.snapshot().available, 1);
    assert_eq!(stock.hold(1), Some((2, Ok(1))));
    _ = stock.apply(Op::Advance { by: 1 });
    assert_eq!(stock.snapshot().available, 3);
    assert_eq!(stock.hold(1), Some((2, Err(Refusal::Expired))));
    assert_eq!(stock.hold(2), None);
    assert_eq!(
        stock.apply(Op::Confirm { key: 1 }),
        refused(Refusal::Expired)
    );
    assert_eq!(stock.apply(place(1, 2)), refused(Refusal::Expired));
}

#[test]
fn what_is_held_under_a_key_is_settled_by_that_key_alone() {
    for op in [Op::Commit(3), Op::Release(3)] {
        let mut stock = Model::new(5);
        _ = stock.apply(Op::Reserve(2));
        _ = stock.apply(place(1, 2));
        let before = stock.clone();
        assert_eq!(stock.apply(op), refused(Refusal::NotReserved));
        assert_eq!(stock, before, "a refused {op} changes nothing");
    }
    let mut stock = Model::new(5);
    _ = stock.apply(Op::Reserve(2));
    _ = stock.apply(place(1, 2));
    assert_eq!(stock.apply(Op::Commit(1)), Outcome::Done);
    assert_eq!(stock.apply(Op::Release(1)), Outcome::Done);
    assert_eq!(
        stock.apply(Op::Commit(1)),
        refused(Refusal::NotReserved),
        "the rest is held"
    );
    assert_eq!(stock.apply(Op::Confirm { key: 1 }), Outcome::Done);
    assert_eq!((stock.snapshot().sold, stock.snapshot().reserved), (3, 0));
    assert!(stock.snapshot().balanced());
}

#[test]
fn a_bound_must_prove_the_refusal() {
    let stock = Model::new(1);
    let says = |available| refused(Refusal::Short { available });
    for (bound, honest) in [
        (Some(0), false),
        (Some(1), true),
        (Some(2), false),
        (None, true),
    ] {
        let step = stock.step(Op::Deduct(2), says(bound));
        assert_eq!(step.is_some(), honest, "{bound:?}");
    }
}

#[test]
fn what_comes_back_pays_what_is_owed_first() {
    let mut stock = Model::new(10);
    assert_eq!(stock.apply(Op::Reserve(7)), Outcome::Done);
    assert_eq!(stock.apply(Op::Withdraw(8)), Outcome::UpTo(3));
    assert_eq!((stock.snapshot().owed, stock.snapshot().withdrawn), (5, 8));
    assert_eq!(stock.apply(Op::Restock(2)), Outcome::Done);
    assert_eq!(stock.snapshot().available, 0);
    assert_eq!(stock.apply(Op::Forgive(9)), Outcome::UpTo(3));
    assert_eq!(stock.apply(Op::Withdraw(1)), Outcome::UpTo(0));
    assert_eq!(stock.apply(Op::Release(7)), Outcome::Done);
    let end = stock.snapshot();
    assert_eq!((end.available, end.owed, end.withdrawn), (6, 0, 6));
    assert!(end.balanced());
}

/// Of a stock of 10 units that sells only what was reserved.
fn snapshot(available: u64, reserved: u64) -> Outcome {
    Outcome::Snapshot(Snapshot {
        initial: 10,
        available,
        reserved,
        sold: 10 - available - reserved,
        ..Snapshot::default()
    })
}

/// Five units are reserved until 10 and committed from 20 to `committed`; snapshots are `(called, returned, said)`.
fn is_explained(committed: u64, snapshots: &[(u64, u64, Outcome)]) -> bool {
    let mut calls = vec![
        Call::new(0, 0, 10, Op::Reserve(5), Outcome::Done),
        Call::new(0, 20, committed, Op::Commit(5), Outcome::Done),
        Call::new(0, committed, 60, Op::Deduct(1), Outcome::Done),
    ];
    let read = |&(called, returned, said)| Call::new(1, called, returned, Op::Snapshot, said);
    calls.extend(snapshots.iter().map(read));
    calls.sort_by_key(|call| call.called);
    let problem = Problem::new(Model::new(10), &calls);
    match problem.solve(u64::MAX, &mut 0) {
        Found::Order => true,
        Found::NoOrder => false,
        Found::Nothing => panic!("there was no limit"),
    }
}

#[test]
fn a_snapshot_shows_no_reserved_unit_as_sold() {
    assert!(is_explained(30, &[(12, 15, snapshot(5, 5))]));
    for reserved in [0, 4] {
        assert!(!is_explained(30, &[(12, 15, snapshot(5, reserved))]));
        // Nor beside the reserve: units that left are reserved in the same instant.
        assert!(!is_explained(30, &[(5, 9, snapshot(5, reserved))]));
    }
}

#[test]
fn a_snapshot_may_show_a_commit_beside_it_as_not_made_yet() {
    // The deduct that follows the commit is in it, and the commit is not.
    let late = Outcome::Snapshot(Snapshot {
        initial: 10,
        available: 4,
        reserved: 5,
        sold: 1,
        ..Snapshot::default()
    });
    assert!(is_explained(30, &[(25, 70, late)]));
    assert!(
        !is_explained(30, &[(31, 70, late)]),
        "the commit was over before"
    );
    assert!(!is_explained(30, &[(70, 80, late)]));
}

#[test]
fn a_snapshot_shows_no_more_reserved_than_was_reserved() {
    // Committed first and reserved again by another: never were ten reserved.
    let calls = |said| {
        vec![
            Call::new(0, 0, 10, Op::Reserve(5), Outcome::Done),
            Call::new(0, 20, 30, Op::Commit(5), Outcome::Done),
            Call::new(1, 25, 80, Op::Snapshot, said),
            Call::new(0, 40, 50, Op::Reserve(5), Outcome::Done),
        ]
    };
    for (reserved, is_right) in [(5, true), (10, false)] {
        let problem = Problem::new(Model::new(10), &calls(snapshot(0, reserved)));
        let found = problem.solve(u64::MAX, &mut 0);
        assert_eq!(found == Found::Order, is_right, "{reserved}");
        let sum = bounds::contradiction(&problem).map(|found| found.sum);
        assert_eq!(sum.is_none(), is_right, "{sum:?}");
    }
}

#[test]
fn a_commit_is_shown_as_made_or_not_and_never_half() {
    let explained = |reserved| {
        let calls = [
            Call::new(0, 0, 10, Op::Reserve(2), Outcome::Done),
            Call::new(1, 0, 10, Op::Reserve(3), Outcome::Done),
            Call::new(0, 20, 80, Op::Commit(2), Outcome::Done),
            Call::new(1, 21, 80, Op::Commit(3), Outcome::Done),
            Call::new(2, 30, 40, Op::Snapshot, snapshot(5, reserved)),
        ];
        Problem::new(Model::new(10), &calls).solve(u64::MAX, &mut 0) == Found::Order
    };
    let right: Vec<u64> = (0..=5).filter(|reserved| explained(*reserved)).collect();
    assert_eq!(right, [0, 2, 3, 5]);
}

#[test]
fn sums_judge_a_stock_that_owes_too() {
    // One unit is withdrawn first; then one at a time is reserved and committed.
    let explained = |said: Snapshot, looks: [u64; 2]| {
        let mut calls = vec![
            Call::new(2, 0, 5, Op::Withdraw(1), Outcome::UpTo(1)),
            Call::new(0, 10, 20, Op::Reserve(5), Outcome::Done),
            Call::new(0, 30, 40, Op::Commit(5), Outcome::Done),
            Call::new(0, 50, 60, Op::Reserve(4), Outcome::Done),
            Call::new(0, 70, 80, Op::Commit(4), Outcome::Done),
        ];
        let looks = Call::new(1, looks[0], looks[1], Op::Snapshot, Outcome::Snapshot(said));
        calls.push(looks);
        calls.sort_by_key(|call| call.called);
        Problem::new(Model::new(10), &calls).solve(u64::MAX, &mut 0) == Found::Order
    };
    let said = |reserved| Snapshot {
        initial: 10,
        reserved,
        sold: 9 - reserved,
        withdrawn: 1,
        ..Snapshot::default()
    };
    assert!(explained(said(4), [35, 90]));
    assert!(!explained(said(9), [35, 90]), "never were nine reserved");
}

#[test]
fn units_that_come_back_pay_what_was_owed_before() {
    let mut start = Model::new(0);
    assert_eq!(start.apply(Op::Withdraw(1)), Outcome::UpTo(0));
    let explained = |left: u64| {
        let calls = [
            Call::new(0, 0, 10, Op::Restock(2), Outcome::Done),
            Call::new(1, 20, 30, Op::Available, Outcome::Exactly(left)),
        ];
        Problem::new(start.clone(), &calls).solve(u64::MAX, &mut 0) == Found::Order
    };
    assert!(explained(1) && !explained(2));
}

#[test]
fn what_is_withdrawn_beyond_the_limit_depends_on_the_order() {
    // It owes two at most: one of the withdraws is cut short if they follow each other, and none if the forgive is between.
    let calls = [
        Call::new(1, 0, 6, Op::Withdraw(2), Outcome::UpTo(0)),
        Call::new(3, 1, 9, Op::Withdraw(2), Outcome::UpTo(0)),
        Call::new(2, 3, 9, Op::Forgive(2), Outcome::UpTo(2)),
        Call::new(3, 10, 16, Op::Forgive(1), Outcome::UpTo(0)),
    ];
    let problem = Problem::new(Model::new(0).limited_to(2), &calls);
    assert_eq!(problem.solve(u64::MAX, &mut 0), Found::Order);
}

#[test]
fn what_snapshots_show_as_sold_never_falls() {
    let (before, after) = (snapshot(5, 5), snapshot(5, 0));
    assert!(is_explained(58, &[(21, 30, before), (31, 55, after)]));
    assert!(is_explained(58, &[(21, 30, before), (31, 55, before)]));
    assert!(!is_explained(58, &[(21, 30, after), (31, 55, before)]));
}

#[test]
fn a_confirm_beside_a_snapshot_may_be_shown_as_not_made_yet() {
    let history = |retried: u64| {
        let calls = [
            Call::new(0, 0, 10, place(1, 5), Outcome::Done),
            Call::new(0, 20, 70, Op::Confirm { key: 1 }, Outcome::Done),
            Call::new(1, 25, retried, Op::Confirm { key: 1 }, Outcome::Done),
            Call::new(2, 35, 40, Op::Restock(1), Outcome::Done),
            Call::new(
                3,
                32,
                80,
                Op::Snapshot,
                Outcome::Snapshot(Snapshot {
                    initial: 10,
                    restocked: 1,
                    available: 6,
                    reserved: 5,
                    ..Snapshot::default()
                }),
            ),
            Call::new(2, 41, 50, Op::Confirm { key: 1 }, Outcome::Done),
        ];
        let mut calls = calls.to_vec();
        calls.sort_by_key(|call| call.called);
        Problem::new(Model::new(10), &calls).solve(u64::MAX, &mut 0)
    };
    assert_eq!(history(33), Found::Order);
    assert_eq!(history(31), Found::NoOrder, "a retry knew of it before");
}

#[test]
fn what_an_operation_says_of_itself_is_what_the_model_does() {
    for op in Op::each(2) {
        let mut model = Model::new(6);
        assert_eq!(model.apply(Op::Reserve(3)), Outcome::Done);
        let before = model.snapshot();
        let outcome = model.apply(op);
        let after = model.snapshot();
        assert_eq!(op.sold(outcome), after.sold - before.sold, "{op}");
        assert_eq!(op.settles_units(), after.reserved < before.reserved, "{op}");
        let takes = after.available < before.available;
        let is_order = takes && after.withdrawn == before.withdrawn;
        assert_eq!(op.sells_or_reserves(), is_order, "{op}");
        assert_eq!(op.takes_units(), takes, "{op}");
    }
}
