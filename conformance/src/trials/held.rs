//! [`Held`]: what a counter can hold, by what it answered.

use crate::options::Options;
use segstock_model::{Call, Op, Outcome, Refusal};

/// A number of units between two bounds. The bounds differ after a call of unknown outcome: it may have happened, or
/// happen later, or never.
#[derive(Debug, Clone, Copy)]
struct Between {
    least: i128,
    most: i128,
}

impl Between {
    const fn exactly(units: u64) -> Self {
        let units = units as i128;
        Self {
            least: units,
            most: units,
        }
    }

    fn add(&mut self, units: i128) {
        self.least = (self.least + units).max(0);
        self.most = (self.most + units).max(0);
    }

    fn maybe_add(&mut self, units: i128) {
        if units > 0 {
            self.most += units;
        } else {
            self.least = (self.least + units).max(0);
        }
    }

    fn has(self, units: u64) -> bool {
        (self.least..=self.most).contains(&i128::from(units))
    }
}

/// Units in stock and reserved, by the answers so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    shelf: Between,
    reserved: Between,
}

impl Held {
    pub(super) const fn new(units: u64) -> Self {
        Self {
            shelf: Between::exactly(units),
            reserved: Between::exactly(0),
        }
    }

    /// Counts the units that a call took or added, or may have.
    pub(super) fn count(&mut self, call: &Call) {
        let (shelf, reserved) = match call.op {
            op if op.sells_or_reserves() => {
                let reserved = op.reserved(Outcome::Unknown);
                (-i128::from(op.units()), reserved.into())
            }
            Op::Restock(units) => (i128::from(units), 0),
            Op::Release(units) => (i128::from(units), -i128::from(units)),
            _ => return,
        };
        match call.outcome {
            Outcome::Done => {
                self.shelf.add(shelf);
                self.reserved.add(reserved);
            }
            Outcome::UpTo(units) => {
                self.shelf.add(-i128::from(units));
                self.reserved.add(call.op.reserved(call.outcome).into());
            }
            Outcome::Unknown => {
                self.shelf.maybe_add(shelf);
                self.reserved.maybe_add(reserved);
            }
            _ => {}
        }
    }

    /// Whether the answer is false for every number of units between the bounds, if no other thread calls. A counter may
    /// accept more than its limit, and must then count it.
    pub(super) fn contradicts(&self, call: &Call, options: &Options) -> bool {
        let units = |units: u64| i128::from(units);
        match (call.op, call.outcome) {
            (_, Outcome::Unknown) => false,
            (Op::Restock(more), Outcome::Done) => self.least() + units(more) > units(u64::MAX),
            (Op::Restock(more), Outcome::Refused(Refusal::Overflow { .. })) => {
                self.most() + units(more) <= units(options.limit)
            }
            (op, Outcome::Done) if op.sells_or_reserves() => units(op.units()) > self.shelf.most,
            (op, Outcome::Refused(_)) if op.sells_or_reserves() && !op.is_up_to() => {
                options.exact_refusals && units(op.units()) <= self.shelf.least
            }
            (op, Outcome::UpTo(taken)) if op.sells_or_reserves() => {
                let [least, most] =
                    [self.shelf.least, self.shelf.most].map(|there| there.min(units(op.units())));
                !Between { least, most }.has(taken)
            }
            (_, Outcome::AtMost(left)) => options.bounds && !self.shelf.has(left),
            (_, Outcome::Snapshot(sums)) => !self.shelf.has(sums.available) || !sums.balanced(),
            (_, Outcome::Refused(_)) => options.exact_refusals,
            _ => false,
        }
    }

    fn least(&self) -> i128 {
        self.shelf.least + self.reserved.least
    }

    fn most(&self) -> i128 {
        self.shelf.most + self.reserved.most
    }

    /// The number of units in stock, or its bounds, in words.
    fn in_words(&self) -> String {
        let Between { least, most } = self.shelf;
        if least == most {
            least.to_string()
        } else {
            format!("{least} to {most}")
        }
    }
}

/// The first of `calls`, which ran one after another, whose answer contradicts the answers before it.
pub(super) fn contradiction(
    mut held: Held,
    calls: &[Call],
    options: &Options,
) -> Option<(Call, String)> {
    for call in calls {
        if held.contradicts(call, options) {
            let (op, outcome) = (call.op, call.outcome);
            let (units, limit) = (held.in_words(), options.limit);
            let words = format!(
                "{op} answered \u{201c}{outcome}\u{201d}; by the answers before there were {units} in stock, and it can count to {limit}"
            );
            return Some((*call, words));
        }
        held.count(call);
    }
    None
}
