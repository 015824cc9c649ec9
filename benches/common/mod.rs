//! What the benchmarks share: stocks, and what the harness asks of them.

use segstock::{LockedStock, MAX_UNITS, Stock};
use segstock_harness::Counter;
use std::convert::Infallible;

/// More units than any benchmark deducts.
pub(crate) const PLENTY: u64 = MAX_UNITS / 2;

/// A stock that is wide from the start.
pub(crate) fn wide(units: u64, segments: usize) -> Stock {
    let builder = Stock::builder(units).segments(segments);
    builder.build().expect("some segments")
}

pub(crate) fn locked(units: u64, segments: usize) -> LockedStock {
    LockedStock::new(units, segments).expect("some segments")
}

/// Ours, as a counter of the harness.
pub(crate) struct Ours<C>(pub(crate) C);

impl Counter for Ours<Stock> {
    #[inline(always)]
    fn deduct(&self, units: u64) -> bool {
        self.0.deduct(units).is_ok()
    }

    #[inline(always)]
    fn restock(&self, units: u64) {
        _ = self.0.restock(units);
    }
}

impl Counter for Ours<LockedStock> {
    #[inline(always)]
    fn deduct(&self, units: u64) -> bool {
        self.0.deduct(units).is_ok()
    }

    #[inline(always)]
    fn restock(&self, units: u64) {
        _ = self.0.restock(units);
    }

    #[inline(always)]
    fn order(&self, flow: impl Fn()) -> bool {
        let order = || {
            flow();
            Ok::<_, Infallible>(())
        };
        self.0.deduct_with(1, order).is_ok()
    }
}
