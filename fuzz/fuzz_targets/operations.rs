//! Sequences of operations, on every form of counter, each answer compared with the model's.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use segstock_model::{Snapshot, Model, Op, Outcome, Refusal};
use segstock::testing::{self, Tuning};
use segstock::{LockedStock, MAX_UNITS, Reserving, Stock};

/// Which counter, and how it is opened.
#[derive(Debug, Arbitrary)]
struct Opened {
    units: Units,
    segments: u8,
    form: Form,
}

#[derive(Debug, Arbitrary)]
enum Form {
    Narrow,
    Wide,
    Still,
    Restless,
    Locked,
}

/// Small numbers, large ones, and those around the limits.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Units {
    Small(u8),
    Large(u32),
    Limit(i8),
    Any(u64),
}

impl Units {
    fn number(self) -> u64 {
        match self {
            Self::Small(units) => units.into(),
            Self::Large(units) => units.into(),
            Self::Limit(beside) => MAX_UNITS.saturating_add_signed(beside.into()),
            Self::Any(units) => units,
        }
    }
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Step {
    Deduct(Units),
    DeductUpTo(Units),
    Restock(Units),
    Reserve(Units),
    Commit(Units),
    Release(Units),
    Available,
    Snapshot,
    Sit(u8),
}

/// In the words of the model.
fn figures(snapshot: segstock::Snapshot) -> Snapshot {
    Snapshot {
        initial: snapshot.initial,
        restocked: snapshot.restocked,
        available: snapshot.available,
        reserved: snapshot.reserved,
        sold: snapshot.sold,
    }
}

enum Counter {
    Stock(Stock),
    Locked(LockedStock),
}

impl Counter {
    fn open(opened: &Opened, units: u64) -> Self {
        const RESTLESS: Tuning = Tuning {
            little: 4,
            orders: 0,
            enough: 6,
            patience: 0,
            ..Tuning::STILL
        };
        let segments = usize::from(opened.segments % 20) + 1;
        let builder = Stock::builder(units);
        let stock = match opened.form {
            Form::Narrow => builder.max_segments(segments),
            Form::Wide => builder.segments(segments),
            Form::Still => builder.segments(segments).tuning(Tuning::STILL),
            Form::Restless => builder.segments(segments).tuning(RESTLESS),
            Form::Locked => {
                let locked = LockedStock::builder(units).segments(segments).build();
                return Self::Locked(locked.expect("within the limits"));
            }
        };
        Self::Stock(stock.build().expect("within the limits"))
    }

    fn reserving(&self) -> &dyn Reserving {
        match self {
            Self::Stock(stock) => stock,
            Self::Locked(stock) => stock,
        }
    }

    fn call(&self, op: Op) -> Outcome {
        let stock = self.reserving();
        let took = |taken: Result<(), segstock::OutOfStock>| match taken {
            Ok(()) => Outcome::Done,
            Err(refusal) => {
                let available = Some(refusal.available);
                Outcome::Refused(Refusal::Short { available })
            }
        };
        match op {
            Op::Deduct(units) => took(stock.deduct(units)),
            Op::Reserve(units) => took(stock.reserve_units(units)),
            Op::DeductUpTo(units) => Outcome::Took(stock.try_deduct_up_to(units).expect("offered")),
            Op::Restock(units) => match stock.restock(units) {
                Ok(()) => Outcome::Done,
                Err(refusal) => {
                    let on_hand = Some(refusal.on_hand);
                    Outcome::Refused(Refusal::Overflow { on_hand })
                }
            },
            Op::Commit(units) => {
                stock.commit_units(units);
                Outcome::Done
            }
            Op::Release(units) => {
                stock.release_units(units);
                Outcome::Done
            }
            // Nothing runs beside it: both are exact.
            Op::Available => Outcome::Exactly(stock.available()),
            _ => Outcome::ExactSnapshot(figures(stock.try_snapshot().expect("offered"))),
        }
    }
}

fuzz_target!(|input: (Opened, Vec<Step>)| {
    let (opened, steps) = input;
    let units = opened.units.number().min(MAX_UNITS);
    let counter = Counter::open(&opened, units);
    let mut model = Model::new(units);
    testing::sit_at(0, 20);
    let mut played = Vec::new();
    for step in steps {
        // Only what was set aside is settled: that is the callers' part of the contract.
        let reserved = model.snapshot().reserved;
        let op = match step {
            Step::Deduct(units) => Op::Deduct(units.number()),
            Step::DeductUpTo(units) => Op::DeductUpTo(units.number()),
            Step::Restock(units) => Op::Restock(units.number()),
            Step::Reserve(units) => Op::Reserve(units.number()),
            Step::Commit(units) => Op::Commit(units.number().min(reserved)),
            Step::Release(units) => Op::Release(units.number().min(reserved)),
            Step::Available => Op::Available,
            Step::Snapshot => Op::Snapshot,
            Step::Sit(index) => {
                testing::sit_at(usize::from(index) % 20, 20);
                continue;
            }
        };
        let outcome = counter.call(op);
        played.push((op, outcome));
        let Some(after) = model.step(op, outcome) else {
            panic!("{opened:?} with {:?}: {played:?}", model.snapshot());
        };
        model = after;
        assert!(model.snapshot().balanced());
    }
    assert_eq!(counter.call(Op::Snapshot), Outcome::ExactSnapshot(model.snapshot()));
    assert_eq!(counter.call(Op::Available), Outcome::Exactly(model.snapshot().available));
});
