//! Plays the scripts of a scenario, one thread for each, and judges what the threads were answered.
//!
//! loom, shuttle and the tests with real threads all play their scenarios here.

use super::perform::{perform, taken};
use segstock::testing::sync::atomic::{AtomicU64, Ordering};
use segstock::testing::sync::thread;
use segstock::{LockedStock, OrderError, OutOfStock, Stock, testing};
use segstock_model::script::{FORMS, Refused};
use segstock_model::search::{Found, Problem};
use segstock_model::{Answers, Call, Model, Op, Outcome, Perform, Script, Step, exact_when_alone};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// `scripts![[Deduct(1), Sit(0)], [Restock(1)]]`: operations and other steps, a list for each thread.
macro_rules! scripts {
    ($([$($step:expr),* $(,)?]),+ $(,)?) => {
        vec![$(vec![$(segstock_model::Step::from($step)),*]),+]
    };
}
pub(crate) use scripts;

/// What scenarios are played on.
pub trait Subject: Send + Sync + 'static {
    fn perform(&self, op: Op) -> Option<Outcome>;

    fn segments(&self) -> usize {
        1
    }

    /// Does a step that is no call, and returns the calls to record of it.
    fn force(&self, step: Step) -> Vec<(Op, Outcome)> {
        panic!("this subject cannot {step:?}")
    }
}

impl Subject for Stock {
    fn perform(&self, op: Op) -> Option<Outcome> {
        perform(self, op)
    }

    fn segments(&self) -> usize {
        self.segments()
    }

    fn force(&self, step: Step) -> Vec<(Op, Outcome)> {
        match step {
            Step::Widen => testing::widen(self),
            Step::Narrow => drop(testing::narrow(self)),
            Step::Prove => testing::begin_proving(self),
            Step::Reopen if self.segments() > 1 => testing::narrow_and_reopen(self),
            Step::Reopen => {}
            other => panic!("a Stock cannot {other:?}"),
        }
        Vec::new()
    }
}

impl Subject for LockedStock {
    fn perform(&self, op: Op) -> Option<Outcome> {
        perform(self, op)
    }

    fn segments(&self) -> usize {
        self.segments()
    }

    fn force(&self, step: Step) -> Vec<(Op, Outcome)> {
        let refused = |units, refusal| vec![(Op::Deduct(units), taken(units, Err(refusal)))];
        match step {
            Step::FailingOrder(units) => match self.deduct_with(units, || Err::<(), _>("declined"))
            {
                Err(OrderError::Order("declined")) => Vec::new(),
                Err(OrderError::OutOfStock(refusal)) => refused(units, refusal),
                other => panic!("a failing order returned {other:?}"),
            },
            Step::PanickingOrder(units) => {
                let order = || -> Result<(), ()> { std::panic::resume_unwind(Box::new("gone")) };
                match catch_unwind(AssertUnwindSafe(|| self.deduct_with(units, order))) {
                    Err(_) => Vec::new(),
                    Ok(Err(OrderError::OutOfStock(refusal))) => refused(units, refusal),
                    Ok(other) => panic!("a panicking order returned {other:?}"),
                }
            }
            Step::RestockingOrder(units, more) => {
                match self.deduct_with(units, || self.restock(more)) {
                    Ok(()) => [Op::Restock(more), Op::Deduct(units)]
                        .map(|op| (op, Outcome::Done))
                        .into(),
                    Err(OrderError::OutOfStock(refusal)) => refused(units, refusal),
                    other => panic!("a restocking order returned {other:?}"),
                }
            }
            other => panic!("a LockedStock cannot {other:?}"),
        }
    }
}

/// What the threads share beside the stock.
#[derive(Debug, Clone)]
pub enum Beside {
    /// A clock that stamps each call before and after. It shows real time, and it synchronises the threads.
    Clock(Arc<AtomicU64>),
    /// Nothing: only the sequence of each thread's own calls is known.
    Nothing,
    /// The units that were ever in stock, written (relaxed) before each call that adds units: a thread that
    /// has taken units must read that they came.
    Payload(Arc<AtomicU64>),
}

impl Beside {
    pub fn clock() -> Self {
        Self::Clock(Arc::new(AtomicU64::new(0)))
    }

    pub fn payload(initial: u64) -> Self {
        Self::Payload(Arc::new(AtomicU64::new(initial)))
    }

    /// A stamp; without a clock, all calls overlap.
    fn stamp(&self, without: u64) -> u64 {
        match self {
            Self::Clock(clock) => clock.fetch_add(1, Ordering::AcqRel),
            _ => without,
        }
    }

    fn write(&self, step: Step) {
        let units = match step {
            Step::Call(Op::Restock(units) | Op::Release(units)) => units,
            Step::RestockingOrder(_, units) => units,
            _ => return,
        };
        if let Self::Payload(came) = self {
            came.fetch_add(units, Ordering::Relaxed);
        }
    }

    fn read(&self, taken: u64) {
        if let Self::Payload(came) = self {
            let came = came.load(Ordering::Relaxed);
            assert!(
                came >= taken,
                "a thread took {taken} units, but what it reads was written when {came} had come"
            );
        }
    }
}

/// Plays `script` as `thread` of a scenario, and returns its history.
pub fn play<S: Subject + ?Sized>(
    subject: &S,
    thread: usize,
    script: &[Step],
    beside: &Beside,
) -> Vec<Call> {
    // The number of segments to which a narrow stock of the scenarios grows.
    let segments = subject.segments().max(if cfg!(shuttle) { 3 } else { 2 });
    testing::sit_at(thread % segments, segments);
    let mut refused = Refused::default();
    let mut taken = 0;
    let mut calls = Vec::new();
    for &step in script {
        let Some(step) = refused.admit(step) else {
            continue;
        };
        if let Step::Sit(index) = step {
            testing::sit_at(index, segments);
            continue;
        }
        if step == Step::Prove || FORMS.contains(&step) {
            calls.extend(change_form(subject, thread, step, beside));
            continue;
        }
        beside.write(step);
        let called = beside.stamp(0);
        let made = match step {
            Step::Call(op) => {
                let outcome = subject.perform(op);
                vec![(op, outcome.expect("scripts call what is offered"))]
            }
            step => subject.force(step),
        };
        let returned = beside.stamp(1);
        for (op, outcome) in made {
            refused.note(op, outcome);
            let more = units_taken(op, outcome);
            taken += more;
            if more > 0 {
                beside.read(taken);
            }
            match (op, outcome) {
                // What the thread owes is paid before a later call of it is served, unless another thread forgives it.
                (Op::Withdraw(units), Outcome::UpTo(in_stock)) => taken += units - in_stock,
                (Op::Forgive(_), Outcome::UpTo(forgiven)) => {
                    taken = taken.saturating_sub(forgiven);
                }
                _ => {}
            }
            calls.push(Call::new(thread, called, returned, op, outcome));
        }
    }
    calls
}

/// Changes the form of `subject`. Units are counted twice while they move, so a read beside this is not exact: on real
/// threads it is recorded, as a call that gives nothing back. loom's threads are few and their scripts written by
/// hand, and each stamp costs executions: under loom it is not.
fn change_form<S: Subject + ?Sized>(
    subject: &S,
    thread: usize,
    step: Step,
    beside: &Beside,
) -> Option<Call> {
    if cfg!(loom) {
        drop(subject.force(step));
        return None;
    }
    let called = beside.stamp(0);
    drop(subject.force(step));
    let returned = beside.stamp(1);
    let nothing = Op::Release(0);
    Some(Call::new(thread, called, returned, nothing, Outcome::Done))
}

fn units_taken(op: Op, outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Done if op.takes_units() => op.units(),
        Outcome::UpTo(units) if op.takes_units() => units,
        _ => 0,
    }
}

/// Plays `scripts`, each on a thread of its own, the calling thread that at `first` and the next threads
/// those after it, round and round. What is offered is read at the end, by one thread more, at rest.
pub fn run<S: Subject + ?Sized>(
    subject: &Arc<S>,
    scripts: &[Script],
    first: usize,
    beside: &Beside,
) -> Vec<Call> {
    // Real threads begin together; a model checker sees to that itself.
    #[cfg(not(any(loom, shuttle)))]
    let gate = Arc::new(std::sync::Barrier::new(scripts.len()));
    let others: Vec<_> = (1..scripts.len())
        .map(|next| {
            let index = (first + next) % scripts.len();
            let (subject, script) = (Arc::clone(subject), scripts[index].clone());
            let beside = beside.clone();
            #[cfg(not(any(loom, shuttle)))]
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                #[cfg(not(any(loom, shuttle)))]
                gate.wait();
                play(&*subject, index, &script, &beside)
            })
        })
        .collect();
    #[cfg(not(any(loom, shuttle)))]
    gate.wait();
    let mut calls = play(&**subject, first, &scripts[first], beside);
    for other in others {
        calls.extend(other.join().unwrap());
    }
    let at_rest = [Op::Available, Op::Snapshot, Op::DeductUpTo(u64::MAX)];
    for (read, op) in at_rest.into_iter().enumerate() {
        let called = beside.stamp(2 + 2 * read as u64);
        let Some(outcome) = subject.perform(op) else {
            continue;
        };
        let returned = beside.stamp(3 + 2 * read as u64);
        calls.push(Call::new(scripts.len(), called, returned, op, outcome));
    }
    calls
}

/// The answers to the scripts, as [`segstock_model::outcomes`] lists them.
pub fn answers(threads: usize, calls: &[Call]) -> Answers {
    let mut answers = Answers::new(threads);
    for call in calls.iter().filter(|call| call.thread < threads) {
        answers.note(call.thread, call.outcome);
    }
    answers
}

/// Whether some order explains the calls, on a stock that opens as `start`.
pub fn is_explained(start: Model, mut calls: Vec<Call>) -> bool {
    calls.sort_by_key(|call| call.called);
    let problem = Problem::new(start, &exact_when_alone(&calls));
    match problem.solve(2_000_000, &mut 0) {
        Found::Order => true,
        Found::NoOrder => false,
        Found::Nothing => panic!("the search gave up: {}", listed(&calls)),
    }
}

/// Panics with the history unless some order explains it.
#[track_caller]
pub fn assert_explained(start: Model, calls: Vec<Call>) {
    let is_explained = is_explained(start, calls.clone());
    assert!(
        is_explained,
        "no order explains this history:\n{}",
        listed(&calls)
    );
}

fn listed(calls: &[Call]) -> String {
    let line = |call: &Call| {
        let (called, returned) = (call.called, call.returned);
        let (thread, op, outcome) = (call.thread, call.op, call.outcome);
        format!("  thread {thread} [{called:>3}, {returned:>3}] {op}: {outcome}\n")
    };
    calls.iter().map(line).collect()
}
