//! Holds, against the least that any call with a key can cost: an insert into a map, and a remove.

use crate::common::PLENTY;
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use segstock::{Holds, Reservation, Stock};
use segstock_harness::{Limit, Run, Work};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static SEATS: Stock = Stock::new(PLENTY);

/// The number of shards that the holds have on a machine with two cores.
const SHARDS: usize = 64;
const TTL: Duration = Duration::from_secs(3_600);
/// Answers that are kept cost memory, and with it time. At the rate of this benchmark, which no shop sees, the default
/// of 15 minutes would fill the machine.
const RETENTION: Duration = Duration::from_millis(1);

/// What the holds are compared with: a map in as many shards.
struct Sharded {
    hasher: RandomState,
    shards: [CachePadded<Mutex<HashMap<u64, u64>>>; SHARDS],
}

impl Sharded {
    fn shard(&self, key: u64) -> &Mutex<HashMap<u64, u64>> {
        let hash = self.hasher.hash_one(key);
        &self.shards[(hash >> 40) as usize & (SHARDS - 1)]
    }
}

/// Calls with keys that were never used before.
fn with_keys(call: impl Fn(u64) + Send + Sync + 'static) -> Work {
    let next: [CachePadded<AtomicU64>; 2] =
        std::array::from_fn(|thread| CachePadded::new(AtomicU64::new((thread as u64) << 48)));
    let run = move |thread: usize, calls: u64| {
        let first = next[thread].fetch_add(calls, Ordering::Relaxed);
        (first..first + calls).for_each(&call);
    };
    Work::new(run)
}

/// Keys that no call uses.
fn others(live: u64) -> impl Iterator<Item = u64> {
    (0..live).map(|key| u64::MAX - key)
}

fn ours(live: u64) -> Work {
    let holds: Holds<u64, Reservation<&'static Stock>> =
        Holds::builder().shards(SHARDS).retention(RETENTION).build();
    let place =
        move |key, holds: &Holds<_, _>| holds.place(key, black_box(1), TTL, |&n| SEATS.reserve(n));
    for key in others(live) {
        _ = place(key, &holds);
    }
    with_keys(move |key| {
        _ = black_box(place(key, &holds));
        _ = black_box(holds.confirm(&key));
    })
}

fn theirs(live: u64) -> Work {
    let shards = std::array::from_fn(|_| CachePadded::default());
    let map = Sharded {
        hasher: RandomState::new(),
        shards,
    };
    let insert = |key, map: &Sharded| map.shard(key).lock().insert(key, black_box(1));
    for key in others(live) {
        _ = insert(key, &map);
    }
    with_keys(move |key| {
        _ = black_box(insert(key, &map));
        _ = black_box(map.shard(key).lock().remove(&key));
    })
}

const SCALING: &str = "throughput, 2 threads / 1: that of the holds / that of the map";

/// Beside none the maps hold nothing else: all of it lies in the cache of one core; with two threads, half of the keys lie in
/// the other core's cache. Beside 100,000 it is as in a service, whose customers take their time. Beside a million, as in a
/// large service, no cache holds all holds, and it matters little which thread used a key last.
pub(crate) fn place_and_confirm(run: &mut Run, live: u64) {
    const NAMES: [&str; 2] = ["holds, answers known for 1 ms", "map, insert and remove"];
    for threads in [1, 2] {
        let works = [ours(live), theirs(live)];
        run.measure(threads, NAMES.into_iter().zip(works).collect());
        run.compare(threads, &NAMES[..1], &NAMES[1..], Limit::AtMost(3.0));
    }
    let scaling = NAMES.map(|name| Some(run.value(1, name)? / run.value(2, name)?));
    // How far apart the cores are is the machine's: the map under the same locks meets it, too.
    run.ratio(SCALING.to_owned(), scaling, Limit::AtLeast(1.0));
}
