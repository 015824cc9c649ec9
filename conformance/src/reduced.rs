//! A subject that offers less, so that what is not promised is not called.

use crate::options::Options;
use crate::subject::{Answer, Subject};
use segstock_model::{Op, Outcome};

#[derive(Debug)]
pub(super) struct Reduced<S> {
    inner: S,
    snapshots: bool,
    reservations: bool,
}

impl<S> Reduced<S> {
    pub(super) const fn new(inner: S, options: &Options) -> Self {
        Self {
            inner,
            snapshots: options.snapshots,
            reservations: options.reservations,
        }
    }
}

impl<S: Subject> Subject for Reduced<S> {
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
            op if op.reserves_units() => self.reservations,
            Op::Commit(_) | Op::Release(_) => self.reservations,
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
