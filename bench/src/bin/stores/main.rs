//! The table of the articles: ways to count stock on Redis and `PostgreSQL`, measured on servers of this machine.
//!
//! ```text
//! cargo run --release -p segstock-bench --bin stores
//! ```
//!
//! It starts private servers, or takes those that `SEGSTOCK_REDIS_URL` and `SEGSTOCK_POSTGRES_URL` name, and measures what
//! there is, in under five minutes. All ways take turns, and the median of the turns counts. The ratios below the table are of
//! one run, each beside what it must be.

#[cfg(unix)]
mod cpu;
#[cfg(unix)]
mod load;
#[cfg(unix)]
mod table;
#[cfg(unix)]
mod ways;

use clap::Parser;
use std::process::ExitCode;

/// Measures ways to count stock on servers.
#[derive(Debug, Parser)]
struct Arguments {
    /// Customers who order at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    customers: u16,
    /// Customers who order at once where there are locks, in further rows.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    crowd: u16,
    /// Milliseconds that each way is measured in each turn.
    #[arg(long, default_value_t = 700, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    window_ms: u64,
    /// Turns of all ways.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    turns: u8,
    /// Measures the ways alone whose name begins with this, for instance `Redis`.
    #[arg(long, default_value = "")]
    only: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stores: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(unix))]
fn run(_: &Arguments) -> Result<(), String> {
    Err("private servers and their CPU are measured on Unix only".to_owned())
}

#[cfg(unix)]
fn run(arguments: &Arguments) -> Result<(), String> {
    use std::time::Duration;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let stores = ways::Stores::start();
    let customers = [arguments.customers, arguments.crowd].map(usize::from);
    let mut ways = runtime.block_on(stores.ways(customers))?;
    if ways.is_empty() {
        return Err("there is no server to measure".to_owned());
    }
    ways.retain(|way| way.name.starts_with(&arguments.only));
    if ways.is_empty() {
        return Err(format!("no way begins with {:?}", arguments.only));
    }
    let load = load::Load {
        window: Duration::from_millis(arguments.window_ms),
        turns: usize::from(arguments.turns),
    };
    let measured = load.measure(&runtime, &ways);
    println!("{}", table::of(&load, &ways, &measured));
    println!("{}", table::ratios(&ways, &measured));
    for absent in stores.absent() {
        println!("left out: {absent}");
    }
    Ok(())
}
