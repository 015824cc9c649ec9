//! [`Holds`] and reservations under the model checker. Run it with `.ci/loom`.
//!
//! Two threads and what they may answer: each model asserts in its last lines which answers may be, and that the
//! snapshot fits them. It does not assert that each of them was seen.
#![cfg(loom)]

mod changing;
mod hooks;
mod looks;
mod reservations;
mod settling;
#[path = "../support/mod.rs"]
mod support;

use loom::thread;
use segstock::{
    AmendError, Amendment, Change, Clock, Declined, HoldError, Holds, Hook, ManualClock, NoHook,
    OutOfStock, PartError, PlaceError, Placed, Reservation, Resolution, Settled, Status, Stock,
    testing,
};
use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

type Hasher = BuildHasherDefault<DefaultHasher>;
type Units = Reservation<Arc<Stock>>;
type Till<W> = Holds<u64, Units, u64, Arc<ManualClock>, Hasher, W>;

/// What the threads share.
struct Shop<W = NoHook>
where
    W: Hook<u64, Units, u64>,
{
    stock: Arc<Stock>,
    clock: Arc<ManualClock>,
    holds: Till<W>,
}

impl Shop {
    fn new(units: u64) -> Arc<Self> {
        Self::with_hook(units, NoHook)
    }
}

impl<W: Hook<u64, Units, u64>> Shop<W> {
    fn with_hook(units: u64, hook: W) -> Arc<Self> {
        let clock = Arc::new(ManualClock::new());
        let builder = Holds::builder().clock(Arc::clone(&clock)).hook(hook);
        Arc::new(Self {
            stock: Arc::new(Stock::new(units)),
            clock,
            holds: builder.hasher(Hasher::default()).shards(1).build(),
        })
    }

    fn place(&self, key: u64, units: u64) -> Result<Placed, PlaceError<OutOfStock>> {
        self.holds.place(key, units, MINUTE, |&units| {
            Reservation::new(Arc::clone(&self.stock), units)
        })
    }

    /// Asks for units in place of those that are held.
    fn amend(&self, key: u64, units: u64) -> Result<Placed, AmendError<OutOfStock>> {
        (self.holds).amend(&key, units, |&held, &units| {
            amendment(&self.stock, held, units)
        })
    }

    /// Available, reserved, sold.
    fn figures(&self) -> (u64, u64, u64) {
        let snapshot = self.stock.snapshot();
        (snapshot.available, snapshot.reserved, snapshot.sold)
    }
}

fn amendment(stock: &Arc<Stock>, held: u64, units: u64) -> Result<Amendment<Units>, OutOfStock> {
    match units.checked_sub(held) {
        Some(missing) => Reservation::new(Arc::clone(stock), missing).map(Amendment::take),
        None => Ok(Amendment::give(held - units)),
    }
}

/// Explores a model, and says how many executions it had, and how long they took.
fn explore(name: &str, model: impl Fn() + Sync + Send + 'static) {
    let began = Instant::now();
    let executions = support::arena::model(model);
    let seconds = began.elapsed().as_secs_f64();
    println!("{name:<44} {executions:>9} executions {seconds:>7.1} s");
    assert!(executions > 1, "{name}: without a choice nothing is found");
}

/// Explores two threads on a shop that was prepared, and gives their answers to `check`.
fn race<W, A, B>(
    name: &str,
    prepare: fn() -> Arc<Shop<W>>,
    one: fn(&Shop<W>) -> A,
    other: fn(&Shop<W>) -> B,
    check: fn(&Shop<W>, A, B),
) where
    W: Hook<u64, Units, u64, Mark: Send> + Send + Sync + 'static,
    A: Send + 'static,
    B: 'static,
{
    explore(name, move || {
        let shop = prepare();
        let theirs = Arc::clone(&shop);
        let one = thread::spawn(move || one(&theirs));
        let other = other(&shop);
        check(&shop, one.join().unwrap(), other);
    });
}

fn one_held() -> Arc<Shop> {
    let shop = Shop::new(2);
    _ = shop.place(1, 2).unwrap();
    shop
}

fn one_expired() -> Arc<Shop> {
    let shop = one_held();
    shop.clock.advance(MINUTE);
    shop
}
