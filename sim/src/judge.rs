//! A variant's promises, over many seeds; a failing one is printed, and replays:
//!
//! ```text
//! SIM_SEED=17 cargo test --features conformance --test sim -- --nocapture <the test's name>
//! ```
//!
//! `SIM_SEEDS=100000` tries more than by default.

use super::faults::Fault;
use super::network::Happened;
use super::run::{Run, run};
use super::variants::Variant;
use segstock_conformance::{Options, Promise, Report};
use segstock_model::Outcome;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::{env, fmt};

/// Seeds that each variant runs under, if nothing else is asked for.
const SEEDS: u64 = 1_000;

/// What was found over many seeds.
#[derive(Debug)]
pub struct Findings {
    pub report: Report,
    /// The seeds that break each promise.
    pub broken: BTreeMap<Promise, Vec<u64>>,
    seen: Seen,
}

/// What happened before all was at rest.
#[derive(Debug, Default)]
struct Seen {
    runs: u64,
    done: usize,
    refused: usize,
    unknown: usize,
    /// Runs in which each outcome is known, so that not one unit can be missing.
    certain: usize,
    faults: Happened,
}

impl Seen {
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

/// Judges a variant by what it promises itself.
///
/// # Panics
///
/// If it breaks something of that, or if that cannot be decided: with the seed, the run's faults, the
/// verdict in words, and the paths of its history and picture.
#[track_caller]
pub fn assert_kept(name: &'static str, variant: &(impl Variant + Debug)) {
    let findings = judge(name, variant, &variant.promises(), &seeds());
    println!("{findings}");
    let broken = findings.broken.first_key_value();
    let broken =
        broken.map(|(promise, seeds)| (format!("breaks \u{201c}{promise}\u{201d}"), seeds[0]));
    let failing = broken.or_else(|| {
        let seed = first_undecided(name, variant, &findings)?;
        Some(("cannot be decided".to_owned(), seed))
    });
    if let Some((fault, seed)) = failing {
        let faults = run(variant, seed).faults;
        panic!("{variant:?} {fault}: replay with SIM_SEED={seed}, under {faults:?}\n{findings}");
    }
    findings.report.assert_kept();
    findings.seen.assert_hard(variant);
}

/// The first seed whose history cannot be decided, if there is one.
fn first_undecided(name: &'static str, variant: &impl Variant, all: &Findings) -> Option<u64> {
    if all.report.undecided().is_empty() {
        return None;
    }
    let undecided = |seed: &u64| {
        let findings = judge(name, variant, &variant.promises(), &[*seed]);
        !findings.report.undecided().is_empty()
    };
    seeds().into_iter().find(undecided)
}

/// Judges a variant that breaks `promise` by a claim to all of them.
///
/// # Panics
///
/// If it is never caught.
#[track_caller]
pub fn assert_caught(name: &'static str, variant: &impl Variant, promise: Promise) {
    let findings = judge(name, variant, &Options::new(), &seeds());
    println!("{findings}");
    findings.seen.assert_works();
    let caught = findings.broken.contains_key(&promise);
    assert!(
        caught || one_seed().is_some(),
        "nobody saw \u{201c}{promise}\u{201d} broken"
    );
}

impl Seen {
    /// That everything went wrong that can, and yet most runs know what became of each unit.
    #[track_caller]
    fn assert_hard(&self, variant: &impl Variant) {
        self.assert_works();
        // A few may have been lucky.
        if self.runs < SEEDS {
            return;
        }
        use Fault::{Crashed, Late, Lost, Overrun, Repeated, Stalled};
        let overruns = self.faults.contains_key(&Overrun);
        assert!(overruns || !variant.has_leases(), "no lease ever ran out");
        for fault in [Lost, Repeated, Late, Stalled, Crashed] {
            assert!(self.faults.contains_key(&fault), "never {fault:?}");
        }
        assert!(2 * self.certain as u64 > self.runs, "{self:?}");
    }

    /// That orders are done: who does nothing does nothing wrong.
    #[track_caller]
    fn assert_works(&self) {
        assert!(
            self.done > 0 || one_seed().is_some(),
            "nothing was done: {self:?}"
        );
    }
}

/// One seed, by a claim to everything.
pub fn judge_one(name: &'static str, variant: &impl Variant, seed: u64) -> Findings {
    judge(name, variant, &Options::new(), &[seed])
}

fn judge(
    name: &'static str,
    variant: &impl Variant,
    promised: &Options,
    seeds: &[u64],
) -> Findings {
    let mut judging = promised.judging(name);
    let mut broken: BTreeMap<Promise, Vec<u64>> = BTreeMap::new();
    let mut seen = Seen::default();
    for &seed in seeds {
        let run = run(variant, seed);
        if one_seed().is_some() {
            println!("{run:#?}");
        }
        seen.add(&run);
        for promise in judging.add(run.history, run.at_rest) {
            broken.entry(promise).or_default().push(seed);
        }
    }
    let report = judging.report();
    Findings {
        report,
        broken,
        seen,
    }
}

fn seeds() -> Vec<u64> {
    match one_seed() {
        Some(seed) => vec![seed],
        None => (0..number("SIM_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

/// The one to replay.
fn one_seed() -> Option<u64> {
    number("SIM_SEED")
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            report,
            broken,
            seen,
        } = self;
        let Seen {
            done,
            refused,
            unknown,
            certain,
            faults,
            ..
        } = seen;
        write!(f, "{report}")?;
        writeln!(
            f,
            "  under faults: {done} done, {refused} refused, {unknown} unknown; all known in {certain} runs\n  {faults:?}"
        )?;
        for (promise, seeds) in broken {
            let first = &seeds[..seeds.len().min(5)];
            writeln!(f, "  {promise}: {} seeds, first {first:?}", seeds.len())?;
        }
        Ok(())
    }
}
