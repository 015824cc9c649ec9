//! [`Doubtful`]: ids of calls that ended without an answer, or were dropped.

use crate::id::OrderId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Ids whose calls ended without an answer or were dropped, for as long as a copy of such a call may still arrive.
///
/// Without them, the next call of an id would take itself for the first: its refusal would not be remembered, and the copy
/// would be served after it.
#[derive(Debug)]
pub(super) struct Doubtful {
    known: Mutex<Known>,
    lasts: Duration,
}

#[derive(Debug, Default)]
struct Known {
    /// When the last call of each id ended.
    since: HashMap<OrderId, Instant>,
    /// Each end of a call, the first one first.
    ends: VecDeque<(Instant, OrderId)>,
}

impl Doubtful {
    pub(super) fn new(lasts: Duration) -> Self {
        let known = Mutex::default();
        Self { known, lasts }
    }

    pub(super) fn has_any(&self, orders: &[&OrderId]) -> bool {
        let known = self.known();
        let is_doubtful = |order: &&OrderId| {
            let since = known.since.get(*order);
            since.is_some_and(|since| since.elapsed() <= self.lasts)
        };
        !known.since.is_empty() && orders.iter().any(is_doubtful)
    }

    /// Adds ids, and forgets those whose time is over: it never holds more than what one such time brings. While a server is
    /// away many are added, so each costs a step or two.
    pub(super) fn add(&self, orders: &[&OrderId]) {
        let (mut known, now) = (self.known(), Instant::now());
        known.forget(|since| now.duration_since(since) > self.lasts);
        for order in orders {
            known.since.insert((*order).clone(), now);
            known.ends.push_back((now, (*order).clone()));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way. If its future is dropped, its ids are doubtful: a request of it may have been sent.
#[derive(Debug)]
pub(super) struct Doubt<'a> {
    doubtful: &'a Doubtful,
    orders: &'a [&'a OrderId],
    /// Whether a copy of the call may arrive when this ends.
    pub(super) is_left: bool,
}

impl<'a> Doubt<'a> {
    pub(super) const fn of(doubtful: &'a Doubtful, orders: &'a [&'a OrderId]) -> Self {
        let is_left = true;
        Self {
            doubtful,
            orders,
            is_left,
        }
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if self.is_left && !self.orders.is_empty() {
            self.doubtful.add(self.orders);
        }
    }
}

impl Known {
    fn forget(&mut self, is_over: impl Fn(Instant) -> bool) {
        while let Some((since, order)) = self.ends.front()
            && is_over(*since)
        {
            // A later call of the id may have ended so, too.
            if self.since.get(order) == Some(since) {
                self.since.remove(order);
            }
            self.ends.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ids_are_forgotten_when_their_time_is_over() {
        const MINUTE: Duration = Duration::from_secs(60);
        let [one, other] = ["one", "other"].map(|id| id.parse::<OrderId>().unwrap());
        let doubtful = Doubtful::new(MINUTE);
        doubtful.add(&[&one, &other]);
        tokio::time::sleep(MINUTE / 2).await;
        doubtful.add(&[&one]);
        tokio::time::sleep(MINUTE / 2 + Duration::from_secs(1)).await;
        assert!(doubtful.has_any(&[&other, &one]) && !doubtful.has_any(&[&other]));
        doubtful.add(&[]);
        assert_eq!(doubtful.known().since.len(), 1, "the other is forgotten");
        tokio::time::sleep(MINUTE).await;
        assert!(!doubtful.has_any(&[&one]));
        doubtful.add(&[]);
        let known = doubtful.known();
        assert_eq!((known.since.len(), known.ends.len()), (0, 0));
    }

    /// An outage: with a look at all ids for each that is added, this took a minute.
    #[test]
    fn many_ids_are_added_in_no_time() {
        let (doubtful, began) = (Doubtful::new(Duration::MAX), std::time::Instant::now());
        for number in 0..100_000 {
            let order: OrderId = format!("order:{number}").parse().unwrap();
            doubtful.add(&[&order]);
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
}
