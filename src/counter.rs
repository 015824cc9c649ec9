//! The contract that every stock counter of a process keeps.

use crate::error::{OutOfStock, RestockOverflow};
use crate::snapshot::{Snapshot, Withdrawn};
use std::sync::Arc;

/// A counter of stock in one process: what [`Stock`](crate::Stock) and
/// [`LockedStock`](crate::LockedStock) are, and what other counters can be.
///
/// The trait is object-safe, and implemented for references, boxes and [`Arc`]s of what implements it. It may
/// grow, by methods that have a default: what a counter does not offer answers `None`.
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
///    in stock at first, plus what was restocked, less what was deducted. A refused call changes
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

    /// Takes `units`, or all that are in stock if these are fewer, and returns how many it took; `None` if the counter
    /// does not offer it, as by default.
    fn try_deduct_up_to(&self, units: u64) -> Option<u64> {
        let _ = units;
        None
    }

    /// Takes `units` out of stock for good, or all that are in stock if these are fewer; the rest is owed, and whatever
    /// comes back pays that first. `None` if the counter does not offer it, as by default.
    fn try_withdraw(&self, units: u64) -> Option<Withdrawn> {
        let _ = units;
        None
    }

    /// Owes `units` fewer, or nothing if fewer are owed; returns how many it is fewer. `None` if the counter does
    /// not offer it, as by default.
    fn try_forgive(&self, units: u64) -> Option<u64> {
        let _ = units;
        None
    }

    /// The figures of one instant of the call; `None` if the counter does not offer it, as by default.
    fn try_snapshot(&self) -> Option<Snapshot> {
        None
    }

    /// The counter itself, if it can reserve; `None` by default.
    fn reserving(&self) -> Option<&dyn Reserving> {
        None
    }
}

/// A counter that can reserve units: what a [`Reservation`](crate::Reservation) and a
/// [`Lease`](crate::Lease) stand on, which call these in pairs. It may grow, by methods that have a default.
///
/// # Contract
///
/// Each unit that [`reserve_units`](Self::reserve_units) or [`try_reserve_up_to`](Self::try_reserve_up_to) reserved is
/// settled once, by [`commit_units`](Self::commit_units) or [`release_units`](Self::release_units), in any parts and from any thread.
/// Units that are reserved are neither available nor sold.
pub trait Reserving: StockCounter {
    /// Takes `units` out of stock, all of them or none, to be settled later.
    ///
    /// # Errors
    ///
    /// [`OutOfStock`] if fewer were in stock at some instant of the call.
    fn reserve_units(&self, units: u64) -> Result<(), OutOfStock>;

    /// Takes `units` out of stock, or all that are in stock if these are fewer, to be settled later, and returns how
    /// many it took; `None` if the counter does not offer it, as by default.
    fn try_reserve_up_to(&self, units: u64) -> Option<u64> {
        let _ = units;
        None
    }

    /// Sells `units` that were reserved.
    fn commit_units(&self, units: u64);

    /// Puts `units` that were reserved back in stock. It is never refused, and waits for no code
    /// but the counter's own.
    fn release_units(&self, units: u64);

    /// Where the counter lies: two handles with one address are of one counter.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).cast::<()>().addr()
    }
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

            fn try_deduct_up_to(&self, units: u64) -> Option<u64> {
                (**self).try_deduct_up_to(units)
            }

            fn try_withdraw(&self, units: u64) -> Option<Withdrawn> {
                (**self).try_withdraw(units)
            }

            fn try_forgive(&self, units: u64) -> Option<u64> {
                (**self).try_forgive(units)
            }

            fn try_snapshot(&self) -> Option<Snapshot> {
                (**self).try_snapshot()
            }

            fn reserving(&self) -> Option<&dyn Reserving> {
                (**self).reserving()
            }
        }

        impl<T: Reserving + ?Sized> Reserving for $pointer {
            #[inline]
            fn reserve_units(&self, units: u64) -> Result<(), OutOfStock> {
                (**self).reserve_units(units)
            }

            fn try_reserve_up_to(&self, units: u64) -> Option<u64> {
                (**self).try_reserve_up_to(units)
            }

            #[inline]
            fn commit_units(&self, units: u64) {
                (**self).commit_units(units);
            }

            #[inline]
            fn release_units(&self, units: u64) {
                (**self).release_units(units);
            }

            fn address(&self) -> usize {
                (**self).address()
            }
        }
    )*};
}
forward_to_pointee!(&T, Arc<T>, Box<T>);

/// Implements [`StockCounter`] for a counter by its methods of these names.
macro_rules! forward_to_inherent {
    ($counter:ty) => {
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

            fn try_deduct_up_to(&self, units: u64) -> Option<u64> {
                Some(self.deduct_up_to(units))
            }

            fn try_withdraw(&self, units: u64) -> Option<Withdrawn> {
                Some(self.withdraw(units))
            }

            fn try_forgive(&self, units: u64) -> Option<u64> {
                Some(self.forgive(units))
            }

            fn try_snapshot(&self) -> Option<Snapshot> {
                Some(self.snapshot())
            }

            fn reserving(&self) -> Option<&dyn Reserving> {
                Some(self)
            }
        }
    };
}
pub(crate) use forward_to_inherent;
