//! [`SqliteLedger`]: the embedded ledger, one file of SQLite.
//!
//! # What stands in it
//!
//! Its rows are the entries of the book, found by position; what changed is JSON that people can read:
//!
//! ```text
//! $ sqlite3 shop.db 'SELECT position, kind, data FROM entries'
//! 1|opened|{"sku":"phone","id":0,"units":5}
//! 2|placed|{"order":{"id":"order-17","customer":null,"lines":{"0":2},"body":…},"until":…}
//! 3|paid|{"order":2,"held":{"0":2},"retaken":{},"shipped":false}
//! ```
//!
//! The rows are entries, and not orders as they are now, for one reason: opening applies them by the same code that made
//! the changes, so there is one way in which a book comes to be. A row is written once, in the sequence of the rows, and
//! never changed. When the book forgets an order, its rows are deleted a few orders at a time, and in the same transaction
//! what it took for good is added to the row of each of its SKUs.
//!
//! # What it promises
//!
//! The file is in WAL mode with `synchronous=FULL`: a commit returns once the log is synced. One transaction holds a batch,
//! its number and the epoch. The process that opens the file locks it, until it ends.
//!
//! Opening reads all rows, and makes the book of them, before it writes anything: of a file that is found damaged no byte is
//! changed, nor of its log. Then it raises the epoch, if epoch and batch are what they were before the first row was read.
//! Three things are written before that: a file that is not there is made; one of an older release is brought to this schema;
//! and where a process ended while it did either, SQLite undoes that first.
//!
//! An error of a commit may come after the fact, and what SQLite shows then need not be what the disk holds. So every
//! error of a write makes the ledger dead for this process; the next one finds out.

mod backup;
mod claim;
mod errors;
mod room;
mod rows;
mod schema;

use crate::entry::{Entry, Position};
use crate::ledger::rows::{Plan, Upkeep, at_the_end};
use crate::ledger::{Batch, Ledger, LedgerError, Opened, Standing, WriteError};
use backup::Backup;
use claim::Claim;
use errors::{closed, line, superseded};
use room::Free;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::path::{Path, PathBuf};

/// A ledger in one file of SQLite. The file and its companions (`-wal`, `-journal`) belong together.
///
/// # Examples
///
/// ```
/// use segstock_orders::OrderBook;
/// use segstock_orders::sqlite::SqliteLedger;
/// use std::time::Duration;
///
/// # let directory = tempfile::tempdir()?;
/// # let file = directory.path().join("shop.db");
/// let shop = OrderBook::builder().recover(SqliteLedger::at(&file))?;
/// shop.book.open("phone".to_owned(), 5)?;
/// shop.book.place("order-17", None, [("phone".to_owned(), 2)], Duration::from_secs(900))?;
/// drop(shop);
///
/// let shop = OrderBook::<String>::builder().recover(SqliteLedger::at(&file))?;
/// assert_eq!(shop.found.orders, 1);
/// assert!(shop.book.pay("order-17").is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteLedger<K> {
    path: PathBuf,
    /// Whether it is made where it is not there.
    makes: bool,
    connection: Option<Connection>,
    /// After the connection: it is dropped later.
    claim: Option<Claim>,
    /// Where it stood when it was opened.
    found: Opened,
    upkeep: Upkeep<K>,
    backup: Option<Backup>,
    /// How much room there is for it.
    free: Free,
}

impl<K> SqliteLedger<K> {
    /// The ledger in this file. It is not touched before it is opened; then it is made if it is not there, readable and
    /// writable for its owner only.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            makes: true,
            connection: None,
            claim: None,
            found: Opened::default(),
            upkeep: Upkeep::default(),
            backup: None,
            free: room::free,
        }
    }

    /// It is not made: where no ledger is, [opening](Ledger::open) is refused.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.makes = false;
        self
    }

    fn connection(&mut self) -> Result<&mut Connection, LedgerError> {
        self.connection.as_mut().ok_or_else(closed)
    }

    fn error(&self, error: &rusqlite::Error) -> LedgerError {
        line(&self.path, error)
    }

    /// One transaction: where the ledger stands, the entries, and rows that go.
    fn write_all(&mut self, batch: &Batch<K>) -> Result<Written, rusqlite::Error>
    where
        K: Clone + Serialize + DeserializeOwned,
    {
        let Some(connection) = &mut self.connection else {
            return Ok(Written::Void);
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !is_next(&transaction, batch)? {
            return Ok(Written::Void);
        }
        let read = |orders: &[_], positions: &[_]| rows::of(&transaction, orders, positions);
        let plan = self.upkeep.plan(batch, read)?;
        rows::insert(&transaction, batch)?;
        if !Plan::is_empty(plan) {
            rows::keep_up(&transaction, plan)?;
        }
        transaction.commit()?;
        if let Some(backup) = &mut self.backup
            && !Plan::is_empty(plan)
        {
            backup.follow(plan);
        }
        Ok(Written::Durable)
    }
}

enum Written {
    Durable,
    /// The ledger is not where the batch before left it.
    Void,
}

impl<K: Clone + Send + Serialize + DeserializeOwned> Ledger<K> for SqliteLedger<K> {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        let (connection, claim) = schema::open(&self.path, self.makes)?;
        let found = schema::stands(&connection).map_err(|error| self.error(&error))?;
        self.connection = Some(connection);
        self.claim = Some(claim);
        self.found = found;
        // Nobody else can write the file meanwhile.
        let epoch = found.epoch + 1;
        Ok(Opened { epoch, ..found })
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<K>)>, LedgerError> {
        let at = (self.found.last, self.found.time);
        let connection = self.connection()?;
        let page = (|| {
            let mut page = rows::after(connection, after, limit)?;
            if page.len() < limit {
                let left = |from, limit| rows::left(connection, from, limit);
                page.extend(at_the_end(at, after, limit - page.len(), left)?);
            }
            Ok(page)
        })();
        let page: Vec<(Position, Entry<K>)> = page.map_err(|error| self.error(&error))?;
        for (position, entry) in &page {
            self.upkeep.note(*position, entry);
        }
        Ok(page)
    }

    fn take_over(&mut self) -> Result<(), LedgerError> {
        let found = self.found;
        let raised = schema::raise_epoch(self.connection()?, &found);
        match raised.map_err(|error| self.error(&error))? {
            true => Ok(()),
            false => Err(superseded(&self.path)),
        }
    }

    fn write(&mut self, batch: &Batch<K>) -> Result<(), WriteError> {
        if self.connection.is_none() {
            return Err(WriteError::Dead(closed()));
        }
        match self.write_all(batch) {
            Ok(Written::Durable) => Ok(()),
            Ok(Written::Void) => Err(WriteError::Dead(superseded(&self.path))),
            Err(error) => Err(WriteError::Dead(self.error(&error))),
        }
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        let connection = self.connection()?;
        let at = schema::stands(connection);
        let at = at.map_err(|error| self.error(&error))?;
        Ok(match (at.epoch == epoch, at.batch >= number) {
            (false, _) => Standing::Superseded,
            (_, true) => Standing::Written,
            (_, false) => Standing::NotWritten,
        })
    }

    fn close_for_good(&mut self, why: &str) -> Result<(), LedgerError> {
        let closed = schema::close(self.connection()?, why);
        closed.map_err(|error| self.error(&error))?;
        self.connection = None;
        self.claim = None;
        Ok(())
    }

    fn why_closed(&mut self) -> Result<Option<String>, LedgerError> {
        schema::why_closed(&self.path)
    }

    fn begin_backup(&mut self, path: &Path) -> Result<(), LedgerError> {
        let free = self.free;
        let connection = self.connection()?;
        self.backup = Some(Backup::begin(path, connection, free)?);
        Ok(())
    }

    fn go_on_with_backup(&mut self) -> Result<bool, LedgerError> {
        let (Some(connection), Some(backup)) = (&self.connection, &mut self.backup) else {
            return Err(closed());
        };
        let is_whole = backup.go_on(connection);
        if !matches!(is_whole, Ok(false)) {
            self.backup = None;
        }
        is_whole
    }
}

/// Notes that the batch is there, if it is on top of the one before.
fn is_next<K>(transaction: &Transaction<'_>, batch: &Batch<K>) -> rusqlite::Result<bool> {
    let mut update = transaction.prepare_cached(
        "UPDATE owner SET batch = ?2, last = ?3, time = ?4, wall = ?5
         WHERE epoch = ?1 AND batch = ?2 - 1",
    )?;
    let (last, time, wall) = (batch.last().number(), batch.time, batch.wall);
    let rows = update.execute(params![batch.epoch, batch.number, last, time, wall])?;
    Ok(rows == 1)
}

impl<K> fmt::Debug for SqliteLedger<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::OrderBook;
    use crate::entry::Change;
    use crate::ledger::LedgerReason;
    use crate::lines::SkuId;
    use crate::refusal::Refusal;
    use std::time::Duration;

    /// A ledger on a disk that has room for a few pages more.
    struct Small(SqliteLedger<String>);

    impl Ledger<String> for Small {
        fn open(&mut self) -> Result<Opened, LedgerError> {
            let opened = self.0.open()?;
            let connection = self.0.connection()?;
            let pages = connection.pragma_query_value(None, "page_count", |row| row.get(0));
            let most = pages.map(|pages: u32| pages + 10).expect("it has pages");
            let limited =
                connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()));
            limited.expect("a limit");
            Ok(opened)
        }

        fn load(
            &mut self,
            after: Position,
            limit: usize,
        ) -> Result<Vec<(Position, Entry<String>)>, LedgerError> {
            self.0.load(after, limit)
        }

        fn take_over(&mut self) -> Result<(), LedgerError> {
            self.0.take_over()
        }

        fn write(&mut self, batch: &Batch<String>) -> Result<(), WriteError> {
            self.0.write(batch)
        }

        fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
            self.0.ask(epoch, number)
        }
    }

    #[test]
    fn a_full_disk_is_said_and_a_restart_recovers() {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let path = directory.path().join("shop.db");
        let shop = OrderBook::builder().recover(Small(SqliteLedger::at(&path)));
        let shop = shop.expect("a new ledger");
        let phone = || "phone".to_owned();
        shop.book.open(phone(), 10_000).expect("a SKU");
        let place = |number: u32| {
            let order = format!("order-{number}");
            let ttl = Duration::from_secs(900);
            shop.book.place(&order, None, [(phone(), 1)], ttl)
        };
        let failed = (0..10_000).find_map(|number| Some((number, place(number).err()?)));
        let (placed, refusal) = failed.expect("the disk is full at some time");
        assert_eq!(refusal, Refusal::Unknown);
        assert_eq!(place(10_001), Err(Refusal::Unavailable));
        assert_eq!(
            place(0).map(|answer| answer.before),
            Ok(true),
            "what is durable is answered"
        );
        let dead = shop.writer.status().dead.expect("a reason");
        assert_eq!(dead.reason(), LedgerReason::Full);
        assert!(dead.to_string().contains("its disk is full"), "{dead}");
        drop(shop);

        let shop = OrderBook::<String>::builder().recover(SqliteLedger::at(&path));
        let shop = shop.expect("there is room again");
        assert!(
            shop.found.orders >= placed as usize,
            "nothing that was answered is lost"
        );
    }

    #[test]
    fn a_backup_leaves_the_ledger_room_on_their_disk() {
        use std::sync::atomic::{AtomicU64, Ordering};
        /// Bytes that are free, and how often they were asked for before some are gone.
        static FREE: AtomicU64 = AtomicU64::new(0);
        static ASKED: AtomicU64 = AtomicU64::new(0);
        const ROWS: u64 = 2_000;
        fn free(_: &Path) -> Option<u64> {
            let is_soon = ASKED.fetch_add(1, Ordering::SeqCst) < 2;
            let gone = if is_soon { 0 } else { 1 << 20 };
            Some(FREE.load(Ordering::SeqCst) - gone)
        }

        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let mut ledger = SqliteLedger::at(directory.path().join("shop.db"));
        ledger.free = free;
        let shop = OrderBook::builder().recover(ledger).expect("a new ledger");
        let phone = || "phone".to_owned();
        shop.book.open(phone(), 0).expect("a SKU");
        let restocked = shop.writer.decide(|| {
            let mut keys = (0..ROWS).map(|key| key.to_string());
            keys.try_for_each(|key| shop.book.restock(phone(), &key, 1).map(drop))
        });
        restocked.answer.expect("units");
        let durable = shop.writer.durable(restocked.rests_on);
        pollster::block_on(durable).expect("rows");
        let back_up = |free| {
            ASKED.store(0, Ordering::SeqCst);
            FREE.store(free, Ordering::SeqCst);
            shop.writer.back_up(directory.path().join("monday.db"))
        };
        let refused = |free| {
            let error = back_up(free).expect_err("no room");
            assert_eq!(error.reason(), LedgerReason::Full);
            assert!(error.to_string().contains("kept for the ledger"), "{error}");
            let names = std::fs::read_dir(directory.path()).expect("its names");
            let names = names.map(|entry| entry.expect("a name").file_name());
            assert_eq!(names.count(), 2, "nothing is left of it");
            ASKED.load(Ordering::SeqCst)
        };
        // Before it begins; and while it runs, when others take what there was.
        assert_eq!(refused(room::KEPT), 1);
        assert_eq!(refused(room::KEPT + (1 << 20)), 3);
        assert!(shop.writer.status().dead.is_none());
        shop.book.restock(phone(), "more", 1).expect("it goes on");
        back_up(room::KEPT + (4 << 20)).expect("there is room");
        assert!(ASKED.load(Ordering::SeqCst) > 4);
    }

    #[test]
    fn a_batch_that_is_not_the_next_is_void() {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let mut ledger = SqliteLedger::at(directory.path().join("shop.db"));
        let opened = ledger.open().expect("a new ledger");
        ledger.take_over().expect("nobody else has it");
        let batch = |epoch, number| Batch {
            epoch,
            number,
            first: Position::new(number),
            entries: vec![Entry::new(
                0,
                Change::Opened {
                    sku: number.to_string(),
                    id: SkuId::new(0),
                    units: 1,
                },
            )],
            forget: Vec::new(),
            keys_since: 0,
            time: 0,
            wall: 0,
        };
        let epoch = opened.epoch;
        let is_void = |written| matches!(written, Err(WriteError::Dead(error)) if error.reason() == LedgerReason::Superseded);
        assert_eq!(ledger.write(&batch(epoch, 1)), Ok(()));
        for (epoch, number) in [(epoch, 1), (epoch, 3), (epoch - 1, 2), (epoch + 1, 2)] {
            assert!(
                is_void(ledger.write(&batch(epoch, number))),
                "{epoch} {number}"
            );
        }
        let mut asks = |epoch, number| ledger.ask(epoch, number);
        assert_eq!(asks(epoch, 1), Ok(Standing::Written));
        assert_eq!(asks(epoch, 2), Ok(Standing::NotWritten));
        assert_eq!(asks(epoch - 1, 1), Ok(Standing::Superseded));
        assert_eq!(ledger.write(&batch(epoch, 2)), Ok(()));
    }
}
