//! The sequential model: what a stock counter is, one call after another.

use segstock::{MAX_UNITS, OutOfStock, RestockOverflow, Snapshot};

/// A stock at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Model {
    pub initial: u64,
    pub restocked: u64,
    pub available: u64,
    pub reserved: u64,
}

/// A call, and what it returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Deduct(u64, Result<(), OutOfStock>),
    DeductUpTo(u64, u64),
    Restock(u64, Result<(), RestockOverflow>),
    Available(u64),
    Snapshot(Snapshot),
    /// A snapshot that nothing runs beside: exact in every figure.
    AtRest(Snapshot),
    /// Units set aside, by a reservation or a lease.
    Reserve(u64, Result<(), OutOfStock>),
    /// Units sold that were set aside.
    Commit(u64),
    /// Units given back that were set aside.
    Release(u64),
}

impl Model {
    pub fn new(units: u64) -> Self {
        Self {
            initial: units,
            restocked: 0,
            available: units,
            reserved: 0,
        }
    }

    pub fn sold(&self) -> u64 {
        self.initial + self.restocked - self.available - self.reserved
    }

    /// The stock after `call`, if the call could have returned that at this instant.
    pub fn step(self, call: &Call) -> Option<Self> {
        match *call {
            Call::Deduct(units, Ok(())) => self.take(units),
            Call::Reserve(units, Ok(())) => {
                let reserved = self.reserved + units;
                self.take(units).map(|after| Self { reserved, ..after })
            }
            Call::Commit(units) => self.settle(units),
            Call::Release(units) => self.settle(units).map(|after| Self {
                available: after.available + units,
                ..after
            }),
            Call::Deduct(units, Err(refusal)) | Call::Reserve(units, Err(refusal)) => {
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
                    && overflow.on_hand == self.available + self.reserved
                    && self.put(units).is_none();
                honest.then_some(self)
            }
            // A bound at one instant.
            Call::Available(bound) => (self.available <= bound).then_some(self),
            Call::Snapshot(books) => {
                // How what left divides into reserved and sold may lag, towards sold.
                let exact = books.initial == self.initial
                    && books.restocked == self.restocked
                    && books.available == self.available
                    && books.reserved + books.sold == self.reserved + self.sold()
                    && books.reserved <= self.reserved;
                exact.then_some(self)
            }
            Call::AtRest(books) => {
                let after = self.step(&Call::Snapshot(books))?;
                (books.reserved == self.reserved).then_some(after)
            }
        }
    }

    fn take(self, units: u64) -> Option<Self> {
        let available = self.available.checked_sub(units)?;
        Some(Self { available, ..self })
    }

    fn settle(self, units: u64) -> Option<Self> {
        let reserved = self.reserved.checked_sub(units)?;
        Some(Self { reserved, ..self })
    }

    fn put(self, units: u64) -> Option<Self> {
        let on_hand = (self.available + self.reserved).checked_add(units)?;
        (on_hand <= MAX_UNITS).then(|| Self {
            available: self.available + units,
            restocked: self.restocked + units,
            ..self
        })
    }
}
