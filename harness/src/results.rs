//! What was measured, as JSON.

use crate::cpu;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::{fmt, fs, io};

/// One run of a benchmark.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// What was measured, where, by which compiler, and when.
    pub conditions: String,
    /// Threads that run at once on the machine.
    pub cores: usize,
    /// Each figure by itself.
    pub figures: Vec<Figure>,
    /// Figures compared within the run.
    pub ratios: Vec<Ratio>,
}

/// One figure of one candidate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What every thread does.
    pub situation: String,
    /// The counter that is measured.
    pub candidate: String,
    /// Threads that do it.
    pub threads: usize,
    /// Where the figure stands on the axis of a plot, if it is a point of a line.
    pub at: Option<f64>,
    /// What the value counts: `ns` per call and thread, mostly.
    pub unit: String,
    /// The median, if anything counts.
    pub value: Option<f64>,
    /// Windows, or runs, that count.
    pub counted: usize,
    /// Windows or runs in all.
    pub windows: usize,
}

impl Figure {
    /// A value that `counted` of this many windows or runs stand for. What it is of is not said yet.
    #[must_use]
    pub fn new(value: Option<f64>, counted: usize, windows: usize) -> Self {
        Self {
            value,
            counted,
            windows,
            ..Self::default()
        }
    }

    /// The value, if a twentieth of the windows count, which is 10 of 200. Fewer are what a disturbed machine left
    /// over.
    #[must_use]
    pub fn reliable(&self) -> Option<f64> {
        let enough = self.counted > 0 && self.counted * 20 >= self.windows;
        self.value.filter(|_| enough)
    }
}

/// What is promised of a ratio.
///
/// There will be no other: match them all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Limit {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

/// Two figures of one run, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// What every thread does.
    pub situation: String,
    /// What is compared with what.
    pub name: String,
    /// The first figure divided by the second, if both were measured.
    pub ratio: Option<f64>,
    /// What is promised.
    pub limit: Limit,
}

impl Ratio {
    /// Whether the promise is kept. Without a ratio it is missed.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.ratio.is_some_and(|ratio| match self.limit {
            Limit::AtMost(most) => ratio <= most,
            Limit::AtLeast(least) => ratio >= least,
        })
    }
}

impl Results {
    /// How many promises are kept, of how many.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        let kept = self.ratios.iter().filter(|ratio| ratio.is_kept());
        (kept.count(), self.ratios.len())
    }

    /// Reads results from a file.
    ///
    /// # Errors
    ///
    /// One line, with the file's name: it cannot be read, or does not hold results.
    pub fn read(path: &Path) -> Result<Self, String> {
        let read = fs::read(path).and_then(|json| Ok(serde_json::from_slice(&json)?));
        read.map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes the results to a file, whose directory is made.
    ///
    /// # Errors
    ///
    /// One line, with the file's name: it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let write = || -> io::Result<()> {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, serde_json::to_string_pretty(self)? + "\n")
        };
        write().map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The subject, its commit, the machine, the compiler, the day, the load, and how much is measured.
pub(crate) fn conditions(subject: &str, quick: bool) -> String {
    let output = |command: &str, arguments: &[&str]| {
        let output = Command::new(command).args(arguments).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let commit = output("git", &["describe", "--always", "--dirty"]);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut lines = cpus.lines().filter(|line| line.starts_with("model name"));
    let cpu = lines.next().and_then(|line| line.split(": ").nth(1));
    let load = fs::read_to_string("/proc/loadavg").ok();
    let load = load.as_deref().and_then(|text| text.split(' ').next());
    let parts = [
        Some(subject.to_owned()),
        commit.map(|commit| format!("commit {commit}")),
        Some(cpu.unwrap_or("unknown CPU").to_owned()),
        Some(format!("{} cores, {}", cpu::cores(), std::env::consts::OS)),
        output(&rustc, &["--version"]),
        output("date", &["-u", "+%Y-%m-%d"]),
        load.map(|load| format!("load {load} when it began")),
        quick.then(|| "the quick form, whose figures say nothing".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_of_few_windows_is_not_reliable() {
        let reliable = |counted, windows| {
            let figure = Figure::new(Some(1.5), counted, windows);
            figure.reliable().is_some()
        };
        assert!(!reliable(9, 200) && reliable(10, 200));
        assert!(!reliable(0, 5) && reliable(1, 5));
    }

    #[test]
    fn a_promise_is_kept_or_missed() {
        let kept = |ratio, limit| {
            Ratio {
                situation: String::new(),
                name: String::new(),
                ratio,
                limit,
            }
            .is_kept()
        };
        for (limit, worse) in [(Limit::AtMost(1.0), 1.1), (Limit::AtLeast(1.0), 0.9)] {
            let kept = [Some(1.0), Some(worse), None].map(|ratio| kept(ratio, limit));
            assert_eq!(kept, [true, false, false]);
        }
    }

    #[test]
    fn the_conditions_name_the_cores_and_the_form() {
        let line = conditions("a crate 1.0", true);
        let cores = format!(", {} cores, ", cpu::cores());
        assert!(
            line.starts_with("a crate 1.0, ") && line.contains(&cores),
            "{line}"
        );
        assert!(
            line.ends_with("the quick form, whose figures say nothing"),
            "{line}"
        );
        assert!(!conditions("", false).contains("quick"));
    }
}
