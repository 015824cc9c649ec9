//! One lock around the whole order, or N segments with a lock each, as the articles publish it: take a lock, read, check,
//! do the order's work, write, release.
//!
//! **It never oversells and loses nothing**, under the conditions of [`Atomic`](crate::Atomic), though a lock is only a
//! lease: its holder may stand still for longer than the lease lasts, and then another holds it as well. Each grant has a
//! greater *fencing token*, and the segment refuses a token that is smaller than the greatest it was shown. Reads show it,
//! too: if only writes did, an old holder's write could arrive between the new holder's read and write.
//!
//! **With one segment it refuses exactly. With several it does not**: it walks from segment to segment, and what it passed
//! may be restocked meanwhile; nor does it sell what lies in several of them together. Without fencing
//! ([`Locked::without_fencing`]) it oversells; that is here to be measured and judged.
//!
//! What limits it: the order's work, under each lock. With 20 ms of work one lock sells 50 orders a second, and N locks
//! up to N times that. [`Atomic`](crate::Atomic) does the work after the sale, and has no such limit.
//! Twins: `designs/one_lock.rs`, `designs/segment_locks.rs` and `designs/fenced.rs` of `segstock-sim`.

use crate::error::OpenError;
use crate::function::{self, Said, nothing};
use crate::link::Reach;
use crate::server::{Connection, Redis, check_parts, check_units, key_of};
use redis::Cmd;
use segstock_remote::{
    Answer, Attempt, Driver, MAX_UNITS, OrderId, Refused, RemoteStock, Units, Unknown,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LIBRARY: &str = include_str!("locked.lua");

/// One lock, or N segments with a lock each. See the [table of the designs](crate).
#[derive(Debug)]
pub struct Locked {
    driver: Driver<Reach>,
    segments: Vec<String>,
    prefix: String,
    ttl: u64,
    lease: Duration,
    flow: Duration,
    fenced: bool,
}

/// A lock that is held, perhaps not any more.
struct Held<'a> {
    segment: &'a str,
    owner: u64,
    token: u64,
}

/// How an order under a lock ended.
enum Ended {
    Known(Answer),
    /// The segment has no more than this many.
    Short(u64),
    /// The lease ran out before the write.
    Fenced,
}

impl Locked {
    /// Creates a stock that holds `units` in `segments`, each with a lock: 1 to 1,000.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is one of this name; others if the server or its settings do not fit.
    pub async fn create(
        redis: &Redis,
        name: &str,
        units: u64,
        segments: usize,
    ) -> Result<Self, OpenError> {
        check_units(units)?;
        let stock = Self::of(redis, name, segments)?;
        redis.prepare(LIBRARY).await?;
        let (parts, made) = (segments as u64, rand::random::<u64>());
        let create = |link: Connection, _| {
            let mut create = function::function("segstock_locked_1_create", &stock.segments);
            create.arg(made);
            for part in 0..parts {
                create.arg(units / parts + u64::from(part < units % parts));
            }
            async move {
                let (said,): (String,) = link.ask(&create).await?;
                Ok(said == "done")
            }
        };
        if stock.driver.ask(create).await? {
            Ok(stock)
        } else {
            Err(OpenError::Exists)
        }
    }

    /// Opens a stock that was created before with this many segments, here or by another process.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name with this many segments.
    pub async fn open(redis: &Redis, name: &str, segments: usize) -> Result<Self, OpenError> {
        let stock = Self::of(redis, name, segments)?;
        redis.prepare(LIBRARY).await?;
        let (_, _, parts) = stock.call("sum", &stock.segments, nothing).await?;
        if parts == segments.to_string() {
            Ok(stock)
        } else {
            Err(OpenError::NoStock)
        }
    }

    fn of(redis: &Redis, name: &str, segments: usize) -> Result<Self, OpenError> {
        let key = key_of(name)?;
        check_parts(segments)?;
        Ok(Self {
            driver: redis.driver(None)?,
            segments: (0..segments)
                .map(|part| format!("{key}:part:{part}"))
                .collect(),
            prefix: format!("{key}:order:"),
            ttl: redis.ttl(),
            lease: Duration::from_secs(2),
            flow: Duration::ZERO,
            fenced: true,
        })
    }

    /// How long a lock is held at most; 2 seconds by default.
    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// The order's work under the lock: so long a sleep. None by default.
    #[must_use]
    pub fn flow(self, flow: Duration) -> Self {
        Self { flow, ..self }
    }

    /// No tokens are looked at. **It oversells** when a lease runs out in the middle of an order.
    #[must_use]
    pub fn without_fencing(self) -> Self {
        let fenced = false;
        Self { fenced, ..self }
    }

    async fn call(
        &self,
        name: &str,
        keys: &[impl AsRef<str> + Sync],
        args: impl Fn(&mut Cmd, Attempt) + Sync,
    ) -> Result<Said, Unknown> {
        let name = format!("segstock_locked_1_{name}");
        let heard = function::call(&self.driver, None, &name, keys, args).await?;
        Ok(heard.said)
    }

    /// Waits for the lock of a segment, as long as patience lasts.
    async fn acquire<'a>(&self, segment: &'a str, ends: Instant) -> Result<Held<'a>, Unknown> {
        let owner: u64 = rand::random();
        let lease = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        loop {
            let args = |call: &mut Cmd, _| {
                call.arg(owner).arg(lease);
            };
            let (said, token, _) = self.call("acquire", &[segment], args).await?;
            if said == "done" {
                let token = if self.fenced { token } else { 0 };
                return Ok(Held {
                    segment,
                    owner,
                    token,
                });
            }
            if Instant::now() > ends {
                return Err(Unknown::new(1, "the lock was not free in time"));
            }
            sleep(Duration::from_micros(rand::random_range(500..3_000))).await;
        }
    }

    /// Reads, checks, works and writes, under a lock.
    async fn under(
        &self,
        held: &Held<'_>,
        record: &str,
        wanted: &str,
        change: impl Fn(u64) -> Option<u64>,
    ) -> Result<Ended, Unknown> {
        let token = |call: &mut Cmd, _| {
            call.arg(held.token);
        };
        let (said, units, known) = self.call("read", &[held.segment, record], token).await?;
        if said == "fenced" {
            return Ok(Ended::Fenced);
        }
        if !known.is_empty() {
            return Ok(Ended::Known(answer(&known, wanted)));
        }
        let Some(left) = change(units) else {
            return Ok(Ended::Short(units));
        };
        if !self.flow.is_zero() {
            sleep(self.flow).await;
        }
        let args = |call: &mut Cmd, _| {
            call.arg(held.token).arg(left).arg(wanted).arg(self.ttl);
        };
        let (said, _, known) = self.call("write", &[held.segment, record], args).await?;
        Ok(match said.as_str() {
            "done" => Ended::Known(Answer::Done(())),
            "fenced" => Ended::Fenced,
            _ => Ended::Known(answer(&known, wanted)),
        })
    }

    /// Tries the segments one after another, each under its lock, beginning at any.
    async fn order(
        &self,
        order: &OrderId,
        wanted: String,
        change: impl Fn(u64) -> Option<u64> + Sync,
    ) -> Result<Answer, Unknown> {
        let record = format!("{}{order}", self.prefix);
        let ends = Instant::now() + self.driver.patience().total();
        let count = self.segments.len();
        let (mut part, mut tried, mut seen) = (rand::random_range(0..count), 0, 0);
        while tried < count {
            let held = self.acquire(&self.segments[part], ends).await?;
            let ended = self.under(&held, &record, &wanted, &change).await;
            let owner = |call: &mut Cmd, _| {
                call.arg(held.owner);
            };
            // A lock that cannot be released runs out.
            _ = self.call("release", &[held.segment], owner).await;
            match ended? {
                Ended::Known(answer) => return Ok(answer),
                Ended::Short(units) => {
                    seen += units;
                    tried += 1;
                    part = (part + 1) % count;
                }
                Ended::Fenced if Instant::now() > ends => {
                    return Err(Unknown::new(1, "the lease ran out again and again"));
                }
                Ended::Fenced => {}
            }
        }
        // Nothing is remembered: each segment was shown a new token, so a write of an earlier call is fenced.
        Ok(Answer::Refused(Refused {
            available: (count == 1).then_some(seen),
        }))
    }

    /// Leaves a refusal where nothing is known of an order.
    async fn settle(&self, record: &str, wanted: &str) -> Result<Answer, Unknown> {
        let args = |call: &mut Cmd, _| {
            call.arg("refused:0").arg(self.ttl);
        };
        let (_, _, known) = self.call("settle", &[record], args).await?;
        Ok(answer(&known, wanted))
    }
}

/// What a record says to who wanted the record `wanted`; nothing in particular wanted the outcome alone.
fn answer(record: &str, wanted: &str) -> Answer {
    match record {
        record if record.starts_with("refused:") => Answer::REFUSED,
        record if record == wanted || wanted.is_empty() => Answer::Done(()),
        _ => Answer::Unknown(Unknown::new(1, "the id is known for another call")),
    }
}

impl RemoteStock for Locked {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        let units = units.get();
        let change = |held: u64| held.checked_sub(units);
        let answer = self.order(order, format!("sold:{units}"), change).await;
        answer.unwrap_or_else(Answer::Unknown)
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        // Each segment keeps the limit by itself; several of them together may hold more.
        let (units, most) = (units.get(), MAX_UNITS);
        let change = |held: u64| Some(held + units).filter(|held| *held <= most);
        let answer = self.order(order, format!("put:{units}"), change).await;
        answer.unwrap_or_else(Answer::Unknown)
    }

    async fn available(&self) -> Result<u64, Unknown> {
        let (_, units, _) = self.call("sum", &self.segments, nothing).await?;
        Ok(units)
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        let record = format!("{}{order}", self.prefix);
        let answer = self.settle(&record, "").await;
        answer.unwrap_or_else(Answer::Unknown)
    }

    fn unanswered(&self) -> u64 {
        self.driver.unanswered()
    }
}
