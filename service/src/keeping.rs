//! [`SnapshotFile`]: where a shop is kept across restarts.

use crate::shop::Kept;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::{error, fmt, fs};

/// A file that is always a whole snapshot, the last one or the one before, whenever the power goes.
#[derive(Debug)]
pub struct SnapshotFile {
    path: PathBuf,
    /// Beside it, since only within a file system is a rename one step.
    partial: PathBuf,
}

impl SnapshotFile {
    /// The file of that name, there or not. One process at a time may use it.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        Self {
            path,
            partial: partial.into(),
        }
    }

    /// What was kept; nothing if there is no such file yet.
    ///
    /// # Errors
    ///
    /// [`KeepingError`]: it cannot be read, or is not a snapshot.
    pub fn read(&self) -> Result<Option<Kept>, KeepingError> {
        let read = match File::open(&self.path) {
            Ok(file) => serde_json::from_reader(BufReader::new(file)).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error),
        };
        read.map(Some).map_err(|error| self.failed("read", error))
    }

    /// Puts a snapshot in the place of the last one. When it returns, the new one is on the disk.
    ///
    /// # Errors
    ///
    /// [`KeepingError`]: the last one is as it was; or, if only the directory could not be synced, the
    /// new one is in its place, and which of them is there after a power cut is open.
    pub fn write(&self, kept: &Kept) -> Result<(), KeepingError> {
        self.replace(kept)
            .map_err(|error| self.failed("write", error))
    }

    fn replace(&self, kept: &Kept) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(&self.partial)?);
        serde_json::to_writer(&mut file, kept)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        fs::rename(&self.partial, &self.path)?;
        sync_directory(&self.path)
    }

    fn failed(&self, what: &'static str, error: io::Error) -> KeepingError {
        KeepingError {
            what,
            path: self.path.clone(),
            error,
        }
    }
}

/// The rename is on the disk only when the directory is. Other systems than Unix have no such call.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|path| !path.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A snapshot was not read or not written.
#[derive(Debug)]
pub struct KeepingError {
    what: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for KeepingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, path, error } = self;
        write!(f, "cannot {what} snapshot {}: {error}", path.display())
    }
}

impl error::Error for KeepingError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}
