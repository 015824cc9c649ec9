//! The table, and the ratios below it.

use crate::load::{Load, Measured};
use crate::ways::Way;
use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write;

/// All figures, as a table that is Markdown and can be read on a terminal.
pub fn of(load: &Load, ways: &[Way], measured: &[Measured]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "way",
        "customers",
        "orders/s",
        "p50 ms",
        "p99 ms",
        "client µs",
        "server µs",
        "with flow",
        "p99 ms",
        "simulated",
        "exact",
        "durable",
    ]);
    for (way, measured) in ways.iter().zip(measured) {
        let known = |figure: Option<String>| figure.unwrap_or_else(|| "-".to_owned());
        table.add_row([
            way.name.clone(),
            way.customers.to_string(),
            format!("{:.0}", measured.orders_a_second),
            format!("{:.2}", measured.p50),
            format!("{:.2}", measured.p99),
            format!("{:.1}", measured.client),
            known(measured.server.map(|server| format!("{server:.1}"))),
            format!("{:.0}", measured.with_flow),
            format!("{:.1}", measured.p99_with_flow),
            known(way.simulated.map(|rate| rate.to_string())),
            way.exact.to_owned(),
            way.durable.to_owned(),
        ]);
    }
    for column in 1..10 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let wrong: u64 = measured.iter().map(|measured| measured.wrong).sum();
    let syncs = syncs(measured);
    format!(
        "Client and servers on this machine; medians of {} turns of {:?}. A file beside them was synced {syncs:.0} times a \
         second. CPU is for each order. *With flow*: orders a second and latency with 20 ms of work in each order, under \
         the lock where there is one, and else after the sale. *Simulated*: what `segstock-sim` says of orders with that \
         flow, without round trips and with 6,000 customers. {wrong} orders were unanswered or answered wrongly.\n\n{table}\n",
        load.turns, load.window,
    )
}

/// How often in a second a file was synced.
fn syncs(measured: &[Measured]) -> f64 {
    measured.iter().map(|measured| measured.syncs).sum::<f64>() / measured.len() as f64
}

/// The ratios that the designs must reach, of one run.
pub fn ratios(ways: &[Way], measured: &[Measured]) -> String {
    let rate = |name: &str| {
        let at = ways.iter().position(|way| way.name == name)?;
        Some(measured[at].orders_a_second)
    };
    // A batch gains the more, the longer a sync takes in which it collects; below that, requests are what it saves.
    let is_slow = syncs(measured) <= 1.0 / 0.000_3;
    let batches = if is_slow { 4.0 } else { 10.0 };
    let mut text = String::new();
    for (above, below, least) in [
        ("PostgreSQL, batched", "PostgreSQL, one row", batches),
        ("PostgreSQL, one row", "PostgreSQL, bare update", 0.6),
        (
            "PostgreSQL, one row, sold out",
            "PostgreSQL, bare read",
            0.5,
        ),
        ("Redis, batched", "Redis, one key", 1.5),
        ("Redis, one key", "Redis, bare decrement", 0.55),
        ("Redis, one key, sold out", "Redis, bare read", 0.9),
        (
            "Redis, a connection each, one key",
            "Redis, a connection each, bare decrement",
            0.55,
        ),
        (
            "Redis, a connection each, one key, sold out",
            "Redis, a connection each, bare read",
            0.9,
        ),
    ] {
        if let (Some(above_rate), Some(below_rate)) = (rate(above), rate(below)) {
            let ratio = above_rate / below_rate;
            let reached = if ratio >= least { "reached" } else { "MISSED" };
            _ = writeln!(
                text,
                "{above} / {below}: {ratio:.2}, at least {least}: {reached}"
            );
        }
    }
    text
}
