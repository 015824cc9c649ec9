//! One key, and one function on it: take the units if they are there.
//!
//! **It promises everything**: it never oversells, it refuses exactly, and a retry is answered as the first attempt was.
//! The server remembers each order's id for a time that is checked to be longer than any copy of a request can be under
//! way ([`Redis::remembered`]). [`RemoteHolds`] reserves units until a deadline by the server's clock; whoever needs
//! units frees expired holds.
//!
//! **It does not**, where the server loses what it acknowledged:
//!
//! - with `appendfsync everysec`, up to a second of it when the machine fails, and what waits for a slow sync when the
//!   process is killed; with no append-only file, all since the last dump when the process ends;
//! - at a failover, what the replica did not have yet. Replication is asynchronous, `WAIT` or not.
//!
//! A sale that is lost is sold again. So the server's replication id is noticed when a connection is made, and if it is
//! another than the stock was opened under, every call is unknown ([`Restarts::MayLose`](crate::Restarts::MayLose)).
//!
//! Only a retry's refusal is remembered. A first attempt that was answered has no copy under way, so its refusal writes
//! nothing. A proxy that brings a request twice breaks that: take [`Redis::strict`].
//!
//! What limits it: one request for each order, as fast as one thread of the server serves them.
//! Twin: `designs/conditional.rs` of `segstock-sim`.

use crate::link::Reach;
use crate::server::{Asked, Connection, check_units, key_of};
use crate::{OpenError, Redis};
use redis::cmd;
use segstock_remote::{
    Answer, Driver, Fault, HoldAnswer, MAX_UNITS, OrderId, Refused, RemoteHolds, RemoteStock,
    Resolved, Units, Unknown, Wanted,
};
use std::time::Duration;

const LIBRARY: &str = include_str!("atomic.lua");

/// One key, and one function on it. See the [table of the designs](crate).
///
/// # Consistency
///
/// Every call is one function on one thread of the server: linearizable. A call that was answered *done* happened once,
/// however often it was sent.
#[derive(Debug)]
pub struct Atomic {
    driver: Driver<Reach>,
    key: String,
    deadlines: String,
    /// Keys of the orders' records begin so.
    prefix: String,
    ttl: u64,
    strict: bool,
}

/// What the function says, and a number.
type Said = (String, Option<u64>);

impl Atomic {
    /// Creates a stock that holds `units`, at most [`MAX_UNITS`].
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is one of this name; others if the server or its settings do not fit.
    pub async fn create(redis: &Redis, name: &str, units: u64) -> Result<Self, OpenError> {
        check_units(units)?;
        let stock = Self::of(redis, name)?;
        redis.prepare(LIBRARY).await?;
        let key = stock.key.as_str();
        let number: u64 = rand::random();
        let create = |link: Connection, _| async move {
            let mut create = cmd("FCALL");
            create.arg("segstock_atomic_1_create").arg(1).arg(key);
            create
                .arg(units)
                .arg(link.replication_id().await?)
                .arg(number);
            let (said,): (String,) = link.ask(&create).await?;
            Ok(said == "done")
        };
        if redis.driver(None)?.ask(create).await? {
            Ok(stock)
        } else {
            Err(OpenError::Exists)
        }
    }

    /// Opens a stock that was created before, here or by another process.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name; others if the server or its settings do not fit, or if it
    /// lost what it acknowledged.
    pub async fn open(redis: &Redis, name: &str) -> Result<Self, OpenError> {
        let stock = Self::of(redis, name)?;
        redis.prepare(LIBRARY).await?;
        let key = stock.key.as_str();
        let exists = |link: Connection, _| async move { link.ask(cmd("EXISTS").arg(key)).await };
        if stock.driver.ask(exists).await? {
            Ok(stock)
        } else {
            Err(OpenError::NoStock)
        }
    }

    /// Opens a stock again whose server lost what it acknowledged: it holds `units` from now on, what the order log says
    /// is left. Nobody may use it meanwhile. Ids and holds that the server knows stay known.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn replace(redis: &Redis, name: &str, units: u64) -> Result<Self, OpenError> {
        check_units(units)?;
        let stock = Self::of(redis, name)?;
        redis.prepare(LIBRARY).await?;
        let key = stock.key.as_str();
        let replace = |link: Connection, _| async move {
            let id = link.replication_id().await?;
            let mut set = cmd("HSET");
            set.arg(key).arg("units").arg(units).arg("replid").arg(id);
            let _: u64 = link.ask(&set).await?;
            Ok(())
        };
        redis.driver(None)?.ask(replace).await?;
        Ok(stock)
    }

    fn of(redis: &Redis, name: &str) -> Result<Self, OpenError> {
        let key = key_of(name)?;
        Ok(Self {
            driver: redis.driver(Some(key.clone()))?,
            deadlines: format!("{key}:deadlines"),
            prefix: format!("{key}:order:"),
            key,
            ttl: redis.ttl(),
            strict: redis.is_strict(),
        })
    }

    /// The key of the record of an order's id begins so; the id follows.
    #[must_use]
    pub fn records(&self) -> &str {
        &self.prefix
    }

    /// Calls a function with the keys of an order, if there is one; `args` depend on whether an attempt may be under way already.
    async fn call(
        &self,
        function: &str,
        order: Option<&OrderId>,
        args: impl Fn(&mut redis::Cmd, bool) + Sync,
    ) -> Result<Said, Unknown> {
        let record = format!("{}{}", self.prefix, order.map_or("", OrderId::as_str));
        let (args, record) = (&args, record.as_str());
        let call = |link: Connection, attempt: segstock_remote::Attempt| async move {
            let mut call = cmd("FCALL");
            call.arg(function).arg(3);
            call.arg(&self.key).arg(record).arg(&self.deadlines);
            args(&mut call, attempt.is_again() || self.strict);
            self.until_not_busy(&link, &call).await
        };
        self.driver.ask_for(order.as_slice(), call).await
    }

    /// A function frees a number of expired holds at a time, so that nobody waits for long; then it is called again.
    async fn until_not_busy(&self, link: &Connection, call: &redis::Cmd) -> Asked<Said> {
        loop {
            let said: Vec<redis::Value> = link.ask(call).await?;
            let unexpected =
                || Fault::Final("the function's answer is none of this release".into());
            let what = said.first().map(redis::from_redis_value_ref::<String>);
            let what = what.and_then(Result::ok).ok_or_else(unexpected)?;
            let number = said.get(1).map(redis::from_redis_value_ref::<u64>);
            match what.as_str() {
                "busy" => {}
                "nostock" => return Err(Fault::Final("there is no stock of this name".into())),
                _ => return Ok((what, number.and_then(Result::ok))),
            }
        }
    }

    /// Has the function decide a batch of orders.
    pub(crate) async fn batch(&self, batch: &[Wanted]) -> Vec<Answer> {
        let send = |link: Connection, attempt: segstock_remote::Attempt| async move {
            let again = attempt.is_again() || self.strict;
            let mut call = cmd("FCALL");
            call.arg("segstock_atomic_1_batch").arg(2);
            call.arg(&self.key).arg(&self.deadlines);
            call.arg(u8::from(again)).arg(self.ttl).arg(&self.prefix);
            call.arg(MAX_UNITS);
            for wanted in batch {
                call.arg(wanted.order.as_str()).arg(wanted.units.get());
                call.arg(u8::from(wanted.restocks));
            }
            let said: Vec<(String, i64)> = link.ask(&call).await?;
            if said.len() != batch.len() || said.iter().any(|(what, _)| what == "nostock") {
                return Err(Fault::Final("there is no stock of this name".into()));
            }
            Ok(said)
        };
        let orders: Vec<&OrderId> = batch.iter().map(|wanted| &wanted.order).collect();
        match self.driver.ask_for(&orders, send).await {
            Ok(said) => said
                .into_iter()
                .map(|(what, left)| answer(&what, u64::try_from(left).ok()))
                .collect(),
            Err(unknown) => batch
                .iter()
                .map(|_| Answer::Unknown(unknown.clone()))
                .collect(),
        }
    }

    async fn change(
        &self,
        function: &str,
        order: &OrderId,
        args: impl Fn(&mut redis::Cmd, bool) + Sync,
    ) -> Answer {
        match self.call(function, Some(order), args).await {
            Ok((what, available)) => answer(&what, available),
            Err(unknown) => Answer::Unknown(unknown),
        }
    }

    /// Calls a function on a hold; `wanted` is what the hold shall be.
    async fn hold(
        &self,
        function: &str,
        order: &OrderId,
        wanted: &str,
        args: impl Fn(&mut redis::Cmd, bool) + Sync,
    ) -> HoldAnswer {
        match self.call(function, Some(order), args).await {
            Ok((what, _)) => match what.as_str() {
                what if what == wanted => HoldAnswer::Done,
                "refused" => HoldAnswer::Refused,
                "confirmed" => HoldAnswer::Resolved(Resolved::Confirmed),
                "released" => HoldAnswer::Resolved(Resolved::Released),
                "expired" => HoldAnswer::Resolved(Resolved::Expired),
                "nohold" => HoldAnswer::NoHold,
                _ => HoldAnswer::Conflict,
            },
            Err(unknown) => HoldAnswer::Unknown(unknown),
        }
    }
}

fn answer(what: &str, available: Option<u64>) -> Answer {
    match what {
        "done" => Answer::Done(()),
        "refused" => Answer::Refused(Refused { available }),
        _ => Answer::Unknown(Unknown::new(1, "the id is known for another call")),
    }
}

impl RemoteStock for Atomic {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        let args = |call: &mut redis::Cmd, again: bool| {
            call.arg(units.get()).arg(u8::from(again)).arg(self.ttl);
            call.arg(&self.prefix);
        };
        self.change("segstock_atomic_1_deduct", order, args).await
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        let args = |call: &mut redis::Cmd, again: bool| {
            call.arg(units.get()).arg(u8::from(again)).arg(self.ttl);
            call.arg(MAX_UNITS);
        };
        self.change("segstock_atomic_1_restock", order, args).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(&self.prefix).arg(self.ttl);
        };
        let (_, left) = self.call("segstock_atomic_1_available", None, args).await?;
        Ok(left.unwrap_or(0))
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(self.ttl);
        };
        self.change("segstock_atomic_1_outcome", order, args).await
    }

    fn unanswered(&self) -> u64 {
        self.driver.unanswered()
    }
}

impl RemoteHolds for Atomic {
    async fn reserve(&self, order: &OrderId, units: Units, ttl: Duration) -> HoldAnswer {
        let args = |call: &mut redis::Cmd, again: bool| {
            call.arg(units.get()).arg(u8::from(again)).arg(self.ttl);
            call.arg(&self.prefix)
                .arg(order.as_str())
                .arg(milliseconds(ttl));
        };
        let function = "segstock_atomic_1_reserve";
        self.hold(function, order, "held", args).await
    }

    async fn confirm(&self, order: &OrderId) -> HoldAnswer {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(order.as_str()).arg(self.ttl);
        };
        let function = "segstock_atomic_1_confirm";
        self.hold(function, order, "confirmed", args).await
    }

    async fn release(&self, order: &OrderId) -> HoldAnswer {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(order.as_str()).arg(self.ttl);
        };
        let function = "segstock_atomic_1_release";
        self.hold(function, order, "released", args).await
    }

    async fn extend(&self, order: &OrderId, ttl: Duration) -> HoldAnswer {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(order.as_str())
                .arg(self.ttl)
                .arg(milliseconds(ttl));
        };
        let function = "segstock_atomic_1_extend";
        self.hold(function, order, "held", args).await
    }
}

/// A time as the functions have it: at most some 30,000 years, which numbers there keep exact.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).map_or(1 << 50, |ms| ms.min(1 << 50))
}
