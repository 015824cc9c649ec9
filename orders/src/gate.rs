//! [`Gate`]: what is said of a SKU's shelf, passed by whatever changes the units on it.

use crate::entry::{Position, RequestKey};
use crate::limits::SkuLimits;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The shelf of a SKU.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Units that are there: available, held and paid for, less what is owed.
    pub(crate) on_hand: u64,
    /// What is set for the SKU.
    pub(crate) limits: SkuLimits,
    /// The requests that changed it. Most SKUs have none.
    requests: Option<Box<Requests>>,
}

/// What a request changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Booked {
    /// When it is forgotten.
    pub(crate) until: u64,
    pub(crate) body: u64,
    pub(crate) position: Position,
    pub(crate) difference: i64,
    pub(crate) uncovered: u64,
}

/// Requests by key, and in the sequence in which they are forgotten.
#[derive(Debug, Default)]
struct Requests {
    booked: HashMap<Arc<str>, Booked>,
    by_time: VecDeque<(u64, Arc<str>)>,
}

impl Gate {
    pub(crate) fn new(on_hand: u64) -> Self {
        Self {
            on_hand,
            limits: SkuLimits::default(),
            requests: None,
        }
    }

    /// What the request with this key changed, if that is remembered still.
    pub(crate) fn booked(&self, key: &str, now: u64) -> Option<Booked> {
        let booked = self.requests.as_ref()?.booked.get(key).copied();
        booked.filter(|booked| booked.until > now)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.as_ref().map_or(0, |all| all.by_time.len())
    }

    /// Keeps what a request changed. One that was forgotten by its time, and is made again, is kept twice for a while.
    pub(crate) fn keep(&mut self, request: &RequestKey, booked: Booked) {
        let key: Arc<str> = Arc::from(&*request.key);
        let requests = self.requests.get_or_insert_default();
        requests.booked.insert(Arc::clone(&key), booked);
        requests.by_time.push_back((booked.until, key));
    }

    /// Forgets up to two requests whose time has passed: more than the one that a call adds.
    pub(crate) fn forget(&mut self, now: u64) {
        let Some(requests) = &mut self.requests else {
            return;
        };
        for _ in 0..2 {
            if requests
                .by_time
                .front()
                .is_none_or(|(until, _)| *until > now)
            {
                break;
            }
            if let Some((until, key)) = requests.by_time.pop_front()
                && requests
                    .booked
                    .get(&key)
                    .is_some_and(|booked| booked.until == until)
            {
                requests.booked.remove(&key);
            }
        }
        if requests.by_time.is_empty() {
            self.requests = None;
        }
    }
}
