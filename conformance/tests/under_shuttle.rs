//! The suite's rounds under shuttle: a counter that is right is kept, and a mistake of a few instructions is found
//! in every run, with its history.

use segstock_conformance::{Answer, History, Options, Promise, Report, Subject};
use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicU64, Ordering};
use std::fs::File;
use std::io::BufReader;

/// One word, changed by compare-exchange; or, if it has a mistake, by a load and a store.
struct Word {
    left: AtomicU64,
    stores: bool,
}

impl Word {
    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
        loop {
            let left = self.left.load(Ordering::Acquire);
            let Some(next) = change(left) else {
                return false;
            };
            if self.stores {
                self.left.store(next, Ordering::Release);
                return true;
            }
            let changed =
                self.left
                    .compare_exchange(left, next, Ordering::AcqRel, Ordering::Acquire);
            if changed.is_ok() {
                return true;
            }
        }
    }
}

impl Subject for Word {
    fn deduct(&self, units: u64) -> Answer {
        self.change(|left| left.checked_sub(units)).into()
    }

    fn restock(&self, units: u64) -> Answer {
        if self.change(|left| left.checked_add(units)) {
            Answer::Done(())
        } else {
            Answer::OVERFLOW
        }
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.left.load(Ordering::Acquire))
    }
}

fn options(seed: u64) -> Options {
    Options::new()
        .limit(u64::MAX)
        .rounds(40)
        .seed(seed)
        .stop_at_first()
        .directory(env!("CARGO_TARGET_TMPDIR"))
}

fn word(seed: u64, stores: bool) -> Report {
    let report = options(seed).check_schedules(20, move |units, _| Word {
        left: AtomicU64::new(units),
        stores,
    });
    println!("{report}");
    report
}

#[test]
fn a_counter_of_one_exchange_is_kept() {
    let report = word(1, false);
    report.assert_kept();
    assert!(report.kept().contains(&Promise::Linearizable));
    assert!(report.kept().contains(&Promise::ManyThreads));
    assert!(report.histories >= 500, "{report}");
}

#[test]
fn a_load_and_a_store_are_found_in_every_run() {
    for seed in 1..=20 {
        let report = word(seed, true);
        let evidence = report.evidence(Promise::Linearizable);
        let path = evidence.and_then(|found| found.history.as_ref());
        let file = File::open(path.expect("it is found and kept on disk")).unwrap();
        // What is kept is the schedule that breaks the promise.
        let history = History::read(BufReader::new(file)).unwrap();
        let checker = segstock_conformance::Checker::new().limit(u64::MAX);
        assert!(!checker.check(&history).is_linearizable());
    }
}

#[test]
fn a_schedule_follows_from_the_seed() {
    let calls = |seed| {
        let report = word(seed, true);
        (report.histories, report.calls)
    };
    assert_eq!(calls(7), calls(7));
}

/// Two locks, which a sale and a restock take in another order.
struct Crossed {
    left: Mutex<u64>,
    log: Mutex<u64>,
}

impl Subject for Crossed {
    fn deduct(&self, units: u64) -> Answer {
        let mut left = self.left.lock().unwrap();
        *self.log.lock().unwrap() += 1;
        let enough = *left >= units;
        *left -= if enough { units } else { 0 };
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let mut log = self.log.lock().unwrap();
        *self.left.lock().unwrap() += units;
        *log += 1;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.left.lock().unwrap())
    }
}

#[test]
fn locks_that_are_taken_in_two_orders_are_found() {
    let report = options(1).check_schedules(20, |units, _| Crossed {
        left: Mutex::new(units),
        log: Mutex::new(0),
    });
    println!("{report}");
    assert_eq!(report.broken(), [Promise::ManyThreads]);
    let words = &report.evidence(Promise::ManyThreads).unwrap().words;
    assert!(words.contains("deadlock"), "{words}");
    assert!(words.contains("is in"), "{words}");
}
