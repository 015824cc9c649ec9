//! Counters that a panic of the caller harms.

use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Takes before the flow, and forgets to give back when it panics.
struct LosesInPanic(Mutex<u64>);

impl Subject for LosesInPanic {
    fn deduct(&self, units: u64) -> Answer {
        let mut left = self.0.lock().unwrap();
        let enough = *left >= units;
        *left -= if enough { units } else { 0 };
        enough.into()
    }

    fn restock(&self, units: u64) -> Answer {
        let mut left = self.0.lock().unwrap();
        let Some(more) = left.checked_add(units) else {
            return Answer::OVERFLOW;
        };
        *left = more;
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(*self.0.lock().unwrap())
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        let taken = self.deduct(units);
        flow();
        Some(taken)
    }
}

/// Loses one unit of an order that panics, and gives the others back.
struct LosesAPart(LosesInPanic);

impl Subject for LosesAPart {
    fn deduct(&self, units: u64) -> Answer {
        self.0.deduct(units)
    }

    fn restock(&self, units: u64) -> Answer {
        self.0.restock(units)
    }

    fn available(&self) -> Answer<u64> {
        self.0.available()
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        let taken = self.deduct(units);
        if taken != Answer::Done(()) {
            return Some(taken);
        }
        let ran = catch_unwind(AssertUnwindSafe(flow));
        if let Err(panic) = ran {
            *self.0.0.lock().unwrap() += units.saturating_sub(1);
            resume_unwind(panic);
        }
        Some(Answer::Done(()))
    }
}

/// In every run, as units that are lost in a panic and not as a refusal that is false.
#[track_caller]
fn loses_units_in_a_panic<S: Subject + 'static>(open: impl Fn(u64, usize) -> S) {
    for seed in 1..=5 {
        let options = Options::new().limit(u64::MAX).directory(DIRECTORY);
        let options = options.seed(seed).rounds(100);
        let report = options.check(&open);
        println!("{report}");
        assert_eq!(report.broken(), [CallerPanics], "seed {seed}");
        let words = &report.evidence(CallerPanics).unwrap().words;
        let claim =
            "orders panicked in their flows, and the counter kept units of theirs or lost them";
        assert!(words.contains(claim), "{words}");
    }
}

#[test]
fn units_that_a_panic_takes_along_are_missed() {
    loses_units_in_a_panic(|units, _| LosesInPanic(Mutex::new(units)));
    loses_units_in_a_panic(|units, _| LosesAPart(LosesInPanic(Mutex::new(units))));
}

/// A lock that nobody can take twice, and that a panic never gives back.
struct HangsAfterPanic {
    inner: LosesInPanic,
    busy: AtomicU64,
}

impl HangsAfterPanic {
    fn locked<T>(&self, body: impl FnOnce() -> T) -> T {
        while self.busy.swap(1, Ordering::AcqRel) == 1 {
            // Some threads stay here to the end of the process: they must not take a core from other tests.
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let value = body();
        self.busy.store(0, Ordering::Release);
        value
    }
}

impl Subject for HangsAfterPanic {
    fn deduct(&self, units: u64) -> Answer {
        self.locked(|| self.inner.deduct(units))
    }

    fn restock(&self, units: u64) -> Answer {
        self.locked(|| self.inner.restock(units))
    }

    fn available(&self) -> Answer<u64> {
        self.inner.available()
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        Some(self.locked(|| {
            flow();
            self.inner.deduct(units)
        }))
    }
}

#[test]
fn a_lock_that_a_panic_leaves_locked_does_not_hang_the_suite() {
    let open = |units, _| HangsAfterPanic {
        inner: LosesInPanic(Mutex::new(units)),
        busy: AtomicU64::new(0),
    };
    let patience = std::time::Duration::from_millis(400);
    let options = Options::new()
        .limit(u64::MAX)
        .directory(DIRECTORY)
        .rounds(20)
        .patience(patience);
    let report = options.check(open);
    println!("{report}");
    let words = &report.evidence(CallerPanics).expect("it hangs").words;
    assert!(words.contains("did not return"), "{words}");
}

/// What an order does with the caller's code.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Orders {
    RunUnderLock,
    NeverRunTheFlow,
    SwallowThePanic,
    AreRefused,
    /// Looks, runs the flow, and takes.
    LookFirst,
}

struct Shop(LosesInPanic, Orders);

impl Subject for Shop {
    fn deduct(&self, units: u64) -> Answer {
        self.0.deduct(units)
    }

    fn restock(&self, units: u64) -> Answer {
        self.0.restock(units)
    }

    fn available(&self) -> Answer<u64> {
        self.0.available()
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        let mut flow = || catch_unwind(AssertUnwindSafe(&mut *flow));
        Some(match self.1 {
            Orders::RunUnderLock => {
                let mut left = self.0.0.lock().unwrap();
                if *left < units {
                    return Some(Answer::SHORT);
                }
                let ran = flow();
                *left -= if ran.is_ok() { units } else { 0 };
                drop(left);
                ran.unwrap_or_else(|panic| resume_unwind(panic));
                Answer::Done(())
            }
            Orders::NeverRunTheFlow => self.deduct(units),
            Orders::SwallowThePanic => {
                if flow().is_err() {
                    return Some(Answer::SHORT);
                }
                self.deduct(units)
            }
            Orders::AreRefused => Answer::SHORT,
            Orders::LookFirst => {
                if *self.0.0.lock().unwrap() < units {
                    return Some(Answer::SHORT);
                }
                flow().unwrap_or_else(|panic| resume_unwind(panic));
                let mut left = self.0.0.lock().unwrap();
                *left = left.saturating_sub(units);
                Answer::Done(())
            }
        })
    }
}

fn open(orders: Orders) -> impl Fn(u64, usize) -> Shop {
    move |units, _| Shop(LosesInPanic(Mutex::new(units)), orders)
}

#[test]
fn orders_under_a_lock_pass() {
    let options = Options::new().limit(u64::MAX).directory(DIRECTORY);
    let report = options.check(open(Orders::RunUnderLock));
    println!("{report}");
    let promised = Promise::ALL
        .into_iter()
        .filter(|it| *it != Promise::NotReserved);
    assert_eq!(report.kept(), promised.collect::<Vec<_>>());
}

#[test]
fn an_order_that_never_runs_its_flow_is_seen() {
    let report = caught(open(Orders::NeverRunTheFlow), &[CallerPanics], &SOUND);
    assert_eq!(report.broken(), [CallerPanics]);
    let words = &report.evidence(CallerPanics).unwrap().words;
    assert!(words.contains("its flow never ran"), "{words}");
}

#[test]
fn an_order_that_swallows_the_panic_is_seen() {
    let report = caught(open(Orders::SwallowThePanic), &[CallerPanics], &SOUND);
    assert_eq!(report.broken(), [CallerPanics]);
    let words = &report.evidence(CallerPanics).unwrap().words;
    assert!(words.contains("must go on to the caller"), "{words}");
}

#[test]
fn orders_that_are_always_refused_keep_nothing() {
    let all = Options::new().limit(u64::MAX).directory(DIRECTORY);
    let report = caught_by(&all, open(Orders::AreRefused), &REFUSES, &SOUND);
    assert_eq!(report.broken(), REFUSES);
    assert_eq!(report.not_judged(), [CallerPanics]);
    // Nor where that is promised to nobody.
    let options = Options::new().limit(u64::MAX).without_exact_refusals();
    let report = options.check(open(Orders::AreRefused));
    assert_eq!(
        (report.broken(), report.not_judged()),
        (vec![], vec![CallerPanics])
    );
}

#[test]
fn orders_that_look_first_oversell() {
    let all = Options::new().limit(u64::MAX).directory(DIRECTORY);
    let report = caught_by(
        &all,
        open(Orders::LookFirst),
        &OVERSELLS,
        &[ManyThreads, Zero],
    );
    assert!(
        !report.broken().contains(&CallerPanics),
        "no panic is to blame"
    );
}
