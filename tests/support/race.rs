//! Two threads under loom, each with a call or some, on holds or on an inventory.
//!
//! loom remembers one last access of each atomic, and lets a thread that was spawned begin late: which thread makes which
//! calls decides what is tried. So each race runs in both rotations. Every answer that the calls of one thread give after
//! those of the other must be seen in one rotation or the other. So must every answer that needs calls to overlap: the
//! race lists these. No other answer may be seen.

use super::arena::model;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What the two threads were answered: `{one:?} | {other:?}`.
type Answers = Arc<Mutex<BTreeSet<String>>>;

/// What two threads do, and what may come of it.
pub struct Race<T, A, B> {
    pub name: String,
    /// What the threads share.
    pub open: Arc<dyn Fn() -> Arc<T> + Send + Sync>,
    pub one: Arc<dyn Fn(&T) -> A + Send + Sync>,
    pub other: Arc<dyn Fn(&T) -> B + Send + Sync>,
    /// Panics if these answers may not be, or do not fit what is left.
    pub check: Arc<dyn Fn(&T, A, B) + Send + Sync>,
    /// The answers that are given only if the calls of one thread overlap those of the other, or come between them.
    pub between: &'static [&'static str],
}

impl<T, A, B> Race<T, A, B>
where
    T: Send + Sync + 'static,
    A: Debug + Send + 'static,
    B: Debug + Send + 'static,
{
    /// Explores it in both rotations, and panics if the answers are not those that it says.
    #[track_caller]
    pub fn explore(&self) {
        let (name, began) = (&self.name, Instant::now());
        let (expected, seen) = (Answers::default(), Answers::default());
        let in_turn = [true, false].map(|spawned| self.explore_with(spawned, true, &expected));
        assert_eq!(in_turn, [1, 1], "{name}: in turn there is no choice");
        let together = [true, false].map(|spawned| self.explore_with(spawned, false, &seen));
        let seconds = began.elapsed().as_secs_f64();
        let [first, second] = together;
        println!("{name:<52} {first:>7} and {second:>7} executions {seconds:>7.1} s");
        let (mut expected, seen) = (expected.lock().unwrap(), seen.lock().unwrap());
        for between in self.between {
            let is_new = expected.insert((*between).to_owned());
            assert!(is_new, "{name}: calls in turn give this, too: {between}");
        }
        let unseen: Vec<_> = expected.difference(&seen).collect();
        let unlisted: Vec<_> = seen.difference(&expected).collect();
        let is_as_said = unseen.is_empty() && unlisted.is_empty();
        assert!(
            is_as_said,
            "{name}:\n  never seen {unseen:#?}\n  not listed {unlisted:#?}"
        );
    }

    /// Explores it with `one` on the thread that is spawned, or `other`; if `in_turn`, all calls of that thread come first.
    /// Returns the number of executions.
    fn explore_with(&self, one_is_spawned: bool, in_turn: bool, answers: &Answers) -> u64 {
        let (open, answers) = (Arc::clone(&self.open), Arc::clone(answers));
        let (one, other) = (Arc::clone(&self.one), Arc::clone(&self.other));
        let check = Arc::clone(&self.check);
        model(move || {
            let shared = open();
            let (one, other) = if one_is_spawned {
                beside(&shared, &one, &other, in_turn)
            } else {
                let (other, one) = beside(&shared, &other, &one, in_turn);
                (one, other)
            };
            answers
                .lock()
                .unwrap()
                .insert(format!("{one:?} | {other:?}"));
            check(&shared, one, other);
        })
    }
}

/// The answers to `spawned` and to `here`.
fn beside<T: Send + Sync + 'static, X: Send + 'static, Y>(
    shared: &Arc<T>,
    spawned: &Arc<dyn Fn(&T) -> X + Send + Sync>,
    here: &Arc<dyn Fn(&T) -> Y + Send + Sync>,
    in_turn: bool,
) -> (X, Y) {
    let (theirs, spawned) = (Arc::clone(shared), Arc::clone(spawned));
    let line = StartLine::default();
    let there = {
        let line = line.clone();
        thread::spawn(move || {
            segstock::testing::sit_at(1, 2);
            line.pass();
            spawned(&theirs)
        })
    };
    if in_turn {
        return (there.join().unwrap(), here(shared));
    }
    line.pass();
    let here = here(shared);
    (there.join().unwrap(), here)
}

/// Has loom try either thread first. It tries another sequence only of what it sees, and a thread that finds a SKU
/// gone in a map that loom does not see does nothing that it would.
#[derive(Clone, Default)]
struct StartLine(Arc<AtomicU64>);

impl StartLine {
    fn pass(&self) {
        // Relaxed, so that it hides nothing by bringing the threads into step.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
