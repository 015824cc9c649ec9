//! [`Arguments`]: how the program is started, and how it starts its children.

use clap::Parser;
use clap::value_parser;
use std::path::PathBuf;

#[derive(Parser)]
#[command(
    about = "Sells, is killed, recovers and audits, again and again",
    allow_negative_numbers = true
)]
pub struct Arguments {
    /// How often the child is killed.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub rounds: u32,
    /// And it is killed until this many answers were given in all.
    #[arg(long, default_value_t = 0, value_parser = value_parser!(u64).range(..=1_000_000_000))]
    pub answers: u64,
    /// Threads that sell.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..=1_024))]
    pub threads: u32,
    /// The longest time for which a child sells, in milliseconds; the shortest is an eighth of it.
    #[arg(long, default_value_t = 800, value_parser = value_parser!(u64).range(8..=600_000))]
    pub longest_ms: u64,
    /// Draws the times at which the child is killed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The child answers before the disk has it.
    #[arg(long)]
    pub answer_before_durable: bool,
    /// Be the child, on this file.
    #[arg(long, hide = true)]
    pub child: Option<PathBuf>,
    /// The child's round.
    #[arg(long, hide = true, default_value_t = 0)]
    pub round: u32,
}
