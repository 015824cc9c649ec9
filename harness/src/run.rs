//! A benchmark's run: its arguments, its steps, and what they measure.

use crate::candidates::{Calls, Candidate};
use crate::cpu;
use crate::results::{Figure, Limit, Ratio, Results, conditions};
use crate::windows::{Effort, Work, measure, median};
use clap::Parser;
use std::path::PathBuf;

/// What every benchmark can be asked for.
#[derive(Debug, Clone, Parser)]
pub struct Arguments {
    /// Few windows: whether it runs, not what it measures
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

/// Candidates, by their names: what is measured of each.
#[macro_export]
macro_rules! by_name {
    ($($name:expr => $work:expr,)+) => {
        vec![$(($name, $work)),+]
    };
}

/// A candidate that is measured as a whole: its name, and a call that returns one sample.
pub type Whole<'a> = (&'a str, Box<dyn FnMut() -> f64 + 'a>);

/// What is being measured.
#[derive(Debug)]
pub struct Run {
    /// How much to measure.
    pub effort: Effort,
    only: String,
    /// The steps that there are.
    steps: Vec<String>,
    situation: String,
    results: Results,
}

impl Run {
    /// Measures a step, if it is asked for. Its name is the situation of its figures.
    pub fn step(&mut self, name: &str, measure: impl FnOnce(&mut Self)) {
        self.steps.push(name.to_owned());
        if name.contains(&self.only) {
            self.begin(name);
            measure(self);
        }
    }

    /// The situation of the figures that follow, where a step has several.
    pub fn begin(&mut self, situation: impl Into<String>) {
        self.situation = situation.into();
        println!("\n{}", self.situation);
    }

    /// Measures the calls of candidates, by the window method.
    pub fn measure(&mut self, threads: usize, candidates: Vec<(impl AsRef<str>, Work)>) {
        let (names, works): (Vec<_>, Vec<Work>) = candidates.into_iter().unzip();
        let figures = measure(self.effort, threads, &works);
        for (name, figure) in names.iter().zip(figures) {
            self.figure(name.as_ref(), threads, "ns", figure);
        }
    }

    /// Opens candidates with `units`, and measures what every thread asks of them.
    pub fn ask<'a>(
        &mut self,
        threads: usize,
        units: u64,
        calls: Calls,
        candidates: impl IntoIterator<Item = &'a Candidate>,
    ) {
        let candidates = candidates.into_iter();
        if let Calls::SellOut(counters, orders) = calls {
            let whole = |one: &'a Candidate| -> Whole<'a> {
                let sell_out = move || (one.sell_out)(units, counters, threads, orders);
                (&one.name, Box::new(sell_out))
            };
            let runs = self.effort.windows.div_ceil(5);
            self.measure_whole(threads, "ns", runs, candidates.map(whole).collect());
        } else {
            let work = |one: &'a Candidate| (&one.name, (one.work)(units, threads, calls));
            self.measure(threads, candidates.map(work).collect());
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
        let wanted = (&*self.situation, threads, candidate);
        let of = |one: &&Figure| (&*one.situation, one.threads, &*one.candidate) == wanted;
        self.results.figures.iter().rev().find(of)?.value
    }

    /// Compares each of these candidates with each of those, which were measured in turn in this situation.
    pub fn compare(&mut self, threads: usize, names: &[&str], bases: &[&str], limit: Limit) {
        for name in names {
            for base in bases {
                let values = [name, base].map(|name| self.value(threads, name));
                let name = format!("threads: {threads}, {name} / {base}");
                self.ratio(name, values, limit);
            }
        }
    }

    /// Records the ratio of any two values of this run, if both were measured, and its limit.
    pub fn ratio(&mut self, name: String, of: [Option<f64>; 2], limit: Limit) {
        let ratio = Ratio {
            situation: self.situation.clone(),
            name,
            ratio: of[0].zip(of[1]).map(|(value, base)| value / base),
            limit,
        };
        let verdict = if ratio.is_kept() { "kept" } else { "MISSED" };
        let (name, shown) = (&ratio.name, ratio.ratio.unwrap_or(f64::NAN));
        println!("  {name:<62} {shown:>10.2} {limit} {verdict}");
        self.results.ratios.push(ratio);
    }
}

/// Runs the steps that were asked for, and writes what they measured to `NAME.json`.
///
/// # Errors
///
/// No step has the name that was asked for, or the results cannot be written.
pub fn run(
    name: &str,
    subject: &str,
    arguments: &Arguments,
    steps: impl FnOnce(&mut Run),
) -> Result<Results, String> {
    let mut run = Run {
        effort: Effort::new(arguments.quick),
        only: arguments.only.clone().unwrap_or_default(),
        steps: Vec::new(),
        situation: String::new(),
        results: Results {
            conditions: conditions(subject, arguments.quick),
            cores: cpu::cores(),
            ..Results::default()
        },
    };
    println!("{}", run.results.conditions);
    let path = arguments.directory().join(format!("{name}.json"));
    // What cannot be written at the end is known before the minutes of measuring.
    run.results.write(&path)?;
    steps(&mut run);
    if !run.steps.iter().any(|step| step.contains(&run.only)) {
        let (only, steps) = (run.only, run.steps.join(", "));
        return Err(format!("nothing is called {only}; there are: {steps}"));
    }
    run.results.write(&path)?;
    let (kept, promises) = run.results.kept();
    let shown = path.display();
    println!("\n{kept} of {promises} promises kept; written to {shown}");
    Ok(run.results)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &[&str]) -> Arguments {
        Arguments::parse_from([&["benchmark"], line].concat())
    }

    fn steps(run: &mut Run) {
        for name in ["first", "second"] {
            run.step(name, |run| {
                let whole: Vec<Whole<'_>> = by_name! {
                    "a" => Box::new(|| 3.0),
                    "b" => Box::new(|| 2.0),
                };
                run.measure_whole(1, "ms", 3, whole);
                run.compare(1, &["a"], &["b"], Limit::AtMost(2.0));
            });
        }
    }

    #[test]
    fn the_results_are_those_of_the_steps_that_were_asked_for() {
        let directory = std::env::temp_dir().join(format!("harness-{}", std::process::id()));
        let mut asked = arguments(&["--quick", "--out", directory.to_str().unwrap()]);
        let results = run("all", "it", &asked, steps).unwrap();
        assert_eq!((results.figures.len(), results.kept()), (4, (2, 2)));
        let ratio = &results.ratios[1];
        assert_eq!(
            (&*ratio.situation, &*ratio.name),
            ("second", "threads: 1, a / b")
        );
        let written = Results::read(&asked.directory().join("all.json")).unwrap();
        assert_eq!(written, results);

        asked.only = Some("econ".to_owned());
        let results = run("part", "it", &asked, steps).unwrap();
        assert!(
            results
                .figures
                .iter()
                .all(|figure| figure.situation == "second")
        );
        asked.only = Some("third".to_owned());
        let error = run("none", "it", &asked, steps).unwrap_err();
        assert_eq!(error, "nothing is called third; there are: first, second");
        std::fs::remove_dir_all(directory).unwrap();
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
