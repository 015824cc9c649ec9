//! Scenarios for loom: a few threads with a few calls each, in every interleaving within the
//! preemption bound, each history explained by the sequential model.
//!
//! Every scenario runs twice. *With a clock*, calls are stamped by a loom atomic, and the order
//! must respect real time. But the clock synchronises the threads, and so hides mistakes of the
//! store-buffering kind: *without it*, only each thread's own order must be respected.
//!
//! A thread that only reads stands last. loom remembers one last access of each atomic: where a
//! writer loads before it exchanges, its own load hides that another thread had read before, and
//! a reader that runs first is never tried in between.

use super::history::{Entry, Log, assert_linearizable};
use super::model::{Call, Model};
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use segstock::{LockedStock, OutOfStock, Reserving, RestockOverflow, Snapshot, Stock, testing};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// What a thread does.
#[derive(Debug, Clone, Copy)]
pub enum Op {
    Deduct(u64),
    DeductUpTo(u64),
    Restock(u64),
    /// Set units aside.
    Reserve(u64),
    /// Sell units that were set aside, by whichever thread.
    Commit(u64),
    /// Give them back.
    Release(u64),
    Available,
    Snapshot,
    /// Make it wide.
    Widen,
    /// Try once to make it narrow.
    Narrow,
    /// Begin to make it narrow, and leave it at that.
    Prove,
    /// Sit at another segment.
    Sit(usize),
    /// An order of so many units whose flow fails.
    FailingOrder(u64),
    /// An order of so many units whose flow panics.
    PanickingOrder(u64),
    /// An order of so many units whose flow restocks as many of its own.
    RestockingOrder(u64, u64),
}

impl Op {
    /// The same, less what was `refused` to this thread and so cannot be settled; nothing if nothing
    /// is left.
    fn without(self, refused: &mut u64) -> Option<Self> {
        let (Self::Commit(units) | Self::Release(units)) = self else {
            return Some(self);
        };
        let part = units.min(*refused);
        *refused -= part;
        match (self, units - part) {
            (_, 0) => None,
            (Self::Commit(_), rest) => Some(Self::Commit(rest)),
            (_, rest) => Some(Self::Release(rest)),
        }
    }
}

/// A counter that can be put into a scenario. What it lacks, its scenarios do not call.
pub trait Subject: Send + Sync + 'static {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock>;
    fn restock(&self, units: u64) -> Result<(), RestockOverflow>;
    fn available(&self) -> u64;
    fn deduct_up_to(&self, _: u64) -> u64 {
        panic!("this subject has no deduct_up_to")
    }
    fn snapshot(&self) -> Option<Snapshot> {
        None
    }
    fn reserving(&self) -> &dyn Reserving {
        panic!("this subject has no reservations")
    }
    fn segments(&self) -> usize {
        1
    }
    fn force(&self, op: Op) -> Vec<Call> {
        panic!("this subject cannot {op:?}")
    }
}

impl Subject for Stock {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        self.deduct(units)
    }
    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.restock(units)
    }
    fn available(&self) -> u64 {
        self.available()
    }
    fn deduct_up_to(&self, units: u64) -> u64 {
        self.deduct_up_to(units)
    }
    fn snapshot(&self) -> Option<Snapshot> {
        Some(self.snapshot())
    }
    fn reserving(&self) -> &dyn Reserving {
        self
    }
    fn segments(&self) -> usize {
        self.segments()
    }
    fn force(&self, op: Op) -> Vec<Call> {
        match op {
            Op::Widen => testing::widen(self),
            Op::Narrow => drop(testing::narrow(self)),
            Op::Prove => testing::begin_proving(self),
            other => panic!("a Stock cannot {other:?}"),
        }
        Vec::new()
    }
}

impl Subject for LockedStock {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        self.deduct(units)
    }
    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.restock(units)
    }
    fn available(&self) -> u64 {
        self.available()
    }
    fn deduct_up_to(&self, units: u64) -> u64 {
        self.deduct_up_to(units)
    }
    fn snapshot(&self) -> Option<Snapshot> {
        Some(self.snapshot())
    }
    fn reserving(&self) -> &dyn Reserving {
        self
    }
    fn segments(&self) -> usize {
        self.segments()
    }
    fn force(&self, op: Op) -> Vec<Call> {
        match op {
            // An order that fails takes nothing; if it was refused, that must be explained, too.
            Op::FailingOrder(units) => match self.deduct_with(units, || Err::<(), _>("declined")) {
                Err(segstock::OrderError::Order("declined")) => Vec::new(),
                Err(segstock::OrderError::OutOfStock(refusal)) => {
                    vec![Call::Deduct(units, Err(refusal))]
                }
                other => panic!("a failing order returned {other:?}"),
            },
            Op::PanickingOrder(units) => {
                let order = || -> Result<(), ()> { std::panic::resume_unwind(Box::new("gone")) };
                match catch_unwind(AssertUnwindSafe(|| self.deduct_with(units, order))) {
                    Err(_) => Vec::new(),
                    Ok(Err(segstock::OrderError::OutOfStock(refusal))) => {
                        vec![Call::Deduct(units, Err(refusal))]
                    }
                    Ok(other) => panic!("a panicking order returned {other:?}"),
                }
            }
            // The restock happens within the deduct, so it can be placed before it.
            Op::RestockingOrder(units, more) => {
                let order = || self.restock(more);
                match self.deduct_with(units, order) {
                    Ok(()) => vec![Call::Restock(more, Ok(())), Call::Deduct(units, Ok(()))],
                    Err(segstock::OrderError::OutOfStock(refusal)) => {
                        vec![Call::Deduct(units, Err(refusal))]
                    }
                    other => panic!("a restocking order returned {other:?}"),
                }
            }
            other => panic!("a LockedStock cannot {other:?}"),
        }
    }
}

/// Runs `scripts`, one thread each, on a stock that `open` makes and of which the model is given,
/// and panics with the first history that no order explains.
#[track_caller]
pub fn explore<S: Subject>(
    name: &str,
    open: impl Fn() -> (Model, S) + Send + Sync + 'static,
    scripts: &[&[Op]],
) {
    explore_clocked(name, open, scripts, &[true, false]);
}

/// The same with a clock alone.
#[track_caller]
pub fn explore_with_a_clock<S: Subject>(
    name: &str,
    open: impl Fn() -> (Model, S) + Send + Sync + 'static,
    scripts: &[&[Op]],
) {
    explore_clocked(name, open, scripts, &[true]);
}

fn explore_clocked<S: Subject>(
    name: &str,
    open: impl Fn() -> (Model, S) + Send + Sync + 'static,
    scripts: &[&[Op]],
    clocked: &[bool],
) {
    let open = Arc::new(open);
    for &clocked in clocked {
        let scripts: Vec<Vec<Op>> = scripts.iter().map(|script| script.to_vec()).collect();
        let open = Arc::clone(&open);
        let began = Instant::now();
        let executions = model(move || {
            let (start, stock) = open();
            run(start, stock, &scripts, clocked);
        });
        let clock = if clocked { "clock" } else { "no clock" };
        println!(
            "{name:<44} {clock:<8} {executions:>9} executions {:>7.1} s",
            began.elapsed().as_secs_f64()
        );
        assert!(
            executions > 1,
            "{name}: a scenario without a choice finds nothing"
        );
    }
}

/// Whether the scenario has a history that no order explains.
pub fn finds_fault<S: Subject>(
    name: &str,
    open: impl Fn() -> (Model, S) + Send + Sync + 'static,
    scripts: &[&[Op]],
) -> bool {
    let explored = catch_unwind(AssertUnwindSafe(|| explore(name, open, scripts)));
    let Err(payload) = explored else {
        return false;
    };
    let message = payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_default();
    assert!(
        message.contains("no order explains this history"),
        "{name} failed otherwise: {message}"
    );
    println!("{name}: {message}");
    true
}

/// Explores `body`, two preemptions unless `LOOM_MAX_PREEMPTIONS` says otherwise, and returns how
/// many executions that took.
pub fn model(body: impl Fn() + Send + Sync + 'static) -> u64 {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.max_branches = 20_000;
    let executions = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = Arc::clone(&executions);
    builder.check(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        body();
    });
    executions.load(std::sync::atomic::Ordering::Relaxed)
}

fn run<S: Subject>(start: Model, stock: S, scripts: &[Vec<Op>], clocked: bool) {
    let stock = Arc::new(stock);
    let clock = Arc::new(AtomicU64::new(0));
    let others: Vec<_> = scripts
        .iter()
        .cloned()
        .enumerate()
        .skip(1)
        .map(|(thread, script)| {
            let recorder = Recorder::new(thread, clocked, &clock);
            let stock = Arc::clone(&stock);
            thread::spawn(move || recorder.play(&*stock, &script))
        })
        .collect();
    let mut logs = vec![Recorder::new(0, clocked, &clock).play(&*stock, &scripts[0])];
    logs.extend(others.into_iter().map(|thread| thread.join().unwrap()));

    // At rest: the books say what the last state of the model is, and so does the cheap pass.
    let last = logs.len();
    let mut rest = vec![Call::Deduct(0, Ok(()))];
    if let Some(books) = stock.snapshot() {
        let sums = books.available + books.reserved + books.sold;
        assert_eq!(books.initial + books.restocked, sums, "conservation");
        rest.push(Call::AtRest(books));
    }
    let available = stock.available();
    rest.push(Call::Available(available));
    rest.push(Call::DeductUpTo(u64::MAX, available));
    logs.push(
        rest.into_iter()
            .map(|call| Entry {
                thread: last,
                called: u64::MAX,
                returned: u64::MAX,
                call,
            })
            .collect(),
    );
    assert_linearizable(start, &logs);
}

/// Plays one thread's script and writes down what happened.
struct Recorder {
    thread: usize,
    clock: Option<Arc<AtomicU64>>,
    log: Log,
}

impl Recorder {
    fn new(thread: usize, clocked: bool, clock: &Arc<AtomicU64>) -> Self {
        Self {
            thread,
            clock: clocked.then(|| Arc::clone(clock)),
            log: Log::new(),
        }
    }

    fn now(&self, unclocked: u64) -> u64 {
        self.clock
            .as_ref()
            .map_or(unclocked, |clock| clock.fetch_add(1, Ordering::AcqRel))
    }

    fn play<S: Subject>(mut self, stock: &S, script: &[Op]) -> Log {
        let segments = stock.segments().max(2);
        testing::sit_at(self.thread % segments, segments);
        // Units that the script would settle, had they not been refused.
        let mut refused = 0;
        for &op in script {
            let Some(op) = op.without(&mut refused) else {
                continue;
            };
            // These change no number, so that no order needs to explain them.
            match op {
                Op::Sit(index) => {
                    testing::sit_at(index, segments);
                    continue;
                }
                Op::Widen | Op::Narrow | Op::Prove => {
                    drop(stock.force(op));
                    continue;
                }
                _ => {}
            }
            let called = self.now(0);
            let calls = match op {
                Op::Deduct(units) => vec![Call::Deduct(units, stock.deduct(units))],
                Op::DeductUpTo(units) => vec![Call::DeductUpTo(units, stock.deduct_up_to(units))],
                Op::Restock(units) => vec![Call::Restock(units, stock.restock(units))],
                Op::Reserve(units) => {
                    let outcome = stock.reserving().reserve_units(units);
                    refused += if outcome.is_err() { units } else { 0 };
                    vec![Call::Reserve(units, outcome)]
                }
                Op::Commit(units) => {
                    stock.reserving().commit_units(units);
                    vec![Call::Commit(units)]
                }
                Op::Release(units) => {
                    stock.reserving().release_units(units);
                    vec![Call::Release(units)]
                }
                Op::Available => vec![Call::Available(stock.available())],
                Op::Snapshot => vec![Call::Snapshot(stock.snapshot().expect("it has snapshots"))],
                other => stock.force(other),
            };
            let returned = self.now(u64::MAX - 1);
            self.log.extend(calls.into_iter().map(|call| Entry {
                thread: self.thread,
                called,
                returned,
                call,
            }));
        }
        self.log
    }
}
