//! [`Report`]: which promises a counter keeps.

use crate::checker::Undecided;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What a stock counter promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Promise {
    /// No unit is sold that was never added.
    NeverOversold,
    /// When all is over, each unit that ever came is in stock, reserved or sold; and in each
    /// snapshot, always.
    Conservation,
    /// A call is refused only at an instant at which too few units were in stock.
    ExactRefusal,
    /// One order explains all answers, and respects real time.
    Linearizable,
    /// From however many threads: no call panics, each returns.
    ManyThreads,
    /// A panic in a caller's code loses no units, and the counter goes on.
    CallerPanics,
    /// What cannot be counted is refused and changes nothing.
    Overflow,
    /// Of nothing there is always enough.
    Zero,
    /// What was not reserved cannot be committed or released.
    NotReserved,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NeverOversold,
        Self::Conservation,
        Self::ExactRefusal,
        Self::Linearizable,
        Self::ManyThreads,
        Self::CallerPanics,
        Self::Overflow,
        Self::Zero,
        Self::NotReserved,
    ];

    /// For the name of a file.
    pub(super) const fn slug(self) -> &'static str {
        match self {
            Self::NeverOversold => "oversold",
            Self::Conservation => "conservation",
            Self::ExactRefusal => "refusal",
            Self::Linearizable => "linearizable",
            Self::ManyThreads => "threads",
            Self::CallerPanics => "panic",
            Self::Overflow => "overflow",
            Self::Zero => "zero",
            Self::NotReserved => "not-reserved",
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NeverOversold => "never oversold",
            Self::Conservation => "conservation",
            Self::ExactRefusal => "exact refusal",
            Self::Linearizable => "linearizable",
            Self::ManyThreads => "works from N threads",
            Self::CallerPanics => "nothing lost in a panic",
            Self::Overflow => "overflow",
            Self::Zero => "zero",
            Self::NotReserved => "refuses unreserved",
        })
    }
}

/// What shows that a promise is broken.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evidence {
    /// What happened, and why it must not.
    pub words: String,
    /// The history as JSON lines, if it could be written.
    pub history: Option<PathBuf>,
    /// The history as a picture (SVG), if it could be written.
    pub picture: Option<PathBuf>,
}

/// How a counter stands to a promise.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum State {
    /// Nothing was found against it.
    Kept,
    /// It is broken.
    Broken(Evidence),
    /// The counter does not promise it, or does not offer what it is about.
    NotPromised,
    /// Nothing was found against it, but not all histories could be decided.
    Undecided,
    /// Nothing was found that tells.
    NotJudged(Unjudged),
}

/// Why a promise could not be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unjudged {
    /// The outcome of each call that it is about is unknown.
    NoAnswer,
    /// There was no call that it is about.
    NoCall,
    /// The check ended at its finding.
    Stopped,
    /// The check was given up before its turn.
    OutOfTime,
    /// The counter could not be opened when it was its turn.
    NotOpened,
    /// A call did not return, so that it was never its turn.
    Stuck,
    /// Where another promise is broken, nobody can say how it stands to this one.
    Masked,
    /// Histories that were recorded elsewhere do not tell; nobody asked for it.
    NotPlayed,
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => "no call that it is about has a known outcome",
            Self::NoCall => "there was no call that it is about",
            Self::Stopped => "the check ended at its finding",
            Self::OutOfTime => "the time was up",
            Self::NotOpened => "the counter could not be opened",
            Self::Stuck => "a call before did not return",
            Self::Masked => "what else is broken hides it",
            Self::NotPlayed => "recorded histories do not tell",
        })
    }
}

/// A promise, and how the counter stands to it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// The promise.
    pub promise: Promise,
    /// How the counter stands to it.
    pub state: State,
    /// Histories by which it was judged.
    pub judged: usize,
    /// Those of them that break it.
    pub broken: usize,
    /// Those of them that could not be decided.
    pub undecided: usize,
}

/// Which promises a counter keeps. `Display` is a table, with the evidence below what is broken.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[must_use = "a report says whether the counter is right"]
pub struct Report {
    /// The counter's name: its type, or what [`Options::name`](crate::Options::name) says.
    pub counter: String,
    /// One for each [promise](Promise::ALL).
    pub findings: Vec<Finding>,
    /// Histories that were recorded.
    pub histories: usize,
    /// Calls that are in them.
    pub calls: usize,
    /// Those of them whose outcome is unknown: they prove nothing.
    pub unknown: usize,
    /// What it took.
    pub elapsed: Duration,
    /// The seed that everything but the threads' timing follows from.
    pub seed: u64,
    /// Pairs of calls that overlapped, by kind, most first: where calls never met, *kept* says little.
    pub overlaps: Vec<(Pair, u64)>,
    /// The slowest call.
    pub slowest: Option<Slowest>,
    /// Why the check ended early, if it did.
    pub trouble: Option<String>,
    /// Why a history could not be decided, if one could not.
    pub why_undecided: Option<Undecided>,
}

/// The kinds of two calls, by name.
pub type Pair = [&'static str; 2];

/// The slowest call, and what is usual for its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slowest {
    /// What was called.
    pub kind: &'static str,
    /// What it took.
    pub took: Duration,
    /// What half of the calls of its kind took at most.
    pub median: Duration,
}

impl Slowest {
    /// Whether it is so slow that there is something to look at: 10,000 times the median, and a tenth of a
    /// second at least, since a thread may lose its core for less.
    #[must_use]
    pub fn is_remarkable(&self) -> bool {
        self.took >= Duration::from_millis(100) && self.took >= self.median.saturating_mul(10_000)
    }
}

impl Report {
    /// The promises that are broken.
    #[must_use]
    pub fn broken(&self) -> Vec<Promise> {
        self.with(|state| matches!(state, State::Broken(_)))
    }

    /// The promises that are kept, as far as was found.
    #[must_use]
    pub fn kept(&self) -> Vec<Promise> {
        self.with(|state| matches!(state, State::Kept))
    }

    /// The promises of which neither is known.
    #[must_use]
    pub fn undecided(&self) -> Vec<Promise> {
        self.with(|state| matches!(state, State::Undecided))
    }

    /// The promises that were to be judged and could not be.
    #[must_use]
    pub fn not_judged(&self) -> Vec<Promise> {
        self.with(|state| match state {
            State::NotJudged(why) => *why != Unjudged::NotPlayed,
            _ => false,
        })
    }

    /// What shows that `promise` is broken, if it is.
    #[must_use]
    pub fn evidence(&self, promise: Promise) -> Option<&Evidence> {
        let finding = self
            .findings
            .iter()
            .find(|finding| finding.promise == promise)?;
        match &finding.state {
            State::Broken(evidence) => Some(evidence),
            _ => None,
        }
    }

    /// For a test: the counter keeps all that it promises.
    ///
    /// # Panics
    ///
    /// With the report, if a promise is broken, undecided, or could not be judged.
    #[track_caller]
    pub fn assert_kept(&self) {
        let doubts = [self.broken(), self.undecided(), self.not_judged()];
        assert!(doubts.iter().all(Vec::is_empty), "{self}");
        assert!(self.trouble.is_none(), "{self}");
    }

    fn with(&self, is: impl Fn(&State) -> bool) -> Vec<Promise> {
        let findings = self.findings.iter().filter(|finding| is(&finding.state));
        findings.map(|finding| finding.promise).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            counter,
            histories,
            calls,
            unknown,
            elapsed,
            seed,
            ..
        } = self;
        let seconds = elapsed.as_secs_f64();
        let unknown = match unknown {
            0 => String::new(),
            unknown => format!(" ({unknown} of unknown outcome)"),
        };
        writeln!(
            f,
            "{counter}: {histories} histories, {calls} calls{unknown} in {seconds:.1} s, seed {seed}"
        )?;
        let mut written: Vec<&str> = Vec::new();
        for finding in &self.findings {
            finding.write(f)?;
            let State::Broken(evidence) = &finding.state else {
                continue;
            };
            // One mistake breaks several promises, as a rule.
            if written.contains(&evidence.words.as_str()) {
                writeln!(f, "      as above")?;
            } else {
                written.push(&evidence.words);
                write!(f, "{evidence}")?;
            }
        }
        self.write_effort(f)
    }
}

impl Report {
    /// How much was tried.
    fn write_effort(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More kinds than this nobody reads.
        const MOST: usize = 6;
        if !self.overlaps.is_empty() {
            let all: u64 = self.overlaps.iter().map(|(_, pairs)| pairs).sum();
            let most = self.overlaps.iter().take(MOST);
            let most: Vec<String> = most
                .map(|([one, other], pairs)| format!("{one} + {other} {pairs}"))
                .collect();
            let most = most.join(", ");
            writeln!(f, "  {all} pairs of calls overlapped: {most}")?;
        }
        if let Some(slowest) = &self.slowest {
            let Slowest { kind, took, median } = slowest;
            write!(
                f,
                "  the slowest call ({kind}) took {took:.1?}; the median of its kind is {median:.1?}"
            )?;
            let remark = if slowest.is_remarkable() {
                ": SLOW"
            } else {
                ""
            };
            writeln!(f, "{remark}")?;
        }
        if let Some(why) = &self.why_undecided {
            writeln!(f, "  {why}")?;
        }
        match &self.trouble {
            Some(trouble) => writeln!(f, "  {trouble}"),
            None => Ok(()),
        }
    }
}

impl Finding {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            promise,
            judged,
            broken,
            undecided,
            ..
        } = self;
        let runs = if *judged == 1 { "run" } else { "runs" };
        write!(f, "  {promise:<24} ")?;
        match &self.state {
            State::Kept => writeln!(f, "kept          {judged} {runs}"),
            State::NotPromised => writeln!(f, "not promised"),
            State::NotJudged(why) => writeln!(f, "not judged    {why}"),
            State::Undecided => writeln!(f, "UNDECIDED     {undecided} of {judged} {runs}"),
            State::Broken(_) => writeln!(f, "BROKEN        {broken} of {judged} {runs}"),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.words.lines() {
            writeln!(f, "      {line}")?;
        }
        if let Some(path) = &self.history {
            writeln!(f, "      history: {}", path.display())?;
        }
        if let Some(path) = &self.picture {
            writeln!(f, "      picture: {}", path.display())?;
        }
        Ok(())
    }
}
