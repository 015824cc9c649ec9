//! A benchmark's run: its arguments, its steps, what they measure, and when the quick form stops.

use crate::results::{Figure, Limit, Ratio, Results};
use crate::windows::{Effort, Work, measure, median};
use clap::Parser;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What every benchmark can be asked for.
#[derive(Debug, Clone, Parser)]
pub struct Arguments {
    /// Few windows: whether it runs, not what it measures; after 85 seconds it stops, names what it left out,
    /// and fails
    #[arg(long, alias = "test")]
    pub quick: bool,

    /// Only the steps whose name contains NAME; the results go to only-NAME in DIR
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,

    /// Where the results go; those of the quick form go to DIR/quick
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub out: PathBuf,

    /// What cargo passes by itself
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// Where the results go: those of a part, or of the quick form, never replace those of a whole run.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        let mut directory = self.out.join(if self.quick { "quick" } else { "" });
        if let Some(name) = &self.only {
            let name = name.replace(|letter: char| !letter.is_alphanumeric(), "-");
            directory.push(format!("only-{name}"));
        }
        directory
    }
}

/// A part of a benchmark that can be chosen by its name, which is the situation of its figures.
pub type Step = (String, Box<dyn FnOnce(&mut Run)>);

/// Steps, by their names: what each measures.
#[macro_export]
macro_rules! steps {
    ($($name:expr => $measure:expr,)+) => {
        vec![$(($name.to_owned(), Box::new($measure) as Box<dyn FnOnce(&mut $crate::Run)>)),+]
    };
}

/// Candidates, by their names: what is measured of each.
#[macro_export]
macro_rules! by_name {
    ($($name:expr => $work:expr,)+) => {
        vec![$(($name, $work)),+]
    };
}

/// A candidate that is measured as a whole: its name, and a call that returns one sample.
pub type Whole<'a> = (&'static str, Box<dyn FnMut() -> f64 + 'a>);

/// What is being measured.
#[derive(Debug)]
pub struct Run {
    /// How much to measure.
    pub effort: Effort,
    situation: String,
    results: Results,
}

impl Run {
    /// The situation of the figures that follow, where a step has several.
    pub fn begin(&mut self, situation: impl Into<String>) {
        self.situation = situation.into();
        println!("\n{}", self.situation);
    }

    /// Measures the calls of candidates, by the window method.
    pub fn measure(&mut self, threads: usize, candidates: Vec<(&'static str, Work)>) {
        let (names, works): (Vec<_>, Vec<Work>) = candidates.into_iter().unzip();
        let figures = measure(self.effort, threads, &works);
        for (name, figure) in names.into_iter().zip(figures) {
            self.figure(name, threads, "ns", figure);
        }
    }

    /// Measures candidates as a whole, in turn. Each round begins with another candidate, so that what the machine does
    /// meanwhile meets all of them. The figures are the medians of all rounds.
    pub fn measure_whole(
        &mut self,
        threads: usize,
        unit: &str,
        windows: usize,
        mut candidates: Vec<Whole<'_>>,
    ) {
        let count = candidates.len();
        let mut samples = vec![Vec::with_capacity(windows); count];
        for turn in (0..windows).flat_map(|round| (0..count).map(move |at| (round + at) % count)) {
            samples[turn].push((candidates[turn].1)());
        }
        for ((name, _), samples) in candidates.into_iter().zip(samples) {
            let figure = Figure::new(median(samples), windows, windows);
            self.figure(name, threads, unit, figure);
        }
    }

    /// Records the value of a figure and what it stands on.
    pub fn figure(&mut self, candidate: &str, threads: usize, unit: &str, mut figure: Figure) {
        figure.situation.clone_from(&self.situation);
        (figure.candidate, figure.threads) = (candidate.to_owned(), threads);
        figure.unit = unit.to_owned();
        let name = format!("threads: {threads}, {candidate}");
        let place = figure.at.map_or_else(String::new, |at| format!(" at {at}"));
        let (value, counted) = (figure.value.unwrap_or(f64::NAN), figure.counted);
        let windows = figure.windows;
        println!("  {name:<62} {value:>10.2} {unit}{place} ({counted} of {windows})");
        self.results.figures.push(figure);
    }

    /// The value that was measured last of this candidate in this situation.
    #[must_use]
    pub fn value(&self, threads: usize, candidate: &str) -> Option<f64> {
        let mut figures = self.results.figures.iter().rev();
        let of = |one: &&Figure| (one.threads, &*one.candidate) == (threads, candidate);
        figures
            .find(|one| of(one) && one.situation == self.situation)?
            .value
    }

    /// Compares two candidates that were measured in turn in this situation.
    pub fn compare(&mut self, threads: usize, name: &str, base: &str, limit: Limit) {
        let values = [name, base].map(|name| self.value(threads, name));
        let name = format!("threads: {threads}, {name} / {base}");
        self.ratio(name, values, limit);
    }

    /// Compares each of these candidates with each of those.
    pub fn compare_all(&mut self, threads: usize, names: &[&str], bases: &[&str], limit: Limit) {
        for name in names {
            for base in bases {
                self.compare(threads, name, base, limit);
            }
        }
    }

    /// Records the ratio of any two values of this run, if both were measured, and returns it.
    pub fn ratio(&mut self, name: String, of: [Option<f64>; 2], limit: Limit) -> Option<f64> {
        let ratio = of[0].zip(of[1]).map(|(value, base)| value / base);
        let situation = self.situation.clone();
        let compared = Ratio {
            situation,
            name,
            ratio,
            limit,
        };
        let verdicts = ["MISSED", "kept"];
        let verdict = compared
            .is_kept()
            .map_or("", |kept| verdicts[usize::from(kept)]);
        let (name, shown) = (&compared.name, ratio.unwrap_or(f64::NAN));
        println!("  {name:<62} {shown:>10.2} {limit} {verdict}");
        self.results.ratios.push(compared);
        ratio
    }

    /// Measures one step after the other, and returns the names of those that the limit left out.
    fn all(&mut self, steps: Vec<Step>, limit: Duration) -> Vec<String> {
        let began = Instant::now();
        let mut left_out = Vec::new();
        for (name, measure) in steps {
            if self.effort.quick && began.elapsed() >= limit {
                left_out.push(name);
            } else {
                self.begin(name);
                measure(self);
            }
        }
        left_out
    }
}

/// After this the quick form begins no step: CI waits for it.
const QUICK_LIMIT: Duration = Duration::from_secs(85);

/// Runs the steps that were asked for, and writes what they measured to `NAME.json`.
///
/// # Errors
///
/// No step has the name that was asked for; the results cannot be written; or the quick form left steps out.
pub fn run(
    name: &str,
    subject: &str,
    arguments: &Arguments,
    mut steps: Vec<Step>,
) -> Result<Results, String> {
    let mut names: Vec<String> = steps.iter().map(|step| step.0.clone()).collect();
    names.dedup();
    let only = arguments.only.as_deref().unwrap_or_default();
    steps.retain(|step| step.0.contains(only));
    if steps.is_empty() {
        let names = names.join(", ");
        return Err(format!("nothing is called {only}; there are: {names}"));
    }
    let effort = [Effort::FULL, Effort::QUICK][usize::from(arguments.quick)];
    let mut run = Run {
        effort,
        situation: String::new(),
        results: Results::new(subject, effort.quick),
    };
    println!("{}", run.results.conditions);
    let path = arguments.directory().join(format!("{name}.json"));
    let shown = path.display();
    let write = |results: &Results| {
        let written = results.write(&path);
        written.map_err(|error| format!("{shown}: {error}"))
    };
    // What cannot be written at the end is known before the minutes of measuring.
    write(&run.results)?;
    let left_out = run.all(steps, QUICK_LIMIT).join(", ");
    write(&run.results)?;
    let (kept, promises) = run.results.kept();
    println!("\n{kept} of {promises} promises kept; written to {shown}");
    if !left_out.is_empty() {
        return Err(format!("the time was over, and left out: {left_out}"));
    }
    Ok(run.results)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &[&str]) -> Arguments {
        Arguments::parse_from([&["benchmark"], line].concat())
    }

    fn steps() -> Vec<Step> {
        let step = |run: &mut Run| {
            run.measure_whole(
                1,
                "ms",
                3,
                vec![("a", Box::new(|| 3.0)), ("b", Box::new(|| 2.0))],
            );
            run.compare(1, "a", "b", Limit::AtMost(2.0));
        };
        ["first", "second"]
            .map(|name| (name.to_owned(), Box::new(step) as _))
            .into()
    }

    #[test]
    fn the_results_are_those_of_the_steps_that_were_asked_for() {
        let directory = std::env::temp_dir().join(format!("harness-{}", std::process::id()));
        let mut asked = arguments(&["--quick", "--out", directory.to_str().unwrap()]);
        let results = run("all", "it", &asked, steps()).unwrap();
        assert_eq!((results.figures.len(), results.kept()), (4, (2, 2)));
        let ratio = &results.ratios[1];
        assert_eq!(
            (&*ratio.situation, &*ratio.name),
            ("second", "threads: 1, a / b")
        );
        let written = Results::read(&asked.directory().join("all.json")).unwrap();
        assert_eq!(written, results);

        asked.only = Some("econ".to_owned());
        let results = run("part", "it", &asked, steps()).unwrap();
        assert!(
            results
                .figures
                .iter()
                .all(|figure| figure.situation == "second")
        );
        asked.only = Some("third".to_owned());
        let error = run("none", "it", &asked, steps()).unwrap_err();
        assert_eq!(error, "nothing is called third; there are: first, second");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn steps_after_the_limit_are_named_and_not_measured() {
        let (effort, situation, results) = (Effort::QUICK, String::new(), Results::default());
        let mut run = Run {
            effort,
            situation,
            results,
        };
        assert_eq!(run.all(steps(), Duration::ZERO), ["first", "second"]);
        assert!(run.results.figures.is_empty());
    }

    #[test]
    fn results_of_a_part_do_not_replace_those_of_the_whole() {
        let directory = |line: &[&str]| arguments(line).directory().display().to_string();
        assert_eq!(directory(&["--bench"]), "target/bench/");
        assert_eq!(directory(&["--test"]), "target/bench/quick");
        assert_eq!(
            directory(&["--only", "order flow", "--out", "x"]),
            "x/only-order-flow"
        );
    }
}
