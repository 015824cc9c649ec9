//! [`Recording`]: what real threads call, with stamps, at a cost that leaves them as they are.

use crate::history::History;
use crate::request::InCall;
use crate::subject::Subject;
use segstock_model::{Call, Op, Outcome};
#[cfg(feature = "shuttle")]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Records the calls of several threads.
///
/// Each thread writes a [`Log`] of its own, and reads the machine's monotonic clock before and after
/// each call: no word is written by two threads, so the recording does not put in order what it
/// watches. The stamps are outside of the call, so that a call that seems to precede another does.
///
/// # Examples
///
/// ```
/// use segstock::Stock;
/// use segstock_conformance::{Checker, Recording};
/// use segstock_model::Op;
///
/// let stock = Stock::new(10);
/// let recording = Recording::begin(10);
/// let logs = std::thread::scope(|scope| {
///     let threads = [0, 1, 2].map(|thread| {
///         let mut log = recording.log(thread);
///         let stock = &stock;
///         scope.spawn(move || {
///             for _ in 0..100 {
///                 log.run(stock, Op::Deduct(1));
///             }
///             log
///         })
///     });
///     threads.map(|thread| thread.join().unwrap())
/// });
/// let history = recording.end(logs);
/// assert_eq!(history.calls().len(), 300);
/// assert!(Checker::new().check(&history).is_linearizable());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Recording {
    clock: Clock,
    initial: u64,
}

/// Where stamps come from.
#[derive(Debug, Clone, Copy)]
enum Clock {
    /// Nanoseconds since then.
    Since(Instant),
    /// Stamps that were taken since this one: where one thread runs at a time, their sequence is that of what
    /// happened.
    #[cfg(feature = "shuttle")]
    Steps(u64),
}

#[cfg(feature = "shuttle")]
static STEPS: AtomicU64 = AtomicU64::new(0);

impl Clock {
    fn stamp(self) -> u64 {
        match self {
            Self::Since(began) => u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX - 1),
            #[cfg(feature = "shuttle")]
            Self::Steps(began) => STEPS.fetch_add(1, Ordering::Relaxed) - began,
        }
    }
}

impl Recording {
    /// Begins to watch a counter that holds `initial` units.
    #[must_use]
    pub fn begin(initial: u64) -> Self {
        Self {
            clock: Clock::Since(Instant::now()),
            initial,
        }
    }

    /// As [`begin`](Self::begin), where one thread runs at a time: stamps are numbered in their sequence.
    #[cfg(feature = "shuttle")]
    pub(super) fn in_steps(initial: u64) -> Self {
        Self {
            clock: Clock::Steps(STEPS.load(Ordering::Relaxed)),
            initial,
        }
    }

    /// The log of a thread, which must be its only one.
    #[must_use]
    pub fn log(&self, thread: usize) -> Log {
        Log {
            clock: self.clock,
            thread,
            calls: Vec::with_capacity(64),
            watch: None,
        }
    }

    /// The log of a thread, and what can be seen of it while its thread is in a call.
    pub(super) fn watched(&self, thread: usize) -> (Log, Watch) {
        let watch = Watch::default();
        let log = Log {
            watch: Some(watch.clone()),
            ..self.log(thread)
        };
        (log, watch)
    }

    /// Puts the logs together.
    ///
    /// # Panics
    ///
    /// If two logs are of the same thread, or one is of another recording, so that calls overlap.
    #[must_use]
    pub fn end(self, logs: impl IntoIterator<Item = Log>) -> History {
        self.history(logs.into_iter().flat_map(|log| log.calls).collect())
    }

    pub(super) fn history(self, calls: Vec<Call>) -> History {
        History::new(self.initial, calls).expect("one log for each thread of this recording")
    }
}

/// What one thread called.
#[derive(Debug, Clone)]
pub struct Log {
    clock: Clock,
    thread: usize,
    calls: Vec<Call>,
    watch: Option<Watch>,
}

/// A call that began in a [`Log`].
#[derive(Debug)]
#[must_use = "a call that is never ended has an unknown outcome"]
pub struct Begun {
    thread: usize,
    call: usize,
}

/// A log as it is before its thread hands it over, which one that is stuck never does. Nobody waits
/// for this lock: it is looked at when a round is given up.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Vec<Call>>>);

impl Watch {
    pub(super) fn calls(&self) -> Vec<Call> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What changed since it was shown last: the last two calls at most.
    fn show(&self, calls: &[Call]) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.truncate(calls.len().saturating_sub(2));
        let known = shown.len();
        shown.extend_from_slice(&calls[known..]);
    }
}

impl Log {
    /// Calls `op` of `subject` and writes down what it answered; nothing if it does not offer that.
    ///
    /// If it panics, the outcome is unknown.
    pub fn run(&mut self, subject: &(impl Subject + ?Sized), op: Op) -> Option<Outcome> {
        self.write(op, || subject.perform(op))
    }

    /// As [`run`](Self::run), for `call` that does what `op` means.
    ///
    /// # Panics
    ///
    /// If `call` does, or if its outcome is no answer to `op`.
    pub fn record(&mut self, op: Op, call: impl FnOnce() -> Outcome) -> Outcome {
        let outcome = self.write(op, || Some(call()));
        outcome.expect("it was called")
    }

    /// Begins a call that `op` means, for code that awaits its answer: a log for each task. Until
    /// [`end`](Self::end) its outcome is unknown; of a future that is dropped it stays so.
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_conformance::{Checker, Recording};
    /// use segstock_model::{Op, Outcome};
    ///
    /// async fn sell(units: u64) -> bool { units == 1 }
    ///
    /// # let sold = async {
    /// let recording = Recording::begin(1);
    /// let mut log = recording.log(0);
    /// let call = log.begin(Op::Deduct(1));
    /// if sell(1).await {
    ///     log.end(call, Outcome::Done);
    /// }
    /// let history = recording.end([log]);
    /// assert!(Checker::new().check(&history).is_linearizable());
    /// # };
    /// ```
    pub fn begin(&mut self, op: Op) -> Begun {
        self.end_last();
        let pending = Call::new(self.thread, self.now(), u64::MAX, op, Outcome::Unknown);
        self.calls.push(pending);
        self.show();
        Begun {
            thread: self.thread,
            call: self.calls.len() - 1,
        }
    }

    /// Ends a call that [began](Self::begin) in this log. If another began since, its outcome stays unknown:
    /// a thread is in one call at a time.
    ///
    /// # Panics
    ///
    /// If `outcome` is no answer to what was called, or the call began in the log of another thread.
    pub fn end(&mut self, begun: Begun, outcome: Outcome) {
        assert_eq!(begun.thread, self.thread, "it began in another log");
        fence(Ordering::SeqCst);
        let returned = self.now();
        if begun.call + 1 == self.calls.len() {
            let call = &mut self.calls[begun.call];
            let op = call.op;
            assert!(
                op.has_answer(outcome),
                "{op} cannot answer \u{201c}{outcome}\u{201d}"
            );
            if outcome != Outcome::Unknown {
                (call.returned, call.outcome) = (returned, outcome);
            }
        }
        self.show();
    }

    /// A call whose answer never came has ended for its thread when the next begins.
    fn end_last(&mut self) {
        let now = self.now();
        if let Some(last) = self.calls.last_mut()
            && last.returned == u64::MAX
        {
            last.returned = now;
        }
    }

    /// As [`run`](Self::run), for an order with a caller's code in it.
    pub(super) fn order(
        &mut self,
        subject: &(impl Subject + ?Sized),
        units: u64,
        flow: &mut dyn FnMut(),
    ) -> Option<Outcome> {
        self.write(Op::Deduct(units), || {
            let answer = subject.order(units, flow)?;
            Some(answer.outcome(|()| Outcome::Done))
        })
    }

    pub(super) fn write(
        &mut self,
        op: Op,
        call: impl FnOnce() -> Option<Outcome>,
    ) -> Option<Outcome> {
        self.end_last();
        let pending = Call::new(self.thread, self.now(), u64::MAX, op, Outcome::Unknown);
        self.calls.push(pending);
        self.show();
        let in_call = InCall::begin();
        let outcome = call();
        drop(in_call);
        // What the call stored is out of this core before the stamp says that it has returned.
        fence(Ordering::SeqCst);
        let returned = self.now();
        match (self.calls.last_mut(), outcome) {
            (Some(call), Some(outcome)) => {
                assert!(
                    op.has_answer(outcome),
                    "{op} cannot answer \u{201c}{outcome}\u{201d}"
                );
                (call.returned, call.outcome) = (returned, outcome);
            }
            _ => drop(self.calls.pop()),
        }
        self.show();
        outcome
    }

    fn show(&self) {
        if let Some(watch) = &self.watch {
            watch.show(&self.calls);
        }
    }

    /// For stamps inside of a call.
    pub(super) fn clock(&self) -> impl Fn() -> u64 + use<> {
        let clock = self.clock;
        move || clock.stamp()
    }

    fn now(&self) -> u64 {
        self.clock.stamp()
    }

    /// The thread whose calls they are.
    #[must_use]
    pub const fn thread(&self) -> usize {
        self.thread
    }

    /// What was written so far.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
}
