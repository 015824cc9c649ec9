//! The checker, judged by another one that tries every order there is.

use proptest::prelude::*;
use segstock::Stock;
use segstock_conformance::{
    Answer, Call, Checker, Explanation, History, Mistake, Recording, Subject, Verdict,
};
use segstock_model::{Model, Op, Outcome, Refusal, Snapshot};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

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
        let after = stock.step_beside(call.op, call.outcome, committed_beside(placed, &call));
        let is_done = stock.clone().apply(call.op) == Outcome::Done;
        let placed = [placed, &[call][..usize::from(is_done)]].concat();
        after.is_some_and(|after| some_order_explains(&after, &placed, &rest))
    })
}

/// Units of the commits and confirms that overlap `call`.
fn committed_beside(placed: &[Call], call: &Call) -> u64 {
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
    units.sum()
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
                Outcome::Snapshot(books) => Outcome::ExactSnapshot(books),
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
                ) if call.called <= stamp => units as i64,
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

fn naive(history: &History) -> bool {
    let calls = strict(history.calls());
    !invents_reserved(history.calls())
        && !forgets_sold(history.calls())
        && some_order_explains(&Model::new(history.initial()), &[], &calls)
}

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
        Outcome::ExactSnapshot(books) => Outcome::Snapshot(books),
        outcome => outcome,
    }
}

fn lie(outcome: Outcome, lie: u8) -> Outcome {
    match (lie, outcome) {
        (4, Outcome::Done) => Outcome::Refused(Refusal::Short { available: None }),
        (4 | 5, Outcome::Refused(_)) => Outcome::Done,
        (4, Outcome::AtMost(units)) => Outcome::AtMost(units.saturating_sub(1)),
        (4, Outcome::Took(units)) => Outcome::Took(units.saturating_sub(1)),
        (4, Outcome::Snapshot(books)) => Outcome::Snapshot(Snapshot {
            available: books.available + 1,
            sold: books.sold.wrapping_sub(1),
            ..books
        }),
        (5, Outcome::Snapshot(books)) => Outcome::Snapshot(Snapshot {
            reserved: 0,
            sold: books.sold + books.reserved,
            ..books
        }),
        // Shown as not sold yet.
        (6 | 7, Outcome::Snapshot(books)) => {
            let units = books.sold.min(u64::from(lie) - 5);
            Outcome::Snapshot(Snapshot {
                reserved: books.reserved + units,
                sold: books.sold - units,
                ..books
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

fn unexplained(initial: u64, calls: Vec<Call>) -> Explanation {
    let history = History::new(initial, calls).unwrap();
    match Checker::new().check(&history) {
        Verdict::NotLinearizable(why) => *why,
        other => panic!("{other:?}"),
    }
}

const SHORT: Outcome = Outcome::Refused(Refusal::Short { available: None });

#[test]
fn a_false_refusal_is_told_with_what_was_in_stock() {
    let mut calls: Vec<Call> = (0..100)
        .map(|n| Call::new(0, 10 * n, 10 * n + 5, Op::Deduct(1), Outcome::Done))
        .collect();
    calls.push(Call::new(1, 955, 965, Op::Deduct(2), SHORT));
    calls.push(Call::new(2, 0, 2_000, Op::Available, Outcome::AtMost(50)));
    let why = unexplained(100, calls);
    println!("{why}");
    assert_eq!(why.offender.op, Op::Deduct(2));
    assert!(why.window.len() <= 3, "{:?}", why.window);
    let words = why.to_string();
    assert!(
        words.starts_with("deduct(2) of thread 1 was refused"),
        "{words}"
    );
    assert!(words.contains("at least 3 units were in stock"), "{words}");
}

#[test]
fn an_oversell_is_told_with_what_was_left() {
    let why = unexplained(
        3,
        vec![
            Call::new(0, 0, 10, Op::Deduct(2), Outcome::Done),
            Call::new(1, 5, 15, Op::Deduct(2), Outcome::Done),
        ],
    );
    println!("{why}");
    assert!(why.to_string().contains("no more than 1 unit can"), "{why}");
}

#[test]
fn a_snapshot_of_no_instant_is_told() {
    let books = |available, sold| Snapshot {
        initial: 4,
        restocked: 0,
        available,
        reserved: 0,
        sold,
        ..Snapshot::default()
    };
    let read = |outcome| {
        vec![
            Call::new(0, 0, 10, Op::Deduct(2), Outcome::Done),
            Call::new(1, 5, 15, Op::Snapshot, outcome),
        ]
    };
    let why = unexplained(4, read(Outcome::Snapshot(books(3, 1))));
    assert!(
        why.to_string()
            .contains("at no instant in between were these the books"),
        "{why}"
    );
    let why = unexplained(4, read(Outcome::Snapshot(books(3, 2))));
    assert!(why.to_string().contains("do not add up"), "{why}");
}

#[test]
fn a_snapshot_that_forgets_a_reservation_is_told() {
    let read = |reserved, sold| {
        let books = Snapshot {
            initial: 9,
            restocked: 0,
            available: 4,
            reserved,
            sold,
            owed: 0,
            withdrawn: 0,
        };
        vec![
            Call::new(0, 0, 10, Op::Reserve(3), Outcome::Done),
            Call::new(1, 15, 40, Op::Reserve(2), Outcome::Done),
            Call::new(2, 20, 30, Op::Snapshot, Outcome::Snapshot(books)),
        ]
    };
    let history = History::new(9, read(5, 0)).unwrap();
    assert_eq!(Checker::new().check(&history), Verdict::Linearizable);
    // The two that are being reserved may not be shown as sold either.
    _ = unexplained(9, read(3, 2));
    let words = unexplained(9, read(2, 3)).to_string();
    assert!(words.contains("were these the books"), "{words}");
}

#[test]
fn a_spent_budget_is_neither_yes_nor_no() {
    // Everything at the same time, in even numbers, and an odd number is read: all orders must be tried.
    let mut calls: Vec<Call> = (0..12)
        .map(|n| Call::new(n, 0, 100, Op::Deduct(2 << n), Outcome::Done))
        .collect();
    calls.push(Call::new(
        12,
        0,
        100,
        Op::Available,
        Outcome::Exactly(4_095),
    ));
    let history = History::new(8_190, calls).unwrap();
    let verdict = Checker::new().budget(1_000).check(&history);
    let Verdict::Undecided(why) = &verdict else {
        panic!("{verdict:?}");
    };
    assert!(!verdict.is_linearizable());
    // A state for each call comes free.
    assert_eq!((why.states, why.unknown), (1_014, 0));
    let words = why.to_string();
    assert!(words.contains("Raise `Checker::budget`"), "{words}");
    let decided = Checker::new().check(&history);
    assert!(matches!(decided, Verdict::NotLinearizable(_)));
}

#[test]
fn an_unknown_outcome_may_be_now_later_or_never() {
    let deducts = |second| {
        vec![
            Call::new(0, 0, 10, Op::Deduct(1), Outcome::Unknown),
            Call::new(0, 20, 30, Op::Available, Outcome::AtMost(1)),
            Call::new(0, 40, 50, Op::Deduct(1), second),
        ]
    };
    let verdict = |calls| Checker::new().check(&History::new(1, calls).unwrap());
    assert!(verdict(deducts(Outcome::Done)).is_linearizable(), "never");
    assert!(verdict(deducts(SHORT)).is_linearizable(), "later");
    let early = vec![
        Call::new(0, 0, 10, Op::Deduct(1), SHORT),
        Call::new(1, 20, 30, Op::Deduct(1), Outcome::Unknown),
    ];
    assert!(
        !verdict(early).is_linearizable(),
        "not before it was called"
    );
}

#[test]
fn a_history_that_is_made_is_checked_like_one_that_is_read() {
    let done = |at, until| Call::new(0, at, until, Op::Deduct(1), Outcome::Done);
    let runs_backwards = |calls: Vec<Call>| {
        let error = History::new(2, calls).unwrap_err();
        let mistake = &error.mistake;
        let backwards = matches!(mistake, Mistake::Backwards { at: 5, after: 10 });
        assert!(backwards, "{error}");
        error.line
    };
    assert_eq!(runs_backwards(vec![done(10, 5)]), 2);
    // Beside another call its events alone would look well.
    assert_eq!(runs_backwards(vec![done(0, 20), done(10, 5)]), 3);
    assert_eq!(runs_backwards(vec![done(10, 5), done(0, 4)]), 4);
    let at_one_stamp = History::new(2, vec![done(5, 9), done(5, 5)]).unwrap();
    assert_eq!(at_one_stamp.calls(), [done(5, 5), done(5, 9)]);
    let twice = [(0, 10), (5, 15)].map(|(a, b)| Call::new(0, a, b, Op::Deduct(1), Outcome::Done));
    let error = History::new(1, twice.to_vec()).unwrap_err();
    assert!(matches!(error.mistake, Mistake::Overlap { thread: 0 }));
    // One call after another, each at once.
    let quick = [5, 5, 5].map(|at| Call::new(0, at, at, Op::Deduct(1), Outcome::Done));
    let history = History::new(3, quick.to_vec()).unwrap();
    assert!(Checker::new().check(&history).is_linearizable());
}

/// A stock whose callers are now and then descheduled on their way in and out, so that calls overlap
/// however few cores there are.
struct Descheduled<'a>(&'a Stock, AtomicU64);

impl Descheduled<'_> {
    fn call<T>(&self, call: impl FnOnce(&Stock) -> T) -> T {
        let turn = self.1.fetch_add(1, Ordering::Relaxed);
        if turn.is_multiple_of(5) {
            std::thread::yield_now();
        }
        let answer = call(self.0);
        if turn.is_multiple_of(7) {
            std::thread::yield_now();
        }
        answer
    }
}

impl Subject for Descheduled<'_> {
    fn deduct(&self, units: u64) -> Answer {
        self.call(|stock| stock.deduct(units)).into()
    }

    fn restock(&self, units: u64) -> Answer {
        self.call(|stock| stock.restock(units)).into()
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.call(Stock::available))
    }

    fn deduct_up_to(&self, units: u64) -> Option<Answer<u64>> {
        Some(Answer::Done(self.call(|stock| stock.deduct_up_to(units))))
    }

    fn snapshot(&self) -> Option<Answer<Snapshot>> {
        Some(self.call(Stock::snapshot).into())
    }
}

/// Threads that race on `stock`, each with a mix of everything.
fn raced(stock: &Stock, units: u64, threads: usize, calls: u64) -> History {
    let recording = Recording::begin(units);
    let start = Barrier::new(threads);
    let stock = &Descheduled(stock, AtomicU64::new(0));
    let logs = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                let (mut log, start) = (recording.log(thread), &start);
                scope.spawn(move || {
                    start.wait();
                    for call in 0..calls {
                        let op = match (call * 7 + thread as u64 * 3) % 16 {
                            0..6 => Op::Deduct(1 + call % 3),
                            6..12 => Op::Restock(1 + call % 2),
                            12 => Op::DeductUpTo(3),
                            13 => Op::Snapshot,
                            _ => Op::Available,
                        };
                        log.run(stock, op);
                    }
                    log
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    recording.end(logs)
}

/// Calls that began before another one, called before, had returned.
fn overlapping(history: &History) -> usize {
    let mut until = 0;
    let beside = history.calls().iter().filter(|call| {
        let is_beside = call.called <= until;
        until = until.max(call.returned);
        is_beside
    });
    beside.count()
}

/// What the checker takes to say yes to all of them.
fn seconds_for(histories: &[History]) -> f64 {
    let began = Instant::now();
    for history in histories {
        let verdict = Checker::new().check(history);
        assert!(verdict.is_linearizable(), "{verdict:?}");
    }
    began.elapsed().as_secs_f64()
}

#[test]
fn long_histories_of_a_stock_are_decided_in_two_seconds() {
    for units in [2, 100, 5_000] {
        let wide = Stock::builder(units).segments(4).build().unwrap();
        for stock in [Stock::new(units), wide] {
            let history = raced(&stock, units, 4, 2_500);
            let beside = overlapping(&history);
            let seconds = seconds_for(&[history]);
            println!(
                "4 threads x 2,500 calls, {units} units at first, {beside} beside others: {seconds:.3} s"
            );
            assert!(beside > 5_000, "{beside} calls ran beside others");
            assert!(seconds < 2.0, "{seconds} s");
        }
    }
}

#[test]
fn short_histories_of_a_stock_are_decided_in_two_seconds() {
    let histories: Vec<History> = (0..1_000)
        .map(|n| {
            let units = n % 5;
            raced(&Stock::new(units), units, 3, 6)
        })
        .collect();
    let seconds = seconds_for(&histories);
    println!("1,000 histories of 3 threads x 6 calls: {seconds:.3} s");
    assert!(seconds < 2.0, "{seconds} s");
}

#[test]
fn a_long_history_with_one_false_refusal_is_explained() {
    // So many that at no instant fewer than two are left.
    let stock = Stock::new(50_000);
    let history = raced(&stock, 50_000, 4, 2_500);
    let mut calls = history.calls().to_vec();
    let middle = calls.len() / 2;
    let (at, until) = (calls[middle].called, calls[middle + 3].called);
    calls.push(Call::new(9, at, until, Op::Deduct(2), SHORT));
    let began = Instant::now();
    let why = unexplained(50_000, calls);
    let seconds = began.elapsed().as_secs_f64();
    println!("{seconds:.3} s: {why}");
    assert_eq!((why.offender.thread, why.offender.op), (9, Op::Deduct(2)));
    let words = why.to_string();
    assert!(
        words.starts_with("deduct(2) of thread 9 was refused"),
        "{words}"
    );
    assert!(
        words.contains("at every instant in between at least"),
        "{words}"
    );
    assert!(why.window.len() < 20, "{} calls", why.window.len());
    assert!(seconds < 10.0, "{seconds} s");
}
