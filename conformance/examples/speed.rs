//! How fast the checker is, in CPU time, and whether that is as fast as it promises.
//!
//! `cargo run --release -p segstock-conformance --example speed`
//!
//! Each line is a verdict without explanation. It ends with 1 if one takes longer than promised.

#[path = "../tests/cpu/mod.rs"]
mod cpu;

use cpu::cpu_seconds;
use segstock::Stock;
use segstock_conformance::{Call, Checker, History, Recording};
use segstock_model::{Op, Outcome};
use std::process::ExitCode;
use std::sync::Barrier;

fn main() -> ExitCode {
    let contended = contended(4, 2_500);
    let lines = lines(500_000);
    let checks = [
        ("4 threads x 2,500 calls", 0.050, check(&contended)),
        (
            "a tenth of them unknown",
            0.500,
            check(&with_unknown(&contended, 10)),
        ),
        (
            "a million lines, read and decided",
            4.0,
            read_and_check(&lines),
        ),
    ];
    let mut is_fast = true;
    for (what, most, seconds) in checks {
        println!("{what:<36} {seconds:>7.3} s, at most {most:.3} s");
        is_fast &= seconds <= most;
    }
    ExitCode::from(u8::from(!is_fast))
}

fn check(history: &History) -> f64 {
    let (verdict, seconds) = cpu_seconds(|| Checker::new().check(history));
    assert!(verdict.is_linearizable(), "{verdict:?}");
    seconds
}

fn read_and_check(lines: &[u8]) -> f64 {
    let (verdict, seconds) = cpu_seconds(|| {
        let history = History::read(lines).expect("it was written here");
        Checker::new().check(&history)
    });
    assert!(verdict.is_linearizable(), "{verdict:?}");
    seconds
}

/// Threads that fight over few units, and lose their core in the midst of calls.
fn contended(threads: usize, calls: u64) -> History {
    let units = 20;
    let stock = Stock::new(units);
    let recording = Recording::begin(units);
    let start = Barrier::new(threads);
    let logs = std::thread::scope(|scope| {
        let begin = |thread: usize| {
            let (mut log, start, stock) = (recording.log(thread), &start, &stock);
            scope.spawn(move || {
                start.wait();
                for call in 0..calls {
                    let op = match (call * 7 + thread as u64 * 3) % 16 {
                        0..7 => Op::Deduct(1 + call % 3),
                        7..14 => Op::Restock(1 + call % 2),
                        14 => Op::Snapshot,
                        _ => Op::Available,
                    };
                    log.record(op, || {
                        std::thread::yield_now();
                        let outcome = run(stock, op);
                        std::thread::yield_now();
                        outcome
                    });
                }
                log
            })
        };
        let threads: Vec<_> = (0..threads).map(begin).collect();
        let ended = threads
            .into_iter()
            .map(|thread| thread.join().expect("no call panics"));
        ended.collect::<Vec<_>>()
    });
    recording.end(logs)
}

fn run(stock: &Stock, op: Op) -> Outcome {
    use segstock_model::{Refusal, Snapshot};
    match op {
        Op::Deduct(units) => match stock.deduct(units) {
            Ok(()) => Outcome::Done,
            Err(refusal) => Outcome::Refused(Refusal::Short {
                available: Some(refusal.available),
            }),
        },
        Op::Restock(units) => {
            stock.restock(units).expect("there is room");
            Outcome::Done
        }
        Op::Snapshot => {
            let sums = stock.snapshot();
            Outcome::Snapshot(Snapshot {
                initial: sums.initial,
                restocked: sums.restocked,
                available: sums.available,
                reserved: sums.reserved,
                sold: sums.sold,
                ..Snapshot::default()
            })
        }
        _ => Outcome::AtMost(stock.available()),
    }
}

/// The history with one of `nth` calls unknown: sales and restocks.
fn with_unknown(history: &History, nth: usize) -> History {
    let wanted = history.calls().len() / nth;
    let changes = |call: &&Call| matches!(call.op, Op::Deduct(_) | Op::Restock(_));
    let changes = history.calls().iter().filter(changes).count();
    let (mut count, mut unknown) = (0, 0);
    let calls = history.calls().iter().map(|call| {
        let mut outcome = call.outcome;
        if matches!(call.op, Op::Deduct(_) | Op::Restock(_)) {
            count += 1;
            // Spread over the whole.
            if unknown * changes < count * wanted {
                unknown += 1;
                outcome = Outcome::Unknown;
            }
        }
        Call { outcome, ..*call }
    });
    History::new(history.initial(), calls.collect()).expect("only answers were changed")
}

/// A file of calls of four threads that overlap a little.
fn lines(calls: u64) -> Vec<u8> {
    let calls = (0..calls).map(|n| {
        let op = if n % 2 == 0 {
            Op::Deduct(1)
        } else {
            Op::Restock(1)
        };
        Call::new((n % 4) as usize, 10 * n, 10 * n + 25, op, Outcome::Done)
    });
    let history = History::new(10, calls.collect()).expect("each thread waits for its answer");
    let mut lines = Vec::new();
    history.write(&mut lines).expect("memory suffices");
    lines
}
