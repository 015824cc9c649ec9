//! What durability costs: in one run, by turns.
//!
//! ```sh
//! cargo bench -p segstock-orders --features sqlite --bench durable -- --dir DIRECTORY [PART…]
//! ```
//!
//! | part | what is measured |
//! |---|---|
//! | `memory` | what twice as many orders cost that are remembered |
//! | `rates` | durable calls a second and their p99, beside the rate at which the disk syncs, one transaction for each call, and the book without a ledger |
//! | `open` | opening again, beside reading the same rows |
//! | `refusal` | a refusal with a ledger, beside one without |
//! | `growth` | p99.9 with many orders and SKUs, of which some are forgotten all the time, beside an empty book |
//!
//! A customer places an order of two lines and pays for it: two calls.

mod costs;
mod rates;
mod shops;

use clap::{Parser, ValueEnum};
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Parser)]
struct Arguments {
    /// What is measured; all, if nothing is named.
    parts: Vec<Part>,
    /// Where the files are: on the disk that is measured.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Customers that order at the same time.
    #[arg(long, default_value_t = 64)]
    customers: u64,
    /// Turns of each candidate.
    #[arg(long, default_value_t = 9)]
    turns: usize,
    /// How long a turn is, in milliseconds.
    #[arg(long, default_value_t = 500)]
    window_ms: u64,
    /// SKUs.
    #[arg(long, default_value_t = 1_000)]
    skus: u64,
    /// Orders that are there before.
    #[arg(long, default_value_t = 100_000)]
    orders: u64,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// First: memory that others have given back is not counted.
    Memory,
    Rates,
    Open,
    Refusal,
    Growth,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir_in(&arguments.dir)?;
    let directory = directory.path();
    let parts = match &arguments.parts[..] {
        [] => Part::value_variants(),
        parts => parts,
    };
    for part in parts {
        match part {
            Part::Rates => rates::measure(&arguments, directory)?,
            Part::Open => rates::open(&arguments, directory)?,
            Part::Refusal => costs::refusal(&arguments, directory)?,
            Part::Growth => costs::growth(&arguments, directory)?,
            Part::Memory => costs::memory(&arguments)?,
        }
    }
    Ok(())
}
