//! Every kind of counter, in every form: each behavioural test runs over all of them.

use super::perform::{figures, perform};
use super::scenario::Subject;
use segstock::testing::Tuning;
use segstock::{LockedStock, Reserving, Selection, Stock};
use segstock_model::script::FORMS;
use segstock_model::{Model, Op, Outcome, Step};

/// One of the counters.
pub enum Any {
    Stock(Stock),
    Locked(LockedStock),
}

impl Any {
    pub fn counter(&self) -> &dyn Reserving {
        match self {
            Self::Stock(stock) => stock,
            Self::Locked(stock) => stock,
        }
    }
}

impl Subject for Any {
    fn perform(&self, op: Op) -> Option<Outcome> {
        perform(self.counter(), op)
    }

    fn segments(&self) -> usize {
        match self {
            Self::Stock(stock) => stock.segments(),
            Self::Locked(stock) => stock.segments(),
        }
    }

    fn force(&self, step: Step) -> Vec<(Op, Outcome)> {
        match self {
            Self::Stock(stock) => stock.force(step),
            // It has but one form.
            Self::Locked(_) if FORMS.contains(&step) => Vec::new(),
            Self::Locked(stock) => stock.force(step),
        }
    }
}

/// A counter with a name, opened with `units`.
pub type Opener = (String, Box<dyn Fn(u64) -> Any>);

/// All of them.
pub fn all() -> Vec<Opener> {
    let mut all: Vec<Opener> = vec![(
        "Stock::new".into(),
        Box::new(|units| Any::Stock(Stock::new(units))),
    )];
    for segments in [1, 2, 3, 16, 20] {
        for (name, tuning) in [
            ("", Tuning::DEFAULT),
            (", still", Tuning::STILL),
            (", restless", restless()),
        ] {
            all.push((
                format!("Stock, {segments} segments{name}"),
                Box::new(move |units| {
                    let builder = Stock::builder(units).segments(segments).tuning(tuning);
                    Any::Stock(builder.build().unwrap())
                }),
            ));
        }
        for selection in [Selection::Random, Selection::ByThread] {
            all.push((
                format!("LockedStock, {segments} segments, {selection:?}"),
                Box::new(move |units| {
                    let builder = LockedStock::builder(units).segments(segments);
                    Any::Locked(builder.selection(selection).build().unwrap())
                }),
            ));
        }
    }
    all
}

/// Changes its form as often as it can: every slow path, all the time.
pub fn restless() -> Tuning {
    Tuning {
        little: 8,
        orders: 1,
        enough: 4,
        patience: 0,
        ..Tuning::DEFAULT
    }
}

/// At rest, the snapshot and the cheap pass say what the model says.
pub fn assert_exact(name: &str, counter: &dyn Reserving, model: &Model) {
    let snapshot = counter.try_snapshot().map(figures);
    assert_eq!(snapshot, Some(model.snapshot()), "{name}");
    let available = model.snapshot().available;
    assert_eq!(
        counter.available(),
        available,
        "{name}: at rest it is exact"
    );
}
