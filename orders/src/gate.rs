//! [`Gate`]: what is known of a SKU's shelf, behind the lock that each change of its units passes.

use crate::entry::{Position, RequestKey};
use crate::limits::SkuLimits;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The shelf of a SKU.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Units on hand: available, held and paid for, less what is owed.
    pub(crate) on_hand: u64,
    /// Units that were sent from here, and have not arrived.
    pub(crate) on_the_way: u64,
    /// Units that were sent here, and have not arrived.
    pub(crate) coming: u64,
    /// What is set for the SKU.
    pub(crate) limits: SkuLimits,
    /// The position of the entry that set them last.
    pub(crate) limited: Position,
    /// The requests that changed it, by key. A tree, since it is changed under a lock: it never moves more than a node.
    requests: BTreeMap<Arc<str>, Booked>,
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

impl Gate {
    pub(crate) fn new(on_hand: u64) -> Self {
        Self {
            on_hand,
            on_the_way: 0,
            coming: 0,
            limits: SkuLimits::default(),
            limited: Position::default(),
            requests: BTreeMap::new(),
        }
    }

    /// What the request with this key changed, if that is remembered still.
    pub(crate) fn booked(&self, key: &str, now: u64) -> Option<Booked> {
        let booked = self.requests.get(key).copied();
        booked.filter(|booked| booked.until > now)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.len()
    }

    /// Keeps what a request changed, and returns its key if there was none. One that was forgotten by its time, and is made
    /// again, takes the place of the first.
    pub(crate) fn keep(&mut self, request: &RequestKey, booked: Booked) -> (Arc<str>, bool) {
        let key: Arc<str> = Arc::from(&*request.key);
        let before = self.requests.insert(Arc::clone(&key), booked);
        (key, before.is_none())
    }

    /// Forgets a request, unless it was made again since. Returns whether it did.
    pub(crate) fn forget(&mut self, key: &str, position: Position) -> bool {
        let booked = self.requests.get(key);
        let is_it = booked.is_some_and(|booked| booked.position == position);
        is_it && self.requests.remove(key).is_some()
    }
}
