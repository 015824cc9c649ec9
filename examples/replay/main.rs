//! Sells a real order log from many threads, and audits the books of every SKU.
//!
//! `cargo run --release --features inventory --example replay -- ORDERS.csv`
//!
//! The log is a CSV file with the columns `InvoiceNo`, `StockCode` and `Quantity`, as in the Online Retail data set; flags give
//! other names. Its separator and its encoding are found out. The SKUs are those of an inventory, opened with a part of what the
//! log will ask for, so that some orders are refused: an order gets all its lines or none, or, with `--partial`, each line that
//! can be served.

mod audit;
mod cover;
mod log;
mod naive;
mod report;
mod sell;
mod shop;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/table.rs"]
mod table;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use cover::Cover;
use log::Columns;
use segstock::MAX_SEGMENTS;
use shop::{Kind, Shop};
use std::path::PathBuf;
use std::process::ExitCode;
use support::cli::{self, Report};
use support::progress;
use table::Form;

const MAX_THREADS: u64 = 1_024;

/// Sells a log of orders from many threads, and audits the books of every SKU.
#[derive(Debug, Parser)]
struct Arguments {
    /// The order log: CSV with the columns `InvoiceNo`, `StockCode` and `Quantity`
    orders: PathBuf,
    #[command(flatten)]
    columns: Columns,
    /// Lines above the header
    #[arg(
        long,
        value_name = "LINES",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    skip_lines: usize,
    /// What separates the fields [default: what the header has most of, of , ; and tab]
    #[arg(long, value_name = "CHARACTER", value_parser = separator)]
    separator: Option<u8>,
    /// `1,200` and `1.200` are thousands
    #[arg(long)]
    thousands: bool,
    /// Threads that sell [default: one for each core]
    #[arg(long, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    threads: Option<usize>,
    /// How much of what the log asks for is in stock when it opens
    #[arg(long, default_value = "0.8", allow_hyphen_values = true)]
    cover: Cover,
    /// Serve each line by itself, not all lines of an order or none
    #[arg(long)]
    partial: bool,
    /// What counts the units
    #[arg(long, value_enum, default_value_t = Kind::Stock)]
    counter: Kind,
    /// Segments of each counter that is `locked`
    #[arg(long, default_value_t = 20, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_SEGMENTS as u64))]
    segments: usize,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn separator(text: &str) -> Result<u8, &'static str> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("a separator is one character of ASCII, or tab"),
    }
}

fn main() -> ExitCode {
    cli::run(replay)
}

fn replay(arguments: &Arguments) -> Result<Report, String> {
    let file = arguments.orders.display();
    let threads = arguments
        .threads
        .or_else(|| std::thread::available_parallelism().ok().map(Into::into))
        .unwrap_or(1);

    let reading = progress::spinner(format!("reading {file}"));
    let form = Form {
        separator: arguments.separator,
        skip: arguments.skip_lines,
        thousands: arguments.thousands,
    };
    let log = log::read(&arguments.orders, form, &arguments.columns).map_err(|error| {
        let may_be_thousands = error.contains("may be thousands");
        let hint = if may_be_thousands {
            ", or say --thousands"
        } else {
            ""
        };
        format!("{file}: {error}{hint}")
    })?;
    let shop = Shop::open(&log, arguments.cover, arguments.counter, arguments.segments)
        .map_err(|error| format!("{file}: {error}"))?;
    drop(reading);

    let selling = progress::announced(format!(
        "selling {} orders from {threads} threads",
        log.orders.len()
    ));
    let sales = sell::all(&log, &shop, threads, arguments.partial, &selling)?;
    selling.set_message("auditing");
    let audit = audit::Audit::new(&log, &shop, &sales.outcomes, threads, arguments.partial);
    drop(selling);

    let result = report::Summary::new(
        arguments.counter,
        threads,
        arguments.partial,
        &sales,
        &audit,
    );
    Ok(Report {
        text: if arguments.json {
            result.json()
        } else {
            result.text()
        },
        correct: audit.findings.is_empty(),
    })
}
