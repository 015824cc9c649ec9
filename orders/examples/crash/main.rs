//! A crash that one can watch: a shop sells from many threads and is killed, again and again.
//!
//! ```sh
//! cargo run --release -p segstock-orders --features sqlite --example crash
//! ```
//!
//! The program starts itself as a child. The child sells over one file of SQLite, and tells this process every answer that
//! a customer was given. This process kills it with SIGKILL, opens the file, and looks for what was answered: orders that
//! are lost, orders that hear something else when they ask again, units that two customers have. Then the next child goes
//! on with the file.
//!
//! With `--answer-before-durable` the child does not wait for the disk, and the same audit finds what that costs.

mod arguments;
mod audit;
mod child;
mod parent;

use arguments::Arguments;
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.child {
        Some(file) => child::sell(file, &arguments).map(|()| true),
        None => watch(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing was lost.
fn watch(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let began = Instant::now();
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("shop.db");
    let mut chance = fastrand::Rng::with_seed(arguments.seed);
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "kill",
        "after",
        "answers",
        "orders",
        "lost",
        "otherwise",
        "sold twice",
        "open again in",
    ]);
    let mut answers = audit::Answers::default();
    let mut totals = audit::Audit::default();
    for round in 1.. {
        if round > arguments.rounds && totals.answers >= arguments.answers {
            break;
        }
        let longest = arguments.longest_ms;
        let time = Duration::from_millis(chance.u64(longest / 8..=longest));
        let heard = parent::run_and_kill(&file, arguments, round, time, &mut answers)?;
        let audit = audit::audit(&file, &answers, heard)?;
        table.add_row(row(&round.to_string(), &format!("{time:.0?}"), &audit));
        totals.add(&audit);
    }
    table.add_row(row("all", &format!("{:.1?}", began.elapsed()), &totals));
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    println!("{}", totals.verdict());
    Ok(totals.is_clean())
}

fn row(kill: &str, after: &str, audit: &audit::Audit) -> [String; 8] {
    [
        kill.to_owned(),
        after.to_owned(),
        audit.answers.to_string(),
        audit.orders.to_string(),
        audit.lost.to_string(),
        audit.otherwise.to_string(),
        audit.sold_twice.to_string(),
        format!("{:.0?}", audit.opening),
    ]
}
