//! A row that is read, checked and written under a lock whose lease may run out.

use crate::design::Site;
use crate::locks::{Grant, Locks};
use crate::network::TimedOut;
use crate::store::Key;
use segstock_conformance::Answer;
use std::time::Duration;

/// How a row keeps off a node whose lease ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fencing {
    /// Not at all.
    No,
    /// Writes show the fencing token, reads do not.
    OfWrites,
    /// Reads and writes show the fencing token.
    OfReadsAndWrites,
    /// Writes show the lease's end, and the row compares it with its own clock.
    ByClock,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    units: u64,
    /// The greatest token that was seen.
    fence: u64,
}

impl Row {
    pub(super) fn new(units: u64) -> Self {
        Self { units, fence: 0 }
    }

    /// Whether the holder of `token` may go on.
    fn admits(&mut self, token: u64) -> bool {
        let newest = token >= self.fence;
        self.fence = self.fence.max(token);
        newest
    }
}

pub(super) struct Fenced {
    pub(super) key: Key<Row>,
    /// The lock of that key.
    pub(super) lock: usize,
    pub(super) locks: Locks,
    pub(super) fencing: Fencing,
    pub(super) site: Site,
}

/// How often an order that lost its lock begins again.
const ATTEMPTS: u32 = 20;

impl Fenced {
    /// Deducts units, if there are enough, and does the order's work under the lock.
    pub(super) async fn deduct(&self, units: u64) -> Answer {
        self.attempts(|left| left.checked_sub(units), true).await
    }

    pub(super) async fn restock(&self, units: u64) -> Answer {
        self.attempts(|left| Some(left + units), false).await
    }

    /// Writes what `change` makes of the units, unless that is nothing.
    async fn attempts(&self, change: impl Fn(u64) -> Option<u64>, works: bool) -> Answer {
        for _ in 0..ATTEMPTS {
            let Ok(grant) = self.locks.acquire(self.lock).await else {
                continue;
            };
            let answer = self.attempt(grant, &change, works).await;
            // Until its end, a lease that is its own fence admits late copies of the write: nobody else may have it.
            if self.fencing != Fencing::ByClock {
                self.locks.release(grant);
            }
            if let Some(answer) = answer {
                return answer;
            }
        }
        Answer::Unknown
    }

    /// The answer, unless the lock was lost before anything was written.
    async fn attempt(
        &self,
        grant: Grant,
        change: impl Fn(u64) -> Option<u64>,
        works: bool,
    ) -> Option<Answer> {
        let left = self.read(grant).await?;
        let Some(left) = change(left) else {
            return Some(Answer::SHORT);
        };
        if works {
            self.site.work().await;
        }
        Some(self.write(grant, left).await)
    }

    /// Whether the row admits a request of the holder of `grant`, in a read or in a write.
    fn admits(&self, grant: Grant, writes: bool) -> impl Fn(&mut Row) -> bool + Clone + 'static {
        let (fencing, world) = (self.fencing, self.site.world().clone());
        let in_time = move |until: Duration| world.clock() < until;
        move |row| match fencing {
            Fencing::No => true,
            Fencing::OfWrites => !writes || row.admits(grant.token),
            Fencing::OfReadsAndWrites => row.admits(grant.token),
            Fencing::ByClock => in_time(grant.until),
        }
    }

    async fn read(&self, grant: Grant) -> Option<u64> {
        let admits = self.admits(grant, false);
        let script = move |row: &mut Row| admits(row).then_some(row.units);
        self.key.retried(script).await.ok().flatten()
    }

    /// A refused token says that the lock was lost. It does not say what became of an earlier copy of the request.
    async fn write(&self, grant: Grant, left: u64) -> Answer {
        let admits = self.admits(grant, true);
        let script = move |row: &mut Row| {
            let admitted = admits(row);
            if admitted {
                row.units = left;
            }
            admitted
        };
        match self.key.retried(script).await {
            Ok(true) => Answer::Done(()),
            Ok(false) | Err(TimedOut) => Answer::Unknown,
        }
    }

    pub(super) async fn at_rest(&self) -> Result<u64, TimedOut> {
        Ok(self.key.get().await?.units)
    }
}
