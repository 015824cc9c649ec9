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
        "orders/s",
        "p50 ms",
        "p99 ms",
        "client µs",
        "server µs",
        "with 20 ms flow",
        "exact",
        "durable",
    ]);
    for (way, measured) in ways.iter().zip(measured) {
        table.add_row([
            way.name.clone(),
            format!("{:.0}", measured.orders_a_second),
            format!("{:.2}", measured.p50),
            format!("{:.2}", measured.p99),
            format!("{:.1}", measured.client),
            measured
                .server
                .map_or("?".to_owned(), |server| format!("{server:.1}")),
            format!("{:.0}", measured.with_flow),
            way.exact.to_owned(),
            way.durable.to_owned(),
        ]);
    }
    for column in 1..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let wrong: u64 = measured.iter().map(|measured| measured.wrong).sum();
    let syncs = measured.iter().map(|measured| measured.syncs).sum::<f64>() / measured.len() as f64;
    format!(
        "{} customers, client and server on this machine; medians of {} turns of {:?}. A file beside them was synced \
         {syncs:.0} times a second. CPU is for each order. {wrong} orders were unanswered or answered wrongly.\n\n{table}\n",
        load.customers, load.turns, load.window,
    )
}

/// What the issue of the designs promises, as ratios of one run.
pub fn ratios(ways: &[Way], measured: &[Measured]) -> String {
    let rate = |name: &str| {
        let at = ways.iter().position(|way| way.name == name)?;
        Some(measured[at].orders_a_second)
    };
    let mut text = String::new();
    for (above, below, wanted) in [
        ("PostgreSQL, batched", "PostgreSQL, one row", "at least 4"),
        (
            "PostgreSQL, one row",
            "PostgreSQL, bare update",
            "at least 0.6",
        ),
        (
            "PostgreSQL, one row, sold out",
            "PostgreSQL, bare read",
            "at least 0.5",
        ),
        ("Redis, batched", "Redis, one key", "at least 1.5"),
        ("Redis, one key", "Redis, bare decrement", "at least 0.55"),
        (
            "Redis, one key, sold out",
            "Redis, bare read",
            "at least 0.9",
        ),
    ] {
        if let (Some(above_rate), Some(below_rate)) = (rate(above), rate(below)) {
            let ratio = above_rate / below_rate;
            _ = writeln!(text, "{above} / {below}: {ratio:.2} ({wanted} is wanted)");
        }
    }
    text
}
