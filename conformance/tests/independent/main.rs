//! The checker against another one that shares no code with the model: what a stock is, is written here a
//! second time, and every order of every choice of the unknown calls is tried.

mod draw;
mod shop;

use draw::{Mix, compare};
use segstock_conformance::{Call, Checker, History, Verdict};
use segstock_model::{Op, Outcome, Refusal};
use shop::{Shop, is_honest};

/// What each call among `done` sold that was not over when `read` began. A key that was known to be confirmed then was
/// sold before.
fn sold_beside(shop: &Shop, done: &[Call], read: &Call) -> Vec<u64> {
    let mut sold = Vec::new();
    let mut keys: Vec<(u64, bool)> = Vec::new();
    for call in done {
        let runs_on = call.outcome == Outcome::Unknown;
        let has_worked = runs_on || call.outcome == Outcome::Done;
        let meets = runs_on || call.returned >= read.called;
        match call.op {
            Op::Commit(units) if has_worked && meets => sold.push(units),
            Op::Confirm { key } if has_worked => match keys.iter_mut().find(|it| it.0 == key) {
                Some((_, all_meet)) => *all_meet &= meets,
                None => keys.push((key, meets)),
            },
            _ => {}
        }
    }
    for (key, _) in keys.into_iter().filter(|(_, all_meet)| *all_meet) {
        let known = shop.keys.iter().find(|(known, ..)| *known == key);
        sold.extend(known.map(|(_, units, _)| *units));
    }
    sold
}

/// What the whole history shows of its snapshots: what they call reserved was, at some time in between, and what they
/// call sold stays sold.
fn reads_are_sane(calls: &[Call]) -> bool {
    let reads = || {
        calls.iter().filter_map(|call| match call.outcome {
            Outcome::Snapshot(said) => Some((call, said)),
            _ => None,
        })
    };
    let reserved_at = |now: u64| {
        let mut reserved = 0_i64;
        for call in calls {
            let runs_on = call.outcome == Outcome::Unknown;
            match call.op {
                Op::ReserveUpTo(most) if call.called <= now => {
                    let n = if let Outcome::UpTo(n) = call.outcome {
                        n
                    } else {
                        most
                    };
                    reserved += n as i64;
                }
                _ if !runs_on && call.outcome != Outcome::Done => {}
                Op::Reserve(n) | Op::Place { units: n, .. } if call.called <= now => {
                    reserved += n as i64;
                }
                Op::Commit(n) | Op::Release(n) if !runs_on && call.returned < now => {
                    reserved -= n as i64;
                }
                _ => {}
            }
        }
        reserved
    };
    reads().all(|(read, said)| {
        let mut times = read.called..=read.returned;
        let was_reserved = times.any(|now| reserved_at(now) >= said.reserved as i64);
        let mut earlier = reads().filter(|(other, _)| other.returned < read.called);
        was_reserved && earlier.all(|(_, then)| then.sold <= said.sold)
    })
}

/// Whether some order of the known calls, and of any of the unknown ones, explains all answers; `done` are placed.
fn is_explained(shop: &Shop, done: &[Call], calls: &[Call]) -> bool {
    if calls.iter().all(|call| call.outcome == Outcome::Unknown) {
        return true;
    }
    (0..calls.len()).any(|next| {
        let call = calls[next];
        let waits = calls.iter().enumerate().any(|(index, other)| {
            let is_known = other.outcome != Outcome::Unknown;
            let is_before = other.returned < call.called;
            let is_own = other.thread == call.thread && index < next;
            is_known && (is_before || (is_own && call.outcome != Outcome::Unknown))
        });
        if waits {
            return false;
        }
        let mut after = shop.clone();
        let truth = after.serve(call.op);
        if !is_honest(
            call.op,
            truth,
            call.outcome,
            &sold_beside(shop, done, &call),
        ) {
            return false;
        }
        let mut rest = calls.to_vec();
        rest.remove(next);
        let worked = usize::from(truth == Outcome::Done);
        is_explained(&after, &[done, &[call][..worked]].concat(), &rest)
    })
}

/// A read that nothing ran beside is exact. An unknown call runs on for ever.
fn taken_at_their_word(calls: &[Call]) -> Vec<Call> {
    let end = |call: &Call| match call.outcome {
        Outcome::Unknown => u64::MAX,
        _ => call.returned,
    };
    let exact = calls.iter().enumerate().map(|(index, call)| {
        let meets = |other: &Call| other.called <= end(call) && call.called <= end(other);
        let is_alone = !calls
            .iter()
            .enumerate()
            .any(|(at, other)| at != index && meets(other));
        let outcome = match call.outcome {
            Outcome::AtMost(units) if is_alone => Outcome::Exactly(units),
            Outcome::Snapshot(sums) if is_alone => Outcome::ExactSnapshot(sums),
            outcome => outcome,
        };
        Call { outcome, ..*call }
    });
    exact.collect()
}

fn is_right(history: &History) -> Option<bool> {
    let calls = taken_at_their_word(history.calls());
    let shop = Shop::new(history.initial());
    Some(reads_are_sane(history.calls()) && is_explained(&shop, &[], &calls))
}

#[test]
fn agrees_on_counts() {
    compare(Mix::Counts, 30_000, |history| history, is_right);
}

#[test]
fn agrees_on_unknown_sales_and_restocks() {
    compare(Mix::Unknown, 30_000, |history| history, is_right);
}

#[test]
fn agrees_on_holds() {
    compare(Mix::Holds, 30_000, |history| history, is_right);
}

#[test]
fn agrees_on_what_is_owed() {
    compare(Mix::Owed, 30_000, |history| history, is_right);
}

/// A hold that is placed for no time expires at once; to advance the clock by nothing changes nothing.
#[test]
fn a_hold_of_no_time_may_be_found_expired() {
    let place = Op::Place {
        key: 1,
        units: 1,
        ttl: 0,
    };
    let expired = Outcome::Refused(Refusal::Expired);
    let calls = vec![
        Call::new(0, 10, 30, place, Outcome::Done),
        Call::new(1, 15, 25, Op::Advance { by: 0 }, Outcome::Done),
        Call::new(0, 40, 50, Op::Confirm { key: 1 }, expired),
    ];
    let history = History::new(3, calls).unwrap();
    assert!(is_explained(&Shop::new(3), &[], history.calls()));
    assert_eq!(Checker::new().check(&history), Verdict::Linearizable);
}
