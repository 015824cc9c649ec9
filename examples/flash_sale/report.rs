//! The result: tables for people, JSON for programs.

use crate::counters::{self, Rate};
use crate::sale::{Sale, Terms};
use crate::support::figures::{grouped, table};
use serde_json::json;

pub fn tables(terms: &Terms, sales: &[Sale], rates: &[Rate]) -> String {
    let with_flow = table(
        [
            "the sale", "orders/s", "sold", "refused", "left", "oversold",
        ],
        sales.iter().map(|sale| {
            [
                sale.name.clone(),
                grouped(format_args!("{:.0}", sale.orders_per_second)),
                grouped(sale.sold),
                grouped(sale.refused),
                grouped(sale.left),
                grouped(sale.oversold),
            ]
        }),
    );
    let alone = table(
        ["the counter alone", "million orders/s", "orders lost"],
        rates.iter().map(|rate| {
            [
                rate.name.clone(),
                format!("{:.1}", rate.million_orders_per_second),
                grouped(rate.lost),
            ]
        }),
    );
    format!(
        "{} units, {} customers, an order flow of {} ms; sold out, or closed after {} s\n\
         {with_flow}\n\n\
         no flow, plenty in stock, {} threads\n\
         {alone}",
        grouped(terms.units),
        terms.customers,
        terms.flow.as_millis(),
        terms.time.as_secs_f64(),
        counters::threads(),
    )
}

pub fn json(terms: &Terms, sales: &[Sale], rates: &[Rate]) -> String {
    let result = json!({
        "units": terms.units,
        "segments": terms.segments,
        "customers": terms.customers,
        "flow_ms": terms.flow.as_secs_f64() * 1e3,
        "seconds": terms.time.as_secs_f64(),
        "threads": counters::threads(),
        "sales": sales,
        "counters": rates,
    });
    format!("{result:#}")
}
