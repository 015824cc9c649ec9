//! Purpose: which concurrent map an inventory stands on, and what it costs to open a SKU beside the bare map.
//!
//! 100,000 SKUs, of which 16 take fifteen of sixteen orders; looked up, and looked up and deducted from.
//! `papaya` it is: a look takes no lock, so that two threads after the same SKU do not slow each other
//! down; nothing that happens in a callback or while a reference is held can block another call. Maps of
//! locked shards (`dashmap`, `scc`'s buckets) write to a lock that lies beside the hot SKU for each look,
//! which is what a flash sale has all threads do at once.
//!
//! ```text
//! cargo bench --bench maps              half a minute
//! cargo bench --bench maps -- --quick   whether it runs
//! ```

#[path = "support/mod.rs"]
mod support;

use parking_lot::RwLock;
use segstock::{Inventory, Stock};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;
use support::calls::PLENTY;
use support::windows::{Effort, Work, measure};

const SKUS: u64 = 100_000;
const OPENED: u64 = 1_000_000;
const HOT: u64 = 16;
/// A power of two.
const MIX: usize = 4_096;

/// The SKUs that are ordered, in a sequence that no predictor learns and each run has.
fn mix() -> Vec<u64> {
    let mut state = 1_u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 33
    };
    let sku = |_| match random() % 16 {
        0 => random() % SKUS,
        _ => random() % HOT,
    };
    (0..MIX).map(sku).collect()
}

/// Calls with one SKU after another.
fn orders(call: impl Fn(&u64) + Send + Sync + 'static) -> Work {
    let mix = mix();
    let run = move |thread: usize, calls: u64| {
        for index in 0..calls as usize {
            call(&mix[(index + thread * MIX / 2) % MIX]);
        }
    };
    Work::new(run)
}

fn deduct(stock: &Stock) {
    stock.deduct(black_box(1)).expect("plenty");
}

type Candidates = Vec<(&'static str, Work)>;

fn looks() -> Candidates {
    let papaya = papaya::HashMap::<u64, u64>::new();
    let dashmap = dashmap::DashMap::<u64, u64>::new();
    let scc = scc::HashMap::<u64, u64>::new();
    let locked = RwLock::new(HashMap::new());
    for sku in 0..SKUS {
        papaya.pin().insert(sku, sku);
        dashmap.insert(sku, sku);
        _ = scc.insert_sync(sku, sku);
        locked.write().insert(sku, sku);
    }
    let work = |name, work| (name, work);
    vec![
        work(
            "papaya",
            orders(move |sku| _ = black_box(papaya.pin().get(sku).copied())),
        ),
        work(
            "dashmap",
            orders(move |sku| _ = black_box(dashmap.get(sku).map(|it| *it))),
        ),
        work(
            "scc",
            orders(move |sku| _ = black_box(scc.read_sync(sku, |_, it| *it))),
        ),
        work(
            "one lock, std's map",
            orders(move |sku| _ = black_box(locked.read().get(sku).copied())).parks(true),
        ),
    ]
}

fn sales() -> Candidates {
    let inventory = Inventory::new();
    let papaya = papaya::HashMap::<u64, Box<Stock>>::new();
    let dashmap = dashmap::DashMap::<u64, Stock>::new();
    let scc = scc::HashMap::<u64, Stock>::new();
    let locked = RwLock::new(HashMap::new());
    for sku in 0..SKUS {
        inventory.insert(sku, PLENTY).expect("it is new");
        papaya.pin().insert(sku, Box::new(Stock::new(PLENTY)));
        dashmap.insert(sku, Stock::new(PLENTY));
        _ = scc.insert_sync(sku, Stock::new(PLENTY));
        locked.write().insert(sku, Stock::new(PLENTY));
    }
    let work = |name, work| (name, work);
    vec![
        work(
            "Inventory",
            orders(move |sku| inventory.deduct(sku, black_box(1)).expect("plenty")),
        ),
        work(
            "papaya",
            orders(move |sku| deduct(papaya.pin().get(sku).expect("it is there"))),
        ),
        work(
            "dashmap",
            orders(move |sku| deduct(&dashmap.get(sku).expect("it is there"))),
        ),
        work(
            "scc",
            orders(move |sku| {
                scc.read_sync(sku, |_, stock| deduct(stock))
                    .expect("it is there");
            }),
        ),
        work(
            "one lock, std's map",
            orders(move |sku| deduct(&locked.read()[sku])).parks(true),
        ),
    ]
}

/// The figures of the first candidate at one thread and at two.
fn show(effort: Effort, what: &str, candidates: fn() -> Candidates) -> [f64; 2] {
    println!("\n{what}, ns per call and thread{:>16} threads {:>8}", 1, 2);
    let (names, works): (Vec<_>, Vec<_>) = candidates().into_iter().unzip();
    let [one, two] = [1, 2].map(|threads| measure(effort, threads, &works));
    for ((name, one), two) in names.iter().zip(&one).zip(&two) {
        println!("  {name:<58} {:>8.1} {:>8.1}", one.ns, two.ns);
    }
    [one[0].ns, two[0].ns]
}

/// Nanoseconds for each of so many that are put in one by one.
fn opening(skus: u64, insert: impl Fn(u64)) -> f64 {
    let began = Instant::now();
    (0..skus).for_each(insert);
    began.elapsed().as_nanos() as f64 / skus as f64
}

type Opening = (&'static str, fn(u64) -> f64);

/// Each opens a map of its own, which is gone when the next one begins.
const OPENINGS: [Opening; 4] = [
    ("Inventory", |skus| {
        let inventory = Inventory::new();
        opening(skus, |sku| inventory.insert(sku, 10).expect("it is new"))
    }),
    ("papaya, a bare number", |skus| {
        let papaya = papaya::HashMap::<u64, u64>::new();
        opening(skus, |sku| _ = papaya.pin().insert(sku, 10))
    }),
    ("dashmap, stocks", |skus| {
        let dashmap = dashmap::DashMap::<u64, Stock>::new();
        opening(skus, |sku| _ = dashmap.insert(sku, Stock::new(10)))
    }),
    ("scc, stocks", |skus| {
        let scc = scc::HashMap::<u64, Stock>::new();
        opening(skus, |sku| _ = scc.insert_sync(sku, Stock::new(10)))
    }),
];

/// In rounds, each of which begins with another one, so that what the machine does meanwhile meets all of
/// them, and so does the memory that the one before has left.
fn show_opening(skus: u64) {
    const ROUNDS: usize = 5;
    println!("\nopening {skus} SKUs one by one, ns for each, the median of {ROUNDS} runs");
    let mut runs = OPENINGS.map(|_| Vec::with_capacity(ROUNDS));
    for round in 0..ROUNDS {
        for place in 0..OPENINGS.len() {
            let which = (round + place) % OPENINGS.len();
            runs[which].push(OPENINGS[which].1(skus));
        }
    }
    let medians = runs.map(|mut runs| {
        runs.sort_unstable_by(f64::total_cmp);
        runs[ROUNDS / 2]
    });
    for ((name, _), ns) in OPENINGS.iter().zip(medians) {
        println!("  {name:<58} {ns:>8.1}");
    }
    promise("Inventory / papaya, a bare number", medians[0] / medians[1]);
}

/// All that is promised is three times as much.
fn promise(name: &str, ratio: f64) {
    let verdict = if ratio <= 3.0 { "kept" } else { "MISSED" };
    println!("  {name:<58} {ratio:>8.2} at most 3: {verdict}");
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
    let (effort, opened) = if quick {
        (Effort::QUICK, OPENED / 100)
    } else {
        (Effort::FULL, OPENED)
    };
    let look = show(effort, "looked up", looks);
    let sale = show(effort, "looked up and deducted from", sales);
    promise("Inventory / papaya's look, 1 thread", sale[0] / look[0]);
    promise("Inventory / papaya's look, 2 threads", sale[1] / look[1]);
    show_opening(opened);
}
