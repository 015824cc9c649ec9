//! Six to eight threads under shuttle, at random: each history of thousands of schedules has an
//! order that explains it. loom tries fewer threads in every way; this tries more of them in some.
//!
//! shuttle takes every memory ordering for `SeqCst`: what is too weak is found by loom alone.
//! Run it with `.ci/shuttle`.
#![cfg(shuttle)]

mod support;

use segstock::testing::Tuning;
use segstock::testing::sync::thread;
use segstock::{LockedStock, OrderError, Stock};
use segstock_model::Op::{
    Available, Commit, Deduct, DeductUpTo, Forgive, Release, Reserve, ReserveUpTo, Restock,
    Snapshot, Withdraw,
};
use segstock_model::naive::DecrementLookUndo;
use segstock_model::{Model, Op, Outcome, Script};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use support::naive::{Checked, Naive};
use support::perform::{perform, taken};
use support::scenario::{Beside, Subject, assert_explained, run, scripts};

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

fn explore<S: Subject>(
    name: &str,
    units: u64,
    open: impl Fn(u64) -> S + Send + Sync + 'static,
    scripts: Vec<Script>,
    look: fn(&S),
) {
    let began = Instant::now();
    let threads = scripts.len();
    let schedule = move || {
        let stock = Arc::new(open(units));
        let calls = run(&stock, &scripts, 0, &Beside::clock());
        look(&stock);
        assert_explained(Model::new(units), calls);
    };
    shuttle::check_random(schedule, schedules());
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{name:<32} {threads} threads, {} schedules, {seconds:.1} s",
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
    ($($name:ident: $open:path => ($units:literal), $($script:tt),+;)*) => {$(
        #[test]
        fn $name() {
            explore(stringify!($name), $units, $open, scripts![$($script),+], |_| ());
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
    reservations_of_what_there_is: wide => (5), [ReserveUpTo(2), Commit(2)], [ReserveUpTo(3), Release(3)], [ReserveUpTo(1), Release(1), Deduct(1)], [Deduct(2), Restock(1)], [Reserve(2), Release(2)], [ReserveUpTo(9)], [Snapshot];
    owed_by_a_word: narrow => (2), [Withdraw(4), Restock(1)], [Reserve(1), Withdraw(2), Release(1)], [Withdraw(1), Restock(3), Deduct(1)], [Reserve(1), Withdraw(1), Release(1)], [Withdraw(2), Forgive(1)], [Snapshot, Deduct(1)];
    owed_by_segments: wide => (5), [Withdraw(7), Snapshot], [Withdraw(2), Restock(2), Deduct(1)], [Reserve(2), Withdraw(2), Release(2)], [Withdraw(2), Forgive(2)], [Deduct(1), Withdraw(1), Restock(3)], [DeductUpTo(2)], [Snapshot, Available];
    owed_to_restocks: wide => (0), [Withdraw(1)], [Restock(2), Deduct(1)], [Restock(2), Deduct(1)], [Withdraw(1)], [Restock(2), Deduct(1)], [Withdraw(1)];
    locked_segments: locked => (5), [Deduct(2), Restock(1)], [Deduct(3)], [Deduct(1), Restock(1)], [Reserve(2), Release(2)], [Deduct(4)], [Snapshot, Available], [DeductUpTo(2)];
    locked_segments_that_owe: locked => (4), [Withdraw(6), Snapshot], [Withdraw(1), Restock(2), Deduct(1)], [Reserve(2), Withdraw(1), Release(2)], [Withdraw(1), Forgive(1)], [Deduct(2), Restock(3)], [DeductUpTo(2), Available];
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
    let scripts = scripts![
        [Deduct(1), Deduct(1)],
        [Deduct(2), Restock(1)],
        [Deduct(1), Deduct(3)],
        [Restock(2), Deduct(3)],
        [Deduct(4)],
        [Snapshot, Deduct(1)],
        [Available, Deduct(9)],
        [DeductUpTo(2)]
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

impl Subject for Orders {
    fn perform(&self, op: Op) -> Option<Outcome> {
        let Deduct(units) = op else {
            return perform(&self.0, op);
        };
        let sold = self.0.deduct_with(units, || {
            thread::yield_now();
            Ok::<(), ()>(())
        });
        let sold = sold.map_err(|error| match error {
            OrderError::OutOfStock(refusal) => refusal,
            _ => unreachable!("the flow does not fail"),
        });
        Some(taken(units, sold))
    }

    fn segments(&self) -> usize {
        self.0.segments()
    }
}

/// The negative control: schedules at random find what is wrong.
#[test]
fn decrement_look_undo_is_found() {
    let explored = catch_unwind(AssertUnwindSafe(|| {
        let open = |units| Naive(DecrementLookUndo::<Checked>::new(units));
        let scripts = scripts![[Deduct(2)], [Deduct(1)]];
        explore("decrement_look_undo", 1, open, scripts, |_| ());
    }));
    let payload = explored.expect_err("the schedules missed it");
    let message = payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_default();
    assert!(message.contains("no order explains"), "{message}");
}
