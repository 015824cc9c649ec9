//! What customers called, and what they were answered.

use super::found::Broken;
use crate::designs::nodes::node::Served;
use crate::designs::nodes::rows::{Known, Sku, State, Units};
use crate::network::TimedOut;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Place(Units),
    Pay,
    Cancel,
    Restock(Sku, u64),
    /// This number of units can be sold.
    Look(Sku, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Served(Served),
    Restocked,
    Unknown,
}

impl From<Result<Served, TimedOut>> for Answer {
    fn from(asked: Result<Served, TimedOut>) -> Self {
        asked.map_or(Self::Unknown, Self::Served)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub id: u64,
    pub what: What,
    pub called: Duration,
    pub returned: Duration,
    pub answer: Answer,
}

impl Call {
    pub(super) fn known(&self) -> Option<Known> {
        match self.answer {
            Answer::Served(Served::Is(known)) => Some(known),
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Log {
    pub calls: Vec<Call>,
}

impl Log {
    /// The calls on each order.
    pub(super) fn of_orders(&self) -> BTreeMap<u64, Vec<&Call>> {
        let mut of_orders: BTreeMap<u64, Vec<&Call>> = BTreeMap::new();
        for call in &self.calls {
            of_orders.entry(call.id).or_default().push(call);
        }
        of_orders
    }

    /// The longest call that began before that time.
    pub(super) fn longest(&self, before: Duration) -> Duration {
        let calls = self.calls.iter().filter(|call| call.called < before);
        let took = calls.map(|call| call.returned.saturating_sub(call.called));
        took.max().unwrap_or_default()
    }

    /// An order that a later answer shows in a state which cannot follow an earlier one.
    pub(super) fn changed(&self) -> Option<(Broken, String)> {
        let of_orders = self.of_orders();
        let changed = of_orders.iter().find_map(|(id, calls)| {
            let cancels = calls.iter().any(|call| call.what == What::Cancel);
            let pairs = calls.iter().flat_map(|first| {
                let later = calls.iter().filter(|call| call.called > first.returned);
                later.filter_map(|later| Some((first.known()?, later.known()?)))
            });
            let wrong = |(first, later): &(Known, Known)| !becomes(*first, *later, cancels);
            let (first, later) = { pairs }.find(wrong)?;
            Some(format!("order {id} was {first:?}, and later {later:?}"))
        });
        changed.map(|words| (Broken::AnswerChanged, words))
    }
}

/// Whether an order that is known as `first` may be known as `later` afterwards.
fn becomes(first: Known, later: Known, cancels: bool) -> bool {
    let may = match (first.state, later.state) {
        (State::Held, State::Paid | State::Expired) => true,
        (State::Held | State::Paid, State::Cancelled) => cancels,
        (first, later) => first == later,
    };
    may && first.placed == later.placed
}
