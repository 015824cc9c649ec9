//! [`Arguments`]: what is measured, and how.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Parser)]
pub struct Arguments {
    /// What is measured; all, if nothing is named.
    pub parts: Vec<Part>,
    /// Where the files are: on the disk that is measured.
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// Customers that order at the same time.
    #[arg(long, default_value_t = 64)]
    pub customers: u64,
    /// Turns of each candidate.
    #[arg(long, default_value_t = 9)]
    pub turns: usize,
    /// How long a turn is, in milliseconds.
    #[arg(long, default_value_t = 500)]
    pub window_ms: u64,
    /// SKUs.
    #[arg(long, default_value_t = 1_000)]
    pub skus: u64,
    /// Orders that are there before.
    #[arg(long, default_value_t = 100_000)]
    pub orders: u64,
    /// Fail if a promise is missed.
    #[arg(long)]
    pub demand: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Arguments {
    pub fn window(&self) -> Duration {
        Duration::from_millis(self.window_ms)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// First: memory that others have given back is not counted.
    Memory,
    Rates,
    Open,
    Refusal,
    Growth,
}
