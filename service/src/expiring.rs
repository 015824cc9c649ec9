//! [`Expiring`]: the held orders that expire next, found by a walk over all orders that goes on step by step.

use crate::book::Book;
use parking_lot::Mutex;
use segstock_orders::{Cursor, Filter, OrderState};
use serde::Serialize;
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// Orders that are shown.
const SHOWN: usize = 10;
/// Orders of one page of the walk, and pages of one step.
const PAGE: usize = 1_000;
const PAGES: usize = 5;

/// The held orders that expire next, as the last whole walk found them.
#[derive(Debug, Default)]
pub struct Expiring(Mutex<Walk>);

#[derive(Debug, Default)]
struct Walk {
    cursor: Cursor,
    /// Those that this walk has found so far.
    found: Vec<Held>,
    /// Those that the last whole walk found.
    shown: Vec<Held>,
}

#[derive(Debug, Clone)]
struct Held {
    id: String,
    units: u64,
    until: Instant,
}

/// A held order that expires soon.
#[derive(Debug, Serialize, ToSchema)]
pub struct Soon {
    /// The order's id.
    id: String,
    /// Units that it holds.
    units: u64,
    /// Seconds until its units are given back.
    expires_in: u64,
}

impl Expiring {
    /// Goes on with the walk: at most some thousands of orders a call.
    pub fn step(&self, book: &Book) {
        let mut held = Filter::default();
        held.state = Some(OrderState::Held);
        let mut walk = self.0.lock();
        for _ in 0..PAGES {
            let page = book.list(&held, walk.cursor, PAGE);
            // Without a ledger that can be written nothing expires.
            let Ok(page) = page else { return };
            let now = Instant::now();
            let found = page.orders.into_iter().filter_map(|order| {
                let left = order.remaining?;
                Some(Held {
                    id: order.id.into(),
                    units: order.lines.iter().map(|line| line.held).sum(),
                    until: now.checked_add(left)?,
                })
            });
            walk.found.extend(found);
            walk.found.sort_by_key(|held| held.until);
            walk.found.truncate(SHOWN);
            walk.cursor = page.next.unwrap_or_default();
            if page.next.is_none() {
                walk.shown = std::mem::take(&mut walk.found);
                return;
            }
        }
    }

    /// What expires next, the soonest first.
    #[must_use]
    pub fn soon(&self) -> Vec<Soon> {
        let now = Instant::now();
        let shown = self.0.lock().shown.clone().into_iter();
        let left = |held: &Held| held.until.saturating_duration_since(now);
        let shown = shown.filter(|held| left(held) > Duration::ZERO);
        let soon = |held: Held| Soon {
            expires_in: left(&held).as_secs() + 1,
            id: held.id,
            units: held.units,
        };
        shown.map(soon).collect()
    }
}
