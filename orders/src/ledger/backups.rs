//! [`Backups`]: which backups are asked for, and who waits for them.

use super::LedgerError;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// The backups that are asked for and not begun, in the sequence in which they were asked for; none, once nobody will begin
/// them.
#[derive(Debug)]
pub(super) struct Backups(Mutex<Option<VecDeque<Asked>>>);

/// A backup that somebody waits for.
#[derive(Debug)]
pub(super) struct Asked {
    path: PathBuf,
    end: mpsc::Sender<Result<(), LedgerError>>,
}

/// The end of a backup, for whoever asked for it.
pub(super) struct Ended(mpsc::Receiver<Result<(), LedgerError>>);

impl Default for Backups {
    fn default() -> Self {
        Self(Mutex::new(Some(VecDeque::new())))
    }
}

impl Backups {
    pub(super) fn ask(&self, path: PathBuf) -> Ended {
        let (end, ended) = mpsc::channel();
        if let Some(asked) = &mut *self.0.lock() {
            asked.push_back(Asked { path, end });
        }
        Ended(ended)
    }

    pub(super) fn next(&self) -> Option<Asked> {
        self.0.lock().as_mut()?.pop_front()
    }

    /// Nobody begins one any more. Calls that wait are notified.
    pub(super) fn close(&self) {
        *self.0.lock() = None;
    }
}

impl Asked {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn ends(self, end: Result<(), LedgerError>) {
        // Whoever asked may have given up.
        _ = self.end.send(end);
    }
}

impl Ended {
    /// Waits for it. None: nobody makes it any more.
    pub(super) fn wait(self) -> Option<Result<(), LedgerError>> {
        self.0.recv().ok()
    }
}
