//! Rows are found by the sequence of their numbers: a batch of orders with random ids writes few pages, however many orders
//! there are.

use rusqlite::Connection;
use segstock_orders::OrderBook;
use segstock_orders::ledger::{Driver, Recovered, Step, WriterSettings};
use segstock_orders::sqlite::SqliteLedger;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const SKU: &str = "phone";
/// Orders of the batch that is measured.
const BATCH: u64 = 200;

struct Shop {
    shop: Recovered<String>,
    driver: Driver<String>,
}

impl Shop {
    fn open(file: &Path) -> Self {
        let ledger = SqliteLedger::at(file);
        let settings = WriterSettings::new();
        let opened = OrderBook::builder().recover_by_hand(ledger, settings);
        let (shop, driver) = opened.expect("a ledger");
        Self { shop, driver }
    }

    fn write(&mut self) {
        while self.driver.step() == Step::Written {}
    }

    /// Places these orders, extends them and pays for them, in one batch. Their ids and keys are random.
    fn sell(&mut self, orders: Range<u64>) {
        let book = &self.shop.book;
        let mut calls = orders.map(|number| {
            let mut chance = fastrand::Rng::with_seed(number);
            let [id, key] = [(); 2].map(|()| format!("{:032x}", chance.u128(..)));
            book.place(&id, Some(&key), [(SKU.to_owned(), 1)], DAY)?;
            book.extend(&id, &key, DAY)?;
            book.pay(&id)
        });
        let sold = self
            .shop
            .writer
            .decide(|| calls.try_for_each(|call| call.map(drop)));
        sold.answer.expect("there are enough");
        self.write();
    }
}

fn log_of(file: &Path) -> PathBuf {
    file.with_extension("db-wal")
}

/// Pages that are in the log: SQLite has a head of 32 bytes, and one of 24 before each page of 4,096.
fn pages_in_log(file: &Path) -> u64 {
    let log = fs::metadata(log_of(file)).expect("it is open").len();
    assert_eq!((log - 32) % (4_096 + 24), 0);
    (log - 32) / (4_096 + 24)
}

/// How many pages a batch writes with this many orders there.
fn pages(orders: u64) -> u64 {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let file = directory.path().join("shop.db");
    let mut shop = Shop::open(&file);
    let opened = shop
        .shop
        .writer
        .decide(|| shop.shop.book.open(SKU.to_owned(), 1_000_000));
    opened.answer.expect("a new SKU");
    shop.write();
    for first in (0..orders).step_by(1_000) {
        shop.sell(first..first + 1_000);
    }
    // At its end the log is moved to the file: then it has what comes next, from its beginning on.
    drop(shop);
    assert!(!log_of(&file).exists());
    let mut shop = Shop::open(&file);
    let before = pages_in_log(&file);
    shop.sell(orders..orders + BATCH);
    pages_in_log(&file) - before
}

#[test]
fn a_batch_of_random_ids_writes_no_more_pages_with_100_000_orders_than_with_1_000() {
    let (few, many) = (pages(1_000), pages(100_000));
    println!("{few} pages with 1,000 orders, {many} with 100,000");
    // Some 400 bytes of rows an order, and the pages above them.
    assert!(few <= BATCH / 5, "{few} pages");
    assert!(many <= few + 4, "{many} pages, {few} with few orders");
}

#[test]
fn no_index_is_by_what_callers_choose() {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let file = directory.path().join("shop.db");
    drop(Shop::open(&file));
    let file = Connection::open(file).expect("it is there");
    let all = "SELECT type || ' ' || name || ' of ' || tbl_name FROM sqlite_schema ORDER BY 1";
    let mut all = file.prepare(all).expect("it is right");
    let all = all.query_map([], |row| row.get(0)).expect("it can be read");
    let all: Vec<String> = all.collect::<Result<_, _>>().expect("text");
    // A table whose key is an integer has no index for it: its rows lie in its sequence.
    let expected = [
        "index entry_of_order of entry",
        "table entry of entry",
        "table owner of owner",
        "table sku of sku",
        "view entries of entries",
    ];
    assert_eq!(all, expected);
    let columns = "SELECT name FROM pragma_index_info('entry_of_order')";
    let column: String = file.query_row(columns, [], |row| row.get(0)).expect("one");
    assert_eq!(column, "of_order");
}
