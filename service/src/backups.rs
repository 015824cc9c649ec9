//! Backups of the ledger's file: [`begin`] makes one while orders go on, as a signal asks for it; [`list`] shows those that are
//! there.

use crate::kinds;
use crate::problem::Problem;
use crate::shop::Shop;
use crate::shop::alone::Alone;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use std::{fs, io, path};
use tokio::task;
use utoipa::ToSchema;

/// What a file is called behind its name until it is whole.
const PART: &str = ".part";

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

/// Begins a backup beside the ledger's file. The log says when it is whole, or why there is none.
pub fn begin(shop: &Shop) {
    let (alone, file) = match of_a_file(shop) {
        Ok(found) => found,
        Err(why) => return tracing::warn!("no backup: {why}"),
    };
    let backup = named(file, SystemTime::now());
    let alone = Arc::clone(alone);
    task::spawn_blocking(move || match alone.writer.back_up(&backup) {
        Ok(()) => tracing::info!("the backup {} is whole", backup.display()),
        Err(error) => tracing::warn!("no backup: {error}"),
    });
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
    let directory = path::absolute(file)?;
    let directory = directory.parent().unwrap_or(Path::new("/"));
    let mut backups = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let found = name.to_str().and_then(|name| begun(file, name));
        // It may be gone meanwhile, or have another name.
        if let (Some((begun, whole)), Ok(found)) = (found, entry.metadata()) {
            backups.push(Backup {
                file: name.to_string_lossy().into_owned(),
                begun_at: humantime::format_rfc3339_seconds(begun).to_string(),
                age: now.duration_since(begun).unwrap_or_default().as_secs(),
                bytes: found.len(),
                whole,
            });
        }
    }
    backups.sort_unstable_by(|one, other| other.file.cmp(&one.file));
    let directory = directory.display().to_string();
    Ok(Backups { directory, backups })
}

/// The ledger's file with the time behind its name, which no system forbids in a name.
fn named(file: &Path, now: SystemTime) -> PathBuf {
    let time = humantime::format_rfc3339_seconds(now).to_string();
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(time.replace(':', "-"));
    name.into()
}

/// When a backup of `file` was begun that has this name, and whether it is whole; none, if it is none.
fn begun(file: &Path, name: &str) -> Option<(SystemTime, bool)> {
    let (named, whole) = match name.strip_suffix(PART) {
        Some(named) => (named, false),
        None => (name, true),
    };
    let of_ledger = file.file_name()?.to_str()?;
    let time = named.strip_prefix(of_ledger)?.strip_prefix('.')?;
    let (date, time) = time.split_once('T')?;
    let time = format!("{date}T{}", time.replace('-', ":"));
    Some((humantime::parse_rfc3339(&time).ok()?, whole))
}

#[cfg(test)]
mod tests {
    use super::{Backup, begun, listed, named};
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_backup_is_named_by_its_time() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let file = Path::new("data/shop.db");
        let name = named(file, at);
        assert_eq!(name, Path::new("data/shop.db.2027-01-15T08-00-00Z"));
        let name = name.file_name().unwrap().to_str().unwrap();
        assert_eq!(begun(file, name), Some((at, true)));
        assert_eq!(begun(file, &format!("{name}.part")), Some((at, false)));
        for other in [
            "shop.db",
            "shop.db-wal",
            "shop.db.part",
            "shop.db.2027-01-15T08-00-00Z.part-wal",
            "other.db.2027-01-15T08-00-00Z",
            "shop.db.2027-01-15T08-61-00Z",
        ] {
            assert_eq!(begun(file, other), None, "{other}");
        }
    }

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
