//! Counters that a panic of the caller harms.

use super::*;

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

#[test]
fn units_that_a_panic_takes_along_are_missed() {
    let open = |units, _| LosesInPanic(Mutex::new(units));
    let report = caught(open, &[CallerPanics], &SOUND);
    assert_eq!(report.broken(), [CallerPanics]);
}

/// A lock that nobody can take twice, and that a panic never gives back.
struct HangsAfterPanic {
    inner: LosesInPanic,
    busy: AtomicU64,
}

impl HangsAfterPanic {
    fn locked<T>(&self, body: impl FnOnce() -> T) -> T {
        while self.busy.swap(1, Ordering::AcqRel) == 1 {
            std::thread::yield_now();
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
