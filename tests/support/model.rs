//! The sequential model: what a stock counter is, one call after another.

use segstock::{MAX_UNITS, OutOfStock, RestockOverflow, Snapshot};

/// A stock at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Model {
    pub initial: u64,
    pub restocked: u64,
    pub available: u64,
}

/// A call, and what it returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Deduct(u64, Result<(), OutOfStock>),
    DeductUpTo(u64, u64),
    Restock(u64, Result<(), RestockOverflow>),
    Available(u64),
    Snapshot(Snapshot),
}

impl Model {
    pub fn new(units: u64) -> Self {
        Self {
            initial: units,
            restocked: 0,
            available: units,
        }
    }

    pub fn sold(&self) -> u64 {
        self.initial + self.restocked - self.available
    }

    /// The stock after `call`, if the call could have returned that at this instant.
    pub fn step(self, call: &Call) -> Option<Self> {
        match *call {
            Call::Deduct(units, Ok(())) => self.take(units),
            Call::Deduct(units, Err(refusal)) => {
                let honest = refusal.requested == units
                    && self.available <= refusal.available
                    && refusal.available < units;
                honest.then_some(self)
            }
            Call::DeductUpTo(units, taken) => {
                (taken == units.min(self.available)).then(|| self.take(taken))?
            }
            Call::Restock(units, Ok(())) => self.put(units),
            Call::Restock(units, Err(overflow)) => {
                let honest = overflow.requested == units
                    && overflow.on_hand == self.available
                    && self.put(units).is_none();
                honest.then_some(self)
            }
            // A bound at one instant.
            Call::Available(bound) => (self.available <= bound).then_some(self),
            Call::Snapshot(books) => {
                let exact = books.initial == self.initial
                    && books.restocked == self.restocked
                    && books.available == self.available
                    && books.sold == self.sold();
                exact.then_some(self)
            }
        }
    }

    fn take(self, units: u64) -> Option<Self> {
        let available = self.available.checked_sub(units)?;
        Some(Self { available, ..self })
    }

    fn put(self, units: u64) -> Option<Self> {
        let available = self.available.checked_add(units)?;
        (available <= MAX_UNITS).then(|| Self {
            available,
            restocked: self.restocked + units,
            ..self
        })
    }
}
