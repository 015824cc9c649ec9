//! [`Maker`]: makes backups while orders go on, as a signal asks for them, and deletes old ones.

use super::found::named;
use super::of_a_file;
use super::old::{Deleted, delete_oldest, delete_parts};
use crate::shop::Shop;
use crate::shop::alone::Alone;
use crate::telemetry;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::task;

/// Makes backups, and deletes old ones if it knows how many to keep.
#[derive(Debug, Clone)]
pub struct Maker {
    keep: Option<NonZeroUsize>,
    /// The backups that are being made: none of them is deleted. Locked while any is.
    making: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Maker {
    /// One that keeps the latest `keep`; all, if it is none.
    #[must_use]
    pub fn new(keep: Option<NonZeroUsize>) -> Self {
        let making = Arc::default();
        Self { keep, making }
    }

    /// Begins a backup beside the ledger's file. The log says when it is whole, or why there is none, and which old ones are
    /// deleted.
    pub fn begin(&self, shop: &Shop) {
        let (alone, file) = match of_a_file(shop) {
            Ok((alone, file)) => (Arc::clone(alone), file.to_owned()),
            Err(why) => return failed(&why),
        };
        let (maker, backup) = (self.clone(), named(&file, SystemTime::now()));
        task::spawn_blocking(move || maker.make(&alone, &file, &backup));
    }

    fn make(&self, alone: &Alone, file: &Path, backup: &Path) {
        let mut making = self.making.lock();
        if !making.insert(backup.to_owned()) {
            return failed(&format_args!("{} is being made", backup.display()));
        }
        if self.keep.is_some() {
            // Before it is made: they take the room that it needs.
            log_deleted(delete_parts(file, &making), "it was never ended");
        }
        drop(making);
        let made = alone.writer.back_up(backup);
        let mut making = self.making.lock();
        match made {
            Ok(()) => {
                tracing::info!("the backup {} is whole", backup.display());
                telemetry::backed_up(true);
                if let Some(keep) = self.keep {
                    let why = format!("the latest {keep} are kept");
                    log_deleted(delete_oldest(file, keep, &making), &why);
                }
            }
            Err(error) => failed(&error),
        }
        making.remove(backup);
    }
}

fn failed(why: &dyn fmt::Display) {
    tracing::warn!("no backup: {why}");
    telemetry::backed_up(false);
}

fn log_deleted(deleted: io::Result<Vec<Deleted>>, why: &str) {
    let deleted = match deleted {
        Ok(deleted) => deleted,
        Err(error) => return tracing::warn!("no old backup is deleted: {error}"),
    };
    for (file, end) in deleted {
        let file = file.display();
        match end {
            Ok(()) => tracing::info!("deleted the backup {file}: {why}"),
            Err(error) => tracing::warn!("cannot delete the backup {file}: {error}"),
        }
    }
}
