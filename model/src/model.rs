//! [`Model`]: a stock at one instant, and what each call does to it.

use crate::op::Op;
use crate::outcome::{Outcome, Refusal};
use crate::snapshot::Snapshot;
use std::collections::BTreeMap;

/// The most units on hand that a [`Model`] accepts unless it is [limited](Model::limited_to): 2^40, as the counters
/// of segstock do.
pub const MAX_UNITS: u64 = 1 << 40;

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Hold {
    units: u64,
    /// Held until then, or this is what became of it.
    state: HoldState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum HoldState {
    Until(u64),
    Over(Refusal),
}

impl Hold {
    const fn is_active(&self) -> bool {
        matches!(self.state, HoldState::Until(_))
    }
}

/// A stock at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Model {
    sums: Snapshot,
    /// The most units that may be on hand.
    pub(crate) limit: u64,
    /// Of the holds' clock, in ticks.
    now: u64,
    holds: BTreeMap<u64, Hold>,
}

impl Model {
    /// A stock that opens with `units`, counts to [`MAX_UNITS`], and holds nothing; its clock is at 0.
    #[must_use]
    pub const fn new(units: u64) -> Self {
        Self {
            sums: Snapshot {
                initial: units,
                restocked: 0,
                available: units,
                reserved: 0,
                sold: 0,
                owed: 0,
                withdrawn: 0,
            },
            limit: MAX_UNITS,
            now: 0,
            holds: BTreeMap::new(),
        }
    }

    /// This stock with another limit to what may be on hand.
    #[must_use]
    pub fn limited_to(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// This stock with other sums: a stock that is watched from some instant on.
    #[must_use]
    pub fn at(self, sums: Snapshot) -> Self {
        Self { sums, ..self }
    }

    /// The sums at this instant.
    #[must_use]
    pub const fn snapshot(&self) -> Snapshot {
        self.sums
    }

    /// The hold that was placed under `key`: its units, and either the ticks until its deadline or what became of it.
    #[must_use]
    pub fn hold(&self, key: u64) -> Option<(u64, Result<u64, Refusal>)> {
        let hold = self.holds.get(&key)?;
        let state = match hold.state {
            HoldState::Until(deadline) => Ok(deadline - self.now),
            HoldState::Over(fate) => Err(fate),
        };
        Some((hold.units, state))
    }

    /// The stock after `op`, if at this instant it could have answered `outcome`.
    ///
    /// A call whose outcome is [unknown](Outcome::Unknown) is stepped at the instant at which it
    /// happened; if it never did, it is not stepped at all.
    #[must_use]
    pub fn step(&self, op: Op, outcome: Outcome) -> Option<Self> {
        self.step_beside(op, outcome, 0)
    }

    /// [`step`](Self::step), of a call that overlaps commits of `committed` units that have happened by now: a
    /// [`Snapshot`](Outcome::Snapshot) may show them as not made yet.
    #[must_use]
    pub fn step_beside(&self, op: Op, outcome: Outcome, committed: u64) -> Option<Self> {
        let mut after = self.clone();
        let answer = after.apply(op);
        answer
            .allows_beside(outcome, op, committed)
            .then_some(after)
    }

    /// Does `op` and says what the model itself answers.
    pub fn apply(&mut self, op: Op) -> Outcome {
        match op {
            // All or nothing: nobody is sold half an order. Of nothing there is always enough.
            Op::Deduct(units) => self.take(units, Self::sell),
            Op::Reserve(units) => self.take(units, Self::reserve_units),
            Op::DeductUpTo(units) => self.take_up_to(units, Self::sell),
            Op::ReserveUpTo(units) => self.take_up_to(units, Self::reserve_units),
            Op::Restock(units) => self.restock(units),
            Op::Commit(units) => self.settle(units, 0),
            Op::Release(units) => self.settle(units, units),
            Op::Withdraw(units) => self.withdraw(units),
            Op::Forgive(units) => self.forgive(units),
            Op::Available => Outcome::Exactly(self.sums.available),
            Op::Snapshot => Outcome::ExactSnapshot(self.sums),
            Op::Place { key, units, ttl } => self.place(key, units, ttl),
            Op::Confirm { key } => self.resolve(key, Refusal::Confirmed),
            Op::ReleaseHold { key } => self.resolve(key, Refusal::Released),
            Op::Advance { by } => self.advance(by),
        }
    }

    /// A refusal is exact: the stock truly had too few units. Where the units lie is no reason.
    fn take(&mut self, units: u64, take: fn(&mut Self, u64)) -> Outcome {
        if units > self.sums.available {
            let available = Some(self.sums.available);
            return Outcome::Refused(Refusal::Short { available });
        }
        take(self, units);
        Outcome::Done
    }

    /// Never refused: "none" is an answer.
    fn take_up_to(&mut self, units: u64, take: fn(&mut Self, u64)) -> Outcome {
        let taken = units.min(self.sums.available);
        take(self, taken);
        Outcome::UpTo(taken)
    }

    fn sell(&mut self, units: u64) {
        self.sums.available -= units;
        self.sums.sold = self.sums.sold.wrapping_add(units);
    }

    /// Reserved units are nobody else's, and not sold.
    fn reserve_units(&mut self, units: u64) {
        self.sums.available -= units;
        self.sums.reserved += units;
    }

    /// Reserved units count towards the limit: they may all come back, and that is never refused. Units that
    /// pay what is owed do not.
    fn restock(&mut self, units: u64) -> Outcome {
        let on_hand = self.sums.on_hand();
        let more = units.saturating_sub(self.sums.owed);
        if more > self.limit.saturating_sub(on_hand) && more > 0 {
            let on_hand = Some(on_hand);
            return Outcome::Refused(Refusal::Overflow { on_hand });
        }
        self.come(units);
        self.sums.restocked = self.sums.restocked.wrapping_add(units);
        Outcome::Done
    }

    /// What comes back pays what is owed first, before anybody can have it.
    fn come(&mut self, units: u64) {
        let paid = units.min(self.sums.owed);
        self.sums.owed -= paid;
        self.sums.available += units - paid;
    }

    /// Takes what is in stock and owes the rest. It never owes more units than may be on hand.
    fn withdraw(&mut self, units: u64) -> Outcome {
        let units = units.min(self.limit.saturating_sub(self.sums.owed));
        let taken = units.min(self.sums.available);
        self.sums.available -= taken;
        self.sums.owed += units - taken;
        self.sums.withdrawn = self.sums.withdrawn.wrapping_add(units);
        Outcome::UpTo(taken)
    }

    /// As if the forgiven units had never been withdrawn.
    fn forgive(&mut self, units: u64) -> Outcome {
        let forgiven = units.min(self.sums.owed);
        self.sums.owed -= forgiven;
        self.sums.withdrawn = self.sums.withdrawn.wrapping_sub(forgiven);
        Outcome::UpTo(forgiven)
    }

    /// Only reserved units can be committed or released, each of them once. A hold is settled by its key alone.
    fn settle(&mut self, units: u64, back: u64) -> Outcome {
        if units > self.sums.reserved.saturating_sub(self.held()) {
            return Outcome::Refused(Refusal::NotReserved);
        }
        self.part_with(units, back);
        Outcome::Done
    }

    /// Units that are held under keys.
    pub(crate) fn held(&self) -> u64 {
        let active = self.holds.values().filter(|hold| hold.is_active());
        active.map(|hold| hold.units).sum()
    }

    /// Of `units` that were reserved, `back` are in stock again and the others sold.
    fn part_with(&mut self, units: u64, back: u64) {
        self.sums.reserved -= units;
        self.come(back);
        self.sums.sold = self.sums.sold.wrapping_add(units - back);
    }

    /// A key is placed once: its retry gets the same answer and takes nothing, and what became of it
    /// stays known. A place that was refused leaves the key free.
    fn place(&mut self, key: u64, units: u64, ttl: u64) -> Outcome {
        match self.holds.get(&key) {
            Some(hold) if hold.units != units => Outcome::Refused(Refusal::Conflict),
            Some(hold) => match hold.state {
                HoldState::Until(_) => Outcome::Done,
                HoldState::Over(fate) => Outcome::Refused(fate),
            },
            None => {
                let outcome = self.take(units, Self::reserve_units);
                if outcome == Outcome::Done {
                    let deadline = self.now.saturating_add(ttl);
                    let state = HoldState::Until(deadline);
                    self.holds.insert(key, Hold { units, state });
                    self.expire();
                }
                outcome
            }
        }
    }

    /// A hold is resolved exactly once, whatever races: sold, or put back, or expired. To ask again for
    /// what became of it is no error, so that requests can be retried.
    fn resolve(&mut self, key: u64, fate: Refusal) -> Outcome {
        let Some(hold) = self.holds.get_mut(&key) else {
            return Outcome::Refused(Refusal::NoHold);
        };
        match hold.state {
            HoldState::Until(_) => {
                hold.state = HoldState::Over(fate);
                let units = hold.units;
                let back = if fate == Refusal::Confirmed { 0 } else { units };
                self.part_with(units, back);
                Outcome::Done
            }
            HoldState::Over(known) if known == fate => Outcome::Done,
            HoldState::Over(known) => Outcome::Refused(known),
        }
    }

    fn advance(&mut self, by: u64) -> Outcome {
        self.now = self.now.saturating_add(by);
        self.expire();
        Outcome::Done
    }

    /// A hold is active before its deadline, not at it: one that is placed for no time expires at once. An
    /// expired hold's units are in stock again at once: a sweeper that is late must not cost a sale.
    fn expire(&mut self) {
        let mut back = 0;
        for hold in self.holds.values_mut() {
            if matches!(hold.state, HoldState::Until(deadline) if deadline <= self.now) {
                hold.state = HoldState::Over(Refusal::Expired);
                back += hold.units;
            }
        }
        self.part_with(back, back);
    }
}

impl Outcome {
    /// Whether a counter may answer `said` to `op` where this is what the [model](Model::apply) answers.
    #[must_use]
    pub fn allows(self, said: Self, op: Op) -> bool {
        self.allows_beside(said, op, 0)
    }

    fn allows_beside(self, said: Self, op: Op, committed: u64) -> bool {
        match (self, said) {
            (_, Self::Unknown) => true,
            // A bound is enough to decide by, and cheaper than a count.
            (Self::Exactly(units), Self::AtMost(bound)) => units <= bound,
            // A commit moves no unit that anybody could have: a look at all of them may miss it.
            (Self::ExactSnapshot(sums), Self::Snapshot(said)) => {
                sums.may_be_read_as(&said, committed)
            }
            (Self::Refused(why), Self::Refused(said)) => may_be_said_as(why, said, op),
            (answer, said) => answer == said,
        }
    }
}

/// Whether a counter may give `said` as its reason where the model gives `why`.
fn may_be_said_as(why: Refusal, said: Refusal, op: Op) -> bool {
    match (why, said) {
        (Refusal::Short { .. }, Refusal::Short { available: None })
        | (Refusal::Overflow { .. }, Refusal::Overflow { on_hand: None }) => true,
        // A bound is enough here, too, if it proves the refusal.
        (
            Refusal::Short { available: Some(n) },
            Refusal::Short {
                available: Some(bound),
            },
        ) => {
            let (Op::Deduct(units) | Op::Reserve(units) | Op::Place { units, .. }) = op else {
                return false;
            };
            n <= bound && bound < units
        }
        (why, said) => why == said,
    }
}

#[cfg(test)]
mod tests;
