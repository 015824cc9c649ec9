//! How a file is opened: what it is, its settings, its tables, and the steps from one schema to the next.

use super::claim::Claim;
use super::errors::{
    closed_for_good, in_use, later, line, no_file, not_a_ledger, not_writable, unsafe_setting,
};
use crate::entry::Position;
use crate::ledger::{LedgerError, Opened};
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Says of a file of SQLite that it is a ledger: `segs`.
const APPLICATION: u32 = 0x7365_6773;

/// Step `n` makes schema `n + 1` of schema `n`. Schema 0 has nothing. A step that was released is never changed.
const STEPS: [&str; 1] = ["
    CREATE TABLE owner (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch INTEGER NOT NULL,
        batch INTEGER NOT NULL,
        last INTEGER NOT NULL,
        time INTEGER NOT NULL,
        wall INTEGER NOT NULL
    ) STRICT;
    INSERT INTO owner VALUES (1, 0, 0, 0, 0, 0);
    CREATE TABLE entry (
        position INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        of_order INTEGER,
        request TEXT,
        change TEXT NOT NULL
    ) STRICT;
    -- Of the later entries of orders only. Numbers of orders grow, so that the pages of recent ones lie together.
    CREATE INDEX entry_of_order ON entry (of_order) WHERE of_order IS NOT NULL;
    CREATE TABLE sku (
        id INTEGER PRIMARY KEY,
        left INTEGER NOT NULL
    ) STRICT;
    -- For people.
    CREATE VIEW entries AS
        SELECT position, time, of_order, request, kind.key AS kind, kind.value AS data
        FROM entry, json_each(entry.change) AS kind;
    "];

/// The schema of a file that was closed for good. To earlier releases it is one of a later release, which they leave alone.
const CLOSED: u32 = 1_000_000;

/// Says why it is closed.
const CLOSE: &str = "CREATE TABLE closed (why TEXT NOT NULL) STRICT";

/// Pages of the log before they are moved to the file: 16 MB, so that this happens seldom and takes little each time.
const CHECKPOINT_PAGES: u32 = 4096;
/// A log that grew larger is cut to this when it begins again.
const LOG_LIMIT: u32 = 64 << 20;

/// Opens a file for one process, and brings it to the newest schema. If `makes`, it is made where it is not there.
pub(super) fn open(path: &Path, makes: bool) -> Result<(Connection, Claim), LedgerError> {
    if makes {
        make(path).map_err(|error| no_file(path, &error))?;
    }
    let claim = Claim::of(path).map_err(|error| no_file(path, &error))?;
    let claim = claim.ok_or_else(|| in_use(path, "this process"))?;
    _ = look(path, makes)?;
    writable(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sqlite = |error: rusqlite::Error| line(path, &error);
    let log = with_end(path, "-wal").metadata();
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    // A refusal leaves the log as it is. One without entries is removed: SQLite makes it at the first look.
    let is_empty = log.map_or(true, |log| log.len() == 0);
    moves_log_at_end(&connection, is_empty).map_err(sqlite)?;
    lock(&connection).map_err(sqlite)?;
    let found = version(&connection, path)?;
    upgrade(&mut connection, found, &STEPS).map_err(sqlite)?;
    settings(&connection).map_err(sqlite)?;
    are_safe(&connection, path)?;
    Ok((connection, claim))
}

/// Looks at the head of a file, so that a file of something else is not touched at all. An empty one is a ledger if it
/// `may_be_new`. Returns the schema, where the head says it.
fn look(path: &Path, may_be_new: bool) -> Result<Option<u32>, LedgerError> {
    let mut head = [0; 100];
    let read = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        // What is shorter than a head is no database, unless it is empty.
        let read = file.read_exact(&mut head);
        if length == 0 {
            Ok(false)
        } else {
            read.map(|()| true)
        }
    });
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(not_a_ledger(path));
        }
        Err(error) => return Err(no_file(path, &error)),
        Ok(false) if may_be_new => return Ok(None),
        Ok(false) => return Err(not_a_ledger(path)),
        Ok(true) => {}
    }
    if !head.starts_with(b"SQLite format 3\0") {
        return Err(not_a_ledger(path));
    }
    if with_end(path, "-journal").exists() {
        // It was being made or brought to a newer schema when its process ended. SQLite puts it right.
        return Ok(None);
    }
    let number =
        |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    check(path, number(68), number(60))?;
    Ok(Some(number(60)))
}

/// Why a file was closed for good, if it was. Another process may have it open, or this one: then it is not closed.
pub(super) fn why_closed(path: &Path) -> Result<Option<String>, LedgerError> {
    if !path.exists() {
        return Err(not_a_ledger(path));
    }
    let looked = Claim::look(path, || why_if_closed(path));
    looked
        .map_err(|error| no_file(path, &error))?
        .unwrap_or(Ok(None))
}

fn why_if_closed(path: &Path) -> Result<Option<String>, LedgerError> {
    if look(path, false)? != Some(CLOSED) {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let why = Connection::open_with_flags(path, flags).and_then(|file| why(&file));
    why.map(Some).map_err(|error| line(path, &error))
}

fn why(closed: &Connection) -> rusqlite::Result<String> {
    closed.query_row("SELECT why FROM closed", [], |row| row.get(0))
}

/// Whether the file and its log can be written. SQLite would open them for reading, and fail later, in other words.
fn writable(path: &Path) -> Result<(), LedgerError> {
    for path in [path, &with_end(path, "-wal")] {
        match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(not_writable(path, &error)),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// A file that SQLite has beside another one: its log (`-wal`), or what it needs while it changes that outside of WAL mode
/// (`-journal`).
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Makes an empty file, for its owner only. SQLite gives the same rights to the files beside it.
fn make(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Locks the file until the connection is closed, or says at once that another process has it.
fn lock(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::ZERO)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // The lock is taken by the first transaction, and kept.
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")
}

/// The schema of the file: 0 for an empty one.
fn version(connection: &Connection, path: &Path) -> Result<u32, LedgerError> {
    let sqlite = |error: rusqlite::Error| line(path, &error);
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    let application = number("application_id").map_err(sqlite)?;
    let found = number("user_version").map_err(sqlite)?;
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: u32 = connection
        .query_row(tables, [], |row| row.get(0))
        .map_err(sqlite)?;
    if (application, found, tables) == (0, 0, 0) {
        return Ok(0);
    }
    check(path, application, found)?;
    if found == CLOSED {
        let why = why(connection).map_err(sqlite)?;
        return Err(closed_for_good(path, &why));
    }
    Ok(found)
}

fn check(path: &Path, application: u32, found: u32) -> Result<(), LedgerError> {
    let known = STEPS.len() as u32;
    if application != APPLICATION || found == 0 {
        Err(not_a_ledger(path))
    } else if found > known && found != CLOSED {
        Err(later(path, found, known))
    } else {
        Ok(())
    }
}

/// Brings a file from schema `found` to the last, step by step, each in a transaction.
///
/// The head of the file says the schema. So the steps are made outside of WAL mode: the head is written with each of them.
fn upgrade(connection: &mut Connection, found: u32, steps: &[&str]) -> rusqlite::Result<()> {
    for (number, step) in (1..).zip(steps).skip(found as usize) {
        connection.pragma_update(None, "journal_mode", "DELETE")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Closes a file for good. Its head says so, which is written outside of WAL mode, as by [`upgrade`].
pub(super) fn close(connection: &mut Connection, why: &str) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    transaction.execute_batch(CLOSE)?;
    transaction.execute("INSERT INTO closed VALUES (?1)", [why])?;
    transaction.pragma_update(None, "user_version", CLOSED)?;
    transaction.commit()
}

/// What the ledger's promise rests on, as SQLite says it: the log is synced before a commit returns, no other process has
/// the file, and where a plain sync leaves data in the disk's own memory (macOS) it is a full one.
const SAFE: [(&str, &str); 5] = [
    ("journal_mode", "wal"),
    ("synchronous", "2"),
    ("locking_mode", "exclusive"),
    ("fullfsync", "1"),
    ("checkpoint_fullfsync", "1"),
];

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    // Where there can be no such log, it says so and stays as it is.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)
}

/// Reads back what was set.
fn are_safe(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    for (name, safe) in SAFE {
        let found = setting(connection, name).map_err(|error| line(path, &error))?;
        if found != safe {
            return Err(unsafe_setting(path, name, &found));
        }
    }
    Ok(())
}

fn setting(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, name, |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Integer(number) => number.to_string(),
            text => text.as_str()?.to_owned(),
        })
    })
}

/// Raises the epoch, if nothing was written since this was found. Says whether it did.
pub(super) fn raise_epoch(connection: &Connection, found: &Opened) -> rusqlite::Result<bool> {
    let raise = "UPDATE owner SET epoch = epoch + 1 WHERE epoch = ?1 AND batch = ?2";
    let raised = connection.execute(raise, [found.epoch, found.batch])?;
    moves_log_at_end(connection, true)?;
    Ok(raised == 1)
}

/// Whether the last connection that is closed moves the log to the file, and removes it.
pub(super) fn moves_log_at_end(connection: &Connection, moves: bool) -> rusqlite::Result<()> {
    let stays = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(stays, !moves).map(drop)
}

pub(super) fn stands(connection: &Connection) -> rusqlite::Result<Opened> {
    let mut select =
        connection.prepare_cached("SELECT epoch, batch, last, time, wall FROM owner")?;
    select.query_row([], |row| {
        Ok(Opened {
            epoch: row.get(0)?,
            batch: row.get(1)?,
            last: Position::new(row.get(2)?),
            time: row.get(3)?,
            wall: row.get(4)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: [&str; 2] = [
        STEPS[0],
        "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT",
    ];

    fn file() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let path = directory.path().join("shop.db");
        (directory, path)
    }

    fn raise(connection: &Connection) -> bool {
        let found = stands(connection).expect("where it stands");
        raise_epoch(connection, &found).expect("it can be written")
    }

    fn schema(connection: &Connection) -> u32 {
        let value = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        value.expect("it has a version")
    }

    #[test]
    fn a_file_whose_commits_are_not_synced_is_refused() {
        let (_directory, path) = file();
        let (connection, _claim) = open(&path, true).expect("a new file");
        assert_eq!(are_safe(&connection, &path), Ok(()));
        for (name, lax) in [
            ("synchronous", "NORMAL"),
            ("synchronous", "OFF"),
            ("fullfsync", "OFF"),
            ("checkpoint_fullfsync", "OFF"),
            ("locking_mode", "NORMAL"),
            ("journal_mode", "MEMORY"),
        ] {
            settings(&connection).expect("settings");
            let lax = connection.pragma_update_and_check(None, name, lax, |_| Ok(()));
            // Some say what they are from then on, some do not.
            assert!(matches!(
                lax,
                Ok(()) | Err(rusqlite::Error::QueryReturnedNoRows)
            ));
            let refused = are_safe(&connection, &path).expect_err(name);
            let line = refused.to_string();
            assert!(line.contains("shop.db") && line.contains(name), "{line}");
        }
    }

    #[test]
    fn an_older_schema_is_brought_to_the_newest_step_by_step() {
        let (_directory, path) = file();
        let (mut connection, claim) = open(&path, true).expect("a new file");
        assert!(raise(&connection), "an epoch");
        assert_eq!(schema(&connection), 1);
        upgrade(&mut connection, 1, &LATER).expect("one step");
        assert_eq!(schema(&connection), 2);
        assert_eq!(
            stands(&connection).map(|at| at.epoch),
            Ok(1),
            "what was there stays"
        );
        drop((connection, claim));
        // This release does not know that schema.
        assert!(open(&path, true).is_err_and(|error| error.to_string().contains("later release")));
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let (_directory, path) = file();
        let (mut connection, claim) = open(&path, true).expect("a new file");
        let broken = [
            STEPS[0],
            "CREATE TABLE half (id INTEGER); CREATE TABLE owner (id INTEGER)",
        ];
        assert!(upgrade(&mut connection, 1, &broken).is_err());
        drop((connection, claim));
        let (connection, _claim) = open(&path, true).expect("as before");
        assert_eq!(schema(&connection), 1);
        assert!(connection.prepare("SELECT * FROM half").is_err());
    }

    #[test]
    fn a_file_that_can_be_read_only_is_said() {
        let (_directory, path) = file();
        drop(open(&path, true).expect("a new file"));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(&path, flags).expect("it can be read");
        let found = stands(&connection).expect("it can be read");
        let error = raise_epoch(&connection, &found).expect_err("and not written");
        let error = line(&path, &error);
        assert_eq!(error.reason(), crate::ledger::LedgerReason::ReadOnly);
        assert!(error.to_string().ends_with("shop.db can be read only"));
    }
}
