//! [`Holds`] and reservations under the model checker. Run it with `.ci/loom`.
//!
//! Two threads and what they may answer: each race asserts in its last lines which answers may be, and that the
//! snapshot fits them. `tests/support/race.rs` sees to it that each of them was seen.
#![cfg(loom)]

mod changing;
mod hooks;
mod looks;
mod reservations;
mod settling;
#[path = "../support/mod.rs"]
mod support;

use segstock::{
    AmendError, Amendment, Change, Clock, Declined, HoldError, Holds, Hook, ManualClock, NoHook,
    OutOfStock, PartError, PlaceError, Placed, Reservation, Resolution, Settled, Status, Stock,
    testing,
};
use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::race::Race;

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

/// Explores two threads on a shop that was prepared, and gives their answers to `check`. `between` lists the answers that
/// calls in turn do not give.
fn race<T, A, B>(
    name: &str,
    open: fn() -> Arc<T>,
    one: fn(&T) -> A,
    other: fn(&T) -> B,
    between: &'static [&'static str],
    check: fn(&T, A, B),
) where
    T: Send + Sync + 'static,
    A: Debug + Send + 'static,
    B: Debug + Send + 'static,
{
    let race = Race {
        name: name.to_owned(),
        open: Arc::new(open),
        one: Arc::new(one),
        other: Arc::new(other),
        check: Arc::new(check),
        between,
    };
    race.explore();
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
