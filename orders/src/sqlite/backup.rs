//! [`Backup`]: a copy of the file that is made while the file is in use.
//!
//! A page of rows is copied at a time, between batches. What a batch does to rows beside adding some (it deletes rows, rewrites
//! them, adds to the sums of SKUs) is done to the copy, too. For a row that is copied already, that is right. A row that is
//! not is not there to be deleted or rewritten, and is copied later as it is then; so is a sum, in place of what was added
//! to it meanwhile. The copy is whole when, between two batches, all rows and all sums are copied.

use super::claim::Claim;
use super::errors::{line, no_file};
use super::room::{self, Free};
use super::schema::with_end;
use super::{rows, schema};
use crate::ledger::rows::Plan;
use crate::ledger::{LedgerError, LedgerReason};
use rusqlite::{Connection, Result, params};
use serde::Serialize;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// How many rows are copied at a time: some milliseconds.
const PAGE: usize = 500;

/// A copy that is not whole yet. It is gone when this is dropped.
pub(super) struct Backup {
    path: PathBuf,
    /// What it is called until it is whole.
    part: PathBuf,
    /// None once it is whole.
    connection: Option<Connection>,
    _claim: Claim,
    free: Free,
    /// The last row that is copied.
    entry: u64,
    /// The SKU of the last sum that is copied.
    sku: Option<u32>,
    /// Why it cannot become whole.
    failed: Option<rusqlite::Error>,
}

impl Backup {
    pub(super) fn begin(path: &Path, from: &Connection, free: Free) -> Result<Self, LedgerError> {
        if path.exists() {
            let line = format!("{} is there already", path.display());
            return Err(LedgerError::new(LedgerReason::Failed, line));
        }
        let part = with_end(path, ".part");
        if part.exists() {
            let line = format!(
                "{} is there, of a backup that was not ended: remove it",
                part.display()
            );
            return Err(LedgerError::new(LedgerReason::Failed, line));
        }
        let size = size(from).map_err(|error| line(path, &error))?;
        room::check(path, free(folder_of(path)), size)?;
        // It was not there: this call made it, and removes it.
        let opened = schema::open(&part, true).inspect_err(|_| _ = remove(&part));
        let (connection, claim) = opened?;
        Ok(Self {
            free,
            path: path.to_owned(),
            part,
            connection: Some(connection),
            _claim: claim,
            entry: 0,
            sku: None,
            failed: None,
        })
    }

    /// Does to the copy what a batch does to the file's rows.
    pub(super) fn follow<K: Serialize>(&mut self, plan: &Plan<K>) {
        if let Some(connection) = &mut self.connection
            && let Err(error) = keep_up(connection, plan)
        {
            self.failed = Some(error);
        }
    }

    /// Copies a page. Returns whether the copy is whole.
    pub(super) fn go_on(&mut self, from: &Connection) -> Result<bool, LedgerError> {
        let copied = match self.failed.take() {
            Some(error) => Err(error),
            None => {
                self.has_room(from)?;
                self.copy(from)
            }
        };
        let is_whole = copied.map_err(|error| line(&self.part, &error))?;
        if is_whole {
            self.keep().map_err(|error| no_file(&self.path, &error))?;
        }
        Ok(is_whole)
    }

    /// Refuses to go on if the rest of it would take the room that the ledger needs.
    fn has_room(&self, from: &Connection) -> Result<(), LedgerError> {
        let size = size(from).map_err(|error| line(&self.path, &error))?;
        let there = ["", "-wal"].map(|end| with_end(&self.part, end).metadata());
        let there: u64 = there.iter().flatten().map(fs::Metadata::len).sum();
        let more = size.saturating_sub(there);
        room::check(&self.path, (self.free)(folder_of(&self.path)), more)
    }

    fn copy(&mut self, from: &Connection) -> Result<bool> {
        let Some(to) = &mut self.connection else {
            return Ok(true);
        };
        let to = to.transaction()?;
        let entries = rows::copy_entries(from, &to, &mut self.entry, PAGE)?;
        // Rows that came while sums were copied are copied in the end.
        let is_whole = entries < PAGE && rows::copy_sums(from, &to, &mut self.sku, PAGE)? < PAGE;
        if is_whole {
            let at = schema::stands(from)?;
            let update = "UPDATE owner SET epoch = ?1, batch = ?2, last = ?3, time = ?4, wall = ?5";
            let (last, time, wall) = (at.last.number(), at.time, at.wall);
            to.execute(update, params![at.epoch, at.batch, last, time, wall])?;
        }
        to.commit()?;
        Ok(is_whole)
    }

    /// Gives the copy its name, once all of it is on the disk.
    fn keep(&mut self) -> io::Result<()> {
        if let Some(connection) = self.connection.take() {
            connection
                .close()
                .map_err(|(_, error)| io::Error::other(error))?;
        }
        // SQLite removes the log once all of it is in the file, and says nothing if it is not.
        if with_end(&self.part, "-wal").exists() {
            return Err(io::Error::other("its log did not reach it"));
        }
        File::open(&self.part)?.sync_all()?;
        fs::rename(&self.part, &self.path)?;
        File::open(folder_of(&self.path))?.sync_all()
    }
}

fn keep_up<K: Serialize>(connection: &mut Connection, plan: &Plan<K>) -> Result<()> {
    let transaction = connection.transaction()?;
    rows::keep_up(&transaction, plan)?;
    transaction.commit()
}

/// The bytes of all that a ledger has in use.
fn size(of: &Connection) -> Result<u64> {
    let number = |name| of.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let pages = number("page_count")?.saturating_sub(number("freelist_count")?);
    Ok(pages.saturating_mul(number("page_size")?))
}

fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|it| *it != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

/// Removes a file, and what SQLite had beside it first: nothing is left that only the file would explain.
fn remove(path: &Path) -> io::Result<()> {
    for end in ["-wal", "-shm", "-journal", ""] {
        match fs::remove_file(with_end(path, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

impl Drop for Backup {
    fn drop(&mut self) {
        self.connection = None;
        // Whole, it has another name.
        _ = remove(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A ledger, and what a backup of it is to be called.
    fn shop() -> (TempDir, Connection, Claim, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let opened = schema::open(&directory.path().join("shop.db"), true);
        let (connection, claim) = opened.expect("a new ledger");
        let path = directory.path().join("monday.db");
        (directory, connection, claim, path)
    }

    /// The names that are there beside the ledger.
    fn left(directory: &TempDir) -> Vec<String> {
        let names = fs::read_dir(directory.path()).expect("its names");
        let names = names.map(|entry| entry.expect("a name").file_name());
        let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| !name.starts_with("shop.db"));
        names
    }

    #[test]
    fn a_copy_whose_log_did_not_reach_it_is_no_backup() {
        let (directory, from, _claim, path) = shop();
        let mut backup = Backup::begin(&path, &from, room::free).expect("it begins");
        let copy = backup.connection.as_ref().expect("it is not whole");
        // As on a disk that takes no more: it is closed without an error, and the log stays.
        schema::moves_log_at_end(copy, false).expect("a setting");
        let error = backup.go_on(&from).expect_err("no backup");
        assert!(error.to_string().contains("did not reach it"), "{error}");
        drop(backup);
        assert_eq!(left(&directory), [""; 0]);

        let mut backup = Backup::begin(&path, &from, room::free).expect("it begins");
        assert_eq!(backup.go_on(&from), Ok(true));
        drop(backup);
        assert_eq!(left(&directory), ["monday.db"]);
    }

    #[cfg(unix)]
    #[test]
    fn of_a_backup_that_cannot_begin_nothing_is_left() {
        let (directory, from, _claim, path) = shop();
        // Nothing can be made where this leads.
        let journal = with_end(&path, ".part-journal");
        std::os::unix::fs::symlink(directory.path().join("none/journal"), journal).expect("a link");
        assert!(Backup::begin(&path, &from, room::free).is_err());
        assert_eq!(left(&directory), [""; 0]);
        Backup::begin(&path, &from, room::free).expect("nothing is in its way");
    }
}
