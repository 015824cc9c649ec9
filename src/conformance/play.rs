//! Has threads play a round, and writes down what happened.

use super::rounds::{Round, Step};
use super::subject::perform;
use super::{History, Log, Recording, Subject};
use crate::model::{Op, Outcome};
use crate::sync::{AtomicU64, Ordering, spin_loop};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Why a round has no history, or not the whole of it.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// A call panicked, with this message.
    Panicked(Op, String),
    /// Threads that never returned.
    Stuck(usize),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(op, message) => write!(f, "{op} panicked: {message}"),
            Self::Stuck(threads) => write!(f, "threads did not return in time: {threads}"),
        }
    }
}

/// What a round left behind.
pub(super) struct Played {
    pub(super) history: History,
    pub(super) failure: Option<Failure>,
    /// Calls that were made at rest, at the end of the history: reads, then deducts until nothing is
    /// left.
    pub(super) at_rest: usize,
}

/// Plays `round` on `subject`, at most for `patience`.
pub(super) fn play<S: Subject + 'static>(subject: S, round: &Round, patience: Duration) -> Played {
    let threads = round.scripts.len();
    let script = {
        let round = round.clone();
        move |subject: &S, log: &mut Log| {
            let thread = log.thread();
            let mut player = Player::new(subject, log, round.seed ^ thread as u64);
            round.scripts[thread]
                .iter()
                .for_each(|step| player.step(*step));
            player.put_rest_back();
        }
    };
    let rest = move |subject: &S, log: &mut Log| {
        log.run(subject, Op::Available);
        log.run(subject, Op::Snapshot);
        drain(subject, log);
    };
    together(subject, round.units, threads, patience, script, rest)
}

/// Runs `script` on some threads that begin together, each with a log of its own, and when they are
/// done `rest` on one.
pub(super) fn together<S: Subject + 'static>(
    subject: S,
    units: u64,
    threads: usize,
    patience: Duration,
    script: impl Fn(&S, &mut Log) + Send + Sync + 'static,
    rest: impl Fn(&S, &mut Log) + Send + Sync + 'static,
) -> Played {
    let deadline = Instant::now() + patience;
    let recording = Recording::begin(units);
    let subject = Arc::new(subject);
    let script = Arc::new(script);
    let (sender, receiver) = mpsc::channel();
    let gate = Arc::new(AtomicU64::new(threads as u64));
    for thread in 0..threads {
        let (subject, script) = (Arc::clone(&subject), Arc::clone(&script));
        let (gate, sender, log) = (Arc::clone(&gate), sender.clone(), recording.log(thread));
        thread::spawn(move || {
            pass(&gate);
            _ = sender.send(guarded(log, |log| script(&subject, log)));
        });
    }
    let (mut logs, mut failure) = collect(&receiver, threads, deadline);
    let mut at_rest = 0;
    if failure.is_none() {
        // On a thread as well: a lock that was never released must not hang the caller.
        let log = recording.log(threads);
        thread::spawn(move || sender.send(guarded(log, |log| rest(&subject, log))));
        let (rest, failed) = collect(&receiver, 1, deadline);
        at_rest = rest.iter().map(|log| log.calls().len()).sum();
        logs.extend(rest);
        failure = failed;
    }
    Played {
        history: recording.end(logs),
        failure,
        at_rest,
    }
}

type Sent = (Log, Option<Failure>);

fn guarded(mut log: Log, body: impl FnOnce(&mut Log)) -> Sent {
    let ran = catch_unwind(AssertUnwindSafe(|| body(&mut log)));
    let failure = ran.err().map(|payload| {
        let op = log.calls().last().map_or(Op::Available, |call| call.op);
        Failure::Panicked(op, message(&*payload))
    });
    (log, failure)
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

fn collect(
    receiver: &mpsc::Receiver<Sent>,
    threads: usize,
    deadline: Instant,
) -> (Vec<Log>, Option<Failure>) {
    let mut logs = Vec::with_capacity(threads);
    let mut failure = None;
    while logs.len() < threads {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((log, failed)) = receiver.recv_timeout(left) else {
            return (
                logs.clone(),
                failure.or(Some(Failure::Stuck(threads - logs.len()))),
            );
        };
        logs.push(log);
        failure = failure.or(failed);
    }
    (logs, failure)
}

/// Waits until all are here, so that all begin at once.
fn pass(gate: &AtomicU64) {
    gate.fetch_sub(1, Ordering::AcqRel);
    let mut turns = 0_u32;
    while gate.load(Ordering::Acquire) > 0 {
        turns += 1;
        // There may be fewer cores than threads.
        if turns.is_multiple_of(64) {
            thread::yield_now();
        } else {
            spin_loop();
        }
    }
}

/// More units than this are not taken out one by one.
const MOST_DRAINED: u64 = 100;

/// Takes out what is left, and one more: what is there can be sold, and no more.
fn drain<S: Subject>(subject: &S, log: &mut Log) {
    let Some(Outcome::AtMost(left)) = log.run(subject, Op::Available) else {
        return;
    };
    let pieces = if left <= MOST_DRAINED { left } else { 1 };
    if left > MOST_DRAINED {
        log.run(subject, Op::Deduct(left - 1));
    }
    for _ in 0..=pieces {
        log.run(subject, Op::Deduct(1));
    }
}

struct Player<'a, S> {
    subject: &'a S,
    log: &'a mut Log,
    chance: SmallRng,
    /// Units that are set aside.
    mine: u64,
}

impl<'a, S: Subject> Player<'a, S> {
    fn new(subject: &'a S, log: &'a mut Log, seed: u64) -> Self {
        let chance = SmallRng::seed_from_u64(seed);
        Self {
            subject,
            log,
            chance,
            mine: 0,
        }
    }

    fn step(&mut self, step: Step) {
        // Threads that do the same in the same time would meet at the same places only.
        for _ in 0..self.chance.random_range(0..64) {
            spin_loop();
        }
        match step {
            Step::Call(op) => drop(self.call(op)),
            Step::OutAndBack(units) => {
                if self.call(Op::Deduct(units)) == Some(Outcome::Done) {
                    self.call(Op::Restock(units));
                }
            }
            Step::LendAndBack(units) => {
                if self.call(Op::Reserve(units)) == Some(Outcome::Done) {
                    self.call(Op::Release(units));
                }
            }
        }
    }

    fn call(&mut self, op: Op) -> Option<Outcome> {
        let op = match op {
            Op::Commit(units) => Op::Commit(units.min(self.mine)),
            Op::Release(units) => Op::Release(units.min(self.mine)),
            op => op,
        };
        if matches!(op, Op::Commit(0) | Op::Release(0)) {
            return None;
        }
        // A thread that loses its core on the way in or out makes calls overlap that would not, where
        // there are fewer cores than threads.
        let mut stumble = || self.chance.random_range(0..8) == 0;
        let (late, slow) = (stumble(), stumble());
        let outcome = self.log.write(op, || {
            if late {
                thread::yield_now();
            }
            let outcome = perform(self.subject, op);
            if slow {
                thread::yield_now();
            }
            outcome
        });
        match (op, outcome) {
            (Op::Reserve(units), Some(Outcome::Done)) => self.mine += units,
            (Op::Commit(units) | Op::Release(units), Some(Outcome::Done | Outcome::Unknown)) => {
                self.mine -= units;
            }
            _ => {}
        }
        outcome
    }

    fn put_rest_back(&mut self) {
        self.call(Op::Release(self.mine));
    }
}
