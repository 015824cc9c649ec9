//! Counters that sell units that are not in stock.

use super::*;
use segstock_model::naive::ReadCheckWrite;

#[test]
fn read_check_write_oversells() {
    let open = |units, _| Naive(ReadCheckWrite::<Std>::new(units));
    _ = caught(open, &OVERSELLS, &[Zero, ManyThreads]);
}

/// Locks to look, and locks again to take.
struct LocksTwice(Mutex<u64>);

impl LocksTwice {
    fn left(&self) -> u64 {
        *self.0.lock().unwrap()
    }
}

impl StockCounter for LocksTwice {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let left = self.left();
        if left < units {
            return Err(OutOfStock::new(units, left));
        }
        Std::linger();
        let mut left = self.0.lock().unwrap();
        *left = left.saturating_sub(units);
        Ok(())
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        let mut left = self.0.lock().unwrap();
        let more = left.checked_add(units);
        *left = more.ok_or(RestockOverflow::new(units, *left))?;
        Ok(())
    }

    fn available(&self) -> u64 {
        self.left()
    }
}

#[test]
fn a_check_under_another_lock_than_the_deduct_oversells() {
    let open = |units, _| LocksTwice(Mutex::new(units));
    _ = caught(open, &OVERSELLS, &[Zero, ManyThreads, Overflow]);
}

/// A lock that is leased, and a store that takes whatever is written: no fencing token.
///
/// Time is counted in looks at the lock, so that nothing here waits.
struct Leased {
    left: AtomicU64,
    now: AtomicU64,
    /// When the lease of the lock's holder ends; 0 if nobody holds it.
    ends: AtomicU64,
}

impl Leased {
    const LEASE: u64 = 2;

    fn new(units: u64) -> Self {
        Self {
            left: AtomicU64::new(units),
            now: AtomicU64::new(1),
            ends: AtomicU64::new(0),
        }
    }

    fn locked<T>(&self, flow: impl FnOnce(u64) -> (T, u64)) -> T {
        let lease = loop {
            let now = self.now.fetch_add(1, Ordering::SeqCst);
            let ends = self.ends.load(Ordering::SeqCst);
            let lease = now + Self::LEASE;
            let is_free = ends < now;
            if is_free
                && self
                    .ends
                    .compare_exchange(ends, lease, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
            {
                break lease;
            }
            std::thread::yield_now();
        };
        let (answer, left) = flow(self.left.load(Ordering::SeqCst));
        // The order takes its time, now and then more than the lease.
        (0..3).for_each(|_| Std::linger());
        self.left.store(left, Ordering::SeqCst);
        _ = self
            .ends
            .compare_exchange(lease, 0, Ordering::SeqCst, Ordering::SeqCst);
        answer
    }
}

impl Subject for Leased {
    fn deduct(&self, units: u64) -> Answer {
        self.locked(|left| match left.checked_sub(units) {
            Some(rest) => (Answer::Done(()), rest),
            None => (Answer::SHORT, left),
        })
    }

    fn restock(&self, units: u64) -> Answer {
        self.locked(|left| match left.checked_add(units) {
            Some(more) => (Answer::Done(()), more),
            None => (Answer::OVERFLOW, left),
        })
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.left.load(Ordering::SeqCst))
    }
}

#[test]
fn a_lease_that_runs_out_in_an_order_oversells() {
    let open = |units, _| Leased::new(units);
    _ = caught(open, &[NeverOversold, Conservation], &[Zero, ManyThreads]);
}
