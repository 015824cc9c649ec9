//! Which backups are deleted: [`delete_oldest`], all but the latest; [`delete_parts`], those that were never ended.

use super::found::{Found, find, with_end};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A file that is deleted; or is not, and why.
pub(super) type Deleted = (PathBuf, io::Result<()>);

/// Deletes whole backups of `file` until `keep` are left: the oldest by their names, and none of `making`. One stays that
/// is in use as a ledger, or was when its service was killed. That a service was started on one and stopped cannot be seen: a backup has
/// the epoch of its ledger, and each start raises that.
///
/// # Errors
///
/// As the system says, if it does not list the directory. Then all are there still.
pub(super) fn delete_oldest(
    file: &Path,
    keep: NonZeroUsize,
    making: &BTreeSet<PathBuf>,
) -> io::Result<Vec<Deleted>> {
    let whole = find(file)?.into_iter().filter(|it| it.is_whole);
    let (made, others): (Vec<_>, Vec<_>) = whole.partition(|it| making.contains(&it.name));
    let old = others
        .into_iter()
        .skip(keep.get().saturating_sub(made.len()));
    Ok(old.map(|old| delete(old, &[""])).collect())
}

/// Deletes the backups of `file` that no process ended and that are not among `making`, with what SQLite had beside each. The
/// caller has the ledger open, so no other process makes any.
///
/// # Errors
///
/// As the system says, if it does not list the directory. Then all are there still.
pub(super) fn delete_parts(file: &Path, making: &BTreeSet<PathBuf>) -> io::Result<Vec<Deleted>> {
    let parts = find(file)?.into_iter().filter(|it| !it.is_whole);
    let left = parts.filter(|it| !making.contains(&it.name));
    // By the file itself it is found again, if not all can be deleted.
    let ends = ["-wal", "-shm", "-journal", ""];
    Ok(left.map(|part| delete(part, &ends)).collect())
}

/// Deletes the files that are called as this one, with these ends.
fn delete(old: Found, ends: &[&str]) -> Deleted {
    let log = with_end(&old.file, "-wal");
    if old.is_whole && log.exists() {
        let line = format!(
            "a service runs on it, or was killed there: {} is beside it",
            log.display()
        );
        return (old.file, Err(io::Error::other(line)));
    }
    let deleted = ends
        .iter()
        .try_for_each(|end| match fs::remove_file(with_end(&old.file, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        });
    (old.file, deleted)
}

#[cfg(test)]
mod tests {
    use super::super::found::named;
    use super::{Deleted, delete_oldest, delete_parts};
    use std::collections::BTreeSet;
    use std::fs;
    use std::num::NonZeroUsize;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};
    use tempfile::TempDir;

    /// The name of the backup that was begun in an hour.
    fn hour(file: &Path, hour: u64) -> PathBuf {
        named(
            file,
            SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3_600),
        )
    }

    fn part(of: &Path, end: &str) -> PathBuf {
        PathBuf::from(format!("{}.part{end}", of.display()))
    }

    /// A ledger that has backups of these hours.
    fn shop(hours: std::ops::Range<u64>) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("shop.db");
        fs::write(&file, "").unwrap();
        hours.for_each(|it| fs::write(hour(&file, it), "").unwrap());
        (directory, file)
    }

    /// The hours whose backups are there, and how many other files.
    fn left(file: &Path) -> (Vec<u64>, usize) {
        let hours: Vec<_> = (0..100).filter(|it| hour(file, *it).exists()).collect();
        let files = fs::read_dir(file.parent().unwrap()).unwrap().count();
        let others = files - hours.len();
        (hours, others)
    }

    fn keep(file: &Path, keep: usize, making: &[u64]) -> Vec<Deleted> {
        let making = making.iter().map(|it| hour(file, *it)).collect();
        delete_oldest(file, NonZeroUsize::new(keep).unwrap(), &making).unwrap()
    }

    #[test]
    fn the_latest_backups_are_kept() {
        let (_directory, file) = shop(0..9);
        assert!(keep(&file, 9, &[8]).is_empty());
        let deleted = keep(&file, 3, &[8]);
        assert!(deleted.iter().all(|(_, end)| end.is_ok()), "{deleted:?}");
        assert_eq!(deleted.len(), 6);
        assert_eq!(left(&file), (vec![6, 7, 8], 1));
    }

    /// The clock was set back: by its name the one that was just made is the oldest.
    #[test]
    fn what_was_just_made_is_kept_whatever_the_clock_says() {
        let (_directory, file) = shop(5..9);
        fs::write(hour(&file, 1), "").unwrap();
        keep(&file, 2, &[1]);
        assert_eq!(left(&file).0, [1, 8]);
        keep(&file, 1, &[1, 8]);
        assert_eq!(left(&file).0, [1, 8]);
        keep(&file, 1, &[1]);
        assert_eq!(left(&file).0, [1]);
    }

    #[test]
    fn what_is_no_backup_stays() {
        let (directory, file) = shop(0..4);
        let others = [
            "shop.db-wal",
            "shop.db.2027-01-15T08-00-00Z.gz",
            "shop.db.before",
            "shop.db.1970-01-01",
            "shop.db.1970-01-01T01:00:00Z",
            "other.db.1970-01-01T00-00-00Z",
        ];
        for name in others {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("shop.db.1970-01-01T05-00-00Z")).unwrap();
        fs::write(part(&hour(&file, 6), ""), "").unwrap();
        let deleted = keep(&file, 1, &[3]);
        assert!(deleted.iter().all(|(_, end)| end.is_ok()), "{deleted:?}");
        // The ledger, the directory, which is no backup of an hour, and what is being made.
        assert_eq!(left(&file), (vec![3, 5], others.len() + 2));
        delete_parts(&file, &BTreeSet::new()).unwrap();
        assert_eq!(left(&file), (vec![3, 5], others.len() + 1));
    }

    #[test]
    fn a_backup_on_which_a_service_runs_stays() {
        let (_directory, file) = shop(0..3);
        let log = PathBuf::from(format!("{}-wal", hour(&file, 0).display()));
        fs::write(&log, "").unwrap();
        let deleted = keep(&file, 1, &[2]);
        let done: Vec<_> = deleted.iter().map(|(_, end)| end.is_ok()).collect();
        assert_eq!(done, [true, false], "{deleted:?}");
        assert_eq!(left(&file).0, [0, 2]);
    }

    #[test]
    fn parts_that_nobody_makes_are_deleted_with_what_is_beside_them() {
        let (_directory, file) = shop(0..2);
        for number in 2..5 {
            for end in ["", "-wal"] {
                fs::write(part(&hour(&file, number), end), "").unwrap();
            }
        }
        let making = [hour(&file, 4)].into();
        assert_eq!(delete_parts(&file, &making).unwrap().len(), 2);
        // The ledger, and what is being made.
        assert_eq!(left(&file), (vec![0, 1], 3));
        assert!(part(&hour(&file, 4), "-wal").exists());
    }

    #[test]
    fn a_part_that_cannot_be_deleted_is_named_and_found_again() {
        let (_directory, file) = shop(0..0);
        let part = part(&hour(&file, 1), "");
        fs::write(&part, "").unwrap();
        let beside = PathBuf::from(format!("{}-wal", part.display()));
        fs::create_dir(&beside).unwrap();
        for _ in 0..2 {
            let deleted = delete_parts(&file, &BTreeSet::new()).unwrap();
            assert!(
                matches!(&deleted[..], [(it, Err(_))] if *it == part),
                "{deleted:?}"
            );
        }
        fs::remove_dir(beside).unwrap();
        let deleted = delete_parts(&file, &BTreeSet::new()).unwrap();
        assert!(matches!(&deleted[..], [(_, Ok(()))]), "{deleted:?}");
        assert_eq!(left(&file), (vec![], 1));
    }
}
