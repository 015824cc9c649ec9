//! A variant's promises, over many seeds; a failing one is printed, and replays:
//!
//! ```text
//! SIM_SEED=17 cargo test --features conformance --test sim -- --nocapture <the test's name>
//! ```
//!
//! `SIM_SEEDS=100000` tries more than by default.

use super::run::{Run, run};
use super::variants::Variant;
use segstock::conformance::{Options, Promise, Report};
use segstock::model::Outcome;
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
    /// Calls before all was at rest, and how many of them were answered how.
    calls: usize,
    done: usize,
    refused: usize,
    unknown: usize,
}

/// Judges a variant by what it promises itself.
///
/// # Panics
///
/// If it breaks something of that: with the seed, the run's faults, the verdict in words, and the
/// paths of its history and picture.
#[track_caller]
pub fn assert_kept(name: &'static str, variant: &(impl Variant + Debug)) {
    let findings = judge(name, variant, &variant.promises());
    println!("{findings}");
    let Some((promise, seeds)) = findings.broken.first_key_value() else {
        let undecided = findings.report.undecided();
        assert!(undecided.is_empty(), "{findings}");
        return;
    };
    let seed = seeds[0];
    let faults = run(variant, seed).faults;
    panic!(
        "{variant:?} breaks \u{201c}{promise}\u{201d}: replay with SIM_SEED={seed}, under {faults:?}\n{findings}"
    );
}

/// Judges a variant that breaks `promise` by a claim to all of them.
///
/// # Panics
///
/// If it is never caught.
#[track_caller]
pub fn assert_caught(name: &'static str, variant: &impl Variant, promise: Promise) -> Findings {
    let findings = judge(name, variant, &Options::new());
    println!("{findings}");
    let caught = findings.broken.contains_key(&promise);
    assert!(
        caught || one_seed().is_some(),
        "nobody saw \u{201c}{promise}\u{201d} broken"
    );
    findings
}

fn judge(name: &'static str, variant: &impl Variant, promised: &Options) -> Findings {
    let options = promised.clone().directory(env!("CARGO_TARGET_TMPDIR"));
    let mut judging = options.judging(name);
    let mut broken: BTreeMap<Promise, Vec<u64>> = BTreeMap::new();
    let (mut calls, mut done, mut refused, mut unknown) = (0, 0, 0, 0);
    for seed in seeds() {
        let Run {
            history, at_rest, ..
        } = run(variant, seed);
        for call in &history.calls()[..history.calls().len() - at_rest] {
            calls += 1;
            match call.outcome {
                Outcome::Done => done += 1,
                Outcome::Unknown => unknown += 1,
                _ => refused += 1,
            }
        }
        for promise in judging.add(history, at_rest) {
            broken.entry(promise).or_default().push(seed);
        }
    }
    Findings {
        report: judging.report(),
        broken,
        calls,
        done,
        refused,
        unknown,
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
            calls,
            done,
            refused,
            unknown,
        } = self;
        write!(f, "{report}")?;
        writeln!(
            f,
            "  {calls} calls under faults: {done} done, {refused} refused, {unknown} unknown"
        )?;
        for (promise, seeds) in broken {
            let first = &seeds[..seeds.len().min(5)];
            writeln!(f, "  {promise}: {} seeds, first {first:?}", seeds.len())?;
        }
        Ok(())
    }
}
