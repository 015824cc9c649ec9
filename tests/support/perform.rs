//! From an operation of the model to a call on a counter, and from its answer to an outcome.
//!
//! This is the one place of this package that does so for a counter; an inventory's operations are called in
//! `tests/inventory/properties.rs`. The fuzz target includes this file.

use segstock::{NotReserved, OutOfStock, Reservation, Reserving, RestockOverflow, StockCounter};
use segstock_model::{Op, Outcome, Refusal, Snapshot};

/// Calls `op`; `None` if the counter does not offer it.
///
/// A commit and a release settle units that any thread has reserved.
pub fn perform<C: StockCounter + ?Sized>(counter: &C, op: Op) -> Option<Outcome> {
    Some(match op {
        Op::Deduct(units) => taken(units, counter.deduct(units)),
        Op::DeductUpTo(units) => Outcome::UpTo(counter.try_deduct_up_to(units)?),
        Op::Restock(units) => restocked(units, counter.restock(units)),
        Op::Reserve(units) => taken(units, counter.reserving()?.reserve_units(units)),
        Op::ReserveUpTo(units) => Outcome::UpTo(counter.reserving()?.try_reserve_up_to(units)?),
        Op::Commit(units) => {
            counter.reserving()?.commit_units(units);
            Outcome::Done
        }
        Op::Release(units) => {
            counter.reserving()?.release_units(units);
            Outcome::Done
        }
        Op::Withdraw(units) => Outcome::UpTo(counter.try_withdraw(units)?.taken),
        Op::Forgive(units) => Outcome::UpTo(counter.try_forgive(units)?),
        Op::Available => Outcome::AtMost(counter.available()),
        // A snapshot looks again while commits come, 16 times at most. No scenario has more commits: so all its figures
        // are of one instant.
        Op::Snapshot => Outcome::ExactSnapshot(figures(counter.try_snapshot()?)),
        _ => return None,
    })
}

/// The outcome of a deduct or a reserve of `units`.
pub fn taken(units: u64, result: Result<(), OutOfStock>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(refusal) => {
            assert_eq!(refusal.requested, units, "a refusal of another call");
            let available = Some(refusal.available);
            Outcome::Refused(Refusal::Short { available })
        }
    }
}

fn restocked(units: u64, result: Result<(), RestockOverflow>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(refusal) => {
            assert_eq!(refusal.requested, units, "a refusal of another call");
            let on_hand = Some(refusal.on_hand);
            Outcome::Refused(Refusal::Overflow { on_hand })
        }
    }
}

/// A snapshot in the words of the model.
pub fn figures(snapshot: segstock::Snapshot) -> Snapshot {
    Snapshot {
        initial: snapshot.initial,
        restocked: snapshot.restocked,
        available: snapshot.available,
        reserved: snapshot.reserved,
        sold: snapshot.sold,
        owed: snapshot.owed,
        withdrawn: snapshot.withdrawn,
    }
}

type Order<'a> = Reservation<&'a dyn Reserving>;

/// A counter, and the one [`Reservation`] of the thread that calls it: reserves, commits and releases go
/// through its methods, and no more can be settled than it has.
pub struct Till<'a> {
    counter: &'a dyn Reserving,
    reservation: Option<Order<'a>>,
}

impl<'a> Till<'a> {
    pub fn new(counter: &'a dyn Reserving) -> Self {
        let reservation = None;
        Self {
            counter,
            reservation,
        }
    }

    /// The units of its reservation.
    pub fn reserved(&self) -> u64 {
        self.reservation.as_ref().map_or(0, Reservation::units)
    }

    /// `op`, which was drawn at random; if it settles units, mostly no more than the reservation has.
    pub fn sized(&self, op: Op) -> Op {
        let sized = |units: u64| match units % 4 {
            0 => self.reserved(),
            1 => units,
            _ => units % (self.reserved() + 1),
        };
        if op.settles_units() {
            op.with_units(sized)
        } else {
            op
        }
    }

    /// Calls `op`. Reads are taken for exact, as they are while no other thread calls.
    pub fn perform(&mut self, op: Op) -> Outcome {
        match op {
            Op::Reserve(units) => self.reserve(units),
            Op::ReserveUpTo(units) => self.reserve_up_to(units),
            Op::Commit(units) => self.settle(units, Reservation::commit, Reservation::commit_part),
            Op::Release(units) => {
                self.settle(units, drop, |order, units| order.split(units).map(drop))
            }
            op => match perform(self.counter, op).expect("both counters offer all") {
                Outcome::AtMost(units) => Outcome::Exactly(units),
                outcome => outcome,
            },
        }
    }

    fn reserve(&mut self, units: u64) -> Outcome {
        let outcome = Reservation::new(self.counter, units).map(|more| self.add(more));
        taken(units, outcome)
    }

    fn reserve_up_to(&mut self, units: u64) -> Outcome {
        let more = Reservation::up_to(self.counter, units).expect("both counters offer all");
        let taken = more.units();
        self.add(more);
        Outcome::UpTo(taken)
    }

    fn add(&mut self, more: Order<'a>) {
        self.reservation = Some(match self.reservation.take() {
            Some(order) => order.merge(more).expect("of one stock"),
            None => more,
        });
    }

    /// All of the reservation by `whole`, a part of it by `part`, which refuses more than is reserved.
    fn settle(
        &mut self,
        units: u64,
        whole: fn(Order<'a>),
        part: fn(&mut Order<'a>, u64) -> Result<(), NotReserved>,
    ) -> Outcome {
        let Some(mut order) = self.reservation.take() else {
            let nothing = if units == 0 {
                Outcome::Done
            } else {
                Outcome::Refused(Refusal::NotReserved)
            };
            return nothing;
        };
        if order.units() == units {
            whole(order);
            return Outcome::Done;
        }
        let before = order.units();
        let settled = part(&mut order, units);
        self.reservation = Some(order);
        match settled {
            Ok(()) => Outcome::Done,
            Err(refusal) => {
                let said = (refusal.requested, refusal.reserved);
                assert_eq!(said, (units, before));
                Outcome::Refused(Refusal::NotReserved)
            }
        }
    }
}
