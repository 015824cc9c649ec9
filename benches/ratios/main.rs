//! Purpose: the figures that the documentation promises, each as a ratio of two candidates that took turns in one
//! run.
//!
//! ```text
//! cargo bench --bench ratios              all of it, some minutes
//! cargo bench --bench ratios -- --quick   few windows: whether it runs, not what it measures
//! cargo bench --bench ratios -- --only edge
//! ```
//!
//! The results go to `target/bench/ratios.json`, from which `segstock-bench` makes the table of promises.

mod counting;
mod holding;
mod reserving;
mod snapshots;

use clap::Parser;
use segstock::{MAX_UNITS, Stock};
use segstock_harness::{Arguments, Run, steps};
use std::process::ExitCode;

const PLENTY: u64 = MAX_UNITS / 2;

/// A stock that is striped from the start.
fn striped(units: u64, segments: usize) -> Stock {
    let builder = Stock::builder(units).segments(segments);
    builder.build().expect("some segments")
}

fn main() -> ExitCode {
    let steps = steps! {
        "plenty" => counting::plenty,
        "sold out" => |run: &mut Run| counting::refusals(run, 0, 1),
        "too few left" => |run: &mut Run| counting::refusals(run, 3, 5),
        "more than a plentiful stock has" => counting::more_than_there_is,
        "deduct and restock" => counting::deduct_and_restock,
        "reserve and drop" => reserving::reserve_and_drop,
        "reserve and commit" => reserving::reserve_and_commit,
        "lease" => reserving::leases,
        "place and confirm" => |run: &mut Run| holding::place_and_confirm(run, 0),
        "place and confirm beside others" => |run: &mut Run| holding::place_and_confirm(run, 100_000),
        "place and confirm beside a million" => |run: &mut Run| holding::place_and_confirm(run, 1_000_000),
        "edge" => counting::edge,
        "fragmented" => counting::fragmented,
        "drain" => counting::drain,
        "99 refusals to one restock" => counting::refusals_and_restocks,
        "more threads than cores" => counting::crowded,
        "snapshot under traffic" => snapshots::snapshot,
        "order flow of 20 ms" => reserving::order_flow,
    };
    let subject = concat!("segstock ", env!("CARGO_PKG_VERSION"));
    match segstock_harness::run("ratios", subject, &Arguments::parse(), steps) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
