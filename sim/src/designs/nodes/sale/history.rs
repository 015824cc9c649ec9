//! What customers were answered, as a history of one SKU that the suite judges.

use super::log::{Call, Log, What};
use crate::designs::nodes::rows::{Known, Order, Sku, State};
use segstock_conformance::History;
use segstock_model::{Op, Outcome, Refusal};
use std::collections::BTreeMap;
use std::time::Duration;

/// Calls of one SKU, with those made when all was over at the end.
struct Calls {
    calls: Vec<segstock_conformance::Call>,
}

impl Calls {
    fn push(&mut self, (from, to): (Duration, Duration), op: Op, outcome: Outcome) {
        let stamp = |time: Duration| u64::try_from(time.as_nanos()).expect("a run is short");
        let thread = self.calls.len();
        let call = segstock_conformance::Call::new(thread, stamp(from), stamp(to), op, outcome);
        self.calls.push(call);
    }
}

const SHORT: Outcome = Outcome::Refused(Refusal::Short { available: None });

impl Log {
    /// The history of one SKU, and the number of its calls that were made when all was over.
    ///
    /// An order that was placed is a deduct, its cancellation and its expiry are restocks. Of an order of several SKUs
    /// that is refused, the one that was short refuses. An expiry happens at the order's deadline, however late it is
    /// written: from then on nobody may be refused for these units.
    pub(super) fn history(
        &self,
        sku: Sku,
        units: u64,
        orders: &BTreeMap<u64, Order>,
        over: Duration,
    ) -> (History, usize) {
        let mut calls = Calls { calls: Vec::new() };
        for (id, of_order) in self.of_orders() {
            calls.order(sku, &of_order, orders.get(&id));
        }
        calls.calls.sort_by_key(|call| call.called);
        let over = u64::try_from(over.as_nanos()).expect("a run is short");
        let at_rest = calls.calls.iter().filter(|call| call.called >= over);
        let at_rest = at_rest.count();
        let history = History::new(units, calls.calls).expect("virtual time runs forwards");
        (history, at_rest)
    }
}

/// From the first call to the first answer that says so.
fn between(calls: &[&Call], says: impl Fn(Known) -> bool) -> (Duration, Duration) {
    let called = calls.iter().map(|call| call.called).min();
    let knows = calls.iter().filter(|call| call.known().is_some_and(&says));
    let returned = knows.map(|call| call.returned).min();
    let called = called.unwrap_or_default();
    (called, returned.unwrap_or(Duration::from_secs(3_600)))
}

impl Calls {
    fn order(&mut self, of: Sku, calls: &[&Call], row: Option<&Order>) {
        for call in calls {
            match call.what {
                What::Restock(sku, units) if sku == of => {
                    self.push(
                        (call.called, call.returned),
                        Op::Restock(units),
                        Outcome::Done,
                    );
                }
                What::Look(sku, units) if sku == of => {
                    let outcome = Outcome::Exactly(units);
                    self.push((call.called, call.returned), Op::Available, outcome);
                }
                _ => {}
            }
        }
        let places = |call: &&&Call| matches!(call.what, What::Place(_));
        let wanted = calls.iter().find_map(|call| match &call.what {
            What::Place(wanted) => wanted.get(&of).copied(),
            _ => None,
        });
        let Some(units) = wanted else {
            return;
        };
        let placing: Vec<&Call> = calls.iter().filter(places).copied().collect();
        let refused = |known: Known| known.state == State::Refused(of);
        if calls.iter().any(|call| call.known().is_some_and(refused)) {
            self.push(between(&placing, refused), Op::Deduct(units), SHORT);
        }
        let said = calls.iter().filter_map(|call| call.known());
        let is_placed = row.is_some_and(|row| row.known().placed);
        if !is_placed && { said }.all(|known| !known.placed) {
            return;
        }
        let placed = {
            // Whoever heard of it, a payer too, knows that it was placed.
            let (called, _) = between(&placing, |known| known.placed);
            let (_, returned) = between(calls, |known| known.placed);
            (called, returned.max(called))
        };
        self.push(placed, Op::Deduct(units), Outcome::Done);
        let ended = match row.map(|row| row.state) {
            Some(State::Cancelled) => {
                let cancels = calls.iter().filter(|call| call.what == What::Cancel);
                let from = cancels.map(|call| call.called).min().unwrap_or_default();
                let (_, to) = between(calls, |known| known.state == State::Cancelled);
                Some((from, to.max(from)))
            }
            Some(State::Expired) => {
                let at = row.and_then(|row| row.ends_at).unwrap_or_default();
                Some((at, at.max(placed.1)))
            }
            _ => None,
        };
        if let Some(ended) = ended {
            self.push(ended, Op::Restock(units), Outcome::Done);
        }
    }
}
