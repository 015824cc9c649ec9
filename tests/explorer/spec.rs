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
                stock.available += units;
                stock.restocked += units;
            }
            Op::Commit(units) => stock.reserved -= units,
            Op::Release(units) => {
                stock.reserved -= units;
                stock.available += units;
            }
            Op::Available => return Answer::AtMost(stock.available),
            Op::Snapshot => return Answer::Snapshot(*stock),
            Op::Widen | Op::Narrow | Op::Prove | Op::Sit(_) => unreachable!("{op:?} has no answer"),
        }
        Answer::Done
    }
}

/// Whether a counter may answer `said` where the stock itself would answer `exact`.
pub fn allows(op: Op, exact: Answer, said: Answer) -> bool {
    match (exact, said) {
        (Answer::Refused(available), Answer::Refused(bound)) => {
            available <= bound && bound < op.units()
        }
        (Answer::AtMost(available), Answer::AtMost(bound)) => available <= bound,
        // How what left the shelf divides into reserved and sold may lag, towards sold.
        (Answer::Snapshot(exact), Answer::Snapshot(said)) => {
            (exact.restocked, exact.available) == (said.restocked, said.available)
                && said.reserved <= exact.reserved
        }
        (exact, said) => exact == said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use segstock_model::{self as model, Model, Outcome, Refusal, Snapshot};

    const MOST: u8 = 3;

    fn stocks() -> impl Iterator<Item = Figures> {
        let figures = |restocked, available, reserved| Figures {
            restocked,
            available,
            reserved,
        };
        (0..=MOST).flat_map(move |a| {
            (0..=MOST).flat_map(move |b| (0..=MOST).map(move |c| figures(a, b, c)))
        })
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
            ]
        });
        with_units.chain([Op::Available, Op::Snapshot])
    }

    fn answers(op: Op) -> Vec<Answer> {
        let bounds = 0..=2 * MOST + 1;
        match op {
            Op::Snapshot => stocks().map(Answer::Snapshot).collect(),
            Op::Available => bounds.map(Answer::AtMost).collect(),
            Op::DeductUpTo(_) => bounds.map(Answer::Took).collect(),
            _ => bounds.map(Answer::Refused).chain([Answer::Done]).collect(),
        }
    }

    fn books(stock: Figures) -> Snapshot {
        let [restocked, available, reserved] =
            [stock.restocked, stock.available, stock.reserved].map(u64::from);
        // More than can be missing.
        let initial = 3 * u64::from(MOST);
        Snapshot {
            initial,
            restocked,
            available,
            reserved,
            sold: initial + restocked - available - reserved,
            ..Snapshot::default()
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
            Answer::Snapshot(figures) => Outcome::Snapshot(books(figures)),
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
            let model = Model::new(0).at(books(stock));
            for said in answers(op) {
                let next = model.step(model_op(op), model_outcome(said));
                let what = format!("{stock:?}: {op:?} answers {said:?}");
                assert_eq!(next.is_some(), allows(op, exact, said), "{what}");
                if let Some(next) = next {
                    assert_eq!(next.snapshot(), books(after.0), "{what}");
                }
            }
        }
    }
}
