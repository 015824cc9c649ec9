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

#[path = "../common/mod.rs"]
mod common;
mod counting;
mod holding;
mod reserving;
mod snapshots;

use clap::Parser;
use segstock_harness::{Arguments, Run};
use std::process::ExitCode;

fn steps(run: &mut Run) {
    run.step("plenty", counting::plenty);
    run.step("sold out", |run| counting::refusals(run, 0, 1));
    run.step("too few left", |run| counting::refusals(run, 3, 5));
    run.step(
        "more than a plentiful stock has",
        counting::more_than_there_is,
    );
    run.step("deduct and restock", counting::deduct_and_restock);
    run.step("reserve and drop", reserving::reserve_and_drop);
    run.step("reserve and commit", reserving::reserve_and_commit);
    run.step("lease", reserving::leases);
    for (name, live) in [
        ("place and confirm", 0),
        ("place and confirm beside others", 100_000),
        ("place and confirm beside a million", 1_000_000),
    ] {
        run.step(name, |run| holding::place_and_confirm(run, live));
    }
    run.step("edge", counting::edge);
    run.step("fragmented", counting::fragmented);
    run.step("drain", counting::drain);
    run.step(
        "99 refusals to one restock",
        counting::refusals_and_restocks,
    );
    run.step("more threads than cores", counting::crowded);
    run.step("snapshot under traffic", snapshots::snapshot);
    run.step("order flow of 20 ms", reserving::order_flow);
}

fn main() -> ExitCode {
    let subject = concat!("segstock ", env!("CARGO_PKG_VERSION"));
    if let Err(error) = segstock_harness::run("ratios", subject, &Arguments::parse(), steps) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
