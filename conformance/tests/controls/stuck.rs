//! Counters whose calls do not return, or panic.

use super::*;
use std::time::Duration;

/// Its calls from the third on panic, or never return; a sale does, a read is innocent.
struct Breaks {
    calls: AtomicU64,
    hangs: bool,
}

impl Subject for Breaks {
    fn deduct(&self, _: u64) -> Answer {
        if self.calls.fetch_add(1, Ordering::Relaxed) >= 2 {
            // Past the hook, which would print a backtrace of each of them: that takes long on a busy machine.
            if !self.hangs {
                std::panic::resume_unwind(Box::new("it is tired"));
            }
            loop {
                std::thread::park();
            }
        }
        Answer::Unknown
    }

    fn restock(&self, _: u64) -> Answer {
        Answer::Unknown
    }

    fn available(&self) -> Answer<u64> {
        Answer::Unknown
    }
}

fn report(hangs: bool, patience: Duration) -> Report {
    let options = Options::new().rounds(20).threads(3).directory(DIRECTORY);
    let report = options.patience(patience).check(|_, _| Breaks {
        calls: AtomicU64::new(0),
        hangs,
    });
    println!("{report}");
    report
}

/// On a busy machine a thread may not have come to the call that hangs when the patience ends. Then the check is
/// made again with more patience. A suite that marks another call fails with any patience.
#[test]
fn the_call_that_hangs_is_marked() {
    let is_found = |report: &Report| {
        let words = report
            .evidence(ManyThreads)
            .map_or("", |found| &found.words);
        report.broken() == [ManyThreads]
            && words.contains("did not return in time: 1; thread 0 is in deduct(")
    };
    let patience = [300, 3_000, 20_000].map(Duration::from_millis);
    let mut reports = patience.into_iter().map(|patience| report(true, patience));
    let report = reports.find(is_found).expect("the call is found");
    // All but this one, and what is not promised.
    assert_eq!(report.not_judged().len(), Promise::ALL.len() - 3);
    assert_eq!(marked(report.evidence(ManyThreads).unwrap()), ["0"]);
    assert!(report.to_string().contains("a call before did not return"));
}

#[test]
fn the_call_that_panics_is_marked() {
    let report = report(false, Duration::from_secs(20));
    assert!(report.broken().contains(&ManyThreads));
    let evidence = report.evidence(ManyThreads).unwrap();
    let words = &evidence.words;
    assert!(
        words.starts_with("deduct(") && words.contains("it is tired"),
        "{words}"
    );
    assert_eq!(marked(evidence), ["0"]);
}
