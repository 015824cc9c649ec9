//! Mistakes that show only where threads meet at them: each is found, without a pause put where it is. The check ends
//! at its finding. What it takes is printed: on a machine with other work the threads seldom run at once.
//!
//! `.ci/heavy races` makes 20 runs of each on an idle machine, prints their medians, and fails if one is over three seconds.

mod cpu;

use cpu::process_seconds;
use segstock_conformance::{Answer, Options, Subject};
use segstock_model::{Refusal, Snapshot};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

/// Runs of each counter; `RACES_RUNS` says otherwise.
fn runs() -> u64 {
    let said = std::env::var("RACES_RUNS").ok();
    said.and_then(|runs| runs.parse().ok()).unwrap_or(1)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// Finds the mistake in every run.
#[track_caller]
fn found<S: Subject + 'static>(what: &str, open: impl Fn(u64) -> S) {
    let (mut walls, mut cpus, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..runs() {
        let options = Options::new()
            .name(what)
            .limit(u64::MAX)
            .seed(1 + run * 1_000)
            .patience(Duration::from_secs(1))
            .directory(env!("CARGO_TARGET_TMPDIR"))
            .for_at_least(Duration::from_secs(900))
            .total_patience(Duration::from_secs(900))
            .stop_at_first();
        let (began, cpu) = (Instant::now(), process_seconds());
        let report = options.check(|units, _| open(units));
        assert!(!report.broken().is_empty(), "{report}");
        walls.push(began.elapsed().as_secs_f64());
        cpus.push(process_seconds() - cpu);
        calls.push(report.calls as f64);
    }
    println!("{what}: {walls:.2?} s");
    let wall = median(walls);
    println!(
        "{what}: medians {wall:.2} s, {:.2} s of CPU time, {:.0} calls",
        median(cpus),
        median(calls)
    );
    // Fewer runs say little of a median, and other tests run beside them.
    assert!(runs() < 20 || wall <= 3.0, "{what}: {wall:.2} s");
}

fn restocked(left: &mut u64, units: u64) -> Answer {
    let Some(more) = left.checked_add(units) else {
        return Answer::OVERFLOW;
    };
    *left = more;
    Answer::Done(())
}

/// Says that it is sold out by a flag, which an order sets after it left the lock.
struct Flag {
    left: Mutex<u64>,
    is_sold_out: AtomicBool,
}

impl Subject for Flag {
    fn deduct(&self, units: u64) -> Answer {
        if units > 0 && self.is_sold_out.load(Ordering::SeqCst) {
            return Answer::SHORT;
        }
        let mut left = self.left.lock().unwrap();
        let enough = *left >= units;
        *left -= if enough { units } else { 0 };
        let is_sold_out = *left == 0;
        drop(left);
        if is_sold_out {
            self.is_sold_out.store(true, Ordering::SeqCst);
        }
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let answer = restocked(&mut self.left.lock().unwrap(), units);
        if units > 0 && answer == Answer::Done(()) {
            self.is_sold_out.store(false, Ordering::SeqCst);
        }
        answer
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.left.lock().unwrap())
    }
}

#[test]
fn a_flag_that_is_set_after_a_restock_cleared_it() {
    found("flag", |units| Flag {
        left: Mutex::new(units),
        is_sold_out: AtomicBool::new(units == 0),
    });
}

/// What is left and what was restocked lie under two locks; a snapshot takes one after the other.
struct TwoLocks {
    initial: u64,
    left: Mutex<u64>,
    restocked: Mutex<u64>,
}

impl Subject for TwoLocks {
    fn deduct(&self, units: u64) -> Answer {
        let mut left = self.left.lock().unwrap();
        let enough = *left >= units;
        *left -= if enough { units } else { 0 };
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let mut left = self.left.lock().unwrap();
        let answer = restocked(&mut left, units);
        drop(left);
        if answer == Answer::Done(()) {
            let mut restocked = self.restocked.lock().unwrap();
            *restocked = restocked.wrapping_add(units);
        }
        answer
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.left.lock().unwrap())
    }

    fn snapshot(&self) -> Option<Answer<Snapshot>> {
        let available = *self.left.lock().unwrap();
        let (initial, restocked) = (self.initial, *self.restocked.lock().unwrap());
        Some(Answer::Done(Snapshot {
            initial,
            restocked,
            available,
            reserved: 0,
            sold: initial.wrapping_add(restocked).wrapping_sub(available),
            ..Snapshot::default()
        }))
    }
}

#[test]
fn a_snapshot_over_two_locks() {
    found("two locks", |units| TwoLocks {
        initial: units,
        left: Mutex::new(units),
        restocked: Mutex::new(0),
    });
}

/// Three segments; each thread locks its own first and then the next, around the ring.
struct Ring([Mutex<u64>; 3]);

impl Ring {
    fn all<T>(&self, body: impl FnOnce([&mut u64; 3]) -> T) -> T {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        thread_local!(static OWN: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
        let own = OWN.with(|own| *own as usize);
        let [mut one, mut two, mut three] =
            [0, 1, 2].map(|next| self.0[(own + next) % 3].lock().unwrap());
        body([&mut one, &mut two, &mut three])
    }
}

impl Subject for Ring {
    fn deduct(&self, units: u64) -> Answer {
        self.all(|segments| {
            let sum: u64 = segments.iter().map(|left| **left).sum();
            if sum < units {
                return Answer::SHORT;
            }
            let mut rest = units;
            for left in segments {
                let part = rest.min(*left);
                *left -= part;
                rest -= part;
            }
            Answer::Done(())
        })
    }

    fn restock(&self, units: u64) -> Answer {
        self.all(|[one, two, three]| {
            let others = *two + *three;
            if one
                .checked_add(units)
                .and_then(|one| one.checked_add(others))
                .is_none()
            {
                return Answer::OVERFLOW;
            }
            *one += units;
            Answer::Done(())
        })
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.all(|segments| segments.iter().map(|left| **left).sum()))
    }
}

#[test]
fn a_ring_of_locks() {
    found("ring", |units| {
        Ring([Mutex::new(units), Mutex::new(0), Mutex::new(0)])
    });
}

/// Refuses where the lock is busy.
struct Busy(Mutex<u64>);

impl Subject for Busy {
    fn deduct(&self, units: u64) -> Answer {
        let Ok(mut left) = self.0.try_lock() else {
            return Answer::SHORT;
        };
        let enough = *left >= units;
        *left -= if enough { units } else { 0 };
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        restocked(&mut self.0.lock().unwrap(), units)
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.0.lock().unwrap())
    }
}

#[test]
fn a_refusal_where_a_lock_is_busy() {
    found("busy", |units| Busy(Mutex::new(units)));
}

/// Looks under a read lock, and takes under a write lock.
struct ReadThenWrite(RwLock<u64>);

impl Subject for ReadThenWrite {
    fn deduct(&self, units: u64) -> Answer {
        if *self.0.read().unwrap() < units {
            return Answer::SHORT;
        }
        let mut left = self.0.write().unwrap();
        *left = left.saturating_sub(units);
        Answer::Done(())
    }

    fn restock(&self, units: u64) -> Answer {
        restocked(&mut self.0.write().unwrap(), units)
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.0.read().unwrap())
    }
}

#[test]
fn a_read_lock_and_then_a_write_lock() {
    found("read then write", |units| ReadThenWrite(RwLock::new(units)));
}

/// Refuses with the number that some call showed last, after it had left the lock.
struct StaleNumber {
    left: Mutex<u64>,
    shown: AtomicU64,
}

impl StaleNumber {
    fn show(&self, left: u64) {
        self.shown.store(left, Ordering::SeqCst);
    }
}

impl Subject for StaleNumber {
    fn deduct(&self, units: u64) -> Answer {
        let mut left = self.left.lock().unwrap();
        if *left < units {
            drop(left);
            let shown = self.shown.load(Ordering::SeqCst);
            let available = Some(shown.min(units - 1));
            return Answer::Refused(Refusal::Short { available });
        }
        *left -= units;
        let now = *left;
        drop(left);
        self.show(now);
        Answer::Done(())
    }

    fn restock(&self, units: u64) -> Answer {
        let mut left = self.left.lock().unwrap();
        let answer = restocked(&mut left, units);
        let now = *left;
        drop(left);
        self.show(now);
        answer
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.left.lock().unwrap())
    }
}

#[test]
fn a_number_in_a_refusal_that_is_stale() {
    found("stale number", |units| StaleNumber {
        left: Mutex::new(units),
        shown: AtomicU64::new(units),
    });
}

/// Tests, then sets.
struct TestThenSet(AtomicU64);

impl Subject for TestThenSet {
    fn deduct(&self, units: u64) -> Answer {
        let left = self.0.load(Ordering::SeqCst);
        if left < units {
            return Answer::SHORT;
        }
        self.0.store(left - units, Ordering::SeqCst);
        Answer::Done(())
    }

    fn restock(&self, units: u64) -> Answer {
        let add = |left: u64| left.checked_add(units);
        let added = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
        added.map_or(Answer::OVERFLOW, |_| Answer::Done(()))
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.0.load(Ordering::SeqCst))
    }
}

#[test]
fn a_test_and_then_a_set() {
    found("test then set", |units| TestThenSet(AtomicU64::new(units)));
}
