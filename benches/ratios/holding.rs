//! Holds, against the least that anything under a key can cost: an insert and a remove.

use crate::report::{Limit, Report};
use crate::situations::show;
use crate::support::calls::PLENTY;
use crate::support::windows::{Effort, Work, measure};
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use segstock::{Holds, Reservation, Stock};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static SEATS: Stock = Stock::new(PLENTY);

/// As many as the holds have on a machine with two cores.
const SHARDS: usize = 64;
const TTL: Duration = Duration::from_secs(3_600);
/// Answers that are kept cost memory, and with it time. The default of 15 minutes would fill the
/// machine at this rate, which no shop sees.
const RETENTION: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(100)];

/// What the holds are measured by.
struct Sharded {
    hasher: RandomState,
    shards: [CachePadded<Mutex<HashMap<u64, u64>>>; SHARDS],
}

impl Sharded {
    fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| CachePadded::new(Mutex::new(HashMap::new()))),
        }
    }

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
    // A hold takes a lock that parks.
    Work::new(run).parks(true)
}

/// Keys that nobody uses.
fn others(live: u64) -> impl Iterator<Item = u64> {
    (0..live).map(|key| u64::MAX - key)
}

fn ours(live: u64, retention: Duration) -> Work {
    let holds: Holds<u64, Reservation<&'static Stock>> =
        Holds::builder().shards(SHARDS).retention(retention).build();
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
    let map = Sharded::new();
    let insert = |key, map: &Sharded| map.shard(key).lock().insert(key, black_box(1));
    for key in others(live) {
        _ = insert(key, &map);
    }
    with_keys(move |key| {
        _ = black_box(insert(key, &map));
        _ = black_box(map.shard(key).lock().remove(&key));
    })
}

/// Nothing else in the maps: all of it in the cache of one core, and of the other one's for half of the
/// keys as soon as there are two.
pub fn alone(effort: Effort, report: &mut Report) {
    place_and_confirm(effort, report, 0);
}

/// As in a service, whose customers take their time.
pub fn beside_others(effort: Effort, report: &mut Report) {
    place_and_confirm(effort, report, 100_000);
}

/// As in a large one: no cache holds them all, and it matters little who was there last.
pub fn beside_a_million(effort: Effort, report: &mut Report) {
    place_and_confirm(effort, report, 1_000_000);
}

fn place_and_confirm(effort: Effort, report: &mut Report, live: u64) {
    let names = [
        "holds, answers known for 1 ms",
        "holds, answers known for 100 ms",
        "sharded map, insert and remove",
    ];
    let works = || {
        let [brief, long] = RETENTION;
        [ours(live, brief), ours(live, long), theirs(live)]
    };
    let [one, two] = [1, 2].map(|threads| {
        let figures = measure(effort, threads, &works());
        show(report, threads, &names, &figures);
        let line = |form| format!("{threads} threads: {form} / map");
        let [brief, long, map] = [0, 1, 2].map(|candidate| figures[candidate].ns);
        report.ratio(&line(names[0]), brief, map, Limit::AtMost(3.0));
        report.ratio(&line(names[1]), long, map, Limit::None);
        [brief, long, map]
    });
    for (form, name) in names.iter().enumerate() {
        let limit = [Limit::AtLeast(1.6), Limit::None, Limit::None][form];
        let line = format!("{name}: throughput, 2 threads / 1");
        // Calls of all threads in a microsecond.
        report.ratio(&line, 2e3 / two[form], 1e3 / one[form], limit);
    }
}
