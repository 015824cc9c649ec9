//! [`check`]: the whole suite on one counter.

use crate::judge::{Judge, Promised, Ruling, is_known};
use crate::play::{Played, play};
use crate::reduced::Reduced;
use crate::report::{Evidence, Finding, Promise, Report, State, Unjudged};
use crate::rounds::rounds;
use crate::trials::{self, Trial};
use crate::{Checker, Explanation, History, Subject, picture};
use segstock_model::MAX_UNITS;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{any, env, process};

/// Judges a counter by all that it can promise; `open` opens a fresh one with so many units, in so
/// many segments if it has any.
///
/// It records some eight hundred histories from real threads and has the [`Checker`] judge them; that takes
/// less than a second where calls are quick. No finding is proof: threads that race may not have met.
/// A model checker like loom goes further, for less code.
///
/// # Examples
///
/// ```
/// use segstock::LockedStock;
///
/// let report = segstock_conformance::check(|units, segments| {
///     LockedStock::builder(units).segments(segments).build().unwrap()
/// });
/// report.assert_kept();
/// ```
pub fn check<S: Subject + 'static>(open: impl Fn(u64, usize) -> S) -> Report {
    Options::new().check(open)
}

/// How a counter is judged, and what it does not promise.
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    pub(super) exact_refusals: bool,
    pub(super) snapshots: bool,
    pub(super) reservations: bool,
    pub(super) bounds: bool,
    pub(super) limit: u64,
    pub(super) threads: usize,
    pub(super) patience: Duration,
    rounds: usize,
    segments: usize,
    seed: u64,
    budget: u64,
    directory: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Everything is promised that is offered.
    pub fn new() -> Self {
        Self {
            exact_refusals: true,
            snapshots: true,
            reservations: true,
            bounds: true,
            limit: MAX_UNITS,
            threads: 4,
            patience: Duration::from_secs(20),
            rounds: 1_000,
            segments: 4,
            seed: 1,
            budget: 300_000,
            directory: env::temp_dir().join("segstock-conformance"),
        }
    }

    /// Orders may be refused though there is enough, for instance because one segment is short.
    pub fn without_exact_refusals(self) -> Self {
        let exact_refusals = false;
        Self {
            exact_refusals,
            ..self
        }
    }

    /// Snapshots are not judged.
    pub fn without_snapshots(self) -> Self {
        let snapshots = false;
        Self { snapshots, ..self }
    }

    /// Reservations and holds are not judged.
    pub fn without_reservations(self) -> Self {
        let reservations = false;
        Self {
            reservations,
            ..self
        }
    }

    /// What `available` says is not judged, at rest neither.
    pub fn without_bounds(self) -> Self {
        let bounds = false;
        Self { bounds, ..self }
    }

    /// Restocks may be refused that would bring more than `units` on hand; [`MAX_UNITS`] by default. A
    /// counter may count further; what it says it counted must be there.
    pub fn limit(self, units: u64) -> Self {
        let limit = units;
        Self { limit, ..self }
    }

    /// Threads that call at once; 4 by default, 1 at least.
    pub fn threads(self, threads: usize) -> Self {
        let threads = threads.max(1);
        Self { threads, ..self }
    }

    /// How many histories, more or less; 1,000 by default.
    pub fn rounds(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    /// Segments that counters are opened with, 4 by default.
    pub fn segments(self, segments: usize) -> Self {
        Self { segments, ..self }
    }

    /// What the calls follow from; not their timing. 1 by default.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// States that the checker looks at for one history; see [`Checker::budget`].
    pub fn budget(self, states: u64) -> Self {
        let budget = states;
        Self { budget, ..self }
    }

    /// When a round is given up whose calls do not return; 20 seconds by default.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Where histories and pictures of what is broken go; by default into a folder
    /// `segstock-conformance` among the [temporary files](env::temp_dir).
    pub fn directory(self, directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self { directory, ..self }
    }

    /// Judges a counter; see [`check`].
    pub fn check<S: Subject + 'static>(&self, open: impl Fn(u64, usize) -> S) -> Report {
        let began = Instant::now();
        let open = |units| Reduced::new(open(units, self.segments), self);
        let mut tally = Tally::new(self, any::type_name::<S>());
        let holds = self.reservations && open(1).place(1, 1, 1).is_some();
        for round in rounds(self.rounds, self.threads, self.seed, holds) {
            let played = play(open(round.units), &round, self.patience);
            if tally.add(&played) {
                tally.give_up();
                return tally.report(began);
            }
        }
        for trial in trials::zero(self, open) {
            tally.add_trial(Promise::Zero, &trial);
        }
        let few = self.rounds.div_ceil(20);
        for trial in trials::overflow(self, open, few) {
            tally.add_trial(Promise::Overflow, &trial);
        }
        match trials::panics(self, open, few) {
            Some(trials) => {
                for trial in trials {
                    tally.add_trial(Promise::CallerPanics, &trial);
                }
            }
            None => tally.set(Promise::CallerPanics, State::NotPromised),
        }
        tally.report(began)
    }

    pub(super) fn promised(&self) -> Promised {
        Promised {
            exact_refusals: self.exact_refusals,
            bounds: self.bounds,
        }
    }

    pub(super) fn checker(&self) -> Checker {
        Checker::new().budget(self.budget).limit(self.limit)
    }
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    options: &'a Options,
    counter: &'static str,
    findings: BTreeMap<Promise, Finding>,
    histories: usize,
    calls: usize,
    unknown: usize,
}

impl<'a> Tally<'a> {
    pub(super) fn new(options: &'a Options, counter: &'static str) -> Self {
        let finding = |promise| Finding {
            promise,
            state: State::NotJudged(Unjudged::NoAnswer),
            judged: 0,
            broken: 0,
            undecided: 0,
        };
        let findings = Promise::ALL.map(|promise| (promise, finding(promise)));
        let mut tally = Self {
            options,
            counter,
            findings: findings.into(),
            histories: 0,
            calls: 0,
            unknown: 0,
        };
        if !options.exact_refusals {
            tally.set(Promise::ExactRefusal, State::NotPromised);
        }
        tally
    }

    /// Of histories that were recorded elsewhere: no thread was started for them, and no trial made.
    pub(super) fn of_recordings(options: &'a Options, counter: &'static str) -> Self {
        use Promise::{CallerPanics, ManyThreads, Overflow, Zero};
        let mut tally = Self::new(options, counter);
        for promise in [ManyThreads, CallerPanics, Overflow, Zero] {
            tally.set(promise, State::NotJudged(Unjudged::NotPlayed));
        }
        tally
    }

    fn set(&mut self, promise: Promise, state: State) {
        if let Some(finding) = self.findings.get_mut(&promise) {
            finding.state = state;
        }
    }

    /// Of what was not judged yet, nothing will be.
    fn give_up(&mut self) {
        for finding in self.findings.values_mut() {
            if let State::NotJudged(why) = &mut finding.state {
                *why = Unjudged::Stuck;
            }
        }
    }

    /// Judges a round, and says whether it is the last that can be played.
    fn add(&mut self, played: &Played) -> bool {
        self.count(played);
        let Some(failure) = &played.failure else {
            let ruling = if played.history.calls().iter().any(is_known) {
                Ruling::Kept
            } else {
                Ruling::Unjudged(Unjudged::NoAnswer)
            };
            self.rule(Promise::ManyThreads, ruling, played, Default::default);
            self.judge(played);
            return false;
        };
        self.rule(Promise::ManyThreads, Ruling::Broken, played, || {
            (failure.to_string(), Some(failure.explain(&played.history)))
        });
        failure.is_stuck()
    }

    /// Judges what was recorded elsewhere, and says which promises it breaks.
    pub(super) fn add_history(&mut self, played: &Played) -> Vec<Promise> {
        self.count(played);
        self.judge(played)
    }

    fn judge(&mut self, played: &Played) -> Vec<Promise> {
        let judge = Judge::new(self.options.checker(), self.options.promised(), played);
        let mut broken = Vec::new();
        for (promise, ruling) in judge.rulings() {
            self.rule(promise, ruling, played, || {
                let why = judge.explain(promise);
                let words = why.as_ref().map(ToString::to_string);
                (words.unwrap_or_default(), why)
            });
            if ruling == Ruling::Broken {
                broken.push(promise);
            }
        }
        broken
    }

    fn add_trial(&mut self, promise: Promise, trial: &Trial) {
        self.count(&trial.played);
        self.unknown -= trial.panicked;
        self.rule(promise, trial.ruling, &trial.played, || {
            let words = trial.fault.as_ref().map(ToString::to_string);
            (words.unwrap_or_default(), trial.fault.clone())
        });
        if trial.is_wrong_otherwise {
            self.judge(&trial.played);
        }
    }

    fn count(&mut self, played: &Played) {
        self.histories += 1;
        let calls = played.history.calls();
        self.calls += calls.len();
        self.unknown += calls.iter().filter(|call| !is_known(call)).count();
    }

    fn rule(
        &mut self,
        promise: Promise,
        ruling: Ruling,
        played: &Played,
        why: impl FnOnce() -> (String, Option<Explanation>),
    ) {
        let Some(finding) = self.findings.get_mut(&promise) else {
            return;
        };
        finding.judged += usize::from(!matches!(ruling, Ruling::Unjudged(_)));
        match (ruling, &finding.state) {
            (Ruling::Kept, State::NotJudged(_)) => finding.state = State::Kept,
            (Ruling::Unjudged(why), State::NotJudged(_)) if why != Unjudged::NoAnswer => {
                finding.state = State::NotJudged(why);
            }
            (Ruling::Kept | Ruling::Unjudged(_), _) => {}
            (Ruling::Undecided, state) => {
                finding.undecided += 1;
                if !matches!(state, State::Broken(_)) {
                    finding.state = State::Undecided;
                }
            }
            (Ruling::Broken, State::Broken(_)) => finding.broken += 1,
            (Ruling::Broken, _) => {
                finding.broken += 1;
                let (words, why) = why();
                let name = file_name(self.counter, promise);
                let files = keep(
                    &self.options.directory,
                    &name,
                    &played.history,
                    why.as_ref(),
                );
                let (history, picture, words) = match files {
                    Ok((history, picture)) => (Some(history), Some(picture), words),
                    Err(error) => (None, None, format!("{words}\n(not kept on disk: {error})")),
                };
                finding.state = State::Broken(Evidence {
                    words,
                    history,
                    picture,
                });
            }
        }
    }

    pub(super) fn report(self, began: Instant) -> Report {
        Report {
            counter: self.counter,
            findings: self.findings.into_values().collect(),
            histories: self.histories,
            calls: self.calls,
            unknown: self.unknown,
            elapsed: began.elapsed(),
            seed: self.options.seed,
        }
    }
}

/// A name that no other check has: several may run at once.
fn file_name(counter: &str, promise: Promise) -> String {
    static CHECKS: Mutex<u64> = Mutex::new(0);
    let mut checks = CHECKS.lock().unwrap_or_else(PoisonError::into_inner);
    *checks += 1;
    let number = *checks;
    let base = counter.split('<').next().unwrap_or(counter);
    let base = base.rsplit("::").next().unwrap_or(base);
    format!("{base}-{}-{}-{number}", promise.slug(), process::id())
}

/// Writes a history and its picture, and says where.
fn keep(
    directory: &Path,
    name: &str,
    history: &History,
    why: Option<&Explanation>,
) -> std::io::Result<(PathBuf, PathBuf)> {
    fs::create_dir_all(directory)?;
    let lines = directory.join(format!("{name}.jsonl"));
    history.write(BufWriter::new(File::create(&lines)?))?;
    let drawing = directory.join(format!("{name}.svg"));
    fs::write(&drawing, picture::svg(history, why))?;
    Ok((lines, drawing))
}
