//! Purpose: what keeping an inventory of a million SKUs costs, beside `serde_json` on a plain vector of the
//! same rows: what is written is read from a million stocks, and what is read is checked, and opened.
//!
//! ```text
//! cargo bench --bench kept              some 10 s
//! cargo bench --bench kept -- --quick   whether it runs
//! ```

use segstock::Inventory;
use segstock::inventory::{InventorySnapshot, SkuRow};
use std::hint::black_box;
use std::time::Instant;

/// The median of some runs, in milliseconds.
fn median<T>(runs: usize, run: impl Fn() -> T) -> f64 {
    let timed = |_| {
        let began = Instant::now();
        let answer = black_box(run());
        let took = began.elapsed().as_secs_f64() * 1e3;
        drop(answer);
        took
    };
    let mut times: Vec<f64> = (0..runs).map(timed).collect();
    times.sort_by(f64::total_cmp);
    times[runs / 2]
}

fn row(name: &str, ours: f64, plain: f64) {
    println!(
        "{name:<34} {ours:>8.0} ms / {plain:>8.0} ms = {:>5.2}",
        ours / plain
    );
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick" || arg == "--test");
    let (skus, runs) = if quick { (10_000, 1) } else { (1_000_000, 3) };
    let shop = Inventory::new();
    for sku in 0..skus {
        shop.insert(sku, 100 + sku % 100).expect("it is new");
        shop.deduct(&sku, sku % 100).expect("there are more");
    }
    let kept = shop.snapshot();
    let written = serde_json::to_vec(&kept).expect("it is JSON");
    let plain = serde_json::to_vec(&kept.skus).expect("it is JSON");
    println!("{skus} SKUs, {} MB of JSON", written.len() / 1_000_000);

    let look = median(runs, || shop.snapshot());
    let write = median(runs, || serde_json::to_vec(&shop.snapshot()));
    let plain_write = median(runs, || serde_json::to_vec(&kept.skus));
    println!("{:<34} {look:>8.0} ms", "looked at");
    row("looked at and written / rows", write, plain_write);

    let restore = median(runs, || {
        let kept: InventorySnapshot<u64> = serde_json::from_slice(&written).expect("it is JSON");
        Inventory::builder().restore(&kept).expect("it is true")
    });
    let plain_read = median(runs, || serde_json::from_slice::<Vec<SkuRow<u64>>>(&plain));
    row("read, checked and opened / rows", restore, plain_read);
}
