//! Counters that are right pass the suite, whatever they are made of.

use segstock::testing::Tuning;
use segstock::{
    Clock, HoldError, Holds, Inventory, LockedStock, ManualClock, OrderError, OutOfStock,
    PlaceError, Placed, Reservation, Resolution, RestockOverflow, Stock, StockCounter,
};
use segstock_conformance::{Answer, Call, History, Options, Promise, Report, Subject};
use segstock_model::{Op, Outcome, Refusal, Snapshot};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use tokio::sync::{Semaphore, TryAcquireError};

/// Changes its form as often as it can: every slow path, all the time.
fn restless() -> Tuning {
    Tuning {
        little: 8,
        orders: 1,
        enough: 4,
        patience: 0,
        ..Tuning::DEFAULT
    }
}

/// All is kept but what is not offered.
#[track_caller]
fn assert_all_but(report: &Report, not_promised: &[Promise]) {
    println!("{report}");
    report.assert_kept();
    let promised: Vec<Promise> = Promise::ALL
        .into_iter()
        .filter(|promise| !not_promised.contains(promise) && *promise != Promise::NotReserved)
        .collect();
    assert_eq!(report.kept(), promised);
}

#[test]
fn stock() {
    assert_all_but(
        &segstock_conformance::check(|units, _| Stock::new(units)),
        &[],
    );
    let wide = |units, segments| Stock::builder(units).segments(segments).build().unwrap();
    assert_all_but(&segstock_conformance::check(wide), &[]);
    let restless = |units, segments| {
        let builder = Stock::builder(units).segments(segments).tuning(restless());
        builder.build().unwrap()
    };
    assert_all_but(&segstock_conformance::check(restless), &[]);
}

/// One SKU of an inventory, looked up at each call.
#[test]
fn a_sku_of_an_inventory() {
    let open = |units, _| {
        let shop = Arc::new(Inventory::new());
        shop.insert("phone", units).unwrap();
        let reservation = Arc::clone(&shop).reserve_owned("phone", 0).unwrap();
        reservation.stock().clone()
    };
    assert_all_but(&segstock_conformance::check(open), &[]);
}

/// What a bound may say depends on all that runs beside it, be it judged or not.
#[test]
fn a_stock_whose_refusals_are_not_judged_keeps_its_bounds() {
    let open = |units, segments| {
        let builder = Stock::builder(units).segments(segments).tuning(restless());
        builder.build().unwrap()
    };
    let options = Options::new().without_exact_refusals();
    for seed in 1..4 {
        let report = options.clone().seed(seed).check(open);
        assert_all_but(&report, &[Promise::ExactRefusal]);
    }
    // A refused order looks through the segments, and moves units where it is read.
    let refused = Outcome::Refused(Refusal::Short { available: None });
    let history = History::new(
        2,
        vec![
            Call::new(0, 0, 40, Op::Deduct(3), refused),
            Call::new(1, 10, 20, Op::Available, Outcome::AtMost(3)),
        ],
    );
    let mut judging = options.judging("a bound beside a refusal");
    assert_eq!(judging.add(history.unwrap(), 0), []);
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

    fn snapshot(&self) -> Option<Answer<Snapshot>> {
        Some(self.0.snapshot().into())
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

/// A counter whose answers get lost now and then: what was asked for has happened, or never will.
struct TimesOut {
    left: Mutex<u64>,
    /// Calls of all counters.
    turn: Arc<AtomicU64>,
}

impl TimesOut {
    fn ask<T>(&self, call: impl FnOnce(&mut u64) -> Answer<T>) -> Answer<T> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        if turn.is_multiple_of(47) {
            return Answer::Unknown;
        }
        let answer = call(&mut self.left.lock().unwrap());
        if turn.is_multiple_of(31) {
            return Answer::Unknown;
        }
        answer
    }
}

impl Subject for TimesOut {
    fn deduct(&self, units: u64) -> Answer {
        self.ask(|left| {
            let enough = *left >= units;
            *left -= if enough { units } else { 0 };
            enough.into()
        })
    }

    fn restock(&self, units: u64) -> Answer {
        self.ask(|left| match left.checked_add(units) {
            Some(more) => {
                *left = more;
                Answer::Done(())
            }
            None => Answer::OVERFLOW,
        })
    }

    fn available(&self) -> Answer<u64> {
        self.ask(|left| Answer::Done(*left))
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        let mut ran = Ok(());
        let answer = self.ask(|left| {
            if *left < units {
                return Answer::SHORT;
            }
            ran = catch_unwind(AssertUnwindSafe(&mut *flow));
            *left -= if ran.is_ok() { units } else { 0 };
            Answer::Done(())
        });
        ran.unwrap_or_else(|panic| resume_unwind(panic));
        Some(answer)
    }
}

#[test]
fn a_counter_that_times_out() {
    let turn = Arc::new(AtomicU64::new(1));
    for seed in 1..4 {
        let options = Options::new().limit(u64::MAX).seed(seed);
        let report = options.check(|units, _| TimesOut {
            left: Mutex::new(units),
            turn: Arc::clone(&turn),
        });
        assert_all_but(&report, &[]);
        let most = report.calls / 10;
        assert!((most / 20..most).contains(&report.unknown), "{report}");
    }
}

/// A semaphore's permits; it adds any number, up to a limit at which it panics.
struct Permits {
    semaphore: Semaphore,
    /// Who adds looks for room first.
    adds: Mutex<()>,
}

impl Permits {
    fn take(&self, units: u64) -> Result<tokio::sync::SemaphorePermit<'_>, Answer> {
        let Ok(permits) = u32::try_from(units) else {
            return Err(Answer::SHORT);
        };
        self.semaphore
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
        let _alone = self.adds.lock().unwrap();
        let room = (Semaphore::MAX_PERMITS - self.semaphore.available_permits()) as u64;
        if units > room {
            return Answer::OVERFLOW;
        }
        self.semaphore.add_permits(units as usize);
        Answer::Done(())
    }

    fn available(&self) -> Answer<u64> {
        Answer::Done(self.semaphore.available_permits() as u64)
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
        .check(|units, _| Permits {
            semaphore: Semaphore::new(units as usize),
            adds: Mutex::new(()),
        });
    assert_all_but(&report, &[]);
}

/// The crate's holds, and sales that go through them.
struct Held {
    stock: Arc<Stock>,
    clock: Arc<ManualClock>,
    holds: Holds<u64, Reservation<Arc<Stock>>, u64, Arc<ManualClock>>,
    /// The time of a hold counts from before its units are reserved. To the model that is one
    /// instant, so the clock stands still in between.
    still: RwLock<()>,
}

impl Held {
    fn open(units: u64, segments: usize) -> Self {
        let clock = Arc::new(ManualClock::new());
        let stock = Stock::builder(units).segments(segments).build().unwrap();
        Self {
            stock: Arc::new(stock),
            holds: Holds::builder().clock(Arc::clone(&clock)).build(),
            clock,
            still: RwLock::new(()),
        }
    }

    /// A call on a stock in which all is back that has expired: again if the clock moved meanwhile,
    /// unless it did something.
    fn swept<T>(&self, call: impl Fn() -> T, did: impl Fn(&T) -> bool) -> T {
        loop {
            let now = self.clock.now();
            self.holds.sweep(usize::MAX);
            let answer = call();
            if did(&answer) || self.clock.now() == now {
                return answer;
            }
        }
    }

    fn settled<T>(mut call: impl FnMut() -> Result<T, HoldError>) -> Option<Answer> {
        loop {
            return Some(Answer::Refused(match call() {
                Ok(_) => return Some(Answer::Done(())),
                Err(HoldError::InProgress) => continue,
                Err(HoldError::Expired) => Refusal::Expired,
                Err(HoldError::Confirmed) => Refusal::Confirmed,
                Err(HoldError::Released) => Refusal::Released,
                Err(_) => Refusal::NoHold,
            }));
        }
    }
}

impl Subject for Held {
    fn deduct(&self, units: u64) -> Answer {
        let sold = self.swept(|| Stock::deduct(&self.stock, units), Result::is_ok);
        sold.into()
    }

    fn restock(&self, units: u64) -> Answer {
        Stock::restock(&self.stock, units).into()
    }

    fn available(&self) -> Answer<u64> {
        let left = self.swept(|| Stock::available(&self.stock), |_| false);
        Answer::Done(left)
    }

    fn place(&self, key: u64, units: u64, ttl: u64) -> Option<Answer> {
        let ttl = Duration::from_secs(ttl);
        let _still = self.still.read();
        loop {
            let reserve = |&units: &u64| Reservation::new(Arc::clone(&self.stock), units);
            return Some(match self.holds.place(key, units, ttl, reserve) {
                Ok(Placed::Now(_) | Placed::Before(_)) => Answer::Done(()),
                Err(PlaceError::Resolved(Resolution::Confirmed)) => {
                    Answer::Refused(Refusal::Confirmed)
                }
                Err(PlaceError::Resolved(Resolution::Released)) => {
                    Answer::Refused(Refusal::Released)
                }
                Err(PlaceError::Resolved(_)) => Answer::Refused(Refusal::Expired),
                Err(PlaceError::Refused(refusal)) => Err(refusal).into(),
                Err(PlaceError::InProgress) => continue,
                Err(_) => Answer::Refused(Refusal::Conflict),
            });
        }
    }

    fn confirm(&self, key: u64) -> Option<Answer> {
        Self::settled(|| self.holds.confirm(&key))
    }

    fn release_hold(&self, key: u64) -> Option<Answer> {
        Self::settled(|| self.holds.release(&key))
    }

    fn advance(&self, ticks: u64) -> Option<Answer> {
        let _moving = self.still.write();
        self.clock.advance(Duration::from_secs(ticks));
        Some(Answer::Done(()))
    }
}

#[test]
fn holds() {
    let report = segstock_conformance::check(Held::open);
    assert_all_but(&report, &[Promise::CallerPanics]);
}
