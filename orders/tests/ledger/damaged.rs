//! Damaged files of ledgers: each is refused in one line, and no byte of it is changed, nor of its log.

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use segstock_orders::OrderBook;
use segstock_orders::ledger::{LedgerReason, RecoverError, Recovered};
use segstock_orders::sqlite::SqliteLedger;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const PAGE: u64 = 4096;
const ORDERS: usize = 500;
/// Of them in the log.
const IN_LOG: usize = 5;

fn recover(file: &Path) -> Result<Recovered<String>, RecoverError> {
    OrderBook::builder().recover(SqliteLedger::at(file))
}

fn place(shop: &Recovered<String>, orders: std::ops::Range<usize>) {
    for number in orders {
        let (id, lines) = (format!("order-{number}"), [("phone".to_owned(), 1)]);
        let placed = shop
            .book
            .place(&id, None, lines, Duration::from_secs(86_400));
        placed.expect("there are enough");
    }
}

/// Two directories with the same ledger: of a shop that was closed, and of one that was killed, whose last orders are in the log.
fn ledgers() -> [TempDir; 2] {
    let new = || tempfile::tempdir().expect("a directory for temporary files");
    let [closed, killed] = [new(), new()];
    let file = closed.path().join("shop.db");
    let shop = recover(&file).expect("a new ledger");
    shop.book.open("phone".to_owned(), 1_000).expect("a SKU");
    place(&shop, 0..ORDERS - IN_LOG);
    drop(shop);
    let shop = recover(&file).expect("as it was");
    place(&shop, ORDERS - IN_LOG..ORDERS);
    for name in ["shop.db", "shop.db-wal"] {
        let copied = fs::copy(closed.path().join(name), killed.path().join(name));
        assert!(copied.expect("it is there") > 0);
    }
    drop(shop);
    [closed, killed]
}

/// What a directory has.
fn files(directory: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("it is there");
    let entries = entries.map(|entry| entry.expect("it is there"));
    let file = |entry: fs::DirEntry| {
        let bytes = fs::read(entry.path()).expect("it can be read");
        (entry.file_name(), bytes)
    };
    entries.map(file).collect()
}

/// How a file is damaged.
enum Damage {
    /// This many bytes from there on.
    Bytes(u64, u64),
    /// The page that a table begins with.
    Root(&'static str),
    /// A page in the middle, with rows.
    Leaf,
    /// The second half is gone.
    Half,
    /// Somebody changes it with a tool of SQLite.
    Sql(&'static str),
}

impl Damage {
    fn harm(&self, file: &Path, roots: &BTreeMap<String, u64>) {
        let length = fs::metadata(file).expect("it is there").len();
        let (from, bytes) = match self {
            &Self::Bytes(from, bytes) => (from, bytes),
            Self::Root(table) => ((roots[*table] - 1) * PAGE, PAGE),
            Self::Leaf => (length / 2 / PAGE * PAGE, PAGE),
            Self::Half => {
                let opened = File::options().write(true).open(file);
                let opened = opened.expect("it is there");
                return opened.set_len(length / 2).expect("it is cut");
            }
            Self::Sql(sql) => return change(file, sql),
        };
        let opened = File::options().write(true).open(file);
        let harmed = opened.and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            file.write_all(&vec![0xA5; usize::try_from(bytes).expect("a page")])
        });
        harmed.expect("it can be written");
    }
}

/// Changes rows. A log that was there stays.
fn change(file: &Path, sql: &str) {
    let has_log = log_of(file).exists();
    let connection = Connection::open(file).expect("it is there");
    let stays = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log);
    stays.expect("a setting");
    connection.execute_batch(sql).expect("it is right");
    drop(connection);
    assert_eq!(log_of(file).exists(), has_log);
    _ = fs::remove_file(file.with_extension("db-shm"));
}

fn log_of(file: &Path) -> PathBuf {
    file.with_extension("db-wal")
}

/// The pages that tables begin with.
fn roots(file: &Path) -> BTreeMap<String, u64> {
    let connection = Connection::open(file).expect("it is there");
    let select = "SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'";
    let mut select = connection.prepare(select).expect("it is right");
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows: Result<_, _> = rows.expect("it can be read").collect();
    rows.expect("names and numbers")
}

/// What is damaged, how, and why it is refused then: none if the entries make no book.
const DAMAGES: [(&str, Damage, Option<LedgerReason>); 14] = {
    use Damage::{Bytes, Half, Leaf, Root, Sql};
    const DAMAGED: Option<LedgerReason> = Some(LedgerReason::Damaged);
    const NOT_A_LEDGER: Option<LedgerReason> = Some(LedgerReason::NotALedger);
    [
        ("the head's first bytes", Bytes(0, 16), NOT_A_LEDGER),
        ("the size of pages", Bytes(16, 2), NOT_A_LEDGER),
        ("the head", Bytes(0, 100), NOT_A_LEDGER),
        ("the schema", Bytes(100, PAGE - 100), DAMAGED),
        ("where it stands", Root("owner"), DAMAGED),
        ("the root of the entries", Root("entry"), DAMAGED),
        ("a leaf of the entries", Leaf, DAMAGED),
        ("the root of the sums", Root("sku"), DAMAGED),
        ("the second half", Half, DAMAGED),
        (
            "a change that is no JSON",
            Sql("UPDATE entry SET change = 'x' WHERE position = 250"),
            DAMAGED,
        ),
        (
            "a change that nobody knows",
            Sql(r#"UPDATE entry SET change = '{"eaten":{}}' WHERE position = 250"#),
            DAMAGED,
        ),
        (
            "a number below 0",
            Sql("UPDATE owner SET batch = -1"),
            DAMAGED,
        ),
        ("no owner", Sql("DELETE FROM owner"), DAMAGED),
        (
            "no row of the SKU",
            Sql("DELETE FROM entry WHERE position = 1"),
            None,
        ),
    ]
};

#[test]
fn a_damaged_file_is_refused_in_one_line_and_nothing_is_changed() {
    let directories = ledgers();
    let roots = roots(&directories[0].path().join("shop.db"));
    for directory in directories {
        let has_log = log_of(&directory.path().join("shop.db")).exists();
        for (what, damage, reason) in &DAMAGES {
            let copy = tempfile::tempdir().expect("a directory for temporary files");
            for (name, bytes) in files(directory.path()) {
                fs::write(copy.path().join(name), bytes).expect("a copy");
            }
            let file = copy.path().join("shop.db");
            damage.harm(&file, &roots);
            let before = files(copy.path());
            let what = format!("{what}, with a log: {has_log}");
            let refused = match recover(&file) {
                Err(error) => error,
                // The log has this page as it should be.
                Ok(shop) if has_log => {
                    assert_eq!(shop.found.orders, ORDERS, "{what}");
                    continue;
                }
                Ok(shop) => panic!("{what}: it is opened, {}", shop.found),
            };
            let line = refused.to_string();
            println!("{what}: {line}");
            assert_eq!(line.lines().count(), 1, "{what}: {line}");
            let found = match &refused {
                RecoverError::Ledger(error) => Some(error.reason()),
                _ => None,
            };
            assert_eq!(found, *reason, "{what}: {line}");
            assert!(found.is_none() || line.contains("shop.db"), "{line}");
            let after = files(copy.path());
            assert!(after.keys().eq(before.keys()), "{what}: {:?}", after.keys());
            assert!(after == before, "{what}: bytes are changed");
        }
        let shop = recover(&directory.path().join("shop.db")).expect("it is not damaged");
        assert_eq!(shop.found.orders, ORDERS);
    }
}

/// The log of a shop that was killed is moved to the file by the next end.
#[test]
fn a_log_is_moved_to_the_file_once_it_was_opened() {
    let [_, killed] = ledgers();
    let file = killed.path().join("shop.db");
    let epoch = recover(&file).expect("all is there").found.epoch;
    assert!(!log_of(&file).exists());
    assert_eq!(recover(&file).expect("as it was").found.epoch, epoch + 1);
}
