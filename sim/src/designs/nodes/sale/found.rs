//! [`Found`]: what many sales say about the nodes.

use super::{Run, Sale};
use crate::designs::nodes::Nodes;
use crate::faults::{Fault, Faults, Happened};
use segstock_conformance::{Options, Promise, Report};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What is broken in a sale: a promise, or what no judge of answers sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Broken {
    /// What the customers were answered breaks a promise.
    Promise(Promise),
    /// At rest, a node knows another session or other units than its rows.
    MemoryDiffers,
    /// Every fault has ended, and a node does not answer, or answers "try again".
    TryAgain,
    /// A later answer about an order, perhaps of another node, contradicts an earlier one.
    AnswerChanged,
    /// Nothing goes wrong, and a call takes longer than [`Sale::LONGEST`].
    TooLong,
    /// A node has several proofs under way at once.
    ManyProofs,
    /// The sale has ended, and a unit is missing, or one too many.
    Audit,
    /// Two transactions waited for each other.
    Deadlock,
}

/// What was found over many sales. `Display` is the report, with the seeds of what is broken.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "it says whether the nodes keep their promises"]
pub struct Found {
    /// The suite's report on all histories.
    pub report: Report,
    /// Sales that were judged.
    pub runs: usize,
    /// Calls of their customers.
    pub calls: usize,
    /// The longest call.
    pub longest: Duration,
    /// The faults that happened.
    pub faults: Happened,
    broken: BTreeMap<Broken, Vec<u64>>,
    /// The first seed that breaks something, its faults, and what is wrong in words.
    first: Option<(u64, Faults, String)>,
}

pub(super) fn judge(
    sale: &Sale,
    name: &'static str,
    nodes: Nodes,
    seeds: impl IntoIterator<Item = u64>,
) -> Found {
    let options = Options::new();
    let mut judging = options.judging(name);
    let mut broken: BTreeMap<Broken, Vec<u64>> = BTreeMap::new();
    let mut first = None;
    let (mut runs, mut calls, mut longest) = (0, 0, Duration::ZERO);
    let mut faults = Happened::new();
    for seed in seeds {
        let run = sale.run(nodes, seed);
        let (run, mut wrong) = settle(run);
        for (history, at_rest) in run.histories {
            let promises = judging.add(history, at_rest).into_iter();
            wrong.extend(promises.map(|promise| (Broken::Promise(promise), promise.to_string())));
        }
        (runs, calls, longest) = (runs + 1, calls + run.calls, longest.max(run.longest));
        for (fault, times) in run.happened {
            *faults.entry(fault).or_default() += times;
        }
        for (what, words) in wrong {
            let seeds = broken.entry(what).or_default();
            if seeds.last() != Some(&seed) {
                seeds.push(seed);
            }
            first.get_or_insert((seed, run.faults, words));
        }
    }
    Found {
        report: judging.report(),
        runs,
        calls,
        longest,
        faults,
        broken,
        first,
    }
}

fn settle(mut run: Run) -> (Run, Vec<(Broken, String)>) {
    let mut wrong = std::mem::take(&mut run.wrong);
    if run.happened.contains_key(&Fault::Deadlock) {
        wrong.push((Broken::Deadlock, "locks are not sorted".to_owned()));
    }
    (run, wrong)
}

impl Found {
    /// The seeds in which it is broken.
    pub fn seeds(&self, broken: Broken) -> impl Iterator<Item = u64> {
        self.broken.get(&broken).into_iter().flatten().copied()
    }

    /// For a test: nothing is broken, and something was sold.
    ///
    /// # Panics
    ///
    /// If something is broken or cannot be decided: with the seed, its faults, and what is wrong in words.
    #[track_caller]
    pub fn assert_kept(&self) {
        if let Some((seed, faults, words)) = &self.first {
            panic!("seed {seed}: {words}; with {faults:?}\n{self}");
        }
        self.report.assert_kept();
        assert!(self.calls > 0, "no call was made: {self}");
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            report,
            runs,
            calls,
            longest,
            faults,
            broken,
            ..
        } = self;
        write!(f, "{report}")?;
        writeln!(
            f,
            "  {runs} sales, {calls} calls, the longest {longest:?}\n  {faults:?}"
        )?;
        for (what, seeds) in broken {
            let first = &seeds[..seeds.len().min(5)];
            writeln!(f, "  {what:?}: {} seeds, first {first:?}", seeds.len())?;
        }
        Ok(())
    }
}
