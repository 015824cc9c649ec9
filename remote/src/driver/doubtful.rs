//! [`Doubtful`]: ids of calls that ended without an answer.

use crate::id::OrderId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Ids whose calls ended without an answer, for as long as a copy of such a call may still arrive.
///
/// Without them, the next call of an id would take itself for the first: its refusal would not be remembered, and the copy
/// would be served after it.
#[derive(Debug)]
pub(super) struct Doubtful {
    since: Mutex<HashMap<OrderId, Instant>>,
    lasts: Duration,
}

impl Doubtful {
    pub(super) fn new(lasts: Duration) -> Self {
        let since = Mutex::default();
        Self { since, lasts }
    }

    pub(super) fn has_any(&self, orders: &[&OrderId]) -> bool {
        let since = self.since();
        let is_doubtful = |order: &&OrderId| {
            let since = since.get(*order);
            since.is_some_and(|since| since.elapsed() <= self.lasts)
        };
        !since.is_empty() && orders.iter().any(is_doubtful)
    }

    /// Adds ids, and forgets those whose time is over: it never holds more than what one such time brings.
    pub(super) fn add(&self, orders: &[&OrderId]) {
        let mut since = self.since();
        since.retain(|_, since| since.elapsed() <= self.lasts);
        let now = Instant::now();
        since.extend(orders.iter().map(|order| ((*order).clone(), now)));
    }

    fn since(&self) -> MutexGuard<'_, HashMap<OrderId, Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
