//! Negative controls: counters that are wrong, each in a way that people have shipped. Each is caught,
//! for its own reason and no other.
//!
//! Where threads would meet at the mistake too rarely, [`linger`] keeps them there for a moment.
#![cfg(all(feature = "conformance", not(loom)))]

#[path = "../support/mod.rs"]
mod support;

mod books;
mod holds;
mod oversell;
mod panics;
mod refuse;

use segstock::conformance::{Answer, Options, Promise, Report, Subject};
use segstock::model::{Books, Refusal};
use segstock::{OutOfStock, RestockOverflow, StockCounter};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use support::naive::{DecrementLookUndo, ReadCheckWrite, Scan, SilentGather};
use support::sync::linger;

/// Where histories and pictures go.
const DIRECTORY: &str = env!("CARGO_TARGET_TMPDIR");

/// Judges a counter and sees it break `reasons`, and keep `kept`.
#[track_caller]
fn caught<S: Subject + 'static>(
    open: impl Fn(u64, usize) -> S,
    reasons: &[Promise],
    kept: &[Promise],
) -> Report {
    let options = Options::new().limit(u64::MAX).directory(DIRECTORY);
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
    }
    for promise in kept {
        assert!(
            report.kept().contains(promise),
            "{promise} is no fault of it"
        );
    }
    report
}

use Promise::{
    CallerPanics, Conservation, ExactRefusal, Linearizable, ManyThreads, NeverOversold, Overflow,
    Zero,
};

/// Whoever sells what was never there has no sums that can be kept.
const OVERSELLS: [Promise; 2] = [NeverOversold, Linearizable];
const REFUSES: [Promise; 2] = [ExactRefusal, Linearizable];
const SOUND: [Promise; 4] = [NeverOversold, Conservation, ManyThreads, Zero];

/// What two segments can hold without a sum that overflows.
const MAX: u64 = 1 << 40;
