//! [`check`]: whether a backup leaves the ledger room on their disk.

use crate::ledger::{LedgerError, LedgerReason};
use std::path::Path;

/// Bytes that stay free beside a backup: for what the ledger writes meanwhile, and for the logs of both, which are 16 MiB each
/// before they are moved to their files.
pub(super) const KEPT: u64 = 64 << 20;

/// How many bytes this process may still write on the disk of a file; none, if the system does not say.
pub(super) type Free = fn(&Path) -> Option<u64>;

#[cfg(unix)]
pub(super) fn free(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    // Some that are no disks say nothing of themselves.
    (disk.f_blocks > 0).then(|| disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
pub(super) fn free(_: &Path) -> Option<u64> {
    None
}

/// Refuses if this many bytes more would leave less than the ledger needs.
pub(super) fn check(path: &Path, free: Option<u64>, more: u64) -> Result<(), LedgerError> {
    match free {
        Some(free) if free < more.saturating_add(KEPT) => {
            let line = format!(
                "no room for {}: it needs {} MiB more, and its disk has {} MiB free, of which {} are kept for the ledger",
                path.display(),
                more.div_ceil(1 << 20),
                free >> 20,
                KEPT >> 20
            );
            Err(LedgerError::new(LedgerReason::Full, line))
        }
        _ => Ok(()),
    }
}
