//! What is not said by the examples and by the tests of the counters.

use super::{Model, Op, Outcome, Refusal};

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
    _ = stock.apply(Op::Advance { by: 1 });
    assert_eq!(stock.snapshot().available, 3);
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
    assert_eq!(stock.apply(Op::Withdraw(8)), Outcome::Took(3));
    assert_eq!((stock.snapshot().owed, stock.snapshot().withdrawn), (5, 8));
    assert_eq!(stock.apply(Op::Restock(2)), Outcome::Done);
    assert_eq!(stock.snapshot().available, 0);
    assert_eq!(stock.apply(Op::Forgive(9)), Outcome::Took(3));
    assert_eq!(stock.apply(Op::Withdraw(1)), Outcome::Took(0));
    assert_eq!(stock.apply(Op::Release(7)), Outcome::Done);
    let end = stock.snapshot();
    assert_eq!((end.available, end.owed, end.withdrawn), (6, 0, 6));
    assert!(end.balanced());
}
