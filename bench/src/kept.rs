//! What keeping an inventory of a million SKUs costs, beside `serde_json` on a plain vector of its rows.

use segstock::Inventory;
use segstock::inventory::{InventorySnapshot, SkuRow};
use segstock_harness::{Limit, Run, by_name};
use std::hint::black_box;
use std::time::Instant;

/// Milliseconds of one run, without what it takes to drop its answer.
fn ms<'a, T>(run: impl Fn() -> T + 'a) -> Box<dyn FnMut() -> f64 + 'a> {
    Box::new(move || {
        let began = Instant::now();
        let _answer = black_box(run());
        began.elapsed().as_secs_f64() * 1e3
    })
}

pub fn measure(run: &mut Run) {
    let (skus, runs) = if run.effort.quick {
        (10_000, 1)
    } else {
        (1_000_000, 3)
    };
    let shop = Inventory::new();
    for sku in 0..skus {
        shop.insert(sku, 100 + sku % 100).expect("it is new");
        shop.deduct(&sku, sku % 100).expect("there are more");
    }
    let kept = shop.snapshot();
    let json = serde_json::to_vec(&kept).expect("it is JSON");
    let rows = serde_json::to_vec(&kept.skus).expect("it is JSON");
    let restore = || {
        let kept: InventorySnapshot<u64> = serde_json::from_slice(&json).expect("it is JSON");
        Inventory::builder().restore(&kept).expect("it is true")
    };
    run.begin("kept: an inventory of a million SKUs");
    let whole = by_name! {
        "snapshot" => ms(|| shop.snapshot()),
        "snapshot, written" => ms(|| serde_json::to_vec(&shop.snapshot())),
        "rows, written" => ms(|| serde_json::to_vec(&kept.skus)),
        "read, checked and opened" => ms(restore),
        "rows, read" => ms(|| serde_json::from_slice::<Vec<SkuRow<u64>>>(&rows)),
    };
    run.measure_whole(1, "ms", runs, whole);
    run.compare(1, "snapshot, written", "rows, written", Limit::None);
    run.compare(1, "read, checked and opened", "rows, read", Limit::None);
}
