//! Purpose: the figures that the documentation promises, each as a ratio taken in one run.
//!
//! An absolute figure from a small shared machine is worth nothing, so the candidates are
//! interleaved in one process, window by window, and what is compared are medians. Threads are
//! pinned. With as many as cores, or fewer, a window counts only if every thread kept its CPU
//! throughout.
//!
//! ```text
//! cargo bench --bench ratios              all of it, some minutes
//! cargo bench --bench ratios -- --quick   few windows: whether it runs, not what it measures
//! cargo bench --bench ratios -- --only edge
//! cargo bench --bench ratios -- --out FILE   the promises as a Markdown table, too
//! ```

mod holding;
mod report;
mod reserving;
mod situations;
#[path = "../support/mod.rs"]
mod support;

use clap::Parser;
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use support::windows::Effort;

/// The figures that the documentation promises, each as a ratio taken in one run.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench --bench ratios --", max_term_width = 100)]
struct Arguments {
    /// Few windows: whether it runs, not what it measures
    #[arg(long, alias = "test")]
    quick: bool,

    /// Only the situations whose name contains NAME
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// Write the promises to FILE, as a Markdown table
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// What cargo passes by itself
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let effort = if arguments.quick {
        Effort::QUICK
    } else {
        Effort::FULL
    };
    let only = arguments.only.unwrap_or_default();
    let wanted: Vec<_> = situations::ALL
        .iter()
        .filter(|(name, _)| name.contains(&only))
        .collect();
    if wanted.is_empty() {
        let all: Vec<&str> = situations::ALL.iter().map(|&(name, _)| name).collect();
        eprintln!(
            "no situation is called {only}; there are: {}",
            all.join(", ")
        );
        return ExitCode::from(2);
    }
    let mut report = Report::new();
    for (name, run) in wanted {
        report.heading(name);
        run(effort, &mut report);
    }
    report.close();
    if let Some(out) = arguments.out
        && let Err(error) = std::fs::write(&out, report.markdown())
    {
        eprintln!("{}: {error}", out.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
