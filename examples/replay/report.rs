//! The result: a table for people, JSON for programs.

use crate::audit::{Audit, Finding};
use crate::sell::{Answer, Sales};
use crate::shop::Kind;
use crate::support::figures::{grouped, table};
use serde::Serialize;
use std::fmt::Write;

/// SKUs that are named when there are many to name.
const NAMED: usize = 5;

/// What is printed.
#[derive(Serialize)]
pub struct Summary<'a> {
    counter: Kind,
    threads: usize,
    partial: bool,
    orders_accepted: u64,
    orders_refused: u64,
    lines_accepted: u64,
    /// Also lines whose units were in stock, in orders that lacked something else.
    lines_refused: u64,
    lines_short: u64,
    units_opened: u64,
    units_returned: u64,
    units_sold: u64,
    units_left: u64,
    lines_per_second: f64,
    order_p50_ns: u64,
    order_p99_ns: u64,
    order_p999_ns: u64,
    skus: usize,
    skus_wrong: usize,
    /// The first few.
    findings: &'a [Finding],
}

impl<'a> Summary<'a> {
    pub fn new(
        counter: Kind,
        threads: usize,
        partial: bool,
        sales: &Sales,
        audit: &'a Audit,
    ) -> Self {
        let lines = sales.outcomes.len() as u64;
        let count = |answer| {
            let outcomes = sales.outcomes.iter();
            outcomes.filter(|outcome| outcome.answer == answer).count() as u64
        };
        let lines_accepted = count(Answer::Accepted);
        let latency = |quantile| sales.latencies.value_at_quantile(quantile);
        Self {
            counter,
            threads,
            partial,
            orders_accepted: sales.orders_accepted,
            orders_refused: sales.orders_refused,
            lines_accepted,
            lines_refused: lines - lines_accepted,
            lines_short: count(Answer::Short),
            units_opened: audit.sum(|books| books.opened),
            units_returned: audit.sum(|books| books.returned),
            units_sold: audit.sum(|books| books.sold),
            units_left: audit.sum(|books| books.left),
            lines_per_second: lines as f64 / sales.took.as_secs_f64(),
            order_p50_ns: latency(0.5),
            order_p99_ns: latency(0.99),
            order_p999_ns: latency(0.999),
            skus: audit.books.len(),
            skus_wrong: audit.findings.len(),
            findings: &audit.findings[..audit.findings.len().min(NAMED)],
        }
    }

    pub fn json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    pub fn text(&self) -> String {
        let microseconds = |nanoseconds: u64| format!("{:.2} µs", nanoseconds as f64 / 1e3);
        let name = match self.counter {
            Kind::Stock => "Inventory".to_owned(),
            counter => format!("{counter:?}"),
        };
        let rows = [
            ("threads", grouped(self.threads)),
            ("orders accepted", grouped(self.orders_accepted)),
            ("orders refused", grouped(self.orders_refused)),
            ("lines accepted", grouped(self.lines_accepted)),
            ("lines refused", grouped(self.lines_refused)),
            ("… short of units", grouped(self.lines_short)),
            ("units opened", grouped(self.units_opened)),
            ("units returned", grouped(self.units_returned)),
            ("units sold", grouped(self.units_sold)),
            ("units left", grouped(self.units_left)),
            (
                "lines a second",
                grouped(format_args!("{:.0}", self.lines_per_second)),
            ),
            ("order p50", microseconds(self.order_p50_ns)),
            ("order p99", microseconds(self.order_p99_ns)),
            ("order p99.9", microseconds(self.order_p999_ns)),
        ];
        let rows = rows.map(|(label, figure)| [label.to_owned(), figure]);
        format!("{}\n{}", table([name.as_str(), ""], rows), self.verdict())
    }

    fn verdict(&self) -> String {
        let Self {
            skus, skus_wrong, ..
        } = self;
        if *skus_wrong == 0 {
            return format!("audit passed: the books of all {skus} SKUs add up");
        }
        let mut text = format!("audit FAILED for {skus_wrong} of {skus} SKUs:");
        for Finding { sku, finding } in self.findings {
            let _ = write!(text, "\n  {sku}: {finding}");
        }
        let unnamed = skus_wrong - self.findings.len();
        if unnamed > 0 {
            let _ = write!(text, "\n  and {unnamed} more");
        }
        text
    }
}
