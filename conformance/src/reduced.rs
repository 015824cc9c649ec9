//! A subject that offers less, so that what is not promised is not called.

use crate::{Answer, Options, Subject};
use segstock_model::Snapshot;

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

impl<S: Subject> Reduced<S> {
    fn reserving(&self) -> Option<&S> {
        self.reservations.then_some(&self.inner)
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

    fn deduct_up_to(&self, units: u64) -> Option<Answer<u64>> {
        self.inner.deduct_up_to(units)
    }

    fn withdraw(&self, units: u64) -> Option<Answer<u64>> {
        self.inner.withdraw(units)
    }

    fn forgive(&self, units: u64) -> Option<Answer<u64>> {
        self.inner.forgive(units)
    }

    fn snapshot(&self) -> Option<Answer<Snapshot>> {
        self.snapshots.then(|| self.inner.snapshot())?
    }

    fn reserve(&self, units: u64) -> Option<Answer> {
        self.reserving()?.reserve(units)
    }

    fn commit(&self, units: u64) -> Option<Answer> {
        self.reserving()?.commit(units)
    }

    fn release(&self, units: u64) -> Option<Answer> {
        self.reserving()?.release(units)
    }

    fn order(&self, units: u64, flow: &mut dyn FnMut()) -> Option<Answer> {
        self.inner.order(units, flow)
    }

    fn place(&self, key: u64, units: u64, ttl: u64) -> Option<Answer> {
        self.reserving()?.place(key, units, ttl)
    }

    fn confirm(&self, key: u64) -> Option<Answer> {
        self.reserving()?.confirm(key)
    }

    fn release_hold(&self, key: u64) -> Option<Answer> {
        self.reserving()?.release_hold(key)
    }

    fn advance(&self, ticks: u64) -> Option<Answer> {
        self.reserving()?.advance(ticks)
    }

    fn close(&self) {
        self.inner.close();
    }
}
