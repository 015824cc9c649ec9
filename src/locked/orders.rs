//! The stocks in which the calling thread is inside an order.
//!
//! An order that takes from its own stock would wait for itself. Every build detects that, whichever segments
//! the two calls would have used, so that it cannot work in a test and hang in production.

use super::LockedStock;
use crate::sync::thread_local_const;
use std::cell::RefCell;

thread_local_const! {
    /// Stocks by their address, which is compared only.
    static WITHIN: RefCell<Vec<usize>> = RefCell::new(Vec::new());
}

fn address(stock: &LockedStock) -> usize {
    std::ptr::from_ref(stock).addr()
}

/// Notes that the calling thread runs an order of `stock`, until the result is dropped.
#[must_use]
pub(super) fn enter(stock: &LockedStock) -> Within {
    // A thread that is ending has no list any more, and the wait would go undetected.
    let _ = WITHIN.try_with(|stocks| stocks.borrow_mut().push(address(stock)));
    Within
}

/// # Panics
///
/// If the calling thread runs an order of `stock`.
#[track_caller]
pub(super) fn panic_if_within(stock: &LockedStock) {
    let within = WITHIN.try_with(|stocks| stocks.borrow().contains(&address(stock)));
    assert!(
        !within.unwrap_or(false),
        "an order cannot take from its own LockedStock: it would wait for itself"
    );
}

/// The calling thread is within an order.
#[derive(Debug)]
pub(super) struct Within;

impl Drop for Within {
    fn drop(&mut self) {
        let _ = WITHIN.try_with(|stocks| stocks.borrow_mut().pop());
    }
}
