//! Histories that are drawn at random.

use super::shop::Shop;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_conformance::{Call, Checker, History, Verdict};
use segstock_model::{Op, Outcome, Refusal, Snapshot};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    Counts,
    /// Sales and restocks of unknown outcome, and reads that pin them down.
    Unknown,
    Holds,
    /// Of a counter that owes.
    Owed,
}

fn op(mix: Mix, chance: &mut SmallRng) -> Op {
    let few = chance.random_range(0..4);
    match (mix, chance.random_range(0..12)) {
        (Mix::Unknown, 0..5) => Op::Deduct(chance.random_range(0..6)),
        (Mix::Unknown, 5..9) => Op::Restock(chance.random_range(0..6)),
        (Mix::Unknown, 9) => Op::DeductUpTo(chance.random_range(0..6)),
        (Mix::Holds, 0..3) => Op::Place {
            key: chance.random_range(0..2),
            units: few,
            ttl: chance.random_range(0..3),
        },
        (Mix::Holds, 3..5) => Op::Confirm {
            key: chance.random_range(0..2),
        },
        (Mix::Holds, 5) => Op::ReleaseHold {
            key: chance.random_range(0..2),
        },
        (Mix::Holds, 6..9) => Op::Advance {
            by: chance.random_range(0..3),
        },
        (Mix::Counts, 0..3) => Op::Deduct(few),
        (Mix::Counts, 3..5) => Op::Restock(few),
        (Mix::Counts, 5) => Op::DeductUpTo(few),
        (Mix::Counts, 6) => [Op::Reserve, Op::ReserveUpTo][chance.random_range(0..2)](few),
        (Mix::Counts, 7) => Op::Commit(few),
        (Mix::Counts, 8) => Op::Release(few),
        (Mix::Owed, 0..2) => Op::Withdraw(few),
        (Mix::Owed, 2) => Op::Forgive(few),
        (Mix::Owed, 3..5) => Op::Restock(few),
        (Mix::Owed, 5) => [Op::Reserve, Op::ReserveUpTo][chance.random_range(0..2)](few),
        (Mix::Owed, 6) => Op::Release(few),
        (Mix::Owed, 7) => Op::Deduct(few),
        (Mix::Owed, 8) => Op::Commit(few),
        (Mix::Holds, 9) => Op::Deduct(few),
        (_, 9 | 10) => Op::Snapshot,
        _ => Op::Available,
    }
}

/// Answers that are true at some instant, a few of them unknown and a few of them changed.
fn history(mix: Mix, chance: &mut SmallRng) -> History {
    let units = chance.random_range(0..6);
    let mut shop = Shop::new(units);
    let mut calls: Vec<Call> = Vec::new();
    let mut at = 50;
    for _ in 0..chance.random_range(1..8) {
        at += chance.random_range(0..8);
        let thread = chance.random_range(0..4);
        let op = op(mix, chance);
        let before = calls
            .iter()
            .filter(|call| call.thread == thread)
            .map(|call| call.returned);
        let free = before.max().unwrap_or(0);
        let called = u64::saturating_sub(at, chance.random_range(0..20)).max(free);
        let returned = (at + chance.random_range(0..20)).max(called);
        let unknown = chance.random_bool(if mix == Mix::Unknown { 0.6 } else { 0.15 });
        let read = matches!(op, Op::Available | Op::Snapshot);
        let outcome = if unknown && !read {
            if chance.random_bool(0.6) {
                shop.serve(op);
            }
            Outcome::Unknown
        } else {
            changed(shop.serve(op), chance)
        };
        calls.push(Call::new(thread, called, returned, op, outcome));
    }
    History::new(units, calls).expect("no thread is in two calls")
}

fn changed(truth: Outcome, chance: &mut SmallRng) -> Outcome {
    let lies = chance.random_bool(0.06);
    match truth {
        Outcome::Exactly(units) => Outcome::AtMost((units + 1).saturating_sub(1 + u64::from(lies))),
        Outcome::ExactSnapshot(sums) if lies && sums.sold > 0 => Outcome::Snapshot(Snapshot {
            available: sums.available + 1,
            sold: sums.sold - 1,
            ..sums
        }),
        // Shown as not sold yet, which is true beside a commit.
        Outcome::ExactSnapshot(sums) if sums.sold > 0 && chance.random_bool(0.3) => {
            let units = chance.random_range(1..=sums.sold);
            Outcome::Snapshot(Snapshot {
                reserved: sums.reserved + units,
                sold: sums.sold - units,
                ..sums
            })
        }
        Outcome::ExactSnapshot(sums) => Outcome::Snapshot(sums),
        Outcome::Done if lies => Outcome::Refused(Refusal::Short { available: None }),
        Outcome::Refused(_) if lies => Outcome::Done,
        Outcome::Refused(Refusal::Short { .. }) => {
            Outcome::Refused(Refusal::Short { available: None })
        }
        truth => truth,
    }
}

/// Compares the checker with another one on `cases` histories, each after `change`, and sees enough of either kind. What
/// the other one cannot say, counts as neither.
pub fn compare(
    mix: Mix,
    cases: u64,
    change: impl Fn(History) -> History,
    is_right: impl Fn(&History) -> Option<bool>,
) {
    let mut seen = [0; 2];
    for seed in 0..cases {
        let history = change(history(mix, &mut SmallRng::seed_from_u64(seed)));
        let Some(expected) = is_right(&history) else {
            continue;
        };
        let verdict = Checker::new().check(&history);
        let agrees = match verdict {
            Verdict::Linearizable => expected,
            Verdict::NotLinearizable(_) => !expected,
            _ => false,
        };
        assert!(
            agrees,
            "seed {seed}, explained: {expected}: {history:#?}, {verdict:?}"
        );
        seen[usize::from(expected)] += 1;
    }
    let [wrong, right] = seen;
    println!("{wrong} wrong histories, {right} right ones");
    assert!(
        wrong > cases / 100 && right > cases / 10,
        "{wrong} wrong, {right} right"
    );
}
