//! [`Claim`]: which files of ledgers this process has open.
//!
//! On Unix a process loses its locks on a file as soon as it closes any handle of that file. SQLite minds that for its own
//! handles. So a file that is open here is not opened a second time to be looked at: then another process could open it.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

static CLAIMED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A file that this process has open, until this is dropped. It is dropped after the connection.
#[derive(Debug)]
pub(super) struct Claim(String);

/// A file, whatever it is called.
#[cfg(unix)]
fn file(path: &Path) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt as _;
    let found = path.metadata()?;
    Ok(format!("{}:{}", found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn file(path: &Path) -> io::Result<String> {
    Ok(path.canonicalize()?.to_string_lossy().into_owned())
}

impl Claim {
    /// Claims a file that is there; none if it is claimed.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        let file = file(path)?;
        let is_new = CLAIMED.lock().insert(file.clone());
        // One that is not new must not be made: it would be dropped, and the first with it.
        Ok(is_new.then(|| Self(file)))
    }

    /// Looks at a file that is there, unless it is claimed. Nobody claims it meanwhile.
    pub(super) fn look<T>(path: &Path, look: impl FnOnce() -> T) -> io::Result<Option<T>> {
        let claimed = CLAIMED.lock();
        let is_free = !claimed.contains(&file(path)?);
        Ok(is_free.then(look))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.lock().remove(&self.0);
    }
}
