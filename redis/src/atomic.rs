//! One key, and one function on it: take the units if they are in stock.
//!
//! **It promises everything**: it never oversells, it refuses exactly, and a retry is answered as the first attempt was.
//! The server remembers each order's id for a time that is checked to be longer than any copy of a request can be under
//! way ([`Redis::remembered`]). [`RemoteHolds`] reserves units until a deadline by the server's clock; whoever needs
//! units frees expired holds, and each reserve frees two besides.
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
//! nothing. A proxy that brings a request twice breaks that: take [`Redis::strict`]. Where the last order was refused, the next
//! ones read first: as long as nothing is held, a stock that is sold out costs the server one `MGET` for all orders that wait.
//!
//! What limits it: one request for each order, as fast as one thread of the server serves them.
//! Twin: `designs/conditional.rs` of `segstock-sim`.

mod reads;

use crate::error::OpenError;
use crate::function::{answer, no_stock};
use crate::link::Reach;
use crate::opening;
use crate::server::{Asked, Connection, Redis, check_units, key_of, milliseconds, server_key};
use reads::Reads;
use redis::cmd;
use segstock_remote::{
    Answer, Attempt, Driver, Fault, HoldAnswer, Left, MAX_UNITS, OrderId, RemoteHolds, RemoteStock,
    Resolved, Units, Unknown,
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
    /// Keys of the orders' records begin so.
    prefix: String,
    ttl: u64,
    strict: bool,
    left: Left,
    reads: Reads,
}

/// What the function says: a word, and of a refusal the units that were in stock, and whether any were held.
type Said = (String, Option<u64>, bool);

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
        opening::create(redis, "segstock_atomic_5_create", &stock.key, units).await?;
        Ok(stock)
    }

    /// Opens a stock that was created before, here or by another process.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name, [`OpenError::OtherDesign`] if it is one of another design; others if
    /// the server or its settings do not fit, or if it lost what it acknowledged.
    pub async fn open(redis: &Redis, name: &str) -> Result<Self, OpenError> {
        let stock = Self::of(redis, name)?;
        redis.prepare(LIBRARY).await?;
        opening::find(&stock.driver, &stock.key, &stock.has()).await?;
        Ok(stock)
    }

    /// Opens a stock again whose server lost what it acknowledged: it holds `units` from now on, what the order log says is left.
    /// Nobody may use it meanwhile. Ids and holds that the server knows stay known; those that it lost are not, so answer a retry
    /// of an order that is in the log from the log.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); a stock of which the server lost all is none.
    pub async fn replace(redis: &Redis, name: &str, units: u64) -> Result<Self, OpenError> {
        check_units(units)?;
        let stock = Self::of(redis, name)?;
        redis.prepare(LIBRARY).await?;
        let mut set = cmd("SET");
        set.arg(&stock.key).arg(units);
        opening::replace(redis, &stock.key, &stock.has(), &set).await?;
        Ok(stock)
    }

    fn of(redis: &Redis, name: &str) -> Result<Self, OpenError> {
        let key = key_of(name)?;
        Ok(Self {
            driver: redis.driver(Some(server_key(&key)))?,
            reads: Reads::new([key.clone(), format!("{key}:held")], redis.attempt()),
            prefix: format!("{key}:order:"),
            key,
            ttl: redis.ttl(),
            strict: redis.is_strict(),
            left: Left::default(),
        })
    }

    /// Asks for what no other design writes.
    fn has(&self) -> redis::Cmd {
        let mut has = cmd("EXISTS");
        has.arg(&self.key);
        has
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
        let record = self.record(order);
        let call = |link: Connection, attempt: Attempt| {
            let call = self.function(function, &record, &args, attempt);
            async move { until_not_busy(&link, &call).await }
        };
        self.driver.ask_for(order.as_slice(), call).await
    }

    /// As [`call`](Self::call), for a call that takes `units`. Where the last order was refused, a first attempt reads before it
    /// calls the function: a stock that is sold out is asked by one plain read.
    async fn take(
        &self,
        function: &str,
        order: &OrderId,
        units: Units,
        args: impl Fn(&mut redis::Cmd, bool) + Sync,
    ) -> Result<Said, Unknown> {
        let record = self.record(Some(order));
        let take = |link: Connection, attempt: Attempt| {
            let (record, args) = (&record, &args);
            async move {
                let may_forget = !attempt.is_again() && !self.strict;
                if may_forget && self.left.is_less_than(units) {
                    if let Some(left) = self.reads.refusal(&link, record, units).await? {
                        return Ok(("refused".to_owned(), Some(left), false));
                    }
                    self.left.forget();
                }
                let call = self.function(function, record, args, attempt);
                let said = until_not_busy(&link, &call).await?;
                // What is held may expire, which only the function sees.
                if let (Some(left), false) = (said.1, said.2) {
                    self.left.set(left);
                }
                Ok(said)
            }
        };
        self.driver.ask_for(&[order], take).await
    }

    fn record(&self, order: Option<&OrderId>) -> String {
        format!("{}{}", self.prefix, order.map_or("", OrderId::as_str))
    }

    fn function(
        &self,
        name: &str,
        record: &str,
        args: impl Fn(&mut redis::Cmd, bool),
        attempt: Attempt,
    ) -> redis::Cmd {
        let mut call = cmd("FCALL");
        call.arg(name).arg(2).arg(&self.key).arg(record);
        args(&mut call, attempt.is_again() || self.strict);
        call
    }
}

/// A function frees a number of expired holds at a time, so that nobody waits for long; then it is called again.
async fn until_not_busy(link: &Connection, call: &redis::Cmd) -> Asked<Said> {
    loop {
        let said: Vec<redis::Value> = link.ask(call).await?;
        let unexpected = || Fault::Final("the function's answer is none of this release".into());
        let what = said.first().map(redis::from_redis_value_ref::<String>);
        let what = what.and_then(Result::ok).ok_or_else(unexpected)?;
        let number = |at: usize| {
            let number = said.get(at).map(redis::from_redis_value_ref::<u64>);
            number.and_then(Result::ok)
        };
        match what.as_str() {
            "busy" => {}
            "nostock" => return Err(no_stock()),
            _ => return Ok((what, number(1), number(2) == Some(1))),
        }
    }
}

/// What a function says of a sale, a restock or an outcome.
fn answered(said: Result<Said, Unknown>) -> Answer {
    match said {
        Ok((what, available, _)) => answer(&what, available),
        Err(unknown) => Answer::Unknown(unknown),
    }
}

/// What a function says of a hold that shall be as `wanted`.
fn held(said: Result<Said, Unknown>, wanted: &str) -> HoldAnswer {
    match said {
        Ok((what, ..)) => match what.as_str() {
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

impl RemoteStock for Atomic {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        let args = |call: &mut redis::Cmd, again: bool| {
            call.arg(units.get()).arg(u8::from(again)).arg(self.ttl);
        };
        let function = "segstock_atomic_5_deduct";
        answered(self.take(function, order, units, args).await)
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        let args = |call: &mut redis::Cmd, again: bool| {
            call.arg(units.get()).arg(u8::from(again)).arg(self.ttl);
            call.arg(MAX_UNITS);
        };
        let function = "segstock_atomic_5_restock";
        answered(self.call(function, Some(order), args).await)
    }

    async fn available(&self) -> Result<u64, Unknown> {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(self.ttl);
        };
        let (_, left, _) = self.call("segstock_atomic_5_available", None, args).await?;
        Ok(left.unwrap_or(0))
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(self.ttl);
        };
        let function = "segstock_atomic_5_outcome";
        answered(self.call(function, Some(order), args).await)
    }

    fn unanswered(&self) -> u64 {
        self.driver.unanswered()
    }
}

impl RemoteHolds for Atomic {
    async fn reserve(&self, order: &OrderId, units: Units, ttl: Duration) -> HoldAnswer {
        let args = |call: &mut redis::Cmd, again: bool| {
            call.arg(units.get()).arg(u8::from(again)).arg(self.ttl);
            call.arg(order.as_str()).arg(milliseconds(ttl));
        };
        let function = "segstock_atomic_5_reserve";
        held(self.take(function, order, units, args).await, "held")
    }

    async fn confirm(&self, order: &OrderId) -> HoldAnswer {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(order.as_str()).arg(self.ttl);
        };
        let function = "segstock_atomic_5_confirm";
        held(self.call(function, Some(order), args).await, "confirmed")
    }

    async fn release(&self, order: &OrderId) -> HoldAnswer {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(order.as_str()).arg(self.ttl);
        };
        let function = "segstock_atomic_5_release";
        held(self.call(function, Some(order), args).await, "released")
    }

    async fn extend(&self, order: &OrderId, ttl: Duration) -> HoldAnswer {
        let args = |call: &mut redis::Cmd, _| {
            call.arg(order.as_str()).arg(self.ttl);
            call.arg(milliseconds(ttl));
        };
        let function = "segstock_atomic_5_extend";
        held(self.call(function, Some(order), args).await, "held")
    }
}
