//! Has threads play a round, and writes down what happened.

use crate::crew::Crew;
use crate::explain::Explanation;
use crate::history::History;
use crate::recorder::{Log, Recording, Watch};
use crate::reduced::Reduced;
use crate::rounds::{Draw, Round, Step, Waits};
use crate::subject::Subject;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock_model::{Call, Op, Outcome};
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
    /// This number of threads never returned.
    Stuck(usize),
    /// A model checker ended its schedule, for this reason.
    #[cfg(feature = "shuttle")]
    Ended(String),
}

impl Failure {
    pub(super) const fn is_stuck(&self) -> bool {
        !matches!(self.what, What::Panicked(_))
    }

    /// Of a schedule that a model checker ended by a panic, for instance since all threads wait for each other.
    /// `calls` are those that are known.
    #[cfg(feature = "shuttle")]
    pub(super) fn ended(payload: &(dyn Any + Send), calls: &[Vec<Call>]) -> Self {
        Self {
            what: What::Ended(message(payload)),
            call: first_pending(calls),
        }
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
                write_pending(f, call.as_ref())
            }
            #[cfg(feature = "shuttle")]
            (What::Ended(why), call) => {
                write!(f, "the schedule was ended: {why}")?;
                write_pending(f, call.as_ref())
            }
        }
    }
}

fn write_pending(f: &mut fmt::Formatter<'_>, call: Option<&Call>) -> fmt::Result {
    let Some(call) = call else { return Ok(()) };
    let (op, thread) = (call.op, call.thread);
    write!(f, "; thread {thread} is in {op}")
}

/// What a round left behind.
pub(super) struct Played {
    pub(super) history: History,
    pub(super) failure: Option<Failure>,
    /// Calls that were made at rest, at the end of the history: reads, then deducts until nothing is
    /// left.
    pub(super) at_rest: usize,
}

impl Played {
    /// Whether one thread made all calls but those at rest.
    pub(super) fn is_alone(&self) -> bool {
        let calls = self.history.calls();
        let at_work = &calls[..calls.len() - self.at_rest];
        at_work
            .windows(2)
            .all(|pair| pair[0].thread == pair[1].thread)
    }

    /// Whether a call did not return.
    pub(super) fn is_stuck(&self) -> bool {
        self.failure.as_ref().is_some_and(Failure::is_stuck)
    }
}

/// A thread of a round stops after this time, so that a slow counter is judged by fewer calls. A thread that is
/// alone has longer: it makes ten thousands of calls, and others may take its core.
const ENOUGH: Duration = Duration::from_secs(2);
const ENOUGH_ALONE: Duration = Duration::from_secs(10);

/// Plays `round` on `subject`, at most for `patience`.
pub(super) fn play(crew: &mut Crew, subject: Reduced, round: &Round, patience: Duration) -> Played {
    let threads = round.scripts.len();
    let script = {
        let round = round.clone();
        move |subject: &Reduced, log: &mut Log| follow(subject, log, &round, round.waits)
    };
    let draw = round.draw;
    let rest = move |subject: &Reduced, log: &mut Log| look_at_rest(subject, log, draw);
    together(crew, subject, round.units, threads, patience, script, rest)
}

/// Calls what `round` has the thread of this log call.
pub(super) fn follow(subject: &Reduced, log: &mut Log, round: &Round, waits: Waits) {
    let thread = log.thread();
    let mut player = Player::new(subject, log, round.seed ^ thread as u64, waits);
    let enough = match waits {
        Waits::Never => ENOUGH_ALONE,
        _ => ENOUGH,
    };
    let began = Instant::now();
    for step in &round.scripts[thread] {
        player.step(*step);
        if began.elapsed() > enough {
            break;
        }
    }
    player.put_rest_back(round.draw);
}

/// Reads when all other calls are over, then sells until nothing is left.
pub(super) fn look_at_rest(subject: &Reduced, log: &mut Log, draw: Draw) {
    log.run(subject, Op::Available);
    log.run(subject, Op::Snapshot);
    drain(subject, log, draw);
}

/// Runs `script` on some threads that begin together, each with a log of its own, and when they are
/// done `rest` on one.
pub(super) fn together(
    crew: &mut Crew,
    subject: Reduced,
    units: u64,
    threads: usize,
    patience: Duration,
    script: impl Fn(&Reduced, &mut Log) + Send + Sync + 'static,
    rest: impl Fn(&Reduced, &mut Log) + Send + Sync + 'static,
) -> Played {
    let deadline = Instant::now() + patience;
    let recording = Recording::begin(units);
    let subject = Arc::new(subject);
    let (script, rest) = (Arc::new(script), Arc::new(rest));
    let (sender, receiver) = mpsc::channel();
    let gate = Arc::new(AtomicU64::new(threads as u64));
    let running = Arc::new(AtomicU64::new(threads as u64));
    let (last, last_watch) = recording.watched(threads);
    let mut watches = BTreeMap::new();
    for thread in 0..threads {
        let (subject, script, rest) =
            (Arc::clone(&subject), Arc::clone(&script), Arc::clone(&rest));
        let (gate, running) = (Arc::clone(&gate), Arc::clone(&running));
        let (sender, last) = (sender.clone(), last.clone());
        let (log, watch) = recording.watched(thread);
        watches.insert(thread, watch);
        crew.run(thread, move || {
            pass(&gate);
            _ = sender.send(guarded(log, |log| script(&subject, log)));
            // The last to return looks at what is left, also after a panic: to wake another thread for that takes
            // longer than most rounds.
            if running.fetch_sub(1, Ordering::AcqRel) == 1 {
                let (last, failed) = guarded(last, |log| rest(&subject, log));
                // Whatever happened: a connection that is broken is to be closed, too.
                let (last, failed_to_close) = guarded(last, |_| subject.close());
                drop(subject);
                _ = sender.send((last, failed.or(failed_to_close)));
            }
        });
    }
    drop(subject);
    let (mut calls, mut failure) = collect(&receiver, watches, deadline);
    let mut at_rest = 0;
    if !failure.as_ref().is_some_and(Failure::is_stuck) {
        let watches = BTreeMap::from([(threads, last_watch)]);
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

pub(super) type Sent = (Log, Option<Failure>);

pub(super) fn guarded(mut log: Log, body: impl FnOnce(&mut Log)) -> Sent {
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

fn first_pending(threads: &[Vec<Call>]) -> Option<Call> {
    let pending = threads.iter().filter_map(|calls| pending(calls));
    pending.min_by_key(|call| call.called)
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
                call: first_pending(&seen),
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
        // The machine may have fewer cores than threads.
        if turns.is_multiple_of(64) {
            thread::yield_now();
        } else {
            spin_loop();
        }
    }
}

/// More units than this are not taken out one by one.
const MOST_DRAINED: u64 = 100;

/// Takes out what is left, and one more: what is in stock can be sold, and no more. Of a counter that deals in single
/// units some may stay.
pub(super) fn drain(subject: &Reduced, log: &mut Log, draw: Draw) {
    let Some(Outcome::AtMost(left)) = log.run(subject, Op::Available) else {
        return;
    };
    let pieces = match left {
        0..=MOST_DRAINED => left,
        _ if draw.single => MOST_DRAINED,
        _ => 1,
    };
    if left > MOST_DRAINED && !draw.single {
        log.run(subject, Op::Deduct(left - 1));
    }
    for _ in 0..=pieces {
        log.run(subject, Op::Deduct(1));
    }
}

struct Player<'a> {
    subject: &'a Reduced,
    log: &'a mut Log,
    chance: SmallRng,
    waits: Waits,
    /// Units that this thread has reserved.
    mine: u64,
}

impl<'a> Player<'a> {
    fn new(subject: &'a Reduced, log: &'a mut Log, seed: u64, waits: Waits) -> Self {
        let chance = SmallRng::seed_from_u64(seed);
        Self {
            subject,
            log,
            chance,
            waits,
            mine: 0,
        }
    }

    fn step(&mut self, step: Step) {
        // Threads in step would meet at few places: each waits for a while of its own.
        let most = match self.waits {
            Waits::Never => 0,
            Waits::Briefly => 4,
            Waits::AndYields => 64,
        };
        for _ in 0..self.chance.random_range(0..=most) {
            spin_loop();
        }
        match step {
            Step::Call(op) => drop(self.call(op)),
            Step::DeductAndRestock(units) => {
                if self.call(Op::Deduct(units)) == Some(Outcome::Done) {
                    self.call(Op::Restock(units));
                }
            }
            Step::ReserveAndRelease(units) => {
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
        let yields = self.waits == Waits::AndYields;
        let mut stumble = || yields && self.chance.random_range(0..8) == 0;
        let (late, slow) = (stumble(), stumble());
        let outcome = self.log.write(op, || {
            if late {
                thread::yield_now();
            }
            let outcome = self.subject.perform(op);
            if slow {
                thread::yield_now();
            }
            outcome
        });
        match (op, outcome) {
            (Op::Commit(units) | Op::Release(units), Some(Outcome::Done | Outcome::Unknown)) => {
                self.mine -= units;
            }
            (_, Some(Outcome::Unknown)) => {}
            (op, Some(outcome)) => self.mine += op.reserved(outcome),
            (_, None) => {}
        }
        outcome
    }

    fn put_rest_back(&mut self, draw: Draw) {
        if !draw.single {
            self.call(Op::Release(self.mine));
            return;
        }
        for _ in 0..self.mine {
            self.call(Op::Release(1));
        }
    }
}
