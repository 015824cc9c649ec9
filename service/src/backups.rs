//! The backups of the ledger's file: [`list`] shows those that are there, [`Maker`] makes them and deletes old ones.

mod found;
mod maker;
mod old;

pub use maker::Maker;

use crate::kinds;
use crate::problem::Problem;
use crate::shop::Shop;
use crate::shop::alone::Alone;
use found::{directory, find};
use serde::Serialize;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::task;
use utoipa::ToSchema;

/// The backups of the ledger that are beside its file.
#[derive(Debug, Serialize, ToSchema)]
pub struct Backups {
    /// The directory of the ledger's file, in which they are.
    directory: String,
    /// The latest first.
    backups: Vec<Backup>,
}

/// A backup.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Backup {
    /// The name of its file.
    file: String,
    /// When it was begun: what was answered before is in it.
    #[schema(format = "date-time")]
    begun_at: String,
    /// Seconds since it was begun.
    age: u64,
    /// Bytes of its file.
    bytes: u64,
    /// Whether it is whole. Otherwise it is being made, or was not ended, and is no ledger.
    whole: bool,
}

/// The backups that are beside the ledger's file.
///
/// # Errors
///
/// A [`Problem`] if the ledger is no file, or its directory cannot be read.
pub async fn list(shop: &Shop) -> Result<Backups, Problem> {
    let (_, file) = of_a_file(shop).map_err(|why| Problem::new(kinds::NO_FILE, why))?;
    let file = file.to_owned();
    let listed = task::spawn_blocking(move || listed(&file, SystemTime::now()));
    let listed = listed
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    listed.map_err(|error| {
        let detail = format!("the directory of the ledger cannot be read: {error}");
        Problem::new(kinds::UNAVAILABLE, detail)
    })
}

fn of_a_file(shop: &Shop) -> Result<(&Arc<Alone>, &Path), &'static str> {
    let of_a_file = match shop {
        Shop::Alone(alone) => alone.file.as_deref().map(|file| (alone, file)),
        Shop::Node(_) => None,
    };
    of_a_file.ok_or("the ledger is no file; a database has means of its own, such as pg_dump")
}

fn listed(file: &Path, now: SystemTime) -> io::Result<Backups> {
    let backups = find(file)?.into_iter().map(|found| Backup {
        file: name(&found.file),
        begun_at: humantime::format_rfc3339_seconds(found.begun).to_string(),
        age: now
            .duration_since(found.begun)
            .unwrap_or_default()
            .as_secs(),
        bytes: found.bytes,
        whole: found.is_whole,
    });
    Ok(Backups {
        directory: directory(file)?.display().to_string(),
        backups: backups.collect(),
    })
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::found::named;
    use super::{Backup, listed};
    use std::fs;
    use std::time::{Duration, SystemTime};

    #[test]
    fn the_latest_backup_is_the_first_of_the_list() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shop.db");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (ago, text) in [(60, "old"), (1, "later"), (3_600, "first")] {
            fs::write(named(&file, now - Duration::from_secs(ago)), text).unwrap();
        }
        fs::write(
            directory.path().join("shop.db.2027-01-15T08-00-00Z.part"),
            "",
        )
        .unwrap();
        fs::write(directory.path().join("shop.db-wal"), "").unwrap();
        let found = listed(&file, now).unwrap();
        assert_eq!(found.directory, directory.path().display().to_string());
        let ages = found.backups.iter().map(|it| (it.age, it.bytes, it.whole));
        let ages: Vec<_> = ages.collect();
        assert_eq!(
            ages,
            [(0, 0, false), (1, 5, true), (60, 3, true), (3_600, 5, true)]
        );
        let first = Backup {
            file: "shop.db.2027-01-15T07-00-00Z".to_owned(),
            begun_at: "2027-01-15T07:00:00Z".to_owned(),
            age: 3_600,
            bytes: 5,
            whole: true,
        };
        assert_eq!(found.backups.last(), Some(&first));
    }
}
