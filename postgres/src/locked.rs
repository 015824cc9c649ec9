//! One lock around the whole order, or N segments with a lock each, as the articles publish it: take an advisory lock,
//! read, check, do the order's work, write, release.
//!
//! **It never oversells and loses nothing**, under the conditions of [`Row`](crate::Row). The lock is of the transaction
//! that reads and writes (`pg_advisory_xact_lock`): who loses the lock, with a connection that breaks, loses the write with
//! it. So no fencing token is needed, as [it is on Redis](https://docs.rs/segstock-redis). Two ways to break that:
//!
//! - a lock of one connection and a write over another: the server frees the lock, and the order goes on;
//! - a lock and a read in one statement: its snapshot is older than the lock, and what the last holder wrote is not in it.
//!
//! **With one segment it refuses exactly. With several it does not**: it walks from segment to segment, and what it passed
//! may be restocked meanwhile; nor does it sell what lies in several of them together. Each segment keeps the limit of
//! 2^40 units by itself.
//!
//! What limits it: the order's work, under each lock, and a connection for each order under way
//! ([`Postgres::connections`]). With 20 ms of work one lock sells under 50 orders a second, and N locks up to N times
//! that. An order waits for its lock for as long as one attempt takes: give it
//! [patience](segstock_remote::Patience). [`Row`](crate::Row) does the work after the sale, and has no such limit.
//! Twins: `designs/one_lock.rs` and `designs/segment_locks.rs` of `segstock-sim`.

use crate::error::OpenError;
use crate::row::{answer, outcome};
use crate::rows;
use crate::server::{Opened, Postgres, Said};
use crate::session::{Reach, Session, column};
use segstock_remote::{
    Answer, Attempt, Driver, Fault, MAX_UNITS, OrderId, Refused, RemoteStock, Units, Unknown,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

/// One advisory lock, or N segments with a lock each. See the [table of the designs](crate).
///
/// # Consistency
///
/// Every order is a transaction under a lock: linearizable with one segment; with several, refusals are not exact. A call
/// that was answered *done* happened once, however often it was sent.
#[derive(Debug)]
pub struct Locked {
    opened: Opened,
    /// Each has one connection, which one order at a time has for itself.
    drivers: Vec<Driver<Reach>>,
    idle: Mutex<Vec<usize>>,
    permits: Semaphore,
    parts: usize,
    flow: Duration,
}

/// $1 stock, $2 part, $3 id.
const READ: &str = "
    select part.units, known.state, known.units
    from segstock_stock part left join segstock_order known on known.stock = $1 and known.id = $3
    where part.name = $1 and part.part = $2";

/// $1 stock, $2 id. Locked, so that the retry's commit waits for the disk and the standbys as the first attempt's did.
const KNOWN: &str = "select from segstock_order where stock = $1 and id = $2 for update";

/// $1 stock, $2 part, $3 id, $4 state, $5 units of the order, $6 what it adds to the segment.
const WRITE: &str = "
    with written as (insert into segstock_order (stock, id, units, state) values ($1, $3, $5, $4))
    update segstock_stock set units = units + $6 where name = $1 and part = $2 returning units";

/// What an order changes.
#[derive(Debug, Clone, Copy)]
struct Change<'a> {
    order: &'a OrderId,
    units: Units,
    restocks: bool,
}

impl Change<'_> {
    const fn state(&self) -> &'static str {
        if self.restocks { "put" } else { "sold" }
    }

    /// What is added to a segment of this many units; nothing if it may not be.
    fn of(&self, held: i64) -> Option<i64> {
        let units = self.units.as_i64();
        let (added, most) = (
            if self.restocks { units } else { -units },
            MAX_UNITS.cast_signed(),
        );
        (0..=most).contains(&(held + added)).then_some(added)
    }
}

/// A connection that an order has for itself.
struct Own<'a> {
    locked: &'a Locked,
    number: usize,
    _permit: SemaphorePermit<'a>,
}

impl Own<'_> {
    fn driver(&self) -> &Driver<Reach> {
        &self.locked.drivers[self.number]
    }
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        let idle = self.locked.idle.lock();
        idle.unwrap_or_else(PoisonError::into_inner)
            .push(self.number);
    }
}

impl Locked {
    /// Creates a stock that holds `units` in `segments`, each with a lock: 1 to [`MAX_PARTS`](crate::MAX_PARTS).
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is one of this name; others if the server does not fit.
    pub async fn create(
        postgres: &Postgres,
        name: &str,
        units: u64,
        segments: usize,
    ) -> Result<Self, OpenError> {
        let opened = postgres.create(name, segments, units).await?;
        Self::of(postgres, opened, segments)
    }

    /// Opens a stock that was created before, here or by another process.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name.
    pub async fn open(postgres: &Postgres, name: &str) -> Result<Self, OpenError> {
        let (opened, segments) = postgres.open(name).await?;
        Self::of(postgres, opened, segments)
    }

    fn of(postgres: &Postgres, opened: Opened, parts: usize) -> Result<Self, OpenError> {
        let drivers: Vec<_> = postgres.drivers_of_one()?;
        Ok(Self {
            idle: Mutex::new((0..drivers.len()).collect()),
            permits: Semaphore::new(drivers.len()),
            drivers,
            opened,
            parts,
            flow: Duration::ZERO,
        })
    }

    /// The order's work under the lock: so long a sleep. None by default.
    #[must_use]
    pub fn flow(self, flow: Duration) -> Self {
        Self { flow, ..self }
    }

    /// Waits for a connection, as long as patience lasts.
    async fn own(&self) -> Result<Own<'_>, Unknown> {
        let patience = self.opened.driver.patience().total();
        let permit = timeout(patience, self.permits.acquire()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(Unknown::new(0, "no connection was free in time"));
        };
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        Ok(Own {
            locked: self,
            number: idle.unwrap_or(0),
            _permit: permit,
        })
    }

    /// Tries the segments one after another, each under its lock, beginning at any.
    async fn order(&self, change: Change<'_>) -> Result<Answer, Unknown> {
        let own = self.own().await?;
        let first = rand::random_range(0..self.parts);
        let (mut doubt, mut seen) = (self.opened.strict, 0);
        for part in (first..self.parts).chain(0..first) {
            let under = |session: Arc<Session>, attempt: Attempt| async move {
                let said = self.under(&session, part, &change).await?;
                Ok((said, attempt.is_again()))
            };
            let (said, again) = own.driver().ask(under).await?;
            doubt |= again;
            match said {
                Said::Short(units) => seen += units.unsigned_abs(),
                said => return Ok(answer(Ok(said), change.state(), change.units)),
            }
        }
        if doubt {
            // An attempt before the one that was answered may have its commit still under way.
            return Ok(outcome(&self.opened, change.order).await);
        }
        Ok(Answer::Refused(Refused {
            available: (self.parts == 1).then_some(seen),
        }))
    }

    /// Reads, checks, works and writes, under a lock.
    async fn under(
        &self,
        session: &Session,
        part: usize,
        change: &Change<'_>,
    ) -> Result<Said, Fault> {
        let (stock, id) = (self.opened.name.as_str(), change.order.as_str());
        let number = i32::try_from(part).unwrap_or(i32::MAX);
        loop {
            // What a call that was given up left behind is undone first. The lock is a statement of its own, so that what
            // follows sees what the last holder wrote. A stock's name has no quotes.
            let lock = format!(
                "rollback; begin; select pg_advisory_xact_lock(hashtext('{stock}'), {number})"
            );
            session.run(&lock).await?;
            let Some(read) = session.row(READ, &[&stock, &number, &id]).await? else {
                continue;
            };
            let held: i64 = column(&read, 0)?;
            if let Some(state) = column(&read, 1)? {
                session.row(KNOWN, &[&stock, &id]).await?;
                session.run("commit").await?;
                return Ok(Said::Known(state, column(&read, 2)?, false));
            }
            let Some(added) = change.of(held) else {
                session.run("rollback").await?;
                return Ok(Said::Short(held));
            };
            if !self.flow.is_zero() {
                sleep(self.flow).await;
            }
            let (state, units) = (change.state(), change.units.as_i64());
            let write = [
                &stock as _,
                &number as _,
                &id as _,
                &state as _,
                &units as _,
                &added as _,
            ];
            // Nothing is written if a copy of the order was served by another segment meanwhile.
            if session.row(WRITE, &write).await?.is_some() {
                session.run("commit").await?;
                return Ok(Said::Done);
            }
        }
    }
}

impl RemoteStock for Locked {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        let restocks = false;
        let order = self.order(Change {
            order,
            units,
            restocks,
        });
        order.await.unwrap_or_else(Answer::Unknown)
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        let restocks = true;
        let order = self.order(Change {
            order,
            units,
            restocks,
        });
        order.await.unwrap_or_else(Answer::Unknown)
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.opened.number(rows::AVAILABLE).await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        outcome(&self.opened, order).await
    }

    fn unanswered(&self) -> u64 {
        let own: u64 = self.drivers.iter().map(Driver::unanswered).sum();
        own + self.opened.driver.unanswered()
    }
}
