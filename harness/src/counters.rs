//! `Counter`: what is asked of each counter; and the plain counters that others are compared with.

use parking_lot::Mutex;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter of units that is compared with others.
///
/// It has methods, and not the operations of `segstock-model`: with these, some figures were others, and no line was saved.
/// Its methods should be `#[inline(always)]`, as the calls of a counter in a user's code are: a call that is not inlined
/// takes longer than a refusal.
///
/// The trait grows by provided methods only.
pub trait Counter: Send + Sync + 'static {
    /// Deducts all `units`, or none, and says whether it did.
    fn deduct(&self, units: u64) -> bool;

    /// Adds `units`.
    fn restock(&self, units: u64);

    /// Deducts a unit and runs an order's flow, under the lock if the counter has one; says whether there was a unit.
    /// Without one the flow does not run.
    #[inline(always)]
    fn order(&self, flow: impl Fn()) -> bool {
        let deducted = self.deduct(1);
        if deducted {
            flow();
        }
        deducted
    }

    /// Reserves units and releases them: by a guard, if the counter has one.
    #[inline(always)]
    fn reserve_and_release(&self, units: u64) {
        if black_box(self.deduct(units)) {
            self.restock(units);
        }
    }
}

/// Has a wrapper of another crate's counter be a [`Counter`](crate::Counter): each call by an expression over what is wrapped.
///
/// ```
/// use segstock_harness::{Counter, counter};
/// use std::sync::Mutex;
///
/// struct Of<C>(C);
/// counter!(Of<Mutex<u64>>, |it, units| deduct segstock_harness::deduct(&mut it.lock().unwrap(), units, || {}),
///     restock *it.lock().unwrap() += units);
///
/// assert!(Of(Mutex::new(3)).deduct(2));
/// ```
///
/// `reserve` makes a guard, which is dropped; `order |flow|` runs an order's flow as the counter does. Without them, these are
/// what the trait provides.
#[macro_export]
macro_rules! counter {
    ($counter:ty, |$this:ident, $units:ident| deduct $deduct:expr, restock $restock:expr
     $(, reserve $reserve:expr)? $(, order |$flow:ident| $order:expr)?) => {
        impl $crate::Counter for $counter {
            #[inline(always)]
            fn deduct(&self, $units: u64) -> bool {
                let $this = &self.0;
                $deduct
            }

            #[inline(always)]
            fn restock(&self, $units: u64) {
                let $this = &self.0;
                _ = $restock;
            }

            $(#[inline(always)]
            fn reserve_and_release(&self, $units: u64) {
                let $this = &self.0;
                drop(::std::hint::black_box($reserve));
            })?

            $(#[inline(always)]
            fn order(&self, $flow: impl Fn()) -> bool {
                let $this = &self.0;
                $order
            })?
        }
    };
}

/// One atomic word with a bound check.
#[derive(Debug)]
pub struct Atomic(AtomicU64);

impl Atomic {
    /// A word of `units`.
    #[must_use]
    pub const fn new(units: u64) -> Self {
        Self(AtomicU64::new(units))
    }
}

impl Counter for Atomic {
    #[inline(always)]
    fn deduct(&self, units: u64) -> bool {
        let rest = |left: u64| left.checked_sub(units);
        let deducted = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, rest);
        deducted.is_ok()
    }

    #[inline(always)]
    fn restock(&self, units: u64) {
        self.0.fetch_add(units, Ordering::AcqRel);
    }
}

/// What a lock does with the number inside: runs an order's flow and deducts its units, if there are enough.
#[inline(always)]
pub fn deduct(left: &mut u64, units: u64, flow: impl Fn()) -> bool {
    let rest = left.checked_sub(units);
    if let Some(rest) = rest {
        flow();
        *left = rest;
    }
    rest.is_some()
}

/// One lock around one number. A thread that waits for it leaves the CPU.
#[derive(Debug)]
pub struct Lock(Mutex<u64>);

impl Lock {
    /// A lock around `units`.
    #[must_use]
    pub const fn new(units: u64) -> Self {
        Self(Mutex::new(units))
    }
}

impl Counter for Lock {
    #[inline(always)]
    fn deduct(&self, units: u64) -> bool {
        deduct(&mut self.0.lock(), units, || {})
    }

    #[inline(always)]
    fn restock(&self, units: u64) {
        *self.0.lock() += units;
    }

    #[inline(always)]
    fn order(&self, flow: impl Fn()) -> bool {
        deduct(&mut self.0.lock(), 1, flow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sells_what_it_has(counter: impl Counter) {
        let deducted = [2, 2, 1].map(|units| counter.deduct(units));
        assert_eq!(deducted, [true, false, true]);
        assert!(!counter.order(|| panic!("no unit, no flow")));
        counter.restock(2);
        counter.reserve_and_release(2);
        assert!(counter.order(|| {}) && counter.deduct(1) && !counter.deduct(1));
    }

    #[test]
    fn plain_counters_sell_what_they_have() {
        sells_what_it_has(Atomic::new(3));
        sells_what_it_has(Lock::new(3));
    }
}
