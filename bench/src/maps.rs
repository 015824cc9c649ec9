//! Which concurrent map an inventory stands on, and what it costs to open a SKU beside the bare map.
//!
//! 100,000 SKUs, of which 16 take fifteen of sixteen orders; looked up, and looked up and deducted from. `papaya` it
//! is: a look takes no lock, so that two threads after one SKU do not slow each other down; nothing that happens
//! in a callback or while a reference is held can block another call. Maps of locked shards (`dashmap`, `scc`'s
//! buckets) write to a lock that lies beside the hot SKU at each look, which in a flash sale all threads do at once.

use crate::counters::PLENTY;
use parking_lot::RwLock;
use segstock::{Inventory, Stock};
use segstock_harness::{Limit, Run, Work, by_name};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

/// A map from SKU to `V`.
trait Map<V>: Default + Send + Sync + 'static {
    fn put(&self, sku: u64, value: V);
    fn with<T>(&self, sku: &u64, call: impl FnOnce(&V) -> T) -> T;
}

macro_rules! map {
    ($map:ty, |$this:ident, $sku:ident| put $value:ident: $put:expr, with $call:ident: $with:expr) => {
        impl<V: Send + Sync + 'static> Map<V> for $map {
            fn put(&self, $sku: u64, $value: V) {
                let $this = self;
                _ = $put;
            }
            fn with<T>(&self, $sku: &u64, $call: impl FnOnce(&V) -> T) -> T {
                let $this = self;
                $with
            }
        }
    };
}

type Papaya<V> = papaya::HashMap<u64, V>;
type DashMap<V> = dashmap::DashMap<u64, V>;
type Scc<V> = scc::HashMap<u64, V>;
type Locked<V> = RwLock<HashMap<u64, V>>;
map!(Papaya<V>, |map, sku| put value: map.pin().insert(sku, value), with call: call(map.pin().get(sku).expect("in it")));
map!(DashMap<V>, |map, sku| put value: map.insert(sku, value), with call: call(&map.get(sku).expect("in it")));
map!(Scc<V>, |map, sku| put value: map.insert_sync(sku, value), with call: map.read_sync(sku, |_, it| call(it)).expect("in it"));
map!(Locked<V>, |map, sku| put value: map.write().insert(sku, value), with call: call(&map.read()[sku]));

const SKUS: u64 = 100_000;
const HOT: u64 = 16;

/// The SKUs that are ordered, in a sequence that no predictor learns and each run has.
fn mix() -> Vec<u64> {
    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 33
    };
    let mut sku = || match random() % 16 {
        0 => random() % SKUS,
        _ => random() % HOT,
    };
    (0..4_096).map(|_| sku()).collect()
}

/// Calls with one SKU after another.
fn orders(call: impl Fn(&u64) + Send + Sync + 'static) -> Work {
    let mix = mix();
    Work::new(move |thread, calls| {
        for index in 0..calls as usize {
            call(&mix[(index + thread * mix.len() / 2) % mix.len()]);
        }
    })
}

fn look<M: Map<u64>>() -> Work {
    let map = M::default();
    (0..SKUS).for_each(|sku| map.put(sku, sku));
    orders(move |sku| _ = black_box(map.with(sku, |it| *it)))
}

fn sell<S: Borrow<Stock> + From<Stock>, M: Map<S>>() -> Work {
    let map = M::default();
    (0..SKUS).for_each(|sku| map.put(sku, Stock::new(PLENTY).into()));
    orders(move |sku| {
        map.with(sku, |stock| {
            stock.borrow().deduct(black_box(1)).expect("plenty");
        });
    })
}

fn sell_from_inventory() -> Work {
    let shop = Inventory::new();
    (0..SKUS).for_each(|sku| shop.insert(sku, PLENTY).expect("it is new"));
    orders(move |sku| shop.deduct(sku, black_box(1)).expect("plenty"))
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
    for threads in [1, 2] {
        let works = by_name! {
            "papaya" => look::<Papaya<_>>(),
            "dashmap" => look::<DashMap<_>>(),
            "scc" => look::<Scc<_>>(),
            "one lock, std's map" => look::<Locked<_>>().parks(),
        };
        run.measure(threads, works);
    }
    let looks = [1, 2].map(|threads| run.value(threads, "papaya"));
    run.begin("maps: looked up and deducted from");
    for (threads, look) in [1, 2].into_iter().zip(looks) {
        let works = by_name! {
            "Inventory" => sell_from_inventory(),
            "papaya" => sell::<Box<Stock>, Papaya<_>>(),
            "dashmap" => sell::<Stock, DashMap<_>>(),
            "scc" => sell::<Stock, Scc<_>>(),
            "one lock, std's map" => sell::<Stock, Locked<_>>().parks(),
        };
        run.measure(threads, works);
        // A sale pays nothing for it that a SKU can be removed while others sell it.
        run.compare(threads, "Inventory", "papaya", Limit::AtMost(1.15));
        let name = format!("threads: {threads}, Inventory / papaya's look");
        let both = [run.value(threads, "Inventory"), look];
        run.ratio(name, both, Limit::AtMost(3.0));
    }
    let skus = if run.effort.quick { 10_000 } else { 1_000_000 };
    run.begin("maps: opening one SKU of a million");
    let insert = |shop: &Inventory<u64>, sku| shop.insert(sku, 10).expect("it is new");
    let openings = by_name! {
        "Inventory" => open(skus, insert),
        "papaya, a bare number" => open(skus, |map: &Papaya<u64>, sku| map.put(sku, 10)),
        "dashmap, stocks" => open(skus, |map: &DashMap<Stock>, sku| map.put(sku, Stock::new(10))),
        "scc, stocks" => open(skus, |map: &Scc<Stock>, sku| map.put(sku, Stock::new(10))),
    };
    run.measure_whole(1, "ns", 5, openings);
    run.compare(1, "Inventory", "papaya, a bare number", Limit::AtMost(3.0));
}
