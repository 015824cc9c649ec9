//! How long a check takes, and what it says of the time that calls took.

use segstock_conformance::{Answer, Options, Promise, Report, Subject};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A right counter; `before` runs before each call.
struct Delayed<F> {
    left: Mutex<u64>,
    before: F,
}

impl<F: Fn()> Delayed<F> {
    fn new(units: u64, before: F) -> Self {
        let left = Mutex::new(units);
        Self { left, before }
    }
}

impl<F: Fn() + Send + Sync + 'static> Subject for Delayed<F> {
    fn deduct(&self, units: u64) -> Answer {
        (self.before)();
        let mut left = self.left.lock().unwrap();
        let is_enough = *left >= units;
        *left -= if is_enough { units } else { 0 };
        is_enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        (self.before)();
        let mut left = self.left.lock().unwrap();
        let Some(more) = left.checked_add(units) else {
            return Answer::OVERFLOW;
        };
        *left = more;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        (self.before)();
        Answer::Done(*self.left.lock().unwrap())
    }
}

fn options() -> Options {
    Options::new()
        .limit(u64::MAX)
        .rounds(20)
        .directory(env!("CARGO_TARGET_TMPDIR"))
}

fn timed(check: impl FnOnce() -> Report) -> (Report, Duration) {
    let began = Instant::now();
    let report = check();
    println!("{report}");
    (report, began.elapsed())
}

fn sleep(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// Reads, trials and the question whether there are holds never return either: the first of them ends the check.
#[test]
fn a_counter_that_never_answers_ends_the_check_after_one_patience() {
    let options = options().patience(Duration::from_secs(1));
    let (report, took) = timed(|| {
        options.check(|units, _| {
            Delayed::new(units, || {
                loop {
                    thread::park();
                }
            })
        })
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(report.histories, 1);
    assert_eq!(report.broken(), [Promise::Zero]);
    assert_eq!(report.kept(), []);
    assert!(report.to_string().contains("a call did not return"));
}

/// Each call is answered, so that no round is given up: there are just too many for the time.
#[test]
fn a_slow_counter_ends_the_check_in_time_and_is_neither_broken_nor_kept() {
    let options = options()
        .patience(Duration::from_secs(60))
        .total_patience(Duration::from_secs(2));
    let (report, took) = timed(|| options.check(|units, _| Delayed::new(units, || sleep(20))));
    // The longest round takes what a thread that is alone has, and what is left to sell.
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(report.broken(), []);
    assert!(report.not_judged().contains(&Promise::ManyThreads));
    assert!(
        report
            .to_string()
            .contains("the check was given up after 2 s")
    );
    let is_kept = std::panic::catch_unwind(|| report.assert_kept());
    is_kept.expect_err("not all was tried");
}

/// Most of the time goes to trials here: the time is looked at between them, too.
#[test]
fn trials_that_race_end_with_the_time_of_the_check() {
    let options = options()
        .rounds(4_000)
        .total_patience(Duration::from_secs(1))
        .patience(Duration::from_secs(60));
    let rounds = AtomicU64::new(0);
    let rounds = Arc::new(rounds);
    let seen = Arc::clone(&rounds);
    let (_, took) = timed(|| {
        options.check(move |units, _| {
            // Rounds come before the trials that race, and are quick.
            let count = seen.fetch_add(1, Ordering::Relaxed);
            let millis = if count > 100 { 50 } else { 0 };
            Delayed::new(units, move || sleep(millis))
        })
    });
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// One call of thousands stands still.
#[test]
fn a_call_that_is_ten_thousand_times_slower_than_its_like_is_reported() {
    let calls = AtomicU64::new(0);
    let calls = Arc::new(calls);
    let of = |slow_call: u64| {
        let calls = Arc::clone(&calls);
        calls.store(0, Ordering::SeqCst);
        let (report, _) = timed(|| {
            options().check(move |units, _| {
                let calls = Arc::clone(&calls);
                Delayed::new(units, move || {
                    if calls.fetch_add(1, Ordering::Relaxed) == slow_call {
                        sleep(1_500);
                    }
                })
            })
        });
        report
    };
    let report = of(5_000);
    report.assert_kept();
    let slowest = report.slowest.expect("calls were made");
    assert!(slowest.is_remarkable(), "{slowest:?}");
    assert!(slowest.took >= Duration::from_millis(1_500));
    assert!(report.to_string().contains(": SLOW"));
}

#[test]
fn the_progress_is_shown_while_the_check_runs() {
    let shown: Arc<Mutex<Vec<(usize, Duration)>>> = Arc::default();
    let seen = Arc::clone(&shown);
    let options = options()
        .for_at_least(Duration::from_secs(4))
        .progress(move |progressed| {
            let entry = (progressed.calls, progressed.elapsed);
            seen.lock().unwrap().push(entry);
        });
    let (report, took) = timed(|| options.check(|units, _| Delayed::new(units, || ())));
    assert!(took >= Duration::from_secs(4), "{took:?}");
    report.assert_kept();
    let shown = shown.lock().unwrap();
    assert!(
        (2..=took.as_secs() as usize).contains(&shown.len()),
        "{shown:?}"
    );
    assert!(shown.is_sorted() && shown.iter().all(|(calls, _)| *calls <= report.calls));
}
