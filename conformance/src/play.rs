//! Has threads play a round, and writes down what happened.

use crate::crew::Crew;
use crate::recorder::Watch;
use crate::rounds::{Round, Step};
use crate::subject::perform;
use crate::{Call, Explanation, History, Log, Recording, Subject};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_model::{Op, Outcome};
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Why a round has no history, or not the whole of it.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    what: What,
    /// The call that it happened in, if in one.
    call: Option<Call>,
}

#[derive(Debug, Clone)]
enum What {
    /// A thread panicked, with this message.
    Panicked(String),
    /// So many threads never returned.
    Stuck(usize),
}

impl Failure {
    pub(super) const fn is_stuck(&self) -> bool {
        matches!(self.what, What::Stuck(_))
    }

    /// With the call marked that it happened in.
    pub(super) fn explain(&self, history: &History) -> Explanation {
        Explanation::plain(self.call, history.calls(), self.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.what, &self.call) {
            (What::Panicked(message), Some(call)) => {
                let (op, thread) = (call.op, call.thread);
                write!(f, "{op} of thread {thread} panicked: {message}")
            }
            (What::Panicked(message), None) => write!(f, "a thread panicked: {message}"),
            (What::Stuck(threads), call) => {
                write!(f, "threads did not return in time: {threads}")?;
                let Some(call) = call else { return Ok(()) };
                let (op, thread) = (call.op, call.thread);
                write!(f, "; thread {thread} is in {op}")
            }
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

/// A thread of a long round stops after so much time, so that a slow counter is judged by fewer calls.
const ENOUGH: Duration = Duration::from_secs(2);

/// Plays `round` on `subject`, at most for `patience`.
pub(super) fn play<S: Subject + 'static>(
    crew: &mut Crew,
    subject: S,
    round: &Round,
    patience: Duration,
) -> Played {
    let threads = round.scripts.len();
    let script = {
        let round = round.clone();
        move |subject: &S, log: &mut Log| {
            let thread = log.thread();
            let mut player = Player::new(subject, log, round.seed ^ thread as u64, round.is_tight);
            let began = Instant::now();
            for step in &round.scripts[thread] {
                player.step(*step);
                if began.elapsed() > ENOUGH {
                    break;
                }
            }
            player.put_rest_back();
        }
    };
    let rest = move |subject: &S, log: &mut Log| {
        log.run(subject, Op::Available);
        log.run(subject, Op::Snapshot);
        drain(subject, log);
    };
    together(crew, subject, round.units, threads, patience, script, rest)
}

/// Runs `script` on some threads that begin together, each with a log of its own, and when they are
/// done `rest` on one.
pub(super) fn together<S: Subject + 'static>(
    crew: &mut Crew,
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
    let mut watches = BTreeMap::new();
    for thread in 0..threads {
        let (subject, script) = (Arc::clone(&subject), Arc::clone(&script));
        let (gate, sender) = (Arc::clone(&gate), sender.clone());
        let (log, watch) = recording.watched(thread);
        watches.insert(thread, watch);
        crew.run(thread, move || {
            pass(&gate);
            let done = guarded(log, |log| script(&subject, log));
            // The last to hold the counter is the thread that closes it.
            drop(subject);
            _ = sender.send(done);
        });
    }
    let (mut calls, mut failure) = collect(&receiver, watches, deadline);
    let mut at_rest = 0;
    // What a panic left behind is looked at, too.
    if !failure.as_ref().is_some_and(Failure::is_stuck) {
        // On a thread of its own: a lock that was never released must not hang the caller.
        let (log, watch) = recording.watched(threads);
        let watches = BTreeMap::from([(threads, watch)]);
        crew.run(threads, move || {
            let last = guarded(log, |log| {
                rest(&subject, log);
                subject.close();
            });
            drop(subject);
            _ = sender.send(last);
        });
        let (last, failed) = collect(&receiver, watches, deadline);
        at_rest = last.len();
        calls.extend(last);
        failure = failure.or(failed);
    }
    if failure.as_ref().is_some_and(Failure::is_stuck) {
        crew.replace();
    }
    Played {
        history: recording.history(calls),
        failure,
        at_rest,
    }
}

type Sent = (Log, Option<Failure>);

fn guarded(mut log: Log, body: impl FnOnce(&mut Log)) -> Sent {
    let ran = catch_unwind(AssertUnwindSafe(|| body(&mut log)));
    let failure = ran.err().map(|payload| Failure {
        what: What::Panicked(message(&*payload)),
        call: pending(log.calls()),
    });
    (log, failure)
}

/// The call that a thread is in.
fn pending(calls: &[Call]) -> Option<Call> {
    calls
        .last()
        .filter(|call| call.returned == u64::MAX)
        .copied()
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

/// The calls of all threads; of those that do not return, what can be seen.
fn collect(
    receiver: &mpsc::Receiver<Sent>,
    mut watches: BTreeMap<usize, Watch>,
    deadline: Instant,
) -> (Vec<Call>, Option<Failure>) {
    let mut calls = Vec::new();
    let mut failure = None;
    while !watches.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((log, failed)) = receiver.recv_timeout(left) else {
            let seen: Vec<Vec<Call>> = watches.values().map(Watch::calls).collect();
            let stuck = Failure {
                what: What::Stuck(seen.len()),
                call: seen
                    .iter()
                    .filter_map(|calls| pending(calls))
                    .min_by_key(|call| call.called),
            };
            calls.extend(seen.into_iter().flatten());
            return (calls, failure.or(Some(stuck)));
        };
        watches.remove(&log.thread());
        calls.extend_from_slice(log.calls());
        failure = failure.or(failed);
    }
    (calls, failure)
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
pub(super) fn drain<S: Subject>(subject: &S, log: &mut Log) {
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
    is_tight: bool,
    /// Units that are set aside.
    mine: u64,
}

impl<'a, S: Subject> Player<'a, S> {
    fn new(subject: &'a S, log: &'a mut Log, seed: u64, is_tight: bool) -> Self {
        let chance = SmallRng::seed_from_u64(seed);
        Self {
            subject,
            log,
            chance,
            is_tight,
            mine: 0,
        }
    }

    fn step(&mut self, step: Step) {
        // Threads that do the same in the same time would meet at the same places only.
        let most = if self.is_tight { 4 } else { 64 };
        for _ in 0..self.chance.random_range(0..most) {
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
        let is_tight = self.is_tight;
        let mut stumble = || !is_tight && self.chance.random_range(0..8) == 0;
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
