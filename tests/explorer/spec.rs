//! What a stock is, one call after another: the crate's sequential model in a few bytes.

use crate::op::{Answer, Figures, Op};

/// A stock at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stock(pub Figures);

impl Stock {
    pub const fn new(units: u8) -> Self {
        Self(Figures {
            restocked: 0,
            available: units,
            reserved: 0,
            owed: 0,
            withdrawn: 0,
        })
    }

    /// Does `op` and returns what it answers.
    pub fn apply(&mut self, op: Op) -> Answer {
        let stock = &mut self.0;
        match op {
            Op::Deduct(units) | Op::Reserve(units) => {
                if units > stock.available {
                    return Answer::Refused(stock.available);
                }
                stock.available -= units;
                if let Op::Reserve(_) = op {
                    stock.reserved += units;
                }
            }
            Op::DeductUpTo(units) => {
                let taken = units.min(stock.available);
                stock.available -= taken;
                return Answer::Took(taken);
            }
            Op::Restock(units) => {
                stock.come(units);
                stock.restocked += units;
            }
            Op::Withdraw(units) => {
                let taken = units.min(stock.available);
                stock.available -= taken;
                stock.owed += units - taken;
                stock.withdrawn += units;
                return Answer::Took(taken);
            }
            Op::Forgive(units) => {
                let forgiven = units.min(stock.owed);
                stock.owed -= forgiven;
                stock.withdrawn -= forgiven;
                return Answer::Took(forgiven);
            }
            Op::Commit(units) => stock.reserved -= units,
            Op::Release(units) => {
                stock.reserved -= units;
                stock.come(units);
            }
            Op::Available => return Answer::AtMost(stock.available),
            Op::Snapshot => return Answer::Snapshot(*stock),
            Op::Widen | Op::Narrow | Op::Prove | Op::Sit(_) => unreachable!("{op:?} has no answer"),
        }
        Answer::Done
    }
}

impl Figures {
    /// What comes pays what is owed first.
    fn come(&mut self, units: u8) {
        let paid = units.min(self.owed);
        self.owed -= paid;
        self.available += units - paid;
    }
}

/// Whether a counter may answer `said` where the stock itself would answer `exact`.
pub fn allows(op: Op, exact: Answer, said: Answer) -> bool {
    match (exact, said) {
        (Answer::Refused(available), Answer::Refused(bound)) => {
            available <= bound && bound < op.units()
        }
        (Answer::AtMost(available), Answer::AtMost(bound)) => available <= bound,
        // The model lets a snapshot show commits beside it as not made yet. The explorer's snapshot looks again until
        // no commit came meanwhile: so it is exact.
        (exact, said) => exact == said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segstock_model::{self as model, Model, Outcome, Refusal, Snapshot};

    const MOST: u8 = 3;

    fn stocks() -> impl Iterator<Item = Figures> {
        let few = || 0..=MOST;
        let pairs = move || few().flat_map(move |a| few().map(move |b| (a, b)));
        // Nothing is owed while units are in stock.
        let stocks = pairs().flat_map(move |(available, owed)| {
            pairs().map(move |(restocked, reserved)| Figures {
                restocked,
                available,
                reserved,
                owed,
                withdrawn: owed + 1,
            })
        });
        stocks.filter(|stock| stock.available == 0 || stock.owed == 0)
    }

    fn ops() -> impl Iterator<Item = Op> {
        let with_units = (0..=MOST + 1).flat_map(|units| {
            [
                Op::Deduct(units),
                Op::DeductUpTo(units),
                Op::Restock(units),
                Op::Reserve(units),
                Op::Commit(units),
                Op::Release(units),
                Op::Withdraw(units),
                Op::Forgive(units),
            ]
        });
        with_units.chain([Op::Available, Op::Snapshot])
    }

    fn answers(op: Op) -> Vec<Answer> {
        let bounds = 0..=2 * MOST + 1;
        match op {
            Op::Snapshot => stocks().map(Answer::Snapshot).collect(),
            Op::Available => bounds.map(Answer::AtMost).collect(),
            Op::DeductUpTo(_) | Op::Withdraw(_) | Op::Forgive(_) => {
                bounds.map(Answer::Took).collect()
            }
            _ => bounds.map(Answer::Refused).chain([Answer::Done]).collect(),
        }
    }

    fn figures(stock: Figures) -> Snapshot {
        let [restocked, available, reserved, owed, withdrawn] = [
            stock.restocked,
            stock.available,
            stock.reserved,
            stock.owed,
            stock.withdrawn,
        ]
        .map(u64::from);
        // More than can be missing.
        let initial = 4 * u64::from(MOST);
        Snapshot {
            initial,
            restocked,
            available,
            reserved,
            owed,
            withdrawn,
            sold: initial + restocked + owed - available - reserved - withdrawn,
        }
    }

    fn model_op(op: Op) -> model::Op {
        let units = u64::from(op.units());
        match op {
            Op::Deduct(_) => model::Op::Deduct(units),
            Op::DeductUpTo(_) => model::Op::DeductUpTo(units),
            Op::Restock(_) => model::Op::Restock(units),
            Op::Reserve(_) => model::Op::Reserve(units),
            Op::Commit(_) => model::Op::Commit(units),
            Op::Release(_) => model::Op::Release(units),
            Op::Withdraw(_) => model::Op::Withdraw(units),
            Op::Forgive(_) => model::Op::Forgive(units),
            Op::Available => model::Op::Available,
            _ => model::Op::Snapshot,
        }
    }

    fn model_outcome(answer: Answer) -> Outcome {
        match answer {
            Answer::Done => Outcome::Done,
            Answer::Took(units) => Outcome::Took(units.into()),
            Answer::AtMost(bound) => Outcome::AtMost(bound.into()),
            Answer::Refused(bound) => Outcome::Refused(Refusal::Short {
                available: Some(bound.into()),
            }),
            Answer::Snapshot(stock) => Outcome::ExactSnapshot(figures(stock)),
        }
    }

    #[test]
    fn the_spec_is_the_model() {
        for (stock, op) in stocks().flat_map(|stock| ops().map(move |op| (stock, op))) {
            if let Op::Commit(units) | Op::Release(units) = op
                && units > stock.reserved
            {
                continue;
            }
            let mut after = Stock(stock);
            let exact = after.apply(op);
            let model = Model::new(0).at(figures(stock));
            for said in answers(op) {
                let next = model.step(model_op(op), model_outcome(said));
                let what = format!("{stock:?}: {op:?} answers {said:?}");
                assert_eq!(next.is_some(), allows(op, exact, said), "{what}");
                if let Some(next) = next {
                    assert_eq!(next.snapshot(), figures(after.0), "{what}");
                }
            }
        }
    }
}
