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
//! Each promise is printed with whether it is kept; with `--demand` the run fails if one is missed.
//!
//! A customer places an order of two lines and pays for it: two calls.

mod arguments;
mod costs;
mod promises;
mod rates;
mod shops;

use arguments::{Arguments, Part};
use clap::{Parser, ValueEnum};
use promises::Promises;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir_in(&arguments.dir)?;
    let directory = directory.path();
    let parts = match &arguments.parts[..] {
        [] => Part::value_variants(),
        parts => parts,
    };
    let mut promises = Promises::default();
    for part in parts {
        match part {
            Part::Rates => rates::measure(&arguments, directory, &mut promises)?,
            Part::Open => rates::open(&arguments, directory, &mut promises)?,
            Part::Refusal => costs::refusal(&arguments, directory, &mut promises)?,
            Part::Growth => costs::growth(&arguments, directory, &mut promises)?,
            Part::Memory => costs::memory(&arguments, &mut promises)?,
        }
    }
    if arguments.demand {
        promises.demand()?;
    }
    Ok(())
}
