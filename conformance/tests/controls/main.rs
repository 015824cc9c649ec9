//! Negative controls: counters that are wrong, each in a way that people have shipped. Each is caught,
//! for its own reason and no other.
//!
//! Where threads would meet at the mistake too rarely, `Std::linger` keeps them at it for a moment.

mod holds;
mod oversell;
mod owed;
mod panics;
mod refuse;
mod silent;
mod stuck;
mod sums;
mod up_to;

use segstock::{OutOfStock, RestockOverflow, StockCounter};
use segstock_conformance::{Answer, Evidence, Options, Promise, Report, Subject};
use segstock_model::naive::{self, DecrementLookUndo, Primitives, Scan, SilentGather, Std};
use segstock_model::{Op, Outcome, Perform, Refusal, Snapshot};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A wrong counter of the model's, as a subject.
struct Naive<C>(C);

impl<C: Perform> Naive<C> {
    fn answer(&self, op: Op) -> Answer {
        match self.0.perform(op) {
            Some(Outcome::Done) => Answer::Done(()),
            Some(Outcome::Refused(why)) => Answer::Refused(why),
            other => panic!("{op} was answered {other:?}"),
        }
    }
}

impl<C: Perform> Subject for Naive<C> {
    fn deduct(&self, units: u64) -> Answer {
        self.answer(Op::Deduct(units))
    }

    fn restock(&self, units: u64) -> Answer {
        self.answer(Op::Restock(units))
    }

    fn available(&self) -> Answer<u64> {
        match self.0.perform(Op::Available) {
            Some(Outcome::AtMost(units)) => Answer::Done(units),
            other => panic!("available() was answered {other:?}"),
        }
    }
}

/// Where histories and pictures go.
const DIRECTORY: &str = env!("CARGO_TARGET_TMPDIR");

/// Judges a counter without a limit, and sees it break `reasons`, and keep `kept`.
#[track_caller]
fn caught<S: Subject + 'static>(
    open: impl Fn(u64, usize) -> S,
    reasons: &[Promise],
    kept: &[Promise],
) -> Report {
    caught_up_to(u64::MAX, open, reasons, kept)
}

/// Judges a counter that counts no further than `limit`, and sees it break `reasons`, and keep `kept`.
#[track_caller]
fn caught_up_to<S: Subject + 'static>(
    limit: u64,
    open: impl Fn(u64, usize) -> S,
    reasons: &[Promise],
    kept: &[Promise],
) -> Report {
    let options = Options::new().limit(limit).directory(DIRECTORY);
    let trials = [CallerPanics, Overflow, Zero];
    // Trials come first: what else is broken is not seen if the check ends with them.
    let options = if reasons.iter().any(|reason| trials.contains(reason)) {
        options
    } else {
        options.stop_when_broken(reasons.iter().copied())
    };
    caught_by(&options, open, reasons, kept)
}

/// Judges a counter by `options` and sees it break `reasons`, and keep `kept`.
#[track_caller]
fn caught_by<S: Subject + 'static>(
    options: &Options,
    open: impl Fn(u64, usize) -> S,
    reasons: &[Promise],
    kept: &[Promise],
) -> Report {
    // On a busy machine threads may race too little: they get another chance.
    let reports = (1..=5).map(|seed| options.clone().seed(seed).check(&open));
    let all_seen = |report: &Report| {
        reasons
            .iter()
            .all(|reason| report.evidence(*reason).is_some())
    };
    let mut last = None;
    for report in reports {
        let done = all_seen(&report);
        last = Some(report);
        if done {
            break;
        }
    }
    let report = last.expect("there is one for each seed");
    println!("{report}");
    for reason in reasons {
        let evidence = report.evidence(*reason);
        let evidence = evidence.unwrap_or_else(|| panic!("{reason} was not seen to break"));
        for path in [&evidence.history, &evidence.picture] {
            let path = path.as_ref().expect("it is kept on disk");
            assert!(path.metadata().unwrap().len() > 0, "{}", path.display());
        }
        let lanes = marked(evidence);
        assert_eq!(lanes.len(), 1, "{reason} has no call marked, or several");
    }
    for promise in kept {
        // A check that ended at its finding may not have come to this one.
        let ended = report.not_judged().contains(promise) && report.trouble.is_some();
        assert!(
            report.kept().contains(promise) || ended,
            "{promise} is no fault of it"
        );
    }
    report
}

/// The threads in whose lanes a call is marked in the picture.
fn marked(evidence: &Evidence) -> Vec<String> {
    let path = evidence.picture.as_ref().expect("it is drawn");
    let picture = fs::read_to_string(path).unwrap();
    let number = |line: &str, name: &str| -> Option<u64> {
        let (_, rest) = line.split_once(&format!(" {name}=\""))?;
        rest.split('"').next()?.parse().ok()
    };
    let lane = |y: u64| {
        let name = |line: &str| {
            let from = number(line, "y")?;
            let (_, name) = line.split_once(">thread ")?;
            // A lane's name stands in its middle, as its bars do.
            (y < from && from < y + 36).then(|| name.trim_end_matches("</text>").to_owned())
        };
        picture
            .lines()
            .find_map(name)
            .expect("a bar lies in a lane")
    };
    let bars = picture.lines().filter(|line| line.contains("#c01818"));
    let bars = bars.filter(|line| number(line, "height") == Some(36));
    bars.filter_map(|line| number(line, "y"))
        .map(lane)
        .collect()
}

use Promise::{
    CallerPanics, Conservation, ExactRefusal, Linearizable, ManyThreads, NeverOversold, Overflow,
    Zero,
};

/// Promises that a counter breaks if it sells units that never came. Its sums are not judged.
const OVERSELLS: [Promise; 2] = [NeverOversold, Linearizable];
const REFUSES: [Promise; 2] = [ExactRefusal, Linearizable];
const SOUND: [Promise; 4] = [NeverOversold, Conservation, ManyThreads, Zero];

/// What two segments can hold without a sum that overflows.
const MAX: u64 = 1 << 40;
