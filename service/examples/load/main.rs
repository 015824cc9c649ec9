//! The service under load, as a process of its own on this machine: whether its memory stays, what idle connections cost,
//! what those cost who watch the page, and what the slowest requests take of a service that remembers many orders.
//!
//! ```text
//! cargo run --release -p segstock-service --example load -- soak [SECONDS [RETENTION]]    1,200 and 60
//! cargo run --release -p segstock-service --example load -- idle [CONNECTIONS]            10,000
//! cargo run --release -p segstock-service --example load -- watchers [SECONDS]            20 each way
//! cargo run --release -p segstock-service --example load -- growth [ORDERS [SKUS]]        1,200,000 and 100,000
//! ```
//!
//! Each prints what it measured and fails if that is not as it should be. `watchers` and `growth` need a machine with nothing
//! else to do. It is for Linux: it reads `/proc`.

mod client;
mod growth;
mod idle;
mod process;
mod soak;
mod watchers;

use std::error::Error;
use std::process::ExitCode;

/// The largest number that is taken: seconds, connections, orders.
const MOST: u64 = 100_000_000;

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let number = |index: usize, usual: u64| match arguments.get(index) {
        None => Ok(usual),
        Some(text) => match text.parse() {
            Ok(number @ 1..=MOST) => Ok(number),
            _ => Err(format!("{text:?} is no whole number from 1 to {MOST}")),
        },
    };
    match arguments.first().map(String::as_str) {
        Some("soak") => soak::run(number(1, 1_200)?, number(2, 60)?),
        Some("idle") => idle::run(number(1, 10_000)? as usize),
        Some("watchers") => watchers::run(number(1, 20)?),
        Some("growth") => growth::run(
            number(1, 1_200_000)? as usize,
            number(2, 100_000)? as usize,
        ),
        _ => Err(
            "load: soak [SECONDS [RETENTION]], idle [CONNECTIONS], watchers [SECONDS] or growth [ORDERS [SKUS]]".into(),
        ),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
