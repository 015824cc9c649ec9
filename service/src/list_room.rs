//! [`ListRoom`]: how many bytes of lists are in memory at once.

use crate::kinds;
use crate::problem::Problem;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Lists of the largest size that there is room for: one is changed while the next one is read.
const LISTS: u32 = 2;
/// What room is counted in, in bytes.
const PIECE: usize = 1_024;

/// Room for lists. Each takes as much as it has bytes, before its body is read, until it is answered; what is made of a list is
/// some times as large. Who comes first has it first, however much that is.
#[derive(Debug)]
pub struct ListRoom {
    pieces: Semaphore,
    /// Of the largest list.
    most: u32,
}

impl ListRoom {
    /// Room for lists of at most this many bytes.
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        // So many lists of the most are fewer than a semaphore counts to.
        let most = pieces(bytes).min(u32::MAX / LISTS);
        Self {
            pieces: Semaphore::new((most * LISTS) as usize),
            most,
        }
    }

    /// Takes room for a list of so many bytes; for the largest, if nobody knows how many.
    ///
    /// # Errors
    ///
    /// *Busy*, if there is none in this time.
    pub async fn take(
        &self,
        bytes: Option<u64>,
        time: Duration,
    ) -> Result<SemaphorePermit<'_>, Problem> {
        let bytes = bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let wanted = bytes.map_or(self.most, pieces).min(self.most);
        // It is never closed.
        let taken = timeout(time, self.pieces.acquire_many(wanted)).await;
        taken.ok().and_then(Result::ok).ok_or_else(|| {
            let detail = "lists that came before take all room for lists: nothing was changed";
            Problem::new(kinds::BUSY, detail)
        })
    }

    /// How many bytes there is room for.
    #[must_use]
    pub const fn most(&self) -> usize {
        (self.most * LISTS) as usize * PIECE
    }

    /// How many bytes of that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.most() - self.pieces.available_permits() * PIECE
    }
}

fn pieces(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE).max(1)).unwrap_or(u32::MAX)
}
