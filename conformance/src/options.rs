//! [`Options`]: how a counter is judged.

use crate::checker::Checker;
use crate::judge::Promised;
use crate::report::Promise;
use crate::rounds::{Draw, Size};
use segstock_model::MAX_UNITS;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fmt, thread};

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progressed {
    /// Histories that were judged.
    pub histories: usize,
    /// Calls that are in them.
    pub calls: usize,
    /// Promises that are broken.
    pub broken: usize,
    /// Time that was spent.
    pub elapsed: Duration,
}

/// What shows the progress.
#[derive(Clone)]
pub(super) struct Progress(Arc<dyn Fn(&Progressed) + Send + Sync>);

impl Progress {
    pub(super) fn show(&self, progressed: &Progressed) {
        (self.0)(progressed);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// More threads than cores lose their core in the midst of a call, where mistakes show.
fn many_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (2 * cores).max(8)
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
    pub(super) total_patience: Duration,
    pub(super) refuses_unreserved: bool,
    pub(super) draw: Draw,
    pub(super) rounds: usize,
    pub(super) at_least: Duration,
    pub(super) stops_at_first: bool,
    pub(super) stops_when: Vec<Promise>,
    pub(super) segments: usize,
    pub(super) seed: u64,
    pub(super) directory: PathBuf,
    pub(super) name: Option<String>,
    pub(super) progress: Option<Progress>,
    budget: u64,
    time: Duration,
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
            threads: many_threads(),
            patience: Duration::from_secs(20),
            total_patience: Duration::from_secs(300),
            refuses_unreserved: false,
            draw: Draw::default(),
            rounds: 1_000,
            at_least: Duration::ZERO,
            stops_at_first: false,
            stops_when: Vec::new(),
            segments: 4,
            seed: 1,
            budget: 300_000,
            time: Duration::from_secs(10),
            name: None,
            progress: None,
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
    /// counter may count further; what it says it counted must be in stock.
    pub fn limit(self, units: u64) -> Self {
        let limit = units;
        Self { limit, ..self }
    }

    /// Threads that call at once, 1 at least. By default two for each core, and 8 at least. They
    /// live as long as the check, so that each can have a connection of its own.
    pub fn threads(self, threads: usize) -> Self {
        let threads = threads.max(1);
        Self { threads, ..self }
    }

    /// Rounds to play, more or less; 1,000 by default. Each is a history.
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

    /// Time that the checker takes for one history, ten seconds by default; see [`Checker::time`].
    pub fn time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Plays further rounds, with other calls, until `time` is spent.
    pub fn for_at_least(self, time: Duration) -> Self {
        let at_least = time;
        Self { at_least, ..self }
    }

    /// Ends the check when a promise is seen to be broken.
    pub fn stop_at_first(self) -> Self {
        let stops_at_first = true;
        Self {
            stops_at_first,
            ..self
        }
    }

    /// Ends the check when all these promises are seen to be broken: for a counter that is wrong on purpose.
    pub fn stop_when_broken(self, promises: impl IntoIterator<Item = Promise>) -> Self {
        let stops_when = promises.into_iter().collect();
        Self { stops_when, ..self }
    }

    /// Time after which a round is given up whose calls do not return; 20 seconds by default, and a year at most.
    pub fn patience(self, patience: Duration) -> Self {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
        let patience = patience.min(YEAR);
        Self { patience, ..self }
    }

    /// Time after which the whole check is given up, beyond what [`for_at_least`](Self::for_at_least) asks for; 5 minutes by
    /// default. A round that has begun is played to its end, for as long as its own [`patience`](Self::patience) at most. What
    /// was not tried by then is not kept: [`Report::assert_kept`](crate::Report::assert_kept) fails.
    pub fn total_patience(self, patience: Duration) -> Self {
        let total_patience = patience;
        Self {
            total_patience,
            ..self
        }
    }

    /// Calls `show` after a round, once a second at most.
    pub fn progress(self, show: impl Fn(&Progressed) + Send + Sync + 'static) -> Self {
        let progress = Some(Progress(Arc::new(show)));
        Self { progress, ..self }
    }

    /// The counter's name in the report and in the names of files; its type by default, which several
    /// variants may share.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = Some(name.into());
        Self { name, ..self }
    }

    /// The counter deals in single units: no order and no restock is of more than one.
    pub fn single_units(mut self) -> Self {
        self.draw.single = true;
        self
    }

    /// The counter is opened with at most `units`, and never asked to hold many more. Whether it refuses what
    /// it cannot count is then not judged.
    pub fn most_units(mut self, units: u64) -> Self {
        self.draw.most = Some(units.max(1));
        self
    }

    /// The counter promises to refuse a commit or a release of what was never reserved.
    pub fn refuses_unreserved(self) -> Self {
        let refuses_unreserved = true;
        Self {
            refuses_unreserved,
            ..self
        }
    }

    /// Where histories and pictures of what is broken go; by default into a folder
    /// `segstock-conformance` among the [temporary files](env::temp_dir).
    pub fn directory(self, directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self { directory, ..self }
    }

    pub(super) const fn size(&self) -> Size {
        Size {
            rounds: self.rounds,
            threads: self.threads,
            draw: self.draw,
        }
    }

    pub(super) fn promised(&self) -> Promised {
        Promised {
            exact_refusals: self.exact_refusals,
            bounds: self.bounds,
        }
    }

    pub(super) fn checker(&self) -> Checker {
        let checker = Checker::new().budget(self.budget).time(self.time);
        checker.limit(self.limit)
    }
}
