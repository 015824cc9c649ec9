//! Scenarios under loom: a few threads with a few calls each, in every interleaving within the
//! preemption bound, each history explained by the sequential model.
//!
//! Every scenario runs *with a clock*: calls are stamped by a loom atomic, and the order must respect real
//! time. But the clock synchronises the threads, and so hides mistakes of the store-buffering kind. So every
//! scenario runs *without* it, too, where only each thread's own order must be respected.
//!
//! loom remembers one last access of each atomic, and lets a thread that was spawned begin late: which
//! thread plays which script decides what is tried. So each scenario without a clock runs in all rotations
//! of its threads, and every outcome that the model allows must be seen in one rotation or another, but for
//! those that the scenario lists, with the reason.

use super::explorer::{explorer_knows, fits_explorer, outcome};
use super::scenario::{Beside, Subject, answers, assert_explained, run};
use segstock::Stock;
use segstock_model::{Answers, Call, Model, Script, outcomes};
use std::any::TypeId;
use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// How many executions of the first rotation without a clock are explored: all of them, but for a few scenarios with
/// three threads. `.ci/loom long` explores all of them in each.
const OF_THE_FIRST: usize = 100_000;

/// How many of each other rotation, and with a clock: all of them in nine of ten explorations.
const OF_THE_OTHERS: usize = 20_000;

/// A scenario.
pub struct Scenario<S> {
    name: &'static str,
    /// The stock, and its model.
    open: Arc<dyn Fn() -> (Model, S) + Send + Sync>,
    scripts: Vec<Script>,
    /// Outcomes that the model allows and the code does not reach.
    unreached: BTreeSet<String>,
}

/// Makes a test of each scenario that explores it, and demands every outcome of it but those listed:
/// `name: open, [steps], [steps], never ["no | ok"] because "…";`
macro_rules! scenarios {
    ($($name:ident: $open:expr, $([$($step:expr),* $(,)?]),+
        $(, never [$($outcome:literal),+ $(,)?] because $why:literal)*;)*) => {$(
        #[test]
        fn $name() {
            let scripts = $crate::support::scenario::scripts![$([$($step),*]),+];
            $crate::support::arena::Scenario::new(stringify!($name), $open, scripts)
                $(.never(&[$($outcome),+], $why))*
                .explore();
        }
    )*};
}
pub(crate) use scenarios;

/// Makes a test of each scenario: who takes units sees what was written before they were added.
macro_rules! payloads {
    ($($name:ident: $open:expr, $($script:tt),+;)*) => {$(
        #[test]
        fn $name() {
            let scripts = $crate::support::scenario::scripts![$($script),+];
            $crate::support::arena::Scenario::new(stringify!($name), $open, scripts)
                .explore_with_a_payload();
        }
    )*};
}
pub(crate) use payloads;

/// What one exploration saw.
#[derive(Default)]
struct Seen {
    start: Option<Model>,
    outcomes: BTreeSet<Answers>,
    /// Histories that some order explains, up to [`KEPT`] of them: most executions repeat one.
    explained: HashSet<Vec<Call>>,
}

/// How many histories are kept: some 50 MB.
const KEPT: usize = 50_000;

impl<S: Subject> Scenario<S> {
    pub fn new(
        name: &'static str,
        open: impl Fn() -> (Model, S) + Send + Sync + 'static,
        scripts: Vec<Script>,
    ) -> Self {
        Self {
            name,
            open: Arc::new(open),
            scripts,
            unreached: BTreeSet::new(),
        }
    }

    /// Outcomes that the model allows and the code does not reach, and why.
    pub fn never(mut self, outcomes: &[&str], _because: &str) -> Self {
        let outcomes = outcomes.iter().map(|outcome| (*outcome).to_owned());
        self.unreached.extend(outcomes);
        self
    }

    /// Explores it with a clock and without, and panics with the first history that no order explains.
    #[track_caller]
    pub fn explore(&self) {
        self.explore_with_a_clock();
        let seen = Arc::default();
        let from = |first| self.explore_from(first, "no clock", |_| Beside::Nothing, &seen);
        let most = (0..self.scripts.len()).map(from).max();
        let name = self.name;
        assert!(
            most > Some(1),
            "{name}: a scenario without a choice finds nothing"
        );
        self.assert_all_seen(&seen.lock().unwrap());
    }

    /// Explores it with a clock alone.
    #[track_caller]
    pub fn explore_with_a_clock(&self) {
        self.explore_from(0, "clock", |_| Beside::clock(), &Arc::default());
    }

    /// Explores it without a clock, and panics if a thread takes units and does not see what was written
    /// before they were added.
    #[track_caller]
    pub fn explore_with_a_payload(&self) {
        let payload = |start: &Model| Beside::payload(start.snapshot().available);
        let seen = Arc::default();
        for first in 0..self.scripts.len() {
            self.explore_from(first, "payload", payload, &seen);
        }
        self.assert_all_seen(&seen.lock().unwrap());
    }

    /// Explores it with the first thread at the script `first`, and returns the number of executions.
    #[track_caller]
    fn explore_from(
        &self,
        first: usize,
        what: &str,
        beside: fn(&Model) -> Beside,
        seen: &Arc<Mutex<Seen>>,
    ) -> u64 {
        let (open, scripts) = (Arc::clone(&self.open), self.scripts.clone());
        let seen = Arc::clone(seen);
        let began = Instant::now();
        let is_the_first = first == 0 && what != "clock";
        let most = if is_the_first {
            OF_THE_FIRST
        } else {
            OF_THE_OTHERS
        };
        let name = self.name;
        // The explorer has the steps of `Stock`.
        let is_stock = TypeId::of::<S>() == TypeId::of::<Stock>();
        let executions = model_up_to(most, move || {
            let (start, stock) = open();
            let beside = beside(&start);
            let calls = run(&Arc::new(stock), &scripts, first, &beside);
            let mut seen = seen.lock().unwrap();
            if seen.explained.contains(&calls) {
                return;
            }
            assert_explained(start.clone(), calls.clone());
            let is_compared = is_stock && matches!(beside, Beside::Clock(_));
            let is_compared = is_compared && fits_explorer(&start, &scripts);
            let outcome = outcome(scripts.len(), &calls);
            assert!(
                !is_compared || explorer_knows(name, &scripts, &outcome),
                "{name}: the explorer never came to {outcome}; its steps are not those of the code"
            );
            seen.start.get_or_insert(start);
            seen.outcomes.insert(answers(scripts.len(), &calls));
            if seen.explained.len() < KEPT {
                seen.explained.insert(calls);
            }
        });
        let seconds = began.elapsed().as_secs_f64();
        println!("{name:<44} {what:<8} {first} {executions:>9} executions {seconds:>7.1} s");
        executions
    }

    #[track_caller]
    fn assert_all_seen(&self, seen: &Seen) {
        let name = self.name;
        let start = seen.start.as_ref().expect("it was explored");
        let allowed = outcomes(start, &self.scripts);
        let unseen = allowed.difference(&seen.outcomes);
        let unseen: BTreeSet<String> = unseen.map(Answers::to_string).collect();
        let (all, reached) = (allowed.len(), allowed.len() - unseen.len());
        println!("{name:<44} {reached} of {all} outcomes");
        let missing: Vec<&String> = unseen.difference(&self.unreached).collect();
        assert!(missing.is_empty(), "{name}: never seen: {missing:?}");
        // A higher bound sees more.
        let stale: Vec<&String> = self.unreached.difference(&unseen).collect();
        assert!(
            stale.is_empty() || std::env::var("LOOM_MAX_PREEMPTIONS").is_ok(),
            "{name}: listed as never seen, though they were: {stale:?}"
        );
    }

    /// Whether the scenario has a history that no order explains.
    pub fn finds_fault(&self) -> bool {
        let name = self.name;
        let explored = catch_unwind(AssertUnwindSafe(|| self.explore()));
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
}

/// Explores `body`, two preemptions unless `LOOM_MAX_PREEMPTIONS` says otherwise, and returns how
/// many executions that took.
pub fn model(body: impl Fn() + Send + Sync + 'static) -> u64 {
    model_up_to(usize::MAX, body)
}

/// [`model`], but no more than `most` executions unless `LOOM_MAX_PERMUTATIONS` says otherwise.
fn model_up_to(most: usize, body: impl Fn() + Send + Sync + 'static) -> u64 {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.max_permutations = builder.max_permutations.or(Some(most));
    builder.max_branches = 20_000;
    let executions = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = Arc::clone(&executions);
    builder.check(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        body();
    });
    executions.load(std::sync::atomic::Ordering::Relaxed)
}
