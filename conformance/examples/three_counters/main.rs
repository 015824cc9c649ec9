//! Judges three stock counters, one of them broken.
//!
//! `cargo run --release -p segstock-conformance --example three_counters`
//!
//! It prints which promises each of them keeps, and for what is broken what happened, with a
//! recorded history and a picture of it.

mod counters;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use counters::{LocksTwice, OneLock};
use segstock::{MAX_SEGMENTS, Stock};
use segstock_conformance::{Options, Report};
use std::io::{self, ErrorKind, Write};
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
    /// Segments of the wide stock
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
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return mistake(&error.to_string()),
        Err(help) => return print(&help.to_string(), ExitCode::SUCCESS),
    };
    let mut options = Options::new()
        .rounds(arguments.rounds)
        .threads(arguments.threads)
        .segments(arguments.segments)
        .seed(arguments.seed);
    if let Some(directory) = &arguments.directory {
        if let Err(error) = std::fs::create_dir_all(directory) {
            let directory = directory.display();
            return mistake(&format!("error: cannot write into {directory}: {error}"));
        }
        options = options.directory(directory);
    }
    let reports = judge(&options);
    let texts: Vec<String> = reports.iter().map(ToString::to_string).collect();
    // That the second is broken is the point.
    let kept = [&reports[0], &reports[2]].map(|report| report.broken().is_empty());
    let code = ExitCode::from(u8::from(kept != [true, true]));
    print(&texts.join("\n"), code)
}

/// Prints to stdout. `println!` would panic where a reader like `head` has gone.
fn print(text: &str, code: ExitCode) -> ExitCode {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => mistake(&error.to_string()),
        _ => code,
    }
}

/// Prints what went wrong in one line, without the usage that follows.
fn mistake(text: &str) -> ExitCode {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    let line: Vec<&str> = paragraph.split_whitespace().collect();
    _ = writeln!(io::stderr(), "{}", line.join(" "));
    ExitCode::from(2)
}

fn judge(options: &Options) -> [Report; 3] {
    let wide = |units, segments| {
        let stock = Stock::builder(units).segments(segments).build();
        stock.expect("few units, and a number of segments that the arguments allow")
    };
    let plain = options.clone().limit(u64::MAX);
    [
        plain.check(|units, _| OneLock::new(units)),
        plain.check(|units, _| LocksTwice::new(units)),
        options.check(wide),
    ]
}
