//! Durable calls a second, beside the rate at which the disk syncs; and opening again.

use crate::arguments::Arguments;
use crate::promises::Promises;
use crate::shops::{self, Turn, filled, median, once, open_all, ratio, timed};
use rusqlite::{Connection, Row};
use segstock_harness::Limit;
use segstock_orders::ledger::rows;
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{Entry, OrderBook};
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const NAMES: [&str; 4] = [
    "raw syncs of a growing file",
    "order book over SQLite",
    "one transaction for each call",
    "order book without a ledger",
];

/// Raw syncs of a file that grows by a page each time, the order book over SQLite, SQLite with one transaction for each
/// call, and the book without a ledger take turns.
pub fn measure(
    arguments: &Arguments,
    directory: &Path,
    promises: &mut Promises,
) -> Result<(), Box<dyn Error>> {
    let file = directory.join("shop.db");
    let (skus, window) = (arguments.skus, arguments.window());
    let there = (skus, arguments.orders);
    let shop = filled(OrderBook::builder(), &file, there, |_| ())?;
    let without = OrderBook::new();
    open_all(&without, skus)?;
    let single = single(&directory.join("single.db"))?;
    let mut raw = File::create(directory.join("raw"))?;

    let mut turns: [Vec<Turn>; 4] = Default::default();
    let customers = (arguments.customers, skus);
    let batches = shop.writer.status();
    for turn in 0..arguments.turns {
        let sells = |book, writer, name| {
            shops::sells(book, writer, &format!("{name}-{turn}"), customers, window)
        };
        turns[0].push(syncs(&mut raw, window)?);
        turns[1].push(sells(&shop.book, Some(&*shop.writer), "durable"));
        turns[2].push(transactions(&single, turn, window)?);
        turns[3].push(sells(&without, None, "memory"));
    }
    let rates = turns.each_ref().map(|turns| median(turns, Turn::rate));
    let slow = turns
        .each_ref()
        .map(|turns| median(turns, |turn| turn.slowest(990)));
    for ((name, rate), p99) in NAMES.iter().zip(rates).zip(slow) {
        let p99 = p99 * 1e3;
        println!("{name:<32} {rate:>10.0} a second   p99 {p99:>9.3} ms");
    }
    let now = shop.writer.status();
    let entries = now.durable.number() - batches.durable.number();
    let batches = (now.batches - batches.batches).max(1);
    println!("entries in a batch: {:.1}", entries as f64 / batches as f64);
    let [syncs, book, single, _] = rates;
    let name = "order book / (syncs x 32)";
    promises.say(name, book / (syncs * 32.0), Limit::AtLeast(0.6));
    let name = "order book / one transaction for each call";
    promises.say(name, book / single, Limit::AtLeast(20.0));
    let name = "p99 of the book / p99 of a sync";
    promises.say(name, slow[1] / slow[0], Limit::AtMost(5.0));
    Ok(())
}

/// What opening takes, beside reading the same rows: as SQLite gives them, and decoded into entries.
pub fn open(
    arguments: &Arguments,
    directory: &Path,
    promises: &mut Promises,
) -> Result<(), Box<dyn Error>> {
    let file = directory.join("open.db");
    let there = (arguments.skus, arguments.orders);
    let shop = filled(OrderBook::builder(), &file, there, |_| ())?;
    let found = shop.writer.status().durable;
    drop(shop);
    let mut turns: [Vec<Turn>; 3] = Default::default();
    let mut rows = 0;
    for _ in 0..arguments.turns {
        turns[0].push(once(|| {
            rows = read(&file, |row| Ok(row.get_ref(3)?.as_str()?.len()))?;
            Ok(())
        })?);
        turns[1].push(once(|| Ok(_ = read(&file, decoded)?))?);
        let mut again = None;
        turns[2].push(once(|| {
            again = Some(OrderBook::<String>::builder().recover(SqliteLedger::at(&file))?);
            Ok(())
        })?);
        assert_eq!(again.map(|again| again.found.last), Some(found));
    }
    let [plain, entries, open] = turns.each_ref().map(|turns| median(turns, Turn::seconds));
    println!(
        "{rows} rows: read in {plain:.2} s, read into entries in {entries:.2} s, open in {open:.2} s: {:.2} times the plain rows",
        ratio(&turns[2], &turns[0])
    );
    let name = "open / reading the rows into entries";
    promises.say(name, ratio(&turns[2], &turns[1]), Limit::AtMost(3.0));
    Ok(())
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

/// Reads all rows as a ledger that opens does, and takes something of each.
fn read(
    file: &Path,
    take: impl Fn(&Row<'_>) -> Result<usize, Box<dyn Error>>,
) -> Result<u64, Box<dyn Error>> {
    let connection = Connection::open(file)?;
    let mut select = connection
        .prepare("SELECT position, time, request, change FROM entry ORDER BY position")?;
    let mut rows = select.query([])?;
    let (mut count, mut taken) = (0, 0);
    while let Some(row) = rows.next()? {
        taken += take(row)?;
        count += 1;
    }
    assert!(taken > 0);
    Ok(count)
}

/// Decodes the entry of a row.
fn decoded(row: &Row<'_>) -> Result<usize, Box<dyn Error>> {
    let request = row.get_ref(2)?.as_str_or_null()?;
    let entry = rows::Row::entry(row.get(1)?, request, row.get_ref(3)?.as_str()?)?;
    let entry: Entry<String> = black_box(entry);
    Ok(usize::from(entry.time > 0))
}
