//! Six to eight threads under shuttle, at random: each history of thousands of schedules has an
//! order that explains it. loom tries fewer threads in every way; this tries more of them in some.
//!
//! shuttle takes every memory ordering for `SeqCst`: what is too weak is found by loom alone.
//! Run it with `.ci/shuttle`.
#![cfg(shuttle)]

use Op::{Available, Commit, Deduct, DeductUpTo, Release, Reserve, Restock, Snapshot};
use segstock::testing::{self, Tuning};
use segstock::{LockedStock, OrderError, OutOfStock, RestockOverflow, Stock, StockCounter};
use segstock_model::search::{Found, Problem};
use segstock_model::{Call, Model, Op, Outcome, Refusal, exact_when_alone};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// Widens when an exchange is lost, narrows when a refusal leaves little.
const RESTLESS: Tuning = Tuning {
    little: 2,
    orders: 0,
    enough: 3,
    patience: 0,
    ..Tuning::STILL
};

/// Schedules of each scenario; `SHUTTLE_SCHEDULES` says otherwise.
fn schedules() -> usize {
    let said = std::env::var("SHUTTLE_SCHEDULES").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(5_000)
}

fn took(result: Result<(), OutOfStock>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(refusal) => Outcome::Refused(Refusal::Short {
            available: Some(refusal.available),
        }),
    }
}

fn call<C: StockCounter>(stock: &C, op: Op) -> Outcome {
    let reserving = || stock.reserving().expect("it can reserve");
    match op {
        Deduct(units) => took(stock.deduct(units)),
        DeductUpTo(units) => Outcome::Took(stock.try_deduct_up_to(units).expect("it offers that")),
        Restock(units) => {
            stock.restock(units).expect("few units");
            Outcome::Done
        }
        Reserve(units) => took(reserving().reserve_units(units)),
        Release(units) => {
            reserving().release_units(units);
            Outcome::Done
        }
        Commit(units) => {
            reserving().commit_units(units);
            Outcome::Done
        }
        Available => Outcome::AtMost(stock.available()),
        Snapshot => Outcome::Snapshot(figures(stock.try_snapshot().expect("it has snapshots"))),
        other => panic!("no scenario has {other}"),
    }
}

/// Plays one script, stamped by a clock that all threads share; what was refused is
/// neither given back nor sold.
fn play<C: StockCounter>(stock: &C, thread: usize, script: &[Op], clock: &AtomicU64) -> Vec<Call> {
    testing::sit_at(thread % 3, 3);
    let now = || clock.fetch_add(1, Ordering::SeqCst);
    let mut refused = 0;
    let mut calls = Vec::new();
    for &op in script {
        if matches!(op, Release(_) | Commit(_)) && refused > 0 {
            refused -= 1;
            continue;
        }
        let called = now();
        let outcome = call(stock, op);
        if matches!((op, outcome), (Reserve(_), Outcome::Refused(_))) {
            refused += 1;
        }
        calls.push(Call::new(thread, called, now(), op, outcome));
    }
    calls
}

/// Whether some order explains the calls.
fn verdict(units: u64, mut calls: Vec<Call>) -> Found {
    calls.sort_by_key(|call| call.called);
    let problem = Problem::new(Model::new(units), &exact_when_alone(&calls));
    problem.solve(2_000_000, &mut 0)
}

/// In the words of the model.
fn figures(snapshot: segstock::Snapshot) -> segstock_model::Snapshot {
    segstock_model::Snapshot {
        initial: snapshot.initial,
        restocked: snapshot.restocked,
        available: snapshot.available,
        reserved: snapshot.reserved,
        sold: snapshot.sold,
    }
}

fn run<C: StockCounter + 'static>(
    units: u64,
    stock: C,
    scripts: &'static [&'static [Op]],
    look: fn(&C),
) {
    let stock = Arc::new(stock);
    let clock = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = scripts
        .iter()
        .enumerate()
        .map(|(thread, script)| {
            let (stock, clock) = (Arc::clone(&stock), Arc::clone(&clock));
            thread::spawn(move || play(&*stock, thread, script, &clock))
        })
        .collect();
    let mut calls = Vec::new();
    for thread in threads {
        calls.extend(thread.join().unwrap());
    }
    let at_rest = [Available, Snapshot, DeductUpTo(u64::MAX)];
    calls.extend(play(&*stock, scripts.len(), &at_rest, &clock));
    look(&stock);
    let verdict = verdict(units, calls);
    assert!(verdict == Found::Order, "no order: {verdict:?}");
}

fn explore<C: StockCounter + 'static>(
    name: &str,
    units: u64,
    open: impl Fn(u64) -> C + Send + Sync + 'static,
    scripts: &'static [&'static [Op]],
    look: fn(&C),
) {
    let began = Instant::now();
    shuttle::check_random(move || run(units, open(units), scripts, look), schedules());
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{name:<32} {} threads, {} schedules, {seconds:.1} s",
        scripts.len(),
        schedules()
    );
}

fn narrow(units: u64) -> Stock {
    let builder = Stock::builder(units).max_segments(3).tuning(RESTLESS);
    builder.build().unwrap()
}

fn wide(units: u64) -> Stock {
    let builder = Stock::builder(units).segments(3).tuning(RESTLESS);
    builder.build().unwrap()
}

fn locked(units: u64) -> LockedStock {
    LockedStock::builder(units).segments(3).build().unwrap()
}

macro_rules! scenarios {
    ($($name:ident: $open:path => ($units:literal), $($script:expr),+;)*) => {$(
        #[test]
        fn $name() {
            explore(stringify!($name), $units, $open, &[$(&$script),+], |_| ());
        }
    )*};
}

scenarios! {
    last_units: wide => (3), [Deduct(1), Restock(1)], [Deduct(2)], [Deduct(1)], [Deduct(1), Restock(1)], [Deduct(3)], [Available, Deduct(1)], [Deduct(2)], [Snapshot];
    units_out_and_back: wide => (6), [Deduct(1), Restock(1), Deduct(1)], [Deduct(1), Restock(1)], [Deduct(1), Restock(1)], [Deduct(1), Restock(1)], [Deduct(2), Restock(2)], [Deduct(9)];
    gathers: wide => (6), [Deduct(3), Restock(1)], [Deduct(3)], [Deduct(2), Restock(2)], [Deduct(4)], [DeductUpTo(2)], [Deduct(1), Deduct(1)], [Snapshot, Available];
    puts_and_refusals: wide => (0), [Restock(1), Deduct(2)], [Restock(1), Deduct(2)], [Restock(1), Deduct(3)], [Deduct(1)], [Deduct(1), Restock(1)], [DeductUpTo(4)];
    snapshots: wide => (5), [Snapshot, Snapshot], [Deduct(1), Restock(1)], [Deduct(2), Restock(2)], [Restock(1), Deduct(4)], [DeductUpTo(2)], [Snapshot];
    reservations: wide => (4), [Reserve(1), Commit(1)], [Reserve(2), Release(2)], [Reserve(1), Release(1), Deduct(1)], [Deduct(2), Restock(1)], [Reserve(3), Release(3)], [Deduct(4)], [Snapshot];
    locked_segments: locked => (5), [Deduct(2), Restock(1)], [Deduct(3)], [Deduct(1), Restock(1)], [Reserve(2), Release(2)], [Deduct(4)], [Snapshot, Available], [DeductUpTo(2)];
    orders_under_locks: Orders::open => (5), [Deduct(2), Restock(1)], [Deduct(3)], [Deduct(1), Restock(2)], [Reserve(2), Commit(2)], [Deduct(4)], [Snapshot, Available];
}

#[test]
fn widening_and_narrowing() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static WIDENED: AtomicU64 = AtomicU64::new(0);
    static NARROWED: AtomicU64 = AtomicU64::new(0);
    let look = |stock: &Stock| {
        let stats = stock.stats();
        WIDENED.fetch_add(stats.widenings, Ordering::Relaxed);
        NARROWED.fetch_add(stats.narrowings, Ordering::Relaxed);
    };
    let scripts: &[&[Op]] = &[
        &[Deduct(1), Deduct(1)],
        &[Deduct(2), Restock(1)],
        &[Deduct(1), Deduct(3)],
        &[Restock(2), Deduct(3)],
        &[Deduct(4)],
        &[Snapshot, Deduct(1)],
        &[Available, Deduct(9)],
        &[DeductUpTo(2)],
    ];
    explore("widening_and_narrowing", 8, narrow, scripts, look);
    let times = [&WIDENED, &NARROWED].map(|times| times.load(Ordering::Relaxed));
    println!("widened and narrowed {times:?} times");
    assert!(times.iter().all(|times| *times > 0), "{times:?}");
}

/// Sales that run under the locks, with others coming by meanwhile.
struct Orders(LockedStock);

impl Orders {
    fn open(units: u64) -> Self {
        Self(locked(units))
    }
}

impl StockCounter for Orders {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let sold = self.0.deduct_with(units, || {
            thread::yield_now();
            Ok::<(), ()>(())
        });
        sold.map_err(|error| match error {
            OrderError::OutOfStock(refusal) => refusal,
            _ => unreachable!("the flow does not fail"),
        })
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.0.restock(units)
    }

    fn available(&self) -> u64 {
        self.0.available()
    }

    fn try_deduct_up_to(&self, units: u64) -> Option<u64> {
        StockCounter::try_deduct_up_to(&self.0, units)
    }

    fn try_snapshot(&self) -> Option<segstock::Snapshot> {
        StockCounter::try_snapshot(&self.0)
    }

    fn reserving(&self) -> Option<&dyn segstock::Reserving> {
        self.0.reserving()
    }
}

/// Decrements, looks, and undoes.
struct DecrementLookUndo(AtomicU64);

impl StockCounter for DecrementLookUndo {
    fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
        let left = self.0.fetch_sub(units, Ordering::SeqCst) as i64;
        if left < units as i64 {
            self.0.fetch_add(units, Ordering::SeqCst);
            return Err(OutOfStock::new(units, left.max(0) as u64));
        }
        Ok(())
    }

    fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
        self.0.fetch_add(units, Ordering::SeqCst);
        Ok(())
    }

    fn available(&self) -> u64 {
        (self.0.load(Ordering::SeqCst) as i64).max(0) as u64
    }
}

/// The negative control: schedules at random find what is wrong.
#[test]
fn decrement_look_undo_is_found() {
    let explored = catch_unwind(AssertUnwindSafe(|| {
        shuttle::check_random(
            || {
                let stock = Arc::new(DecrementLookUndo(AtomicU64::new(1)));
                let clock = Arc::new(AtomicU64::new(0));
                let threads = [2, 1].map(|units| {
                    let (stock, clock) = (Arc::clone(&stock), Arc::clone(&clock));
                    thread::spawn(move || play(&*stock, units as usize, &[Deduct(units)], &clock))
                });
                let calls = threads.map(|thread| thread.join().unwrap()).concat();
                let verdict = verdict(1, calls);
                assert!(verdict == Found::Order, "no order: {verdict:?}");
            },
            schedules(),
        );
    }));
    let payload = explored.expect_err("the schedules missed it");
    let message = payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_default();
    assert!(message.contains("no order"), "{message}");
}
