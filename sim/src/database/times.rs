//! What the server's work takes.

use std::time::Duration;

/// For a transaction, beside its statements.
pub(super) const TRANSACTION: Duration = Duration::from_micros(35);
/// For a statement.
pub(super) const STATEMENT: Duration = Duration::from_micros(10);
/// For a row that a statement handles.
pub(super) const ROW: Duration = Duration::from_micros(4);
/// For one sync of the disk.
pub(super) const SYNC: Duration = Duration::from_micros(290);
/// How long the server is away when it fails over.
pub(super) const AWAY: Duration = Duration::from_millis(30);
