//! Counters that are right pass the suite, whatever they are made of.
#![cfg(all(feature = "conformance", not(loom)))]

mod support;

use segstock::conformance::{self, Answer, Options, Promise, Report, Subject};
use segstock::model::{Books, Refusal};
use segstock::{
    HoldError, Holds, LockedStock, ManualClock, OrderError, OutOfStock, PlaceError, Placed,
    Reservation, RestockOverflow, Stock, StockCounter,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::counters::restless;
use tokio::sync::{Semaphore, TryAcquireError};

/// All is kept but what is not offered.
#[track_caller]
fn assert_all_but(report: &Report, not_promised: &[Promise]) {
    println!("{report}");
    report.assert_kept();
    let promised: Vec<Promise> = Promise::ALL
        .into_iter()
        .filter(|promise| !not_promised.contains(promise))
        .collect();
    assert_eq!(report.kept(), promised);
}

#[test]
fn stock() {
    assert_all_but(&conformance::check(|units, _| Stock::new(units)), &[]);
    let wide = |units, segments| Stock::builder(units).segments(segments).build().unwrap();
    assert_all_but(&conformance::check(wide), &[]);
    let restless = |units, segments| {
        let builder = Stock::builder(units).segments(segments).tuning(restless());
        builder.build().unwrap()
    };
    assert_all_but(&conformance::check(restless), &[]);
}

/// Orders run under the lock.
struct Orders(LockedStock);

impl Orders {
    fn open(units: u64, segments: usize) -> Self {
        Self(
            LockedStock::builder(units)
                .segments(segments)
                .build()
                .unwrap(),
        )
    }
}

impl Subject for Orders {
    fn deduct(&self, units: u64) -> Answer {
        self.0.deduct(units).into()
    }

    fn restock(&self, units: u64) -> Answer {
        self.0.restock(units).into()
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.0.available())
    }

    fn snapshot(&self) -> Option<Answer<Books>> {
        Some(Answer::Done(self.0.snapshot().into()))
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        let sold = self.0.deduct_with(units, || {
            flow();
            Ok::<(), ()>(())
        });
        Some(match sold {
            Ok(()) => Answer::Done(()),
            Err(OrderError::OutOfStock(refusal)) => Err(refusal).into(),
            Err(_) => unreachable!("the flow does not fail"),
        })
    }
}

#[test]
fn locked_stock() {
    for segments in [1, 20] {
        let open = |units, segments| {
            LockedStock::builder(units)
                .segments(segments)
                .build()
                .unwrap()
        };
        let report = Options::new().segments(segments).check(open);
        assert_all_but(&report, &[]);
        let report = Options::new().segments(segments).check(Orders::open);
        assert_all_but(&report, &[]);
    }
}

/// The plain mutex that everybody starts with.
struct Locked(Mutex<u64>);

impl StockCounter for Locked {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let mut left = self.0.lock().unwrap();
        if units > *left {
            return Err(OutOfStock::new(units, *left));
        }
        *left -= units;
        Ok(())
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        let mut left = self.0.lock().unwrap();
        match left.checked_add(units) {
            Some(more) => *left = more,
            None => return Err(RestockOverflow::new(units, *left)),
        }
        Ok(())
    }

    fn available(&self) -> u64 {
        *self.0.lock().unwrap()
    }
}

#[test]
fn a_plain_mutex() {
    let report = Options::new()
        .limit(u64::MAX)
        .check(|units, _| Locked(Mutex::new(units)));
    assert_all_but(&report, &[Promise::CallerPanics]);
}

struct Atomic(AtomicU64);

impl Atomic {
    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
        let changed = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
        changed.is_ok()
    }
}

impl Subject for Atomic {
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
        Answer::Done(self.0.load(Ordering::Acquire))
    }
}

#[test]
fn an_atomic() {
    let open = |units, _| Atomic(AtomicU64::new(units));
    let report = Options::new().limit(u64::MAX).check(open);
    assert_all_but(&report, &[Promise::CallerPanics]);
}

/// A semaphore's permits; it adds any number, up to a limit at which it panics.
struct Permits(Semaphore);

impl Permits {
    fn take(&self, units: u64) -> Result<tokio::sync::SemaphorePermit<'_>, Answer> {
        let Ok(permits) = u32::try_from(units) else {
            return Err(Answer::SHORT);
        };
        self.0
            .try_acquire_many(permits)
            .map_err(|error| match error {
                TryAcquireError::NoPermits => Answer::SHORT,
                TryAcquireError::Closed => Answer::Unknown,
            })
    }
}

impl Subject for Permits {
    fn deduct(&self, units: u64) -> Answer {
        match self.take(units) {
            Ok(permits) => {
                permits.forget();
                Answer::Done(())
            }
            Err(refused) => refused,
        }
    }

    fn restock(&self, units: u64) -> Answer {
        // Exact only while nobody else is near the limit.
        let room = (Semaphore::MAX_PERMITS - self.0.available_permits()) as u64;
        if units > room {
            return Answer::OVERFLOW;
        }
        self.0.add_permits(units as usize);
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.0.available_permits() as u64)
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        Some(match self.take(units) {
            Ok(permits) => {
                flow();
                permits.forget();
                Answer::Done(())
            }
            Err(refused) => refused,
        })
    }
}

#[test]
fn a_semaphore() {
    let report = Options::new()
        .limit(Semaphore::MAX_PERMITS as u64)
        .check(|units, _| Permits(Semaphore::new(units as usize)));
    assert_all_but(&report, &[]);
}

/// The crate's holds, and sales that go through them.
struct Held {
    stock: Arc<Stock>,
    clock: Arc<ManualClock>,
    holds: Holds<u64, Reservation<Arc<Stock>>, u64, Arc<ManualClock>>,
}

impl Held {
    fn open(units: u64, segments: usize) -> Self {
        let clock = Arc::new(ManualClock::new());
        let stock = Stock::builder(units).segments(segments).build().unwrap();
        Self {
            stock: Arc::new(stock),
            holds: Holds::builder().clock(Arc::clone(&clock)).build(),
            clock,
        }
    }

    fn settled<T>(mut call: impl FnMut() -> Result<T, HoldError>) -> Option<Answer> {
        loop {
            return Some(Answer::Refused(match call() {
                Ok(_) => return Some(Answer::Done(())),
                Err(HoldError::InProgress) => continue,
                Err(HoldError::Expired) => Refusal::Expired,
                Err(HoldError::Sold) => Refusal::Sold,
                Err(HoldError::Released) => Refusal::Released,
                Err(_) => Refusal::NoHold,
            }));
        }
    }
}

impl Subject for Held {
    fn deduct(&self, units: u64) -> Answer {
        self.holds.sweep(usize::MAX);
        Stock::deduct(&self.stock, units).into()
    }

    fn restock(&self, units: u64) -> Answer {
        Stock::restock(&self.stock, units).into()
    }

    fn available(&self) -> Answer<u64> {
        self.holds.sweep(usize::MAX);
        Answer::Done(Stock::available(&self.stock))
    }

    fn place(&self, key: u64, units: u64, ttl: u64) -> Option<Answer> {
        let ttl = Duration::from_secs(ttl);
        loop {
            let reserve = |&units: &u64| Reservation::new(Arc::clone(&self.stock), units);
            return Some(match self.holds.place(key, units, ttl, reserve) {
                Ok(Placed::Now(_) | Placed::Before(_)) => Answer::Done(()),
                Ok(Placed::Resolved(segstock::Outcome::Sold)) => Answer::Refused(Refusal::Sold),
                Ok(Placed::Resolved(segstock::Outcome::Released)) => {
                    Answer::Refused(Refusal::Released)
                }
                Ok(_) => Answer::Refused(Refusal::Expired),
                Err(PlaceError::Refused(refusal)) => Err(refusal).into(),
                Err(PlaceError::InProgress) => continue,
                Err(_) => Answer::Refused(Refusal::Conflict),
            });
        }
    }

    fn confirm(&self, key: u64) -> Option<Answer> {
        Self::settled(|| self.holds.confirm(&key))
    }

    fn cancel(&self, key: u64) -> Option<Answer> {
        Self::settled(|| self.holds.release(&key))
    }

    fn advance(&self, ticks: u64) -> Option<Answer> {
        self.clock.advance(Duration::from_secs(ticks));
        Some(Answer::Done(()))
    }
}

#[test]
fn holds() {
    let report = conformance::check(Held::open);
    assert_all_but(&report, &[Promise::CallerPanics]);
}
