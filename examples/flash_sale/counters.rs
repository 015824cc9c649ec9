//! The counters alone: orders without a flow, from a thread for each core.

use crate::sale::{Terms, segments_name};
use crate::support::progress;
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use segstock::{LockedStock, MAX_UNITS, Stock};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Nobody can empty it in time.
const PLENTY: u64 = MAX_UNITS;

/// Long enough to be steady, short enough to wait for.
const TIME: Duration = Duration::from_secs(1);

/// Orders between two looks at the clock.
const BATCH: u64 = 256;

/// How fast a counter is.
#[derive(Debug, Serialize)]
pub struct Rate {
    pub id: &'static str,
    pub name: String,
    pub million_orders_per_second: f64,
    /// Orders served that the counter knows nothing of.
    pub lost: u64,
}

pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// One counter after another.
pub fn all(terms: &Terms) -> Result<Vec<Rate>, String> {
    let time = terms.time.min(TIME);
    let open = |segments| LockedStock::new(PLENTY, segments).map_err(|error| error.to_string());

    let naive = CachePadded::new(AtomicU64::new(PLENTY));
    let read_check_write = || {
        let seen = naive.load(Ordering::Relaxed);
        if seen == 0 {
            return false;
        }
        naive.store(seen - 1, Ordering::Relaxed);
        true
    };
    let single = open(1)?;
    let locked = open(terms.segments)?;
    let mutex = CachePadded::new(Mutex::new(PLENTY));
    let under_mutex = || {
        let mut left = mutex.lock();
        let served = *left > 0;
        *left -= u64::from(served);
        served
    };
    let atomic = CachePadded::new(AtomicU64::new(PLENTY));
    let update = || {
        atomic
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    };
    let stock = Stock::new(PLENTY);

    Ok(vec![
        rate(
            "naive",
            "read, check, write: no lock".into(),
            time,
            read_check_write,
            || naive.load(Ordering::Relaxed),
        )?,
        rate(
            "single",
            "one lock".into(),
            time,
            || single.deduct(1).is_ok(),
            || single.available(),
        )?,
        rate(
            "locked",
            segments_name(terms),
            time,
            || locked.deduct(1).is_ok(),
            || locked.available(),
        )?,
        rate(
            "mutex",
            "parking_lot::Mutex<u64>".into(),
            time,
            under_mutex,
            || *mutex.lock(),
        )?,
        rate(
            "atomic",
            "AtomicU64::fetch_update".into(),
            time,
            update,
            || atomic.load(Ordering::Acquire),
        )?,
        rate(
            "stock",
            "Stock".into(),
            time,
            || stock.deduct(1).is_ok(),
            || stock.available(),
        )?,
    ])
}

/// Takes one unit after another for as long as `time`.
fn rate(
    id: &'static str,
    name: String,
    time: Duration,
    take: impl Fn() -> bool + Sync,
    left: impl Fn() -> u64,
) -> Result<Rate, String> {
    let _spinner = progress::announced(format!("counter alone: {name}"));
    let closed = CachePadded::new(AtomicBool::new(false));
    let work = || {
        let mut orders = 0;
        while !closed.load(Ordering::Relaxed) {
            for _ in 0..BATCH {
                orders += u64::from(take());
            }
        }
        orders
    };
    let start = Instant::now();
    let orders: u64 = thread::scope(|scope| {
        let workers: Result<Vec<_>, _> = (0..threads())
            .map(|_| thread::Builder::new().spawn_scoped(scope, work))
            .collect();
        if workers.is_ok() {
            thread::sleep(time);
        }
        // Before any error: the scope waits for those that did start.
        closed.store(true, Ordering::Relaxed);
        let workers = workers.map_err(|error| format!("cannot start threads: {error}"))?;
        let orders = workers.into_iter().map(|worker| worker.join());
        orders
            .sum::<Result<u64, _>>()
            .map_err(|_| "a thread panicked".to_owned())
    })?;
    Ok(Rate {
        id,
        name,
        million_orders_per_second: orders as f64 / start.elapsed().as_secs_f64() / 1e6,
        lost: orders.saturating_sub(PLENTY - left()),
    })
}
