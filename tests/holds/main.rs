//! Holds as a user meets them: keys, deadlines, retries, late payments, amendments, hooks.
#![cfg(not(loom))]

mod changes;
mod deadlines;
mod hooks;
mod keys;
mod kinds;
mod panics;
mod retention;
mod walks;

use segstock::{
    Clock, Held, HoldError, Holds, LockedStock, ManualClock, OutOfStock, PlaceError, Placed,
    Reservation, Reserving, Resolution, RetakeError, Settle, Settled, Status, Stock, SystemClock,
};
use std::cell::Cell;
use std::error::Error;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
const RETENTION: Duration = Duration::from_secs(3_600);

type Till<'a, S> = Holds<u64, Reservation<&'a S>, u64, &'a ManualClock>;

fn holds<'a, S>(clock: &'a ManualClock) -> Till<'a, S>
where
    &'a S: Reserving,
{
    Holds::builder()
        .clock(clock)
        .retention(RETENTION)
        .shards(4)
        .build()
}

/// Places units of `stock` for a minute.
fn place<'a>(
    holds: &Till<'a, Stock>,
    stock: &'a Stock,
    key: u64,
    units: u64,
) -> Result<Placed, PlaceError<OutOfStock>> {
    holds.place(key, units, MINUTE, |&units| stock.reserve(units))
}

/// Places a unit under each of the keys.
fn place_each<'a>(holds: &Till<'a, Stock>, stock: &'a Stock, keys: Range<u64>) {
    for key in keys {
        _ = place(holds, stock, key, 1).unwrap();
    }
}

/// Available, reserved, sold.
fn figures(stock: &Stock) -> (u64, u64, u64) {
    let snapshot = stock.snapshot();
    (snapshot.available, snapshot.reserved, snapshot.sold)
}

fn held(placed: Placed) -> Held {
    placed.held()
}

/// How the hold under a key ended.
fn resolution<'a>(holds: &Till<'a, Stock>, key: u64) -> Option<Resolution> {
    holds.get(&key).and_then(|status| status.resolution())
}
