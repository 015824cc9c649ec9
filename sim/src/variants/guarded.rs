//! A row that is read, checked and written under a lock whose lease may run out.

use super::super::locks::{Grant, Locks};
use super::super::network::TimedOut;
use super::super::store::Key;
use super::{Answer, Site};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fencing {
    No,
    /// Reads show no token.
    OfWrites,
    OfReadsAndWrites,
}

#[derive(Debug, Clone, Default)]
pub struct Row {
    pub units: u64,
    /// The greatest token that was seen.
    fence: u64,
}

impl Row {
    pub fn new(units: u64) -> Self {
        Self { units, fence: 0 }
    }

    /// Whether the holder of `token` may go on.
    fn admits(&mut self, token: u64) -> bool {
        let newest = token >= self.fence;
        self.fence = self.fence.max(token);
        newest
    }
}

pub struct Guarded {
    pub key: Key<Row>,
    /// The lock of that key.
    pub lock: usize,
    pub locks: Locks,
    pub fencing: Fencing,
    pub site: Site,
}

/// How often an order begins anew that has lost its lock.
const TURNS: u32 = 20;

impl Guarded {
    /// Sells units, if there are enough, with the order's work done under the lock.
    pub async fn deduct(&self, units: u64) -> Answer {
        self.turns(|left| left.checked_sub(units), true).await
    }

    pub async fn restock(&self, units: u64) -> Answer {
        self.turns(|left| Some(left + units), false).await
    }

    /// Writes what `change` makes of the units, unless that is nothing.
    async fn turns(&self, change: impl Fn(u64) -> Option<u64>, works: bool) -> Answer {
        for _ in 0..TURNS {
            let Ok(grant) = self.locks.acquire(self.lock).await else {
                continue;
            };
            let answer = self.turn(grant, &change, works).await;
            self.locks.release(grant);
            if let Some(answer) = answer {
                return answer;
            }
        }
        Answer::Unknown
    }

    /// The answer, unless the lock was lost before anything was written.
    async fn turn(
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
            self.site.flow().await;
        }
        Some(self.write(grant, left).await)
    }

    async fn read(&self, grant: Grant) -> Option<u64> {
        let fenced = self.fencing == Fencing::OfReadsAndWrites;
        let script = move |row: &mut Row| (!fenced || row.admits(grant.token)).then_some(row.units);
        self.key.retried(script).await.ok().flatten()
    }

    /// A token that is refused says that the lock was lost, not what became of an earlier copy of the
    /// same request.
    async fn write(&self, grant: Grant, left: u64) -> Answer {
        let fenced = self.fencing != Fencing::No;
        let script = move |row: &mut Row| {
            let admitted = !fenced || row.admits(grant.token);
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

    pub async fn at_rest(&self) -> Result<u64, TimedOut> {
        Ok(self.key.get().await?.units)
    }
}
