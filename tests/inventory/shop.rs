//! What the tests of the inventory share.

use segstock::Inventory;
use std::sync::atomic::{AtomicBool, Ordering};

/// An inventory with these SKUs.
pub(super) fn open<const N: usize>(skus: [(&'static str, u64); N]) -> Inventory<&'static str> {
    let shop = Inventory::new();
    for (sku, units) in skus {
        shop.insert(sku, units).unwrap();
    }
    shop
}

/// Available, reserved, sold.
pub(super) fn figures(shop: &Inventory<&'static str>, sku: &'static str) -> (u64, u64, u64) {
    let snapshot = shop.get(sku).unwrap();
    (snapshot.available, snapshot.reserved, snapshot.sold)
}

/// Ends the other threads, also when a check fails.
pub(super) struct Over<'a>(pub(super) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
