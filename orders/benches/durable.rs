//! Durable calls a second, beside the rate at which the disk syncs: in one run, by turns.
//!
//! ```sh
//! cargo bench -p segstock-orders --features sqlite --bench durable -- --dir DIRECTORY
//! ```
//!
//! Four candidates take turns, each for a window: raw syncs of a file that grows by a page each time; the order book over
//! SQLite; SQLite with one transaction for each call; the book without a ledger. A customer places an order of two lines
//! and pays for it: two calls.

use clap::Parser;
use rusqlite::Connection;
use segstock_orders::OrderBook;
use segstock_orders::ledger::Recovered;
use segstock_orders::sqlite::SqliteLedger;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SKUS: u64 = 1000;
const TTL: Duration = Duration::from_secs(3600);

#[derive(Parser)]
struct Arguments {
    /// Where the files are: on the disk that is measured.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Customers that order at the same time, each on a thread.
    #[arg(long, default_value_t = 64)]
    customers: u64,
    /// Turns of each candidate.
    #[arg(long, default_value_t = 9)]
    turns: usize,
    /// How long a turn is, in milliseconds.
    #[arg(long, default_value_t = 500)]
    window_ms: u64,
    /// Orders that are there before.
    #[arg(long, default_value_t = 100_000)]
    orders: u64,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a turn measured.
struct Turn {
    /// Calls a second.
    rate: f64,
    /// How long the slowest of 100 took.
    p99: Duration,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir_in(&arguments.dir)?;
    let file = directory.path().join("shop.db");
    let window = Duration::from_millis(arguments.window_ms);
    let shop = filled(&file, &arguments)?;
    let without = OrderBook::new();
    open_all(&without)?;
    let single = single(&directory.path().join("single.db"))?;
    let mut raw = File::create(directory.path().join("raw"))?;

    let mut turns: [Vec<Turn>; 4] = Default::default();
    for turn in 0..arguments.turns {
        let customers = arguments.customers;
        turns[0].push(syncs(&mut raw, window)?);
        turns[1].push(sells(
            &shop.book,
            &format!("durable-{turn}"),
            customers,
            window,
        ));
        turns[2].push(transactions(&single, turn, window)?);
        turns[3].push(sells(
            &without,
            &format!("memory-{turn}"),
            customers,
            window,
        ));
    }
    let names = [
        "raw syncs of a growing file",
        "order book over SQLite",
        "one transaction for each call",
        "order book without a ledger",
    ];
    let rates = turns
        .each_ref()
        .map(|turns| median(turns, |turn| turn.rate));
    let slow = turns
        .each_ref()
        .map(|turns| median(turns, |turn| turn.p99.as_secs_f64()));
    for ((name, rate), p99) in names.iter().zip(rates).zip(slow) {
        println!(
            "{name:<32} {rate:>10.0} a second   p99 {:>9.3} ms",
            p99 * 1e3
        );
    }
    println!(
        "order book / (syncs x 32): {:.2}",
        rates[1] / (rates[0] * 32.0)
    );
    println!(
        "order book / one transaction for each call: {:.1}",
        rates[1] / rates[2]
    );
    println!("p99 of the book / p99 of a sync: {:.2}", slow[1] / slow[0]);

    let status = shop.writer.status();
    let found = status.durable.number();
    drop(shop);
    let reading = Instant::now();
    let rows = read(&file)?;
    let reading = reading.elapsed();
    let opening = Instant::now();
    let again = OrderBook::<String>::builder().recover(SqliteLedger::at(&file))?;
    let opening = opening.elapsed();
    assert_eq!(again.found.last.number(), found);
    println!(
        "{rows} rows: read in {reading:.2?}, open in {opening:.2?}, {:.2} times",
        opening.as_secs_f64() / reading.as_secs_f64()
    );
    Ok(())
}

fn open_all(book: &OrderBook<String>) -> Result<(), Box<dyn Error>> {
    for sku in 0..SKUS {
        book.open(format!("sku-{sku}"), 1 << 39)?;
    }
    Ok(())
}

/// A shop over SQLite with orders that are there already.
fn filled(file: &Path, arguments: &Arguments) -> Result<Recovered<String>, Box<dyn Error>> {
    let shop = OrderBook::builder().recover(SqliteLedger::at(file))?;
    // Without waiting for each: the queue's places are the limit.
    let writer = &shop.writer;
    let mut last = Default::default();
    for sku in 0..SKUS {
        last = writer
            .decide(|| shop.book.open(format!("sku-{sku}"), 1 << 39))
            .rests_on;
    }
    for number in 0..arguments.orders {
        if number % 4096 == 0 {
            pollster::block_on(writer.durable(last))?;
        }
        let id = format!("before-{number}");
        let placed = writer.decide(|| shop.book.place(&id, None, lines(number), TTL));
        placed.answer?;
        last = writer.decide(|| shop.book.pay(&id)).rests_on;
    }
    pollster::block_on(writer.durable(last))?;
    Ok(shop)
}

fn lines(number: u64) -> [(String, u64); 2] {
    let first = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % SKUS;
    let second = (first + 1 + number % (SKUS - 1)) % SKUS;
    [(format!("sku-{first}"), 1), (format!("sku-{second}"), 1)]
}

/// Customers place and pay for a time.
fn sells(book: &OrderBook<String>, turn: &str, customers: u64, window: Duration) -> Turn {
    let is_over = AtomicBool::new(false);
    let calls = AtomicU64::new(0);
    let began = Instant::now();
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let customer = |customer: u64| {
            let (is_over, calls) = (&is_over, &calls);
            move || {
                let mut times = Vec::new();
                for number in 0_u64.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = format!("{turn}-{customer}-{number}");
                    for pays in [false, true] {
                        let began = Instant::now();
                        let answer = match pays {
                            false => book.place(&id, None, lines(number * 64 + customer), TTL),
                            true => book.pay(&id),
                        };
                        assert!(answer.is_ok(), "{answer:?}");
                        times.push(began.elapsed());
                    }
                    calls.fetch_add(2, Ordering::Relaxed);
                }
                times
            }
        };
        let threads: Vec<_> = (0..customers)
            .map(|number| scope.spawn(customer(number)))
            .collect();
        thread::sleep(window);
        is_over.store(true, Ordering::Relaxed);
        let times = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_default());
        times.collect()
    });
    let rate = calls.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    Turn {
        rate,
        p99: p99(&mut times),
    }
}

/// A page is appended and synced, again and again.
fn syncs(file: &mut File, window: Duration) -> Result<Turn, Box<dyn Error>> {
    timed(window, || {
        file.write_all(&[7; 4096])?;
        Ok(file.sync_data()?)
    })
}

fn single(path: &Path) -> Result<Connection, Box<dyn Error>> {
    let single = Connection::open(path)?;
    single.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE;
         CREATE TABLE calls (id TEXT PRIMARY KEY, what TEXT) WITHOUT ROWID",
    )?;
    Ok(single)
}

/// One transaction for each call.
fn transactions(
    single: &Connection,
    turn: usize,
    window: Duration,
) -> Result<Turn, Box<dyn Error>> {
    let mut insert = single.prepare("INSERT INTO calls VALUES (?1, ?2)")?;
    let mut number = 0;
    timed(window, || {
        number += 1;
        insert.execute((format!("{turn}-{number}"), r#"{"lines":{"17":1,"4":1}}"#))?;
        Ok(())
    })
}

fn timed(
    window: Duration,
    mut call: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Turn, Box<dyn Error>> {
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < window {
        let began = Instant::now();
        call()?;
        times.push(began.elapsed());
    }
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    Ok(Turn {
        rate,
        p99: p99(&mut times),
    })
}

/// Reads all rows as SQLite gives them.
fn read(file: &Path) -> Result<u64, Box<dyn Error>> {
    let connection = Connection::open(file)?;
    let mut select = connection.prepare("SELECT position, time, request, change FROM entry")?;
    let mut rows = select.query([])?;
    let mut count = 0;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        bytes += row.get_ref(3)?.as_str()?.len();
        count += 1;
    }
    assert!(bytes > 0);
    Ok(count)
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let index = times.len() * 99 / 100;
    times.get(index).copied().unwrap_or_default()
}

fn median(turns: &[Turn], figure: impl Fn(&Turn) -> f64) -> f64 {
    let mut figures: Vec<f64> = turns.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
