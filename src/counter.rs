//! The contract that every stock counter of a process keeps.

use crate::{OutOfStock, RestockOverflow};
use std::sync::Arc;

/// A counter of stock in one process: what [`Stock`](crate::Stock) and
/// [`LockedStock`](crate::LockedStock) are, and what other counters can be.
///
/// The trait is object-safe, and kept by references and [`Arc`]s to whatever keeps it.
///
/// # Contract
///
/// An implementation promises, for calls from any number of threads:
///
/// 1. **Safety.** Units taken never exceed units added: no interleaving of calls sells a unit
///    twice.
/// 2. **Exact refusal.** [`deduct`](Self::deduct) of `n` is refused only if at some instant between
///    its call and its return fewer than `n` units were in stock. That the units lie in different
///    places is no reason to refuse.
/// 3. **Conservation.** When nothing runs beside it, [`available`](Self::available) is what was
///    there at first, plus what was restocked, less what was deducted. A refused call changes
///    nothing.
///
/// # Examples
///
/// ```
/// use segstock::{LockedStock, Stock, StockCounter};
///
/// fn sell_two(stock: &dyn StockCounter) -> bool {
///     stock.deduct(2).is_ok()
/// }
///
/// assert!(sell_two(&Stock::new(2)));
/// assert!(!sell_two(&LockedStock::single(1)?));
/// # Ok::<(), segstock::BuildError>(())
/// ```
pub trait StockCounter: Send + Sync {
    /// Takes `units` out of stock, all of them or none.
    ///
    /// # Errors
    ///
    /// [`OutOfStock`] if fewer were in stock at some instant of the call.
    fn deduct(&self, units: u64) -> Result<(), OutOfStock>;

    /// Adds `units` to the stock, all of them or none.
    ///
    /// # Errors
    ///
    /// [`RestockOverflow`] if the counter could not count that many.
    fn restock(&self, units: u64) -> Result<(), RestockOverflow>;

    /// Units in stock: at one instant of the call no more than this; exact when nothing runs
    /// beside it.
    fn available(&self) -> u64;
}

macro_rules! forward_to_pointee {
    ($($pointer:ty),*) => {$(
        impl<T: StockCounter + ?Sized> StockCounter for $pointer {
            fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
                (**self).deduct(units)
            }

            fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
                (**self).restock(units)
            }

            fn available(&self) -> u64 {
                (**self).available()
            }
        }
    )*};
}
forward_to_pointee!(&T, Arc<T>, Box<T>);

macro_rules! forward_to_inherent {
    ($($counter:ty),*) => {$(
        impl StockCounter for $counter {
            fn deduct(&self, units: u64) -> Result<(), OutOfStock> {
                self.deduct(units)
            }

            fn restock(&self, units: u64) -> Result<(), RestockOverflow> {
                self.restock(units)
            }

            fn available(&self) -> u64 {
                self.available()
            }
        }
    )*};
}
forward_to_inherent!(crate::Stock, crate::LockedStock);
