//! What is wrong with a file, in one line.

use crate::ledger::{LedgerError, LedgerReason};
use rusqlite::{Error, ErrorCode};
use std::path::Path;

/// The line for an error of SQLite.
pub(super) fn line(path: &Path, error: &Error) -> LedgerError {
    let file = path.display();
    let code = error.sqlite_error_code();
    let (reason, line) = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            return in_use(path, "another process");
        }
        Some(ErrorCode::NotADatabase) => return not_a_ledger(path),
        Some(ErrorCode::DatabaseCorrupt) => {
            (LedgerReason::Damaged, format!("{file} is damaged: {error}"))
        }
        Some(ErrorCode::ReadOnly) if is_of_directory(error) => (
            LedgerReason::ReadOnly,
            format!("the directory of {file} can be read only: its log cannot be made there"),
        ),
        Some(ErrorCode::ReadOnly) => (LedgerReason::ReadOnly, format!("{file} can be read only")),
        Some(ErrorCode::DiskFull) => (
            LedgerReason::Full,
            format!("no room is left for {file}: its disk is full"),
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            (LedgerReason::Failed, format!("{file} cannot be opened"))
        }
        Some(_) => (LedgerReason::Failed, format!("{file} failed: {error}")),
        // What stands in a row is not what a ledger writes.
        None => (LedgerReason::Damaged, format!("{file} is damaged: {error}")),
    };
    LedgerError::new(reason, line)
}

fn is_of_directory(error: &Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_READONLY_DIRECTORY)
}

pub(super) fn in_use(path: &Path, by: &str) -> LedgerError {
    let line = format!("{} is in use by {by}", path.display());
    LedgerError::new(LedgerReason::InUse, line)
}

pub(super) fn not_a_ledger(path: &Path) -> LedgerError {
    let line = format!("{} is not a ledger of segstock", path.display());
    LedgerError::new(LedgerReason::NotALedger, line)
}

pub(super) fn later(path: &Path, found: u32, known: u32) -> LedgerError {
    let line = format!(
        "{} was written by a later release: its schema is {found}, this release knows {known}",
        path.display()
    );
    LedgerError::new(LedgerReason::Later, line)
}

pub(super) fn closed_for_good(path: &Path, why: &str) -> LedgerError {
    let line = format!("{} is closed for good: {why}", path.display());
    LedgerError::new(LedgerReason::ClosedForGood, line)
}

pub(super) fn unsafe_setting(path: &Path, name: &str, found: &str) -> LedgerError {
    let line = format!(
        "{} would lose orders when the power fails: SQLite has {name} {found} there",
        path.display()
    );
    LedgerError::new(LedgerReason::Failed, line)
}

pub(super) fn superseded(path: &Path) -> LedgerError {
    let line = format!("{} was written by another process", path.display());
    LedgerError::new(LedgerReason::Superseded, line)
}

pub(super) fn no_file(path: &Path, error: &std::io::Error) -> LedgerError {
    let line = format!("{} cannot be opened: {error}", path.display());
    LedgerError::new(LedgerReason::Failed, line)
}

pub(super) fn not_writable(path: &Path, error: &std::io::Error) -> LedgerError {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match error.kind() {
        PermissionDenied | ReadOnlyFilesystem => {
            let line = format!("{} can be read only", path.display());
            LedgerError::new(LedgerReason::ReadOnly, line)
        }
        _ => no_file(path, error),
    }
}

pub(super) fn closed() -> LedgerError {
    LedgerError::new(LedgerReason::Failed, "the ledger is not open")
}
