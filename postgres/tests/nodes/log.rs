//! What customers called and were answered, by one steady clock; and what that says of each SKU, as a history for the judge.

use segstock_conformance::{Call as Judged, History};
use segstock_model::{Op, Outcome, Refusal};
use std::collections::BTreeMap;
use std::time::Instant;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Place(Vec<(String, u64)>),
    Pay,
    Cancel,
    Get,
    Restock(String, u64),
    /// This many units can be sold.
    Look(String, u64),
}

#[derive(Debug, Clone)]
pub struct Call {
    pub id: String,
    pub what: What,
    /// Nanoseconds since the beginning.
    pub called: u64,
    pub returned: u64,
    /// As a node's process says it; `again`, if nobody answered.
    pub answer: String,
}

/// What the row of an order says at the end.
#[derive(Debug, Clone)]
pub struct Row {
    pub state: String,
    pub placed: bool,
    /// The deadline, in nanoseconds since the beginning.
    pub until: Option<u64>,
    /// It was paid for after its deadline.
    pub late: bool,
}

pub struct Log {
    began: Instant,
    pub calls: Vec<Call>,
}

/// What is wrong with what an order's customers were answered.
pub type Wrong = String;

const SHORT: Outcome = Outcome::Refused(Refusal::Short { available: None });
/// How exactly the database's clock and this process's are compared.
const SLACK: u64 = 2_000_000;
/// Nobody was answered.
const NEVER: u64 = u64::MAX / 4;

impl Log {
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            calls: Vec::new(),
        }
    }

    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).expect("a test is short")
    }

    pub fn of_orders(&self) -> BTreeMap<&str, Vec<&Call>> {
        let mut of_orders: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
        for call in &self.calls {
            of_orders.entry(&call.id).or_default().push(call);
        }
        of_orders
    }

    /// An order of which something was said that cannot have become of what was said before.
    pub fn changed(&self) -> Option<Wrong> {
        self.of_orders().into_iter().find_map(|(id, calls)| {
            let cancels = calls.iter().any(|call| call.what == What::Cancel);
            let pays = calls.iter().any(|call| call.what == What::Pay);
            let pairs = calls.iter().flat_map(|first| {
                let later = calls.iter().filter(|call| call.called > first.returned);
                later.map(|later| (&first.answer, &later.answer))
            });
            let known = |answer: &str| {
                !["again", "missing"].contains(&answer) && !answer.starts_with("short")
            };
            let mut pairs = pairs.filter(|(first, later)| known(first) && known(later));
            let (first, later) =
                pairs.find(|(first, later)| !becomes(first, later, cancels, pays))?;
            Some(format!("order {id} was {first}, and later {later}"))
        })
    }

    /// The history of one SKU. An order that was placed is a deduct; its cancellation and its expiry are restocks; of an order
    /// of several SKUs that is refused, the one that was short refuses. An expiry happens at the deadline, however late it is
    /// written: from then on nobody may be refused for these units.
    pub fn history(
        &self,
        sku: &str,
        units: u64,
        rows: &BTreeMap<String, Row>,
        over: u64,
    ) -> (History, usize) {
        let mut calls = Calls(Vec::new());
        for (id, of_order) in self.of_orders() {
            calls.order(sku, &of_order, rows.get(id));
        }
        calls.0.sort_by_key(|call| call.called);
        let at_rest = calls.0.iter().filter(|call| call.called >= over).count();
        (
            History::new(units, calls.0).expect("time runs forwards"),
            at_rest,
        )
    }
}

fn becomes(first: &str, later: &str, cancels: bool, pays: bool) -> bool {
    match (first, later) {
        ("held", "paid" | "expired") => true,
        ("held" | "paid", "cancelled") => cancels,
        // Late.
        ("expired", "paid") => pays,
        ("expired", "cancelled") => pays && cancels,
        (first, later) => first == later,
    }
}

struct Calls(Vec<Judged>);

impl Calls {
    fn push(&mut self, (from, to): (u64, u64), op: Op, outcome: Outcome) {
        let thread = self.0.len();
        self.0.push(Judged::new(thread, from, to, op, outcome));
    }

    fn order(&mut self, sku: &str, calls: &[&Call], row: Option<&Row>) {
        for call in calls {
            match &call.what {
                What::Restock(of, units) if of == sku => {
                    self.push(
                        (call.called, call.returned),
                        Op::Restock(*units),
                        Outcome::Done,
                    );
                }
                What::Look(of, units) if of == sku => {
                    let outcome = Outcome::Exactly(*units);
                    self.push((call.called, call.returned), Op::Available, outcome);
                }
                _ => {}
            }
        }
        let placing: Vec<&Call> = calls
            .iter()
            .filter(|call| matches!(call.what, What::Place(_)))
            .copied()
            .collect();
        let wanted = placing.iter().find_map(|call| match &call.what {
            What::Place(lines) => lines
                .iter()
                .find(|(of, _)| of == sku)
                .map(|(_, units)| *units),
            _ => None,
        });
        let Some(units) = wanted else {
            return;
        };
        let refused = format!("refused {sku}");
        if calls.iter().any(|call| call.answer == refused) {
            let (from, _) = between(&placing, |_| true);
            let (_, to) = between(calls, |answer| answer == refused);
            self.push((from, to.max(from)), Op::Deduct(units), SHORT);
        }
        let was_placed =
            |answer: &str| ["held", "paid", "shipped", "cancelled", "expired"].contains(&answer);
        if !row.is_some_and(|row| row.placed) && !calls.iter().any(|call| was_placed(&call.answer))
        {
            return;
        }
        let (from, _) = between(&placing, |_| true);
        // Whoever heard of it, a payer too, knows that it was placed.
        let (_, to) = between(calls, was_placed);
        self.push((from, to.max(from)), Op::Deduct(units), Outcome::Done);
        let short = format!("short {sku}");
        for call in calls.iter().filter(|call| call.answer == short) {
            self.push((call.called, call.returned), Op::Deduct(units), SHORT);
        }
        let expired = |until: u64| (until.saturating_sub(SLACK), to.max(until + SLACK));
        if let Some(until) = row.filter(|row| row.late).and_then(|row| row.until) {
            self.push(expired(until), Op::Restock(units), Outcome::Done);
            let pays = calls.iter().filter(|call| call.what == What::Pay);
            let pays: Vec<&Call> = pays.copied().collect();
            let (from, _) = between(&pays, |_| true);
            let (_, to) = between(calls, |answer| ["paid", "cancelled"].contains(&answer));
            self.push((from, to.max(from)), Op::Deduct(units), Outcome::Done);
        }
        match row.map(|row| (row.state.as_str(), row.until)) {
            Some(("cancelled", _)) => {
                let cancels: Vec<&Call> = calls
                    .iter()
                    .filter(|call| call.what == What::Cancel)
                    .copied()
                    .collect();
                let (from, _) = between(&cancels, |_| true);
                let (_, to) = between(calls, |answer| answer == "cancelled");
                self.push((from, to.max(from)), Op::Restock(units), Outcome::Done);
            }
            Some(("expired", Some(until))) => {
                self.push(expired(until), Op::Restock(units), Outcome::Done);
            }
            _ => {}
        }
    }
}

/// From the first call to the first answer that says so.
fn between(calls: &[&Call], says: impl Fn(&str) -> bool) -> (u64, u64) {
    let called = calls.iter().map(|call| call.called).min().unwrap_or(0);
    let says = calls.iter().filter(|call| says(&call.answer));
    (
        called,
        says.map(|call| call.returned).min().unwrap_or(NEVER),
    )
}
