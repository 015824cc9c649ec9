//! What a cold SKU costs in memory. A process of its own, since it watches the memory of the whole.
#![cfg(all(target_os = "linux", feature = "inventory", not(loom)))]

#[path = "support/memory.rs"]
mod memory;

use memory::resident;
use segstock::Inventory;

const SKUS: u64 = 1_000_000;
/// It is 133, and would hardly grow for a good reason. The promise is nearly twice that.
const AT_MOST: u64 = 144;
const MEGABYTE: u64 = 1_000_000;

#[test]
fn a_million_cold_skus_fit_in_144_megabytes() {
    let begun_with = resident();
    let shop = Inventory::new();
    for sku in 0..SKUS {
        shop.insert(sku, 10).expect("it is new");
    }
    for sku in 0..SKUS {
        shop.deduct(&sku, 3).expect("there are ten");
    }
    let took = resident() - begun_with;
    assert_eq!(shop.len(), 1_000_000);
    println!("{} bytes a SKU", took / SKUS);
    assert!(took <= AT_MOST * MEGABYTE, "{} MB", took / MEGABYTE);
}
