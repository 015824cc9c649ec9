//! [`Sku`]: what names a stock of an inventory.

use std::hash::Hash;

/// Bounds of a SKU. Implemented for every `Hash + Ord + Clone + Send + Sync`; never implement it yourself.
///
/// `Hash`, `Eq`, `Ord`, `Clone` and `Drop` of a SKU run inside the calls of an inventory, and must not call it:
/// [`remove`](super::Inventory::remove) would wait for the call that it is in. Only errors
/// show SKUs: [`OrderRefused`](super::OrderRefused) and [`RestoreError`](super::RestoreError) are errors if a SKU is
/// `Debug + Display`.
pub trait Sku: Hash + Ord + Clone + Send + Sync {}

impl<T: Hash + Ord + Clone + Send + Sync> Sku for T {}
