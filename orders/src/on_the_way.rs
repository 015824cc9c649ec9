//! [`OnTheWay`]: units that were sent from one SKU to another, and have not arrived.

use crate::entry::Position;
use crate::lines::SkuId;
use crate::sync::Mutex;
use std::collections::BTreeMap;

/// Units on their way, by the position of the entry that sent them. Its lock is taken after those of gates.
#[derive(Debug)]
pub(crate) struct OnTheWay {
    sendings: Mutex<BTreeMap<Position, Sending>>,
    max: usize,
}

/// Units that were sent together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sending {
    pub(crate) from: SkuId,
    pub(crate) to: SkuId,
    /// Units that have not arrived.
    pub(crate) units: u64,
}

impl OnTheWay {
    pub(crate) fn new(max: usize) -> Self {
        let sendings = Mutex::default();
        Self { sendings, max }
    }

    pub(crate) fn len(&self) -> usize {
        self.sendings.lock().len()
    }

    /// The limit, if it is reached.
    pub(crate) fn limit(&self) -> Option<usize> {
        (self.len() >= self.max).then_some(self.max)
    }

    pub(crate) fn find(&self, sending: Position) -> Option<Sending> {
        self.sendings.lock().get(&sending).copied()
    }

    /// Those from a position on, at most `limit` of them; and the position of the next.
    pub(crate) fn page(
        &self,
        from: Position,
        limit: usize,
    ) -> (Vec<(Position, Sending)>, Option<Position>) {
        let sendings = self.sendings.lock();
        let mut known = sendings
            .range(from..)
            .map(|(position, sending)| (*position, *sending));
        let page = known.by_ref().take(limit).collect();
        (page, known.next().map(|(position, _)| position))
    }

    pub(crate) fn send(&self, position: Position, sending: Sending) {
        self.sendings.lock().insert(position, sending);
    }

    /// Units of a sending are on their way no more.
    pub(crate) fn arrive(&self, position: Position, units: u64) {
        let mut sendings = self.sendings.lock();
        if let Some(sending) = sendings.get_mut(&position) {
            sending.units = sending.units.saturating_sub(units);
            if sending.units == 0 {
                sendings.remove(&position);
            }
        }
    }
}
