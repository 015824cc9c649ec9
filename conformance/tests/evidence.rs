//! What a check keeps on disk, and what it finds beside a panic.

use segstock_conformance::{Answer, Options, Promise, Subject};
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Forgets every restock, and panics where `panics_at` says.
struct Forgetful {
    left: AtomicU64,
    calls: AtomicU64,
    panics_at: u64,
}

impl Forgetful {
    fn open(panics_at: u64) -> impl Fn(u64, usize) -> Self {
        move |units, _| Self {
            left: AtomicU64::new(units),
            calls: AtomicU64::new(0),
            panics_at,
        }
    }
}

impl Subject for Forgetful {
    fn deduct(&self, units: u64) -> Answer {
        if self.calls.fetch_add(1, Ordering::Relaxed) == self.panics_at {
            // Past the hook, which would print a backtrace of each of them.
            std::panic::resume_unwind(Box::new("the connection is gone"));
        }
        let take = |left: u64| left.checked_sub(units);
        let order = Ordering::SeqCst;
        self.left.fetch_update(order, order, take).is_ok().into()
    }

    fn restock(&self, _: u64) -> Answer {
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.left.load(Ordering::SeqCst))
    }
}

fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// An adapter that panics in each round, early: the counter's own mistake is reported nevertheless.
#[test]
fn a_panic_in_the_adapter_hides_no_other_mistake() {
    let options = Options::new().rounds(50).directory(directory("panic"));
    let report = options.check(Forgetful::open(3));
    println!("{report}");
    let panicked = report.evidence(Promise::ManyThreads).expect("it panics");
    assert!(panicked.words.contains("the connection is gone"));
    let lost = report
        .evidence(Promise::Conservation)
        .expect("units are lost");
    assert!(
        !lost.words.contains("the connection is gone"),
        "{}",
        lost.words
    );
}

/// Checks that run every day do not fill a disk: the oldest evidence goes first, other files stay.
#[test]
fn evidence_of_earlier_checks_is_capped() {
    let directory = directory("capped");
    for name in ["old.jsonl", "old.svg", "mine.txt"] {
        let file = File::create(directory.join(name)).unwrap();
        file.set_len(40 << 20).unwrap();
    }
    let options = Options::new().rounds(50).directory(&directory);
    let report = options.check(Forgetful::open(u64::MAX));
    let evidence = report
        .evidence(Promise::Conservation)
        .expect("units are lost");
    assert!(evidence.history.as_ref().unwrap().exists());
    assert!(directory.join("mine.txt").exists());
    let bytes: u64 = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != "mine.txt")
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(bytes < 70 << 20, "{bytes} bytes are kept");
}
