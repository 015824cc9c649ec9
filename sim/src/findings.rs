//! [`Findings`]: what many runs say about a design's promises.

use crate::design::Design;
use crate::faults::{Faults, Happened};
use crate::scene::{Run, Scene};
use segstock_conformance::{Options, Promise, Report};
use segstock_model::Outcome;
use std::collections::BTreeMap;
use std::fmt;

/// What was found over many seeds. `Display` is the report, with the seeds that break each promise.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "findings say whether the design keeps its promises"]
pub struct Findings {
    /// The suite's report on all histories. Its evidence is of the first seed that breaks a promise.
    pub report: Report,
    /// The seeds that break each promise.
    pub broken: BTreeMap<Promise, Vec<u64>>,
    /// What was tried.
    pub tried: Tried,
    /// The first seed that breaks a promise or cannot be decided, and its faults.
    first: Option<(u64, Faults)>,
}

/// What the runs tried before all was at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The number of runs.
    pub runs: usize,
    /// Calls that were done.
    pub done: usize,
    /// Calls that were refused.
    pub refused: usize,
    /// Calls whose outcome is unknown.
    pub unknown: usize,
    /// Runs in which every outcome is known, so that a missing unit is certainly lost.
    pub certain: usize,
    /// The faults that happened.
    pub faults: Happened,
}

impl Tried {
    fn add(&mut self, run: &Run) {
        let calls = run.history.calls();
        let calls = &calls[..calls.len() - run.at_rest];
        self.runs += 1;
        let mut certain = true;
        for call in calls {
            match call.outcome {
                Outcome::Done => self.done += 1,
                Outcome::Unknown => {
                    self.unknown += 1;
                    certain = false;
                }
                _ => self.refused += 1,
            }
        }
        self.certain += usize::from(certain);
        for (&fault, times) in &run.happened {
            *self.faults.entry(fault).or_default() += times;
        }
    }
}

impl Scene {
    /// Judges a design by what it promises, in one run for each seed. `name` is for the report and for the files
    /// with its evidence.
    ///
    /// # Panics
    ///
    /// If a run does not end; with its seed.
    pub fn judge(
        &self,
        name: &'static str,
        design: &impl Design,
        seeds: impl IntoIterator<Item = u64>,
    ) -> Findings {
        judge(self, name, design, &design.promises(), seeds)
    }

    /// Judges a design as if it promised what `promises` says.
    ///
    /// # Panics
    ///
    /// If a run does not end; with its seed.
    pub fn judge_claim(
        &self,
        name: &'static str,
        design: &impl Design,
        promises: &Options,
        seeds: impl IntoIterator<Item = u64>,
    ) -> Findings {
        judge(self, name, design, promises, seeds)
    }
}

/// Judges a design by `promises`.
fn judge(
    scene: &Scene,
    name: &'static str,
    design: &impl Design,
    promises: &Options,
    seeds: impl IntoIterator<Item = u64>,
) -> Findings {
    let mut judging = promises.judging(name);
    let mut broken: BTreeMap<Promise, Vec<u64>> = BTreeMap::new();
    let mut tried = Tried::default();
    let mut runs = Vec::new();
    for seed in seeds {
        let run = scene.run(design, seed);
        tried.add(&run);
        runs.push((seed, run.faults));
        for promise in judging.add(run.history, run.at_rest) {
            broken.entry(promise).or_default().push(seed);
        }
    }
    let report = judging.report();
    let is_broken = |seed: u64| broken.values().any(|seeds| seeds.contains(&seed));
    let mut doubtful = runs.iter().copied();
    let first = if !broken.is_empty() {
        doubtful.find(|&(seed, _)| is_broken(seed))
    } else if !report.undecided().is_empty() {
        // The report does not know the seeds: judge one after another.
        doubtful.find(|&(seed, _)| {
            let run = scene.run(design, seed);
            let mut judging = promises.judging(name);
            judging.add(run.history, run.at_rest);
            !judging.report().undecided().is_empty()
        })
    } else {
        None
    };
    Findings {
        report,
        broken,
        tried,
        first,
    }
}

impl Findings {
    /// Whether a seed breaks `promise`.
    #[must_use]
    pub fn breaks(&self, promise: Promise) -> bool {
        self.broken.contains_key(&promise)
    }

    /// For a test: every promise is kept, and some call was done.
    ///
    /// # Panics
    ///
    /// If a promise is broken or cannot be decided: with the seed, the run's faults, the verdict in words, and the
    /// paths of its history and picture. Also if no call was done: a design that does nothing does nothing wrong.
    #[track_caller]
    pub fn assert_kept(&self) {
        if let Some((seed, faults)) = self.first {
            let mut broken = self.broken.iter();
            let broken = broken.find(|(_, seeds)| seeds.contains(&seed));
            let fault = match broken {
                Some((promise, _)) => format!("breaks \u{201c}{promise}\u{201d}"),
                None => "cannot be decided".to_owned(),
            };
            let name = &self.report.counter;
            panic!("{name} {fault} under seed {seed}, with {faults:?}\n{self}");
        }
        self.report.assert_kept();
        assert!(self.tried.done > 0, "no call was done: {self}");
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            report,
            broken,
            tried,
            ..
        } = self;
        let Tried {
            done,
            refused,
            unknown,
            certain,
            faults,
            ..
        } = tried;
        write!(f, "{report}")?;
        writeln!(
            f,
            "  under faults: {done} done, {refused} refused, {unknown} unknown; every outcome known in {certain} runs\n  {faults:?}"
        )?;
        for (promise, seeds) in broken {
            let first = &seeds[..seeds.len().min(5)];
            writeln!(f, "  {promise}: {} seeds, first {first:?}", seeds.len())?;
        }
        Ok(())
    }
}
