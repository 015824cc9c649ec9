//! The checker, judged by another one that tries every order there is.

mod every_order;
mod recipes;

use segstock::Stock;
use segstock_conformance::{
    Answer, Call, Checker, Explanation, History, Mistake, Recording, Subject, Verdict,
};
use segstock_model::{Op, Outcome, Refusal, Snapshot};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

fn unexplained(initial: u64, calls: Vec<Call>) -> Explanation {
    let history = History::new(initial, calls).unwrap();
    match Checker::new().check(&history) {
        Verdict::NotLinearizable(why) => *why,
        other => panic!("{other:?}"),
    }
}

const SHORT: Outcome = Outcome::Refused(Refusal::Short { available: None });

#[test]
fn a_false_refusal_is_reported_with_what_was_in_stock() {
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
fn an_oversell_is_reported_with_what_was_left() {
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
fn a_snapshot_of_no_instant_is_reported() {
    let sums = |available, sold| Snapshot {
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
    let why = unexplained(4, read(Outcome::Snapshot(sums(3, 1))));
    assert!(
        why.to_string()
            .contains("at no instant in between were these the figures"),
        "{why}"
    );
    let why = unexplained(4, read(Outcome::Snapshot(sums(3, 2))));
    assert!(why.to_string().contains("do not add up"), "{why}");
}

#[test]
fn a_snapshot_that_forgets_a_reservation_is_reported() {
    let read = |reserved, sold| {
        let sums = Snapshot {
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
            Call::new(2, 20, 30, Op::Snapshot, Outcome::Snapshot(sums)),
        ]
    };
    let history = History::new(9, read(5, 0)).unwrap();
    assert_eq!(Checker::new().check(&history), Verdict::Linearizable);
    // The two that are being reserved may not be shown as sold either.
    _ = unexplained(9, read(3, 2));
    let words = unexplained(9, read(2, 3)).to_string();
    assert!(words.contains("were these the figures"), "{words}");
}

#[test]
fn a_snapshot_that_shows_what_a_refusal_before_it_denies_is_reported() {
    // The commit overlaps the snapshot, which might show it as not made: but a refusal says that it was.
    let read = |refused: u64, reserved| {
        let sums = Snapshot {
            initial: 9,
            available: 5,
            reserved,
            sold: 4 - reserved,
            ..Snapshot::default()
        };
        let not_reserved = Outcome::Refused(Refusal::NotReserved);
        vec![
            Call::new(0, 0, 10, Op::Reserve(3), Outcome::Done),
            Call::new(1, 0, 20, Op::Reserve(1), Outcome::Done),
            Call::new(0, 30, 90, Op::Commit(3), Outcome::Done),
            Call::new(1, 40, 50, Op::Release(refused), not_reserved),
            Call::new(2, 60, 80, Op::Snapshot, Outcome::Snapshot(sums)),
        ]
    };
    for (refused, reserved) in [(2, 1), (3, 1), (5, 1), (5, 4)] {
        let history = History::new(9, read(refused, reserved)).unwrap();
        let verdict = Checker::new().check(&history);
        assert_eq!(verdict, Verdict::Linearizable, "{refused} {reserved}");
    }
    for refused in [2, 3, 4] {
        let words = unexplained(9, read(refused, 4)).to_string();
        assert!(words.contains("refused (not reserved) before"), "{words}");
    }
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
    assert!(words.contains("Raise `budget`"), "{words}");
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
        for segments in [1, 4] {
            // How many calls run beside others is the scheduler's doing.
            let mut histories = (0..50).map(|_| {
                let stock = Stock::builder(units).segments(segments).build().unwrap();
                raced(&stock, units, 4, 2_500)
            });
            let history = histories.find(|history| overlapping(history) > 5_000);
            let history = history.expect("threads run beside each other");
            let beside = overlapping(&history);
            let seconds = seconds_for(&[history]);
            println!(
                "4 threads x 2,500 calls, {units} units at first, {beside} beside others: {seconds:.3} s"
            );
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
    // Enough units that at no instant fewer than two are left.
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
