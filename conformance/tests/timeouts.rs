//! Histories with time-outs: a mistake that no outcome of the unknown calls explains is found, in a time
//! that one can wait for, and a right history is never blamed.

mod cpu;

use cpu::cpu_seconds;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_conformance::{Call, Checker, History, Options, Promise, Verdict};
use segstock_model::{Model, Op, Outcome, Refusal};
use std::time::Duration;

const SHORT: Outcome = Outcome::Refused(Refusal::Short { available: None });

fn verdict(initial: u64, calls: Vec<Call>) -> (Verdict, f64) {
    let history = History::new(initial, calls).unwrap();
    let checker = Checker::new().time(Duration::from_secs(2));
    cpu_seconds(|| checker.check(&history))
}

#[track_caller]
fn assert_broken_in_a_second(initial: u64, calls: Vec<Call>) -> String {
    let (verdict, seconds) = verdict(initial, calls);
    let Verdict::NotLinearizable(why) = verdict else {
        panic!("{verdict:?} after {seconds:.3} s");
    };
    assert!(seconds < 1.0, "{seconds:.3} s");
    why.to_string()
}

/// `time_outs` sales and restocks of unknown outcome, and then a sale of more units than there ever were.
fn with_an_oversell(time_outs: u64) -> impl Iterator<Item = Call> {
    let unknown = (0..time_outs).map(|n| {
        let op = if n % 2 == 0 {
            Op::Deduct(n + 1)
        } else {
            Op::Restock(n % 40)
        };
        let thread = 1 + n as usize;
        Call::new(thread, 3 * n, u64::MAX, op, Outcome::Unknown)
    });
    let oversell = Call::new(500, 2_000, 2_010, Op::Deduct(10_000), Outcome::Done);
    unknown.chain([oversell])
}

#[test]
fn an_oversell_is_found_beside_any_number_of_time_outs() {
    for time_outs in [0, 4, 6, 8, 12, 40, 200] {
        let mut calls: Vec<Call> = (0..30)
            .map(|n| Call::new(0, 10 * n, 10 * n + 5, Op::Restock(1), Outcome::Done))
            .collect();
        calls.extend(with_an_oversell(time_outs));
        let words = assert_broken_in_a_second(100, calls);
        assert!(
            words.starts_with("deduct(10000) of thread 500 was done"),
            "{words}"
        );
    }
}

/// Units that are owed are in no sum; what was sold is all the same.
#[test]
fn an_oversell_is_found_beside_time_outs_of_a_counter_that_owes() {
    for time_outs in [4, 8, 12, 40] {
        let mut calls = vec![Call::new(0, 0, 5, Op::Withdraw(130), Outcome::UpTo(100))];
        calls.extend(
            (1..30).map(|n| Call::new(0, 10 * n, 10 * n + 5, Op::Restock(1), Outcome::Done)),
        );
        calls.extend(with_an_oversell(time_outs));
        let history = History::new(100, calls).unwrap();
        let options = Options::new().time(Duration::from_secs(2));
        let mut judging = options.judging("a counter that owes");
        let (broken, seconds) = cpu_seconds(|| judging.add(history, 0));
        assert!(broken.contains(&Promise::NeverOversold), "{broken:?}");
        assert!(seconds < 1.0, "{time_outs} time-outs: {seconds:.3} s");
    }
}

#[test]
fn an_oversell_after_a_thousand_calls_with_25_time_outs_is_found() {
    let mut chance = SmallRng::seed_from_u64(7);
    let mut plan = Plan::new(1_000, 2_000, 0.0, &mut chance);
    // The calls were made in the sequence in which they happened.
    plan.calls.truncate(1_000);
    for call in plan.calls.iter_mut().step_by(40) {
        call.outcome = Outcome::Unknown;
    }
    let at = plan.end();
    plan.calls.push(Call::new(
        9,
        at,
        at + 5,
        Op::Deduct(1_000_000),
        Outcome::Done,
    ));
    let unknown = |call: &&Call| call.outcome == Outcome::Unknown;
    assert_eq!(plan.calls.len(), 1_001);
    assert_eq!(plan.calls.iter().filter(unknown).count(), 25);
    let words = assert_broken_in_a_second(plan.initial, plan.calls);
    assert!(
        words.contains("deduct(1000000) of thread 9 was done"),
        "{words}"
    );
}

/// A right history of four threads, with what is known of it by the way it was made.
struct Plan {
    initial: u64,
    calls: Vec<Call>,
}

impl Plan {
    /// Calls that happen one after another, each at an instant between its stamps; of those of unknown outcome
    /// each may have happened then, or much later, or never.
    fn new(initial: u64, calls: usize, unknown: f64, chance: &mut SmallRng) -> Self {
        let mut stock = Model::new(initial);
        let mut late: Vec<Op> = Vec::new();
        let mut back = [0_u64; 4];
        let mut made = Vec::new();
        for number in 1..=calls as u64 {
            let at = number * 10;
            let thread = chance.random_range(0..4);
            let called = at
                .saturating_sub(chance.random_range(0..40))
                .max(back[thread]);
            let returned = at + chance.random_range(0..40);
            if called > at {
                continue;
            }
            if !late.is_empty() && chance.random_range(0..4) == 0 {
                let op = late.swap_remove(chance.random_range(0..late.len()));
                _ = stock.apply(op);
            }
            let units = chance.random_range(1..9);
            let op = match chance.random_range(0..12) {
                0..5 => Op::Deduct(units),
                5..8 => Op::Restock(units),
                8 => Op::DeductUpTo(units),
                9 => Op::Snapshot,
                _ => Op::Available,
            };
            let outcome = if chance.random_bool(unknown) {
                match chance.random_range(0..3) {
                    0 => drop(stock.apply(op)),
                    1 => late.push(op),
                    _ => {}
                }
                Outcome::Unknown
            } else {
                match stock.apply(op) {
                    Outcome::Exactly(units) => Outcome::AtMost(units),
                    Outcome::ExactSnapshot(sums) => Outcome::Snapshot(sums),
                    outcome => outcome,
                }
            };
            back[thread] = returned;
            made.push(Call::new(thread, called, returned, op, outcome));
        }
        Self {
            initial,
            calls: made,
        }
    }

    fn end(&self) -> u64 {
        let returned = self.calls.iter().map(|call| call.returned);
        returned.max().unwrap_or(0) + 10
    }

    /// Units that the calls in `some` added and took, those of unknown outcome counted as if they all did.
    fn sums(&self, some: impl Fn(&Call) -> bool) -> [u64; 2] {
        let mut sums = [0; 2];
        for call in self.calls.iter().filter(|call| some(call)) {
            match (call.op, call.outcome) {
                (Op::Restock(units), Outcome::Done | Outcome::Unknown) => sums[0] += units,
                (Op::Deduct(units), Outcome::Done | Outcome::Unknown)
                | (Op::DeductUpTo(units), Outcome::Unknown)
                | (_, Outcome::UpTo(units)) => sums[1] += units,
                _ => {}
            }
        }
        sums
    }

    /// Units that are in stock at the end whatever happened.
    fn least_at_end(&self) -> u64 {
        let [added, _] = self.sums(|call| call.outcome != Outcome::Unknown);
        let [_, taken] = self.sums(|_| true);
        (self.initial + added).saturating_sub(taken)
    }

    /// Units that were in stock throughout the time from `at` to `until` whatever happened.
    fn least(&self, at: u64, until: u64) -> u64 {
        let [added, _] = self.sums(|call| call.returned < at && call.outcome != Outcome::Unknown);
        let [_, taken] = self.sums(|call| call.called <= until);
        (self.initial + added).saturating_sub(taken)
    }

    /// Sells a unit more than can ever have come.
    fn oversell(&mut self) {
        let [added, _] = self.sums(|_| true);
        let [_, taken] = self.sums(|call| call.outcome != Outcome::Unknown);
        let most = self.initial + added - taken;
        let at = self.end();
        self.calls.push(Call::new(
            9,
            at,
            at + 5,
            Op::Deduct(most + 1),
            Outcome::Done,
        ));
    }

    /// Refuses an order of units that were in stock all the time; says no if there was no such time.
    fn refuse_falsely(&mut self, chance: &mut SmallRng) -> bool {
        for _ in 0..200 {
            let at = chance.random_range(0..self.end());
            let least = self.least(at, at + 30);
            if least > 0 {
                self.calls
                    .push(Call::new(9, at, at + 30, Op::Deduct(least), SHORT));
                return true;
            }
        }
        false
    }

    /// Restocks more than all unknown calls can hide; a read at the end does not find it.
    fn lose_a_restock(&mut self, chance: &mut SmallRng) {
        let read = self.least_at_end();
        let [hides_added, hides_taken] = self.sums(|call| call.outcome == Outcome::Unknown);
        let units = hides_added + hides_taken + 1;
        let (at, end) = (chance.random_range(0..self.end()), self.end());
        let said = Outcome::AtMost(read);
        self.calls
            .push(Call::new(9, at, at + 20, Op::Restock(units), Outcome::Done));
        self.calls
            .push(Call::new(8, end + 50, end + 55, Op::Available, said));
    }

    /// A read at the end gives a number of earlier, before a large restock.
    fn read_stale(&mut self) {
        let [hides_added, hides_taken] = self.sums(|call| call.outcome == Outcome::Unknown);
        let before = self.least_at_end();
        let (units, end) = (hides_added + hides_taken + 2, self.end());
        let said = Outcome::AtMost(before + 1);
        self.calls.push(Call::new(
            9,
            end,
            end + 20,
            Op::Restock(units),
            Outcome::Done,
        ));
        self.calls
            .push(Call::new(8, end + 30, end + 40, Op::Available, said));
    }
}

#[test]
fn a_mistake_that_no_time_out_explains_is_broken_and_its_original_is_not() {
    let mut missed = Vec::new();
    let mut undecided = 0;
    let mut slowest: [f64; 2] = [0.0; 2];
    for number in 0..200_u64 {
        let mut chance = SmallRng::seed_from_u64(number);
        let unknown = [0.005, 0.01, 0.03, 0.1][number as usize / 4 % 4];
        let initial = [5, 50, 1_000][number as usize % 3];
        let mut plan = Plan::new(initial, 1_000, unknown, &mut chance);
        plan.calls.sort_by_key(|call| call.called);
        let (right, seconds) = verdict(plan.initial, plan.calls.clone());
        slowest[0] = slowest[0].max(seconds);
        assert!(
            right.is_linearizable() || matches!(right, Verdict::Undecided(_)),
            "history {number} is right"
        );
        undecided += usize::from(!right.is_linearizable());
        match number % 4 {
            0 => plan.oversell(),
            1 if plan.refuse_falsely(&mut chance) => {}
            1 | 2 => plan.lose_a_restock(&mut chance),
            _ => plan.read_stale(),
        }
        let (wrong, seconds) = verdict(plan.initial, plan.calls);
        slowest[1] = slowest[1].max(seconds);
        assert!(!wrong.is_linearizable(), "history {number} is wrong");
        if !matches!(wrong, Verdict::NotLinearizable(_)) || seconds >= 1.0 {
            missed.push((number, seconds));
        }
    }
    let [right, wrong] = slowest;
    println!(
        "{undecided} of 200 right histories undecided, slowest verdict {right:.3} s; \
         of the wrong ones {} missed, slowest {wrong:.3} s",
        missed.len()
    );
    assert!(
        missed.len() <= 10,
        "not found, or not in a second: {missed:?}"
    );
    assert!(
        undecided <= 20,
        "{undecided} right histories were undecided"
    );
}
