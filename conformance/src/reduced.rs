//! The counter under judgement: it offers less than its subject, so that what is not promised is not called. It is one type
//! for all counters, so that the suite is compiled once, and not again for each counter that a test judges.

use crate::subject::{Answer, Subject};
use segstock_model::{Op, Outcome};

pub(super) struct Reduced {
    inner: Box<dyn Subject>,
    snapshots: bool,
    reservations: bool,
}

/// Opens a counter with these units.
pub(super) type Open<'a> = &'a dyn Fn(u64) -> Result<Reduced, NotOpened>;

/// Why a counter could not be opened, in words.
pub(super) struct NotOpened(pub(super) String);

impl Reduced {
    /// Without snapshots or reservations, if these are not promised.
    pub(super) fn new(inner: impl Subject + 'static, snapshots: bool, reservations: bool) -> Self {
        Self {
            inner: Box::new(inner),
            snapshots,
            reservations,
        }
    }
}

impl Subject for Reduced {
    fn deduct(&self, units: u64) -> Answer {
        self.inner.deduct(units)
    }

    fn restock(&self, units: u64) -> Answer {
        self.inner.restock(units)
    }

    fn available(&self) -> Answer<u64> {
        self.inner.available()
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        self.inner.order(units, flow)
    }

    fn perform(&self, op: Op) -> Option<Outcome> {
        let is_promised = match op {
            Op::Snapshot => self.snapshots,
            op if op.reserves_units() || op.settles_units() => self.reservations,
            Op::Place { .. } | Op::Confirm { .. } => self.reservations,
            Op::ReleaseHold { .. } | Op::Advance { .. } => self.reservations,
            _ => true,
        };
        is_promised.then(|| self.inner.perform(op))?
    }

    fn close(&self) {
        self.inner.close();
    }
}
