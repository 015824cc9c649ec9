//! Judges three stock counters, one of them broken.
//!
//! `cargo run --release --example conformance --features conformance`
//!
//! It prints which promises each of them keeps, and for what is broken what happened, with a
//! recorded history and a picture of it.

#[path = "../support/cli.rs"]
mod cli;
mod counters;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use cli::Report;
use counters::{LocksTwice, OneLock};
use segstock::conformance::{Options, Report as Verdict};
use segstock::{MAX_SEGMENTS, Stock};
use std::path::PathBuf;
use std::process::ExitCode;

/// What an ordinary machine still bears.
const MAX_THREADS: u64 = 64;
const MAX_ROUNDS: u64 = 1_000_000;

/// Judges three stock counters, one of them broken.
#[derive(Debug, Parser)]
struct Arguments {
    /// Histories to record of each counter, more or less
    #[arg(long, default_value_t = 1_000, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_ROUNDS))]
    rounds: usize,
    /// Threads that call at once
    #[arg(long, default_value_t = 4, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    threads: usize,
    /// Segments of the striped stock
    #[arg(long, default_value_t = 4, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_SEGMENTS as u64))]
    segments: usize,
    /// What the calls follow from; not their timing
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where histories and pictures go; among the temporary files by default
    #[arg(long)]
    directory: Option<PathBuf>,
}

fn main() -> ExitCode {
    cli::run(|arguments: &Arguments| {
        let mut options = Options::new()
            .rounds(arguments.rounds)
            .threads(arguments.threads)
            .segments(arguments.segments)
            .seed(arguments.seed);
        if let Some(directory) = &arguments.directory {
            std::fs::create_dir_all(directory)
                .map_err(|error| format!("cannot write into {}: {error}", directory.display()))?;
            options = options.directory(directory);
        }
        let verdicts = judge(&options);
        let texts: Vec<String> = verdicts.iter().map(ToString::to_string).collect();
        // That the second is broken is the point.
        let correct = [&verdicts[0], &verdicts[2]].map(|verdict| verdict.broken().is_empty());
        Ok(Report {
            text: texts.join("\n"),
            correct: correct == [true, true],
        })
    })
}

fn judge(options: &Options) -> [Verdict; 3] {
    let striped = |units, segments| {
        let stock = Stock::builder(units).segments(segments).build();
        stock.expect("few units, and as many segments as the arguments allow")
    };
    let plain = options.clone().limit(u64::MAX);
    [
        plain.check(|units, _| OneLock::new(units)),
        plain.check(|units, _| LocksTwice::new(units)),
        options.check(striped),
    ]
}
