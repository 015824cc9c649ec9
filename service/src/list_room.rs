//! [`ListRoom`]: how many bytes of lists are in memory at once.

use crate::kinds;
use crate::problem::Problem;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Lists of the largest size that there is room for: one is changed while the next one is read.
const LISTS: u32 = 2;
/// A list of a smaller part of the largest size than this does not wait for larger ones, which may take minutes.
const SMALL: u32 = 128;
/// Small lists of the largest size of theirs that there is room for.
const SMALL_LISTS: u32 = 32;
/// What room is counted in, in bytes.
const PIECE: usize = 512;

/// Room for lists. Each takes as much as it has bytes, from before its body is read until it is answered; what is made of it is
/// some times as large. Who comes first has it first, however much that is; small lists have a room of their own.
#[derive(Debug)]
pub struct ListRoom {
    large: Semaphore,
    small: Semaphore,
    /// Pieces of the largest list, and of the largest small one.
    most: u32,
    most_small: u32,
}

/// The room of one list.
#[derive(Debug)]
pub struct Taken<'a>(SemaphorePermit<'a>);

impl ListRoom {
    /// Room for lists of at most this many bytes.
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        // Both rooms together are fewer pieces than can be counted.
        let most = pieces(bytes).min(u32::MAX / (LISTS + 1));
        let most_small = most / SMALL;
        Self {
            large: Semaphore::new((most * LISTS) as usize),
            small: Semaphore::new((most_small * SMALL_LISTS) as usize),
            most,
            most_small,
        }
    }

    /// Takes room for a list of so many bytes; for the largest, if nobody knows how many.
    ///
    /// # Errors
    ///
    /// *Busy*, if there is none in this time.
    pub async fn take(&self, bytes: Option<u64>, time: Duration) -> Result<Taken<'_>, Problem> {
        let bytes = bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let wanted = bytes.map_or(self.most, pieces).min(self.most);
        let room = if wanted <= self.most_small {
            &self.small
        } else {
            &self.large
        };
        // It is never closed.
        let taken = timeout(time, room.acquire_many(wanted)).await;
        let taken = taken.ok().and_then(Result::ok).map(Taken);
        taken.ok_or_else(|| {
            let detail = "lists that came before take all room for lists: nothing was changed";
            Problem::new(kinds::BUSY, detail)
        })
    }

    /// How many bytes there is room for.
    #[must_use]
    pub const fn most(&self) -> usize {
        (self.most * LISTS + self.most_small * SMALL_LISTS) as usize * PIECE
    }

    /// How many bytes of that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        let left = self.large.available_permits() + self.small.available_permits();
        self.most() - left * PIECE
    }
}

impl Taken<'_> {
    /// Gives back what a list of so many bytes does not need.
    pub fn shrink(&mut self, bytes: usize) {
        let needed = pieces(bytes) as usize;
        drop(self.0.split(self.0.num_permits().saturating_sub(needed)));
    }
}

fn pieces(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE).max(1)).unwrap_or(u32::MAX)
}
