//! Every kind of counter, every form of it, behind one interface: each behavioural test runs over
//! all of them.

use super::model::{Call, Model};
use segstock::testing::{self, Tuning};
use segstock::{LockedStock, Reservation, Reserving, Selection, Snapshot, Stock};

/// What both counters offer.
pub trait Counter: Reserving {
    fn deduct_up_to(&self, units: u64) -> u64;
    fn snapshot(&self) -> Snapshot;
    /// Changes the form, if there is a choice; no number changes.
    fn reshape(&self, form: Form) {
        let _ = form;
    }
}

/// What a test can force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Wide,
    Narrow,
    /// Wide, with all units in the word.
    InWord,
}

impl Counter for Stock {
    fn deduct_up_to(&self, units: u64) -> u64 {
        self.deduct_up_to(units)
    }

    fn snapshot(&self) -> Snapshot {
        self.snapshot()
    }

    fn reshape(&self, form: Form) {
        match form {
            Form::Wide => testing::widen(self),
            Form::Narrow => drop(testing::narrow(self)),
            Form::InWord if self.segments() > 1 => testing::narrow_and_reopen(self),
            Form::InWord => {}
        }
    }
}

impl Counter for LockedStock {
    fn deduct_up_to(&self, units: u64) -> u64 {
        self.deduct_up_to(units)
    }

    fn snapshot(&self) -> Snapshot {
        self.snapshot()
    }
}

/// A counter with a name, opened with `units`.
pub type Opener = (String, Box<dyn Fn(u64) -> Box<dyn Counter>>);

/// All of them.
pub fn all() -> Vec<Opener> {
    let mut all: Vec<Opener> = vec![("Stock::new".into(), Box::new(|n| Box::new(Stock::new(n))))];
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
                    Box::new(builder.build().unwrap())
                }),
            ));
        }
        for selection in [Selection::Random, Selection::ByThread] {
            all.push((
                format!("LockedStock, {segments} segments, {selection:?}"),
                Box::new(move |units| {
                    let builder = LockedStock::builder(units).segments(segments);
                    Box::new(builder.selection(selection).build().unwrap())
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

/// A call to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Deduct(u64),
    DeductUpTo(u64),
    Restock(u64),
    /// Reserve, and keep it among those that are open.
    Reserve(u64),
    /// Sell the last open reservation.
    Commit,
    /// Sell so much of the last open reservation, if it has as much.
    CommitPart(u64),
    /// Give the last open reservation back.
    Release,
    /// Split so much off the last open reservation, if it has as much.
    Split(u64),
    /// Make one of the last two.
    Merge,
    Available,
    Snapshot,
    Reshape(Form),
    /// As if another thread called: sit at another segment.
    Sit(usize),
}

/// Reservations that are open, the last first to be settled.
pub type Open<'a> = Vec<Reservation<&'a dyn Counter>>;

impl Step {
    /// Makes the call; nothing if it changes and tells no number.
    pub fn play<'a>(self, counter: &'a dyn Counter, open: &mut Open<'a>) -> Option<Call> {
        Some(match self {
            Self::Deduct(units) => Call::Deduct(units, counter.deduct(units)),
            Self::DeductUpTo(units) => {
                Call::DeductUpTo(units, Counter::deduct_up_to(counter, units))
            }
            Self::Restock(units) => Call::Restock(units, counter.restock(units)),
            Self::Available => Call::Available(counter.available()),
            Self::Snapshot => Call::Snapshot(counter.snapshot()),
            Self::Reserve(units) => {
                let reservation = Reservation::new(counter, units);
                let outcome = reservation.map(|reservation| open.push(reservation));
                Call::Reserve(units, outcome)
            }
            Self::Commit => {
                let reservation = open.pop()?;
                let units = reservation.units();
                reservation.commit();
                Call::Commit(units)
            }
            Self::CommitPart(units) => {
                let last = open.last_mut()?;
                let reserved = last.units();
                if let Err(refusal) = last.commit_part(units) {
                    assert!(units > reserved, "refused {units} of {reserved}");
                    assert_eq!((refusal.requested, refusal.reserved), (units, reserved));
                    return None;
                }
                Call::Commit(units)
            }
            Self::Release => {
                let reservation = open.pop()?;
                let units = reservation.units();
                drop(reservation);
                Call::Release(units)
            }
            Self::Split(units) => {
                let split = open.last_mut()?.split(units).ok()?;
                open.push(split);
                return None;
            }
            Self::Merge => {
                let (last, other) = (open.pop()?, open.pop());
                open.push(match other {
                    Some(other) => last.merge(other).expect("of one stock"),
                    None => last,
                });
                return None;
            }
            Self::Reshape(form) => {
                counter.reshape(form);
                return None;
            }
            Self::Sit(index) => {
                testing::sit_at(index, 20);
                return None;
            }
        })
    }
}

/// At rest, the books and the cheap pass say what the model says.
pub fn assert_exact(name: &str, counter: &dyn Counter, model: &Model) {
    let books = counter.snapshot();
    assert_eq!(books.initial, model.initial, "{name}");
    assert_eq!(books.restocked, model.restocked, "{name}");
    assert_eq!(books.available, model.available, "{name}");
    assert_eq!(books.reserved, model.reserved, "{name}");
    assert_eq!(books.sold, model.sold(), "{name}");
    assert_eq!(
        counter.available(),
        model.available,
        "{name}: at rest it is exact"
    );
}
