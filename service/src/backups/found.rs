//! [`find`]: the backups that are beside a ledger's file, known by their names.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io, path};

/// What a file is called behind its name until it is whole.
pub(super) const PART: &str = ".part";

/// A backup that is there.
#[derive(Debug)]
pub(super) struct Found {
    /// What it is called once it is whole.
    pub(super) name: PathBuf,
    /// Its file.
    pub(super) file: PathBuf,
    pub(super) begun: SystemTime,
    pub(super) bytes: u64,
    pub(super) is_whole: bool,
}

/// The directory in which the backups of `file` are.
pub(super) fn directory(file: &Path) -> io::Result<PathBuf> {
    let file = path::absolute(file)?;
    Ok(file.parent().unwrap_or(Path::new("/")).to_owned())
}

/// The backups of `file`, the latest first: files that are named as [`named`] names them. Links and directories are none.
pub(super) fn find(file: &Path) -> io::Result<Vec<Found>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory(file)?)? {
        let entry = entry?;
        let Some((begun, is_whole)) = entry.file_name().to_str().and_then(|it| begun(file, it))
        else {
            continue;
        };
        // It may be gone meanwhile, or have another name.
        if let Ok(there) = entry.metadata()
            && there.is_file()
        {
            all.push(Found {
                name: named(file, begun),
                file: file.with_file_name(entry.file_name()),
                begun,
                bytes: there.len(),
                is_whole,
            });
        }
    }
    all.sort_unstable_by(|one, other| other.file.cmp(&one.file));
    Ok(all)
}

/// The ledger's file with the time behind its name, which no system forbids in a name.
pub(super) fn named(file: &Path, at: SystemTime) -> PathBuf {
    let time = humantime::format_rfc3339_seconds(at).to_string();
    with_end(file, &format!(".{}", time.replace(':', "-")))
}

pub(super) fn with_end(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// When a backup of `file` was begun that has this name, and whether it is whole; none, if no backup has it.
fn begun(file: &Path, name: &str) -> Option<(SystemTime, bool)> {
    let (whole, is_whole) = match name.strip_suffix(PART) {
        Some(whole) => (whole, false),
        None => (name, true),
    };
    let of_ledger = file.file_name()?.to_str()?;
    let time = whole.strip_prefix(of_ledger)?.strip_prefix('.')?;
    let (date, time) = time.split_once('T')?;
    let time = format!("{date}T{}", time.replace('-', ":"));
    let begun = humantime::parse_rfc3339(&time).ok()?;
    // A time can be written in other ways: who did that made no backup.
    (named(file, begun).file_name()? == whole).then_some((begun, is_whole))
}

#[cfg(test)]
mod tests {
    use super::{begun, named};
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
            "shop.db.2027-01-15T08-00-00Z.part.part",
            "shop.db.2027-01-15T08-00-00Z-wal",
            "shop.db.2027-01-15T08-00-00Z.gz",
            "shop.db.2027-01-15T08-00-00Z.2027-01-15T08-00-00Z",
            "shop.db.2027-01-15T08-00-00.5Z",
            "shop.db.2027-01-15T08:00:00Z",
            "shop.db.2027-01-15T08-00-00",
            "other.db.2027-01-15T08-00-00Z",
            "shop.db.2027-01-15T08-61-00Z",
        ] {
            assert_eq!(begun(file, other), None, "{other}");
        }
    }
}
