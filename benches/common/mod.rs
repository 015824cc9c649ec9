//! What the benchmarks share: stocks, and what the harness asks of them.

use segstock::{LockedStock, MAX_UNITS, Stock};
use segstock_harness::counter;
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

counter!(Ours<Stock>, |it, units| deduct it.deduct(units).is_ok(), restock it.restock(units));
counter!(Ours<LockedStock>, |it, units| deduct it.deduct(units).is_ok(), restock it.restock(units),
    order |flow| it.deduct_with(1, || { flow(); Ok::<_, Infallible>(()) }).is_ok());
