//! Sequences of operations, on every form of counter, each answer compared with the model's.

#![no_main]

// The one place that turns an operation into a call; this package is never published.
#[path = "../../tests/support/perform.rs"]
mod perform;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use perform::Till;
use segstock::testing::{self, Tuning};
use segstock::{LockedStock, MAX_UNITS, Reserving, Stock};
use segstock_model::{Model, Op, Outcome};

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
    /// The operation with this number.
    Call(u8, Units),
    Sit(u8),
}

fn open(opened: &Opened, units: u64) -> Box<dyn Reserving> {
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
            return Box::new(locked.expect("within the limits"));
        }
    };
    Box::new(stock.build().expect("within the limits"))
}

fuzz_target!(|input: (Opened, Vec<Step>)| {
    let (opened, steps) = input;
    let units = opened.units.number().min(MAX_UNITS);
    let counter = open(&opened, units);
    let mut till = Till::new(&*counter);
    let mut model = Model::new(units);
    testing::sit_at(0, 20);
    let mut played = Vec::new();
    for step in steps {
        let op = match step {
            Step::Call(number, units) => till.sized(Op::drawn(number.into(), units.number())),
            Step::Sit(index) => {
                testing::sit_at(usize::from(index) % 20, 20);
                continue;
            }
        };
        let outcome = till.perform(op);
        played.push((op, outcome));
        let Some(after) = model.step(op, outcome) else {
            panic!("{opened:?} with {:?}: {played:?}", model.snapshot());
        };
        model = after;
        assert!(model.snapshot().balanced());
    }
    for (read, right) in [
        (Op::Snapshot, Outcome::ExactSnapshot(model.snapshot())),
        (Op::Available, Outcome::Exactly(model.snapshot().available)),
    ] {
        assert_eq!(till.perform(read), right);
    }
});
