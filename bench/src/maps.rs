//! Which concurrent map an inventory stands on, and what it costs to open a SKU beside the bare map.
//!
//! 100,000 SKUs, of which 16 take fifteen of sixteen orders; looked up, and looked up and deducted from. `papaya` it
//! is: a look takes no lock, so that two threads after one SKU do not slow each other down; nothing that happens
//! in a callback or while a reference is held can block another call. Maps of locked shards (`dashmap`, `scc`'s
//! buckets) write to a lock that lies beside the hot SKU at each look, which in a flash sale all threads do at once.

use crate::candidates::PLENTY;
use parking_lot::RwLock;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock::{Inventory, Stock};
use segstock_harness::{Limit, Run, Work, by_name};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

type Papaya<V> = papaya::HashMap<u64, V>;
type DashMap<V> = dashmap::DashMap<u64, V>;
type Scc<V> = scc::HashMap<u64, V>;

const SKUS: u64 = 100_000;
const HOT: u64 = 16;

/// Calls with one SKU after another, in a sequence that no predictor learns and each run has.
fn orders<M: Send + Sync + 'static>(
    map: M,
    call: impl Fn(&M, &u64) + Send + Sync + 'static,
) -> Work {
    let mut rng = SmallRng::seed_from_u64(1);
    let sku = |_| match rng.random_range(0..16) {
        0 => rng.random_range(0..SKUS),
        _ => rng.random_range(0..HOT),
    };
    let skus: Vec<u64> = (0..4_096).map(sku).collect();
    Work::new(move |thread, calls| {
        for index in 0..calls as usize {
            call(&map, &skus[(index + thread * skus.len() / 2) % skus.len()]);
        }
    })
}

/// A map that has all SKUs.
fn filled<M: FromIterator<(u64, V)>, V>(value: impl Fn(u64) -> V) -> M {
    (0..SKUS).map(|sku| (sku, value(sku))).collect()
}

fn look() -> Vec<(&'static str, Work)> {
    let papaya: Papaya<u64> = filled(|sku| sku);
    let locked: RwLock<HashMap<u64, u64>> = RwLock::new(filled(|sku| sku));
    by_name! {
        "papaya" => orders(papaya, |map, sku| _ = black_box(*map.pin().get(sku).expect("in it"))),
        "dashmap" => orders(filled(|sku| sku), |map: &DashMap<u64>, sku| _ = black_box(*map.get(sku).expect("in it"))),
        "scc" => orders(filled(|sku| sku), |map: &Scc<u64>, sku| _ = black_box(map.read_sync(sku, |_, it| *it))),
        "one lock, std's map" => orders(locked, |map, sku| _ = black_box(map.read()[sku])),
    }
}

fn sell() -> Vec<(&'static str, Work)> {
    let shop = Inventory::new();
    (0..SKUS).for_each(|sku| shop.insert(sku, PLENTY).expect("it is new"));
    let deduct = |stock: &Stock| stock.deduct(black_box(1)).expect("plenty");
    let stock = |_| Stock::new(PLENTY);
    let papaya: Papaya<Box<Stock>> = filled(|sku| Box::new(stock(sku)));
    let locked: RwLock<HashMap<u64, Stock>> = RwLock::new(filled(stock));
    by_name! {
        "Inventory" => orders(shop, |shop, sku| shop.deduct(sku, black_box(1)).expect("plenty")),
        "papaya" => orders(papaya, move |map, sku| deduct(map.pin().get(sku).expect("in it"))),
        "dashmap" => orders(filled(stock), move |map: &DashMap<_>, sku| deduct(&map.get(sku).expect("in it"))),
        "scc" => orders(filled(stock), move |map: &Scc<_>, sku| map.read_sync(sku, |_, it| deduct(it)).expect("in it")),
        "one lock, std's map" => orders(locked, move |map, sku| deduct(&map.read()[sku])),
    }
}

/// ns for each SKU that is put into a map of its own, which is gone when the next one begins.
fn open<M: Default>(skus: u64, put: impl Fn(&M, u64) + 'static) -> Box<dyn FnMut() -> f64> {
    Box::new(move || {
        let map = M::default();
        let began = Instant::now();
        (0..skus).for_each(|sku| put(&map, sku));
        began.elapsed().as_nanos() as f64 / skus as f64
    })
}

pub fn measure(run: &mut Run) {
    run.begin("maps: looked up");
    let looks = [1, 2].map(|threads| {
        run.measure(threads, look());
        run.value(threads, "papaya")
    });
    run.begin("maps: looked up and deducted from");
    for (threads, look) in [1, 2].into_iter().zip(looks) {
        run.measure(threads, sell());
        // A sale pays nothing for it that a SKU can be removed while others sell it.
        run.compare(threads, &["Inventory"], &["papaya"], Limit::AtMost(1.15));
        let name = format!("threads: {threads}, Inventory / papaya's look");
        let both = [run.value(threads, "Inventory"), look];
        run.ratio(name, both, Limit::AtMost(3.0));
    }
    let skus = if run.effort.quick { 10_000 } else { 1_000_000 };
    run.begin("maps: opening one SKU of a million");
    let openings = by_name! {
        "Inventory" => open(skus, |shop: &Inventory<u64>, sku| shop.insert(sku, 10).expect("it is new")),
        "papaya, a bare number" => open(skus, |map: &Papaya<u64>, sku| _ = map.pin().insert(sku, 10)),
        "dashmap, stocks" => open(skus, |map: &DashMap<Stock>, sku| _ = map.insert(sku, Stock::new(10))),
        "scc, stocks" => open(skus, |map: &Scc<Stock>, sku| _ = map.insert_sync(sku, Stock::new(10))),
    };
    run.measure_whole(1, "ns", 5, openings);
    run.compare(
        1,
        &["Inventory"],
        &["papaya, a bare number"],
        Limit::AtMost(3.0),
    );
}
