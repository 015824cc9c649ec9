//! `segstock-judge FILE…`: judges recorded histories.
//!
//! It ends with 0 if all are kept, 1 if one is broken, 2 if one is undecided, and 3 if one cannot be used.

use clap::Parser;
use segstock_conformance::{Evidence, History, Options, Promise, Report, State};
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::Duration;
use std::{env, fmt};

/// Judges recorded histories of stock counters: whether some order of the calls explains every answer.
///
/// Ends with 0 if all are kept, 1 if one is broken, 2 if one is undecided, 3 if one cannot be used. The picture
/// of what is broken lies beside its file.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Arguments {
    /// Histories as JSON lines
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Units on hand from which on the counter may refuse a restock
    #[arg(long)]
    limit: Option<u64>,
    /// How many calls at the end of each history were made when all else was over
    #[arg(long, default_value_t = 0)]
    at_rest: usize,
    /// Orders may be refused though there is enough
    #[arg(long)]
    without_exact_refusals: bool,
    /// States that the search may look at
    #[arg(long, default_value_t = 2_000_000)]
    budget: u64,
    /// Seconds that the search may take
    #[arg(long, default_value_t = 10)]
    time: u64,
    /// A line of JSON for each file
    #[arg(long)]
    json: bool,
}

/// What is known of a file, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Kept,
    Undecided,
    Broken,
    Unusable,
}

impl Standing {
    const fn code(self) -> u8 {
        match self {
            Self::Kept => 0,
            Self::Broken => 1,
            Self::Undecided => 2,
            Self::Unusable => 3,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "kept",
            Self::Undecided => "undecided",
            Self::Broken => "broken",
            Self::Unusable => "unusable",
        })
    }
}

/// The verdict on a file.
struct Verdict {
    state: Standing,
    calls: usize,
    broken: Vec<Promise>,
    words: String,
    picture: Option<PathBuf>,
}

impl Verdict {
    fn unusable(words: String) -> Self {
        Self {
            state: Standing::Unusable,
            calls: 0,
            broken: Vec::new(),
            words,
            picture: None,
        }
    }

    fn print(&self, file: &Path, as_json: bool) -> io::Result<()> {
        let mut to = io::stdout().lock();
        let (file, state, words) = (file.display(), self.state, &self.words);
        let picture = self.picture.as_ref().map(|path| path.display().to_string());
        if as_json {
            let broken: Vec<String> = self.broken.iter().map(ToString::to_string).collect();
            let line = json!({
                "file": file.to_string(), "verdict": state.to_string(), "calls": self.calls,
                "broken": broken, "words": words, "picture": picture,
            });
            return writeln!(to, "{line}");
        }
        let broken: Vec<String> = self.broken.iter().map(ToString::to_string).collect();
        let of = match broken.is_empty() {
            true => String::new(),
            false => format!(": {}", broken.join(", ")),
        };
        writeln!(to, "{file}: {state}{of} ({} calls)", self.calls)?;
        for line in words.lines() {
            writeln!(to, "  {line}")?;
        }
        match picture {
            Some(picture) => writeln!(to, "  picture: {picture}"),
            None => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            _ = error.print();
            // Wrong arguments are unusable, too; help is not wrong.
            return ExitCode::from(if error.use_stderr() { 3 } else { 0 });
        }
    };
    let (mut worst, mut is_read) = (Standing::Kept, true);
    for file in &arguments.files {
        let verdict = judge(file, &arguments);
        worst = worst.max(verdict.state);
        if !is_read {
            continue;
        }
        match verdict.print(file, arguments.json) {
            // A reader like `head` has gone. How the command ends is about all files all the same.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => is_read = false,
            Err(_) => return ExitCode::from(3),
            Ok(()) => {}
        }
    }
    ExitCode::from(worst.code())
}

fn judge(file: &Path, arguments: &Arguments) -> Verdict {
    let read = File::open(file).map_err(|error| error.to_string());
    let history = read.and_then(|open| {
        let history = History::read(BufReader::with_capacity(1 << 16, open));
        history.map_err(|error| error.to_string())
    });
    let history = match history {
        Ok(history) => history,
        Err(error) => return Verdict::unusable(error),
    };
    let evidence = env::temp_dir().join(format!("segstock-judge-{}", process::id()));
    let time = Duration::from_secs(arguments.time);
    let mut options = Options::new().budget(arguments.budget).time(time);
    options = options.directory(&evidence);
    if let Some(limit) = arguments.limit {
        options = options.limit(limit);
    }
    if arguments.without_exact_refusals {
        options = options.without_exact_refusals();
    }
    let calls = history.calls().len();
    let threads = named_threads(&history);
    let mut judging = options.judging(file.display().to_string());
    let mut broken = judging.add(history, arguments.at_rest);
    broken.sort_unstable();
    let report = judging.report();
    let mut verdict = said(&report, broken, calls, &threads);
    // What an earlier verdict left is not this one's.
    _ = fs::remove_file(beside(file));
    if let Some(from) = verdict.picture.take() {
        verdict.picture = kept_beside(file, &from, &mut verdict.words);
    }
    _ = fs::remove_dir_all(evidence);
    verdict
}

/// What the names of threads stand for in the words, a line each.
fn named_threads(history: &History) -> Vec<(String, String)> {
    let mut threads: Vec<usize> = history.calls().iter().map(|call| call.thread).collect();
    threads.sort_unstable();
    threads.dedup();
    let names = threads.into_iter().rev().map(|thread| {
        let number = format!("thread {thread}");
        (number, history.thread_name(thread))
    });
    names.filter(|(number, name)| number != name).collect()
}

fn said(
    report: &Report,
    broken: Vec<Promise>,
    calls: usize,
    threads: &[(String, String)],
) -> Verdict {
    let evidence = report.findings.iter().find_map(|found| match &found.state {
        State::Broken(evidence) => Some(evidence),
        _ => None,
    });
    let (state, mut words) = match (evidence, report.why_undecided) {
        (Some(evidence), _) => (Standing::Broken, evidence.words.clone()),
        (None, Some(why)) => (Standing::Undecided, why.to_string()),
        (None, None) => (Standing::Kept, String::new()),
    };
    // The highest number first, so that no number is taken for the begin of another.
    for (number, name) in threads {
        words = words.replace(number, name);
    }
    Verdict {
        state,
        calls,
        broken,
        words,
        picture: evidence.and_then(|Evidence { picture, .. }| picture.clone()),
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".svg");
    name.into()
}

/// Copies a picture beside its history, whose whole name it has, so that no two histories share one.
fn kept_beside(file: &Path, picture: &Path, words: &mut String) -> Option<PathBuf> {
    let to = beside(file);
    match fs::copy(picture, &to) {
        Ok(_) => Some(to),
        Err(error) => {
            words.push_str(&format!("\n(no picture at {}: {error})", to.display()));
            None
        }
    }
}
