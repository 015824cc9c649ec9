//! What an explanation says of a hold and of a number in a refusal, and what its picture shows.

use segstock_conformance::{Call, Checker, Explanation, Fault, History, Verdict, svg};
use segstock_model::{Op, Outcome, Refusal};

fn unexplained(initial: u64, calls: &[Call]) -> (History, Explanation) {
    let history = History::new(initial, calls.to_vec()).unwrap();
    match Checker::new().check(&history) {
        Verdict::NotLinearizable(why) => (history, *why),
        other => panic!("{other:?}"),
    }
}

fn done(thread: usize, called: u64, returned: u64, op: Op) -> Call {
    Call::new(thread, called, returned, op, Outcome::Done)
}

fn short(thread: usize, called: u64, returned: u64, op: Op, available: u64) -> Call {
    let available = Some(available);
    let refused = Outcome::Refused(Refusal::Short { available });
    Call::new(thread, called, returned, op, refused)
}

const PLACE: Op = Op::Place {
    key: 7,
    units: 1,
    ttl: 3,
};
const CONFIRM: Op = Op::Confirm { key: 7 };

#[test]
fn a_hold_that_cannot_have_expired_is_reported_with_its_clock() {
    let expired = Outcome::Refused(Refusal::Expired);
    let calls = [
        done(0, 10, 20, PLACE),
        done(1, 30, 40, Op::Advance { by: 2 }),
        Call::new(0, 50, 60, CONFIRM, expired),
    ];
    let (_, why) = unexplained(1, &calls);
    let words = why.to_string();
    let claim = "the hold cannot have expired: it was placed for 3 ticks, and by the clock that `advance` moves no \
                 more than 2 had passed";
    assert!(words.contains(claim), "{words}");
    // The call that moved the clock is named, with its time.
    assert!(
        words.contains("advance(2 ticks) of thread 1 was done between 30 ns and 40 ns"),
        "{words}"
    );
    assert!(!words.contains("makes no difference: advance"), "{words}");
}

#[test]
fn a_hold_that_had_expired_is_reported_with_its_clock() {
    let calls = [
        done(0, 10, 20, PLACE),
        done(1, 30, 40, Op::Advance { by: 2 }),
        done(1, 41, 45, Op::Advance { by: 1 }),
        done(0, 50, 60, CONFIRM),
    ];
    let (_, why) = unexplained(1, &calls);
    let words = why.to_string();
    let claim = "the hold had expired: it was placed for 3 ticks, and by the clock that `advance` moves at least 3 \
                 had passed";
    assert!(words.contains(claim), "{words}");
    assert!(words.contains("the clock was moved since by"), "{words}");
}

#[test]
fn a_hold_that_was_confirmed_is_reported_with_that_call() {
    let calls = [
        done(0, 10, 20, PLACE),
        done(1, 30, 40, CONFIRM),
        done(0, 50, 60, Op::ReleaseHold { key: 7 }),
    ];
    let (_, why) = unexplained(1, &calls);
    let words = why.to_string();
    assert!(
        words.contains("confirm(key 7) of thread 1 was done between 30 ns and 40 ns"),
        "{words}"
    );
    assert!(words.contains("nothing moved the clock since"), "{words}");
}

/// Sold out by the sale of thread 1, and a refusal after it that says 1.
fn wrong_number() -> Vec<Call> {
    vec![
        done(1, 10, 20, Op::Deduct(1)),
        short(0, 30, 40, Op::Deduct(3), 1),
        short(2, 50, 60, Op::Deduct(2), 0),
    ]
}

#[test]
fn a_wrong_number_in_a_right_refusal_is_called_that() {
    // Two units, one sold: the first refusal may say 1 or 2, the second may not say 0.
    let (history, why) = unexplained(2, &wrong_number());
    assert_eq!((why.fault, why.offender.thread), (Fault::Number, 2));
    let words = why.to_string();
    assert!(
        words.contains("the refusal is right, but its number is wrong"),
        "{words}"
    );
    let picture = svg(&history, Some(&why));
    assert!(
        picture.contains("a wrong number in a refusal; opened with 2 units"),
        "{picture}"
    );
    // The sale that left the unit is drawn.
    assert!(
        picture.contains("deduct(1) of thread 1 was done"),
        "{picture}"
    );
}

/// The refusal says that no more than one unit was in stock, where there were many: that is seen at once. Whether an order
/// explains the rest takes too long: twelve orders of which no part adds up to an odd number, and a read of one.
#[test]
fn what_was_not_found_out_of_a_number_is_not_claimed() {
    let many = 100_000;
    let orders = (0..12).map(|n| done(n, 0, 100, Op::Deduct(2 << n)));
    let mut calls: Vec<Call> = orders.collect();
    let odd = Outcome::Exactly(many + 4095);
    calls.push(Call::new(12, 0, 100, Op::Available, odd));
    calls.push(short(13, 10, 20, Op::Deduct(10 * many), 1));
    let history = History::new(many + 8190, calls).unwrap();
    let Verdict::NotLinearizable(why) = Checker::new().budget(100).check(&history) else {
        panic!("the number contradicts all that is in stock");
    };
    let words = why.to_string();
    assert_ne!(why.fault, Fault::Number, "{words}");
    assert!(!words.contains("the refusal is right"), "{words}");
    assert!(
        words.contains("the refusal or its number is wrong"),
        "{words}"
    );
}

#[test]
fn a_wrong_refusal_is_reported_before_a_wrong_number() {
    let mut calls = wrong_number();
    calls.push(short(3, 70, 80, Op::Deduct(1), 0));
    let (history, why) = unexplained(2, &calls);
    assert_eq!((why.fault, why.offender.thread), (Fault::Refusal, 3));
    let words = why.to_string();
    assert!(
        words.starts_with("deduct(1) of thread 3 was refused"),
        "{words}"
    );
    assert!(!words.contains("number is wrong"), "{words}");
    assert!(svg(&history, Some(&why)).contains("a wrong refusal; opened with"));
}
