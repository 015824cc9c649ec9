//! A checker that tries every order there is.

use segstock_conformance::{Call, History};
use segstock_model::{Model, Op, Outcome, Refusal};

/// Tries every order of every subset of the calls that may have happened; `placed` have, and did something.
fn some_order_explains(stock: &Model, placed: &[Call], calls: &[Call]) -> bool {
    if calls.iter().all(|call| call.outcome == Outcome::Unknown) {
        return true;
    }
    (0..calls.len()).any(|chosen| {
        let call = calls[chosen];
        let precedes = |(index, other): (usize, &Call)| {
            // A call of unknown outcome goes on when its thread does.
            let may_linger = call.outcome == Outcome::Unknown;
            let same_thread = other.thread == call.thread && index < chosen && !may_linger;
            other.outcome != Outcome::Unknown && (same_thread || other.returned < call.called)
        };
        if calls.iter().enumerate().any(precedes) {
            return false;
        }
        let mut rest = calls.to_vec();
        rest.remove(chosen);
        let commits = commits_beside(placed, &call);
        let after = stock.step_beside(call.op, call.outcome, commits.iter().sum());
        let after = after.filter(|_| are_shown_whole(stock, call.outcome, &commits));
        let is_done = stock.clone().apply(call.op) == Outcome::Done;
        let placed = [placed, &[call][..usize::from(is_done)]].concat();
        after.is_some_and(|after| some_order_explains(&after, &placed, &rest))
    })
}

/// Whether a snapshot shows each of these commits as made or as not made.
fn are_shown_whole(stock: &Model, outcome: Outcome, commits: &[u64]) -> bool {
    let Outcome::Snapshot(said) = outcome else {
        return true;
    };
    (0..1 << commits.len()).any(|chosen: u32| {
        let not_made = commits.iter().enumerate();
        let not_made = not_made.filter(|(bit, _)| chosen >> bit & 1 == 1);
        let units: u64 = not_made.map(|(_, units)| units).sum();
        said.reserved == stock.snapshot().reserved + units
    })
}

/// Units of each commit and confirm that overlaps `call`.
fn commits_beside(placed: &[Call], call: &Call) -> Vec<u64> {
    let is_over = |it: &Call| it.outcome != Outcome::Unknown && it.returned < call.called;
    let units = placed.iter().map(|it| match (it.op, it.outcome) {
        (Op::Commit(units), Outcome::Done | Outcome::Unknown) if !is_over(it) => units,
        (Op::Confirm { key }, Outcome::Done | Outcome::Unknown) => {
            let confirms = |it: &&Call| {
                it.op == Op::Confirm { key }
                    && matches!(it.outcome, Outcome::Done | Outcome::Unknown)
            };
            let mut confirms = placed.iter().filter(confirms);
            let is_first = confirms
                .clone()
                .next()
                .is_some_and(|first| std::ptr::eq(first, it));
            if !is_first || confirms.any(is_over) {
                return 0;
            }
            // All places of a key that were served have the units of the first.
            let units = placed.iter().find_map(|it| match (it.op, it.outcome) {
                (Op::Place { key: of, units, .. }, Outcome::Done | Outcome::Unknown)
                    if of == key =>
                {
                    Some(units)
                }
                _ => None,
            });
            units.unwrap_or(0)
        }
        _ => 0,
    });
    units.collect()
}

/// Takes reads that nothing ran beside at their word.
fn strict(calls: &[Call]) -> Vec<Call> {
    let until = |call: &Call| match call.outcome {
        Outcome::Unknown => u64::MAX,
        _ => call.returned,
    };
    let mut strict = calls.to_vec();
    for (index, call) in strict.iter_mut().enumerate() {
        let overlaps = |(other, beside): (usize, &Call)| {
            other != index && beside.called <= until(call) && call.called <= until(beside)
        };
        if !calls.iter().enumerate().any(overlaps) {
            call.outcome = match call.outcome {
                Outcome::AtMost(units) => Outcome::Exactly(units),
                Outcome::Snapshot(sums) => Outcome::ExactSnapshot(sums),
                outcome => outcome,
            };
        }
    }
    strict
}

/// Whether a snapshot shows more units as reserved than were at any instant of it.
fn invents_reserved(calls: &[Call]) -> bool {
    calls.iter().any(|read| {
        let Outcome::Snapshot(said) = read.outcome else {
            return false;
        };
        let at = |stamp: u64| {
            let units = calls.iter().map(|call| match (call.op, call.outcome) {
                (
                    Op::Reserve(units) | Op::Place { units, .. },
                    Outcome::Done | Outcome::Unknown,
                )
                | (Op::ReserveUpTo(_), Outcome::UpTo(units))
                | (Op::ReserveUpTo(units), Outcome::Unknown)
                    if call.called <= stamp =>
                {
                    units as i64
                }
                (Op::Commit(units) | Op::Release(units), Outcome::Done)
                    if call.returned < stamp =>
                {
                    -(units as i64)
                }
                _ => 0,
            });
            units.sum::<i64>()
        };
        !(read.called..=read.returned).any(|stamp| said.reserved as i64 <= at(stamp))
    })
}

/// Whether a snapshot shows more units as reserved than a refusal before it leaves.
fn shows_what_a_refusal_denies(calls: &[Call]) -> bool {
    calls.iter().any(|read| {
        let Outcome::Snapshot(said) = read.outcome else {
            return false;
        };
        calls.iter().any(|refused| {
            let (Op::Commit(units) | Op::Release(units)) = refused.op else {
                return false;
            };
            let later = calls.iter().map(|call| match (call.op, call.outcome) {
                (Op::Reserve(_) | Op::ReserveUpTo(_), Outcome::Done | Outcome::UpTo(_))
                    if call.returned < refused.called =>
                {
                    0
                }
                (
                    Op::Reserve(units) | Op::Place { units, .. },
                    Outcome::Done | Outcome::Unknown,
                )
                | (Op::ReserveUpTo(_), Outcome::UpTo(units))
                | (Op::ReserveUpTo(units), Outcome::Unknown)
                    if call.called <= read.returned =>
                {
                    units
                }
                _ => 0,
            });
            refused.outcome == Outcome::Refused(Refusal::NotReserved)
                && refused.returned < read.called
                && said.reserved >= units + later.sum::<u64>()
        })
    })
}

/// Whether a snapshot shows fewer units as sold than one that ended before it.
fn forgets_sold(calls: &[Call]) -> bool {
    calls.iter().any(|read| {
        calls
            .iter()
            .any(|before| match (before.outcome, read.outcome) {
                (Outcome::Snapshot(then), Outcome::Snapshot(now)) => {
                    before.returned < read.called && now.sold < then.sold
                }
                _ => false,
            })
    })
}

/// Whether some order explains a history whose snapshots show what they may.
pub fn naive(history: &History) -> bool {
    let calls = strict(history.calls());
    !invents_reserved(history.calls())
        && !shows_what_a_refusal_denies(history.calls())
        && !forgets_sold(history.calls())
        && some_order_explains(&Model::new(history.initial()), &[], &calls)
}
