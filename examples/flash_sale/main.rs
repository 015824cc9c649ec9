//! The published experiment: 1,000 phones, 64 customers, an order flow of 20 ms.
//!
//! `cargo run --release --example flash_sale`
//!
//! One sale four times: read, check, write without a lock; one lock; 20 locked segments; and a
//! [`Stock`](segstock::Stock) whose flow runs outside of any lock. Then the counters alone, without
//! a flow.

mod counters;
mod report;
mod sale;
#[path = "../support/mod.rs"]
mod support;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use sale::Terms;
use segstock::{MAX_SEGMENTS, MAX_UNITS};
use std::process::ExitCode;
use std::time::Duration;
use support::cli::{self, Report};

/// A thread each; what an ordinary machine still bears.
const MAX_CUSTOMERS: u64 = 10_000;
const MAX_FLOW_MS: u64 = 10_000;
const MAX_SECONDS: f64 = 3_600.0;

/// Sells phones under load, with and without locks.
#[derive(Debug, Parser)]
struct Arguments {
    /// Units in stock when the sale opens
    #[arg(long, default_value_t = 1_000, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<u64>::new().range(0..=MAX_UNITS))]
    units: u64,
    /// Segments of the segmented lock
    #[arg(long, default_value_t = 20, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_SEGMENTS as u64))]
    segments: usize,
    /// Customers, a thread each
    #[arg(long, default_value_t = 64, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_CUSTOMERS))]
    customers: usize,
    /// What the flow of one order takes, in milliseconds
    #[arg(long, default_value_t = 20, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<u64>::new().range(0..=MAX_FLOW_MS))]
    flow_ms: u64,
    /// When a sale closes, sold out or not
    #[arg(long, default_value = "6", allow_hyphen_values = true, value_parser = seconds)]
    seconds: Duration,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=MAX_SECONDS).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err(format!("a number from 0.01 to {MAX_SECONDS} is needed")),
    }
}

fn main() -> ExitCode {
    cli::run(|arguments: &Arguments| {
        let terms = Terms {
            units: arguments.units,
            segments: arguments.segments,
            customers: arguments.customers,
            flow: Duration::from_millis(arguments.flow_ms),
            time: arguments.seconds,
        };
        let sales = sale::all(&terms)?;
        let rates = counters::all(&terms)?;
        let text = if arguments.json {
            report::json(&terms, &sales, &rates)
        } else {
            report::tables(&terms, &sales, &rates)
        };
        // What the naive counter does wrong is the point, no failure of the experiment.
        let correct = true;
        Ok(Report { text, correct })
    })
}
