//! One order over SQLite, and nothing else: to see what the operating system is asked for, and in which sequence.
//!
//! ```sh
//! cargo build --release -p segstock-orders --features sqlite --example one_order
//! strace -f -y -e trace=write,pwrite64,fsync,fdatasync target/release/examples/one_order one_order.db
//! ```
//!
//! Each answer is a line. Its entry is written to `one_order.db-wal` before, and that is synced before. With
//! `--answer-before-durable` it is not.

use clap::Parser;
use segstock_orders::OrderBook;
use segstock_orders::ledger::WriterSettings;
use segstock_orders::sqlite::SqliteLedger;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Places one order, pays and ships it: each answer is a line")]
struct Arguments {
    /// A file that is not there yet.
    file: PathBuf,
    /// Answer, and write only then.
    #[arg(long)]
    answer_before_durable: bool,
}

fn main() -> ExitCode {
    match order(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn order(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.file.exists() {
        let file = arguments.file.display();
        return Err(format!("{file} is there already, with its order: name another file").into());
    }
    let ledger = SqliteLedger::at(arguments.file);
    let phone = || "phone".to_owned();
    let place = |book: &OrderBook<String>| {
        let quarter = Duration::from_secs(900);
        book.place("order-17", None, [(phone(), 2)], quarter)
    };
    if arguments.answer_before_durable {
        let settings = WriterSettings::new();
        let (shop, mut driver) = OrderBook::builder().recover_by_hand(ledger, settings)?;
        let mut hasty = |call: &dyn Fn()| {
            _ = shop.writer.decide(call);
            driver.step();
        };
        hasty(&|| println!("opened: {:?}", shop.book.open(phone(), 5).is_ok()));
        hasty(&|| println!("placed: {:?}", place(&shop.book).is_ok()));
        hasty(&|| println!("paid: {:?}", shop.book.pay("order-17").is_ok()));
        hasty(&|| println!("shipped: {:?}", shop.book.ship("order-17").is_ok()));
        return Ok(());
    }
    let shop = OrderBook::builder().recover(ledger)?;
    println!("opened: {:?}", shop.book.open(phone(), 5).is_ok());
    println!("placed: {:?}", place(&shop.book).is_ok());
    println!("paid: {:?}", shop.book.pay("order-17").is_ok());
    println!("shipped: {:?}", shop.book.ship("order-17").is_ok());
    Ok(())
}
