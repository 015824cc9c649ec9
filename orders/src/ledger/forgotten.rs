//! What orders took for good whose entries a ledger deletes.

use super::sums::Sums;
use crate::entry::{Change, Entry};
use crate::lines::SkuId;

/// By SKU: how many units left with an order that has ended, and did not come back. `entries` are all of the order's.
pub(crate) fn left_with<'a, K: 'a>(
    entries: impl IntoIterator<Item = &'a Entry<K>>,
) -> impl Iterator<Item = (SkuId, u64)> {
    let mut sums = Sums::default();
    entries.into_iter().for_each(|entry| sums.add(entry));
    sums.into_iter().filter_map(|(sku, sums)| {
        debug_assert_eq!((sums.held, sums.paid), (0, 0), "the order has ended");
        let left = u64::try_from(-sums.on_hand).ok()?;
        (left > 0).then_some((sku, left))
    })
}

/// The entry that stands for all forgotten orders of a SKU, at the end of the entries. Units that left earlier than they
/// did in truth could be missing for an order in between; units that leave at the end never are.
pub(crate) const fn stands_for<K>(time: u64, sku: SkuId, left: u64) -> Entry<K> {
    Entry::new(
        time,
        Change::Counted {
            sku,
            counted: 0,
            difference: -left.cast_signed(),
            uncovered: 0,
        },
    )
}
