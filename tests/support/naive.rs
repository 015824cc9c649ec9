//! The wrong counters of [`segstock_model::naive`] as subjects, on the primitives of the model checkers.

use super::scenario::Subject;
use segstock::testing::sync::Mutex;
use segstock::testing::sync::atomic::{AtomicU64, Ordering, fence};
use segstock_model::naive::{self, Primitives};
use segstock_model::{Op, Outcome, Perform};

/// A wrong counter as a subject.
pub struct Naive<C>(pub C);

impl<C: Perform + 'static> Subject for Naive<C> {
    fn perform(&self, op: Op) -> Option<Outcome> {
        self.0.perform(op)
    }
}

/// What `segstock::testing::sync` has.
#[derive(Debug)]
pub struct Checked;

impl Primitives for Checked {
    type Word = Word;
    type Lock = Lock;

    fn fence() {
        fence(Ordering::SeqCst);
    }
}

#[derive(Debug)]
pub struct Word(AtomicU64);

impl naive::Word for Word {
    fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn store(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    fn add(&self, units: u64) -> u64 {
        self.0.fetch_add(units, Ordering::AcqRel)
    }

    fn exchange(&self, from: u64, to: u64) -> Result<(), u64> {
        self.0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| ())
    }
}

#[derive(Debug)]
pub struct Lock(Mutex<()>);

impl naive::Lock for Lock {
    fn new() -> Self {
        Self(Mutex::new(()))
    }

    fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
        let _held = self.0.lock().expect("nobody panics with it");
        work()
    }
}
