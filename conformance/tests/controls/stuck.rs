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
            assert!(self.hangs, "it is tired");
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

fn report(hangs: bool) -> Report {
    let options = Options::new().rounds(20).threads(3).directory(DIRECTORY);
    // A panic that prints its backtrace may take long.
    let patience = if hangs { 300 } else { 20_000 };
    let options = options.patience(Duration::from_millis(patience));
    let report = options.check(|_, _| Breaks {
        calls: AtomicU64::new(0),
        hangs,
    });
    println!("{report}");
    report
}

#[test]
fn the_call_that_hangs_is_marked() {
    let report = report(true);
    assert_eq!(report.broken(), [ManyThreads]);
    // All but this one, and what is not promised.
    assert_eq!(report.not_judged().len(), Promise::ALL.len() - 3);
    let evidence = report.evidence(ManyThreads).unwrap();
    let words = &evidence.words;
    assert!(
        words.contains("did not return in time: 1; thread 0 is in deduct("),
        "{words}"
    );
    assert_eq!(marked(evidence), ["0"]);
    assert!(report.to_string().contains("a call before did not return"));
}

#[test]
fn the_call_that_panics_is_marked() {
    let report = report(false);
    assert!(report.broken().contains(&ManyThreads));
    let evidence = report.evidence(ManyThreads).unwrap();
    let words = &evidence.words;
    assert!(
        words.starts_with("deduct(") && words.contains("it is tired"),
        "{words}"
    );
    assert_eq!(marked(evidence), ["0"]);
}
