//! [`begin`]: a backup of the ledger's file while orders go on, as a signal asks for it.

use crate::shop::Shop;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::task;

/// Begins a backup beside the ledger's file. The log says when it is whole, or why there is none.
pub fn begin(shop: &Shop) {
    let of_a_file = match shop {
        Shop::Alone(alone) => alone.file.as_deref().map(|file| (Arc::clone(alone), file)),
        Shop::Node(_) => None,
    };
    let Some((alone, file)) = of_a_file else {
        tracing::warn!(
            "no backup: the ledger is no file; a database has means of its own, such as pg_dump"
        );
        return;
    };
    let backup = named(file, SystemTime::now());
    task::spawn_blocking(move || match alone.writer.back_up(&backup) {
        Ok(()) => tracing::info!("the backup {} is whole", backup.display()),
        Err(error) => tracing::warn!("no backup: {error}"),
    });
}

/// The ledger's file with the time behind its name, which no system forbids in a name.
fn named(file: &Path, now: SystemTime) -> PathBuf {
    let time = humantime::format_rfc3339_seconds(now).to_string();
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(time.replace(':', "-"));
    name.into()
}

#[test]
fn a_backup_is_named_by_its_time() {
    let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    let name = named(Path::new("data/shop.db"), at);
    assert_eq!(name, Path::new("data/shop.db.2027-01-15T08-00-00Z"));
}
