//! The rounds of the suite under shuttle: each in many schedules, one thread running at a time.

use crate::options::Options;
use crate::play::{Failure, Played, Sent, follow, guarded, look_at_rest};
use crate::recorder::{Recording, Watch};
use crate::reduced::Reduced;
use crate::report::{Report, Unjudged};
use crate::rounds::{Round, Waits, racing};
use crate::subject::Subject;
use crate::tally::Tally;
use segstock_model::Call;
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, FailurePersistence, Runner};
use std::any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

impl Options {
    /// Judges a counter whose atomics, locks and threads are those of [shuttle]: plays the rounds in which threads
    /// race, each in `schedules` random schedules. shuttle changes threads before each access to what they share, so
    /// that a window of a few instructions is met as often as a long one.
    ///
    /// The trials of [`check`](Self::check) (zero, overflow, a caller that panics) are not played: they need no
    /// race. Schedules follow from the [seed](Self::seed). Stamps are numbers in sequence, not nanoseconds. See
    /// [the page](crate::docs::under_shuttle).
    ///
    /// # Examples
    ///
    /// ```
    /// use segstock_conformance::{Answer, Options, Promise, Subject};
    /// use shuttle::sync::atomic::{AtomicU64, Ordering};
    ///
    /// struct TestThenSet(AtomicU64);
    ///
    /// impl Subject for TestThenSet {
    ///     fn deduct(&self, units: u64) -> Answer {
    ///         let left = self.0.load(Ordering::SeqCst);
    ///         if left < units {
    ///             return Answer::SHORT;
    ///         }
    ///         self.0.store(left - units, Ordering::SeqCst);
    ///         Answer::Done(())
    ///     }
    ///
    ///     fn restock(&self, units: u64) -> Answer {
    ///         self.0.fetch_add(units, Ordering::SeqCst);
    ///         Answer::Done(())
    ///     }
    ///
    ///     fn available(&self) -> Answer<u64> {
    ///         Answer::Done(self.0.load(Ordering::SeqCst))
    ///     }
    /// }
    ///
    /// let open = |units, _segments| TestThenSet(AtomicU64::new(units));
    /// let report = Options::new().stop_at_first().check_schedules(10, open);
    /// assert!(report.broken().contains(&Promise::Linearizable));
    /// ```
    pub fn check_schedules<S: Subject + 'static>(
        &self,
        schedules: usize,
        open: impl Fn(u64, usize) -> S + Send + Sync + 'static,
    ) -> Report {
        let began = Instant::now();
        let name = self.name.clone();
        let name = name.unwrap_or_else(|| any::type_name::<S>().to_owned());
        let mut tally = Tally::of_schedules(self, name);
        let open = Arc::new(open);
        for round in racing(self.size(), self.seed, self.reservations) {
            let (options, open) = (self.clone(), Arc::clone(&open));
            let open = move |units| options.reduced(open(units, options.segments));
            for played in explore(schedules, &round, open) {
                if tally.add(&played) {
                    let trouble = "a schedule came to no end: nothing was tried after it";
                    tally.give_up(Unjudged::Stuck, trouble.to_owned());
                    return tally.report(began);
                }
            }
            if let Some((why, trouble)) = self.end_of_check(&tally.broken(), began) {
                tally.give_up(why, trouble);
                break;
            }
        }
        tally.report(began)
    }
}

/// Plays a round in some schedules; the last of them may have come to no end.
fn explore(
    schedules: usize,
    round: &Round,
    open: impl Fn(u64) -> Reduced + Send + Sync + 'static,
) -> Vec<Played> {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    let scheduler = RandomScheduler::new_from_seed(round.seed, schedules);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let under_way = Arc::new(Mutex::new(None));
    let run = {
        let (seen, under_way, round) = (Arc::clone(&seen), Arc::clone(&under_way), round.clone());
        move || {
            let recording = Recording::in_steps(round.units);
            let played = play(open(round.units), &round, recording, &under_way);
            lock(&seen).push(played);
        }
    };
    let ran = catch_unwind(AssertUnwindSafe(|| Runner::new(scheduler, config).run(run)));
    let mut seen = std::mem::take(&mut *lock(&seen));
    if let Err(payload) = ran {
        let calls = lock(&under_way).take();
        let (recording, watches): (Recording, Vec<Watch>) =
            calls.unwrap_or_else(|| (Recording::in_steps(round.units), Vec::new()));
        let calls: Vec<Vec<Call>> = watches.iter().map(Watch::calls).collect();
        seen.push(Played {
            failure: Some(Failure::ended(&*payload, &calls)),
            history: recording.history(calls.into_iter().flatten().collect()),
            at_rest: 0,
        });
    }
    seen
}

/// One schedule, in which this is called by shuttle.
fn play(
    subject: Reduced,
    round: &Round,
    recording: Recording,
    under_way: &Mutex<Option<(Recording, Vec<Watch>)>>,
) -> Played {
    let subject = Arc::new(subject);
    let threads = round.scripts.len();
    let (logs, watches): (Vec<_>, Vec<_>) = (0..=threads)
        .map(|thread| recording.watched(thread))
        .unzip();
    *lock(under_way) = Some((recording, watches));
    let mut logs = logs.into_iter();
    let running: Vec<_> = logs
        .by_ref()
        .take(threads)
        .map(|log| {
            let (subject, round) = (Arc::clone(&subject), round.clone());
            let script = move || guarded(log, |log| follow(&subject, log, &round, Waits::Never));
            shuttle::thread::spawn(script)
        })
        .collect();
    let mut sent: Vec<Sent> = running
        .into_iter()
        .map(|thread| thread.join().expect("panics are caught in it"))
        .collect();
    let mut at_rest = 0;
    if let Some(log) = logs.next() {
        let last = guarded(log, |log| {
            look_at_rest(&subject, log, round.draw);
            subject.close();
        });
        at_rest = last.0.calls().len();
        sent.push(last);
    }
    let failure = sent.iter().find_map(|(_, failure)| failure.clone());
    let calls = sent.iter().flat_map(|(log, _)| log.calls()).copied();
    Played {
        history: recording.history(calls.collect()),
        failure,
        at_rest,
    }
}

/// These locks are not shuttle's: nobody changes threads while one is held.
fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
