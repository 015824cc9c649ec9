//! A queue with one writer: it sends all orders that wait at it in one call of a function, which keeps their records in two
//! hashes.
//!
//! **It promises what [`Atomic`](crate::Atomic) promises of a stock**, under the same conditions: the function decides the
//! orders of a batch one after another, and remembers each id. So two writers may work on one stock, and a batch whose answer
//! was lost is sent again as it was. It has no holds.
//!
//! A record is a field of a hash, and has no deadline of its own. New records go to the newer of two hashes. When the time of
//! [`Redis::remembered`] is over since that one became the newer, the next call deletes the older one, which takes the new
//! records then. So an id is remembered for once to twice that time, for longer while nobody calls, and the server's memory is
//! bounded by the orders of twice that time, some 80 bytes each. If clients differ in that time, the longest counts, for good,
//! also when its client is gone.
//!
//! **It does not**, beside what [`Atomic`](crate::Atomic) does not:
//!
//! - spread its records: they are two keys with up to millions of fields, and a cluster that moves a slot moves each in one
//!   piece;
//! - free the records of a stock that nobody calls any more without a pause. A turn deletes by `UNLINK`, for which nobody waits.
//!   If nobody calls for three times that time, the deadline of each hash ends it. Unless `lazyfree-lazy-expire` is `yes`, the
//!   server frees it then in one step, of about a second for three million fields, and serves nobody meanwhile. Set it, or ask
//!   for [`available`](RemoteStock::available) from time to time: each call makes the turn that is due.
//!
//! What limits it: the server's work for each order, without that of a request. Two batches are under way at most, and an order
//! waits for one of them.
//! Twin: `designs/queue/batches.rs` of `segstock-sim`; its log is here the server's own.

use crate::error::OpenError;
use crate::function::{self, answer, function, no_stock};
use crate::link::{Link, Reach};
use crate::opening;
use crate::server::{Redis, check_units, key_of, server_key};
use redis::{Cmd, cmd};
use segstock_remote::{
    Answer, Attempt, Batches, Driver, MAX_UNITS, OrderId, RemoteStock, Units, Unknown, Wanted,
};
use std::sync::Arc;

const LIBRARY: &str = include_str!("batched.lua");

/// Batches that are under way at once: the server decides one while the other is on its way.
const AT_ONCE: usize = 2;

/// A queue with one writer. See the [table of the designs](crate).
///
/// # Consistency
///
/// As of [`Atomic`](crate::Atomic): linearizable.
#[derive(Debug)]
pub struct Batched {
    stock: Arc<Stock>,
    batches: Batches,
}

/// The stock on the server, as the writer and the calls share it.
#[derive(Debug)]
struct Stock {
    driver: Driver<Reach>,
    key: String,
    /// The keys of every function: the stock, and its two hashes of records.
    keys: [String; 3],
    ttl: u64,
    strict: bool,
}

impl Batched {
    /// Creates a stock that holds `units`, at most [`MAX_UNITS`], and starts its writer on the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is one of this name; others if the server or its settings do not fit.
    pub async fn create(redis: &Redis, name: &str, units: u64) -> Result<Self, OpenError> {
        check_units(units)?;
        let stock = Stock::of(redis, name)?;
        redis.prepare(LIBRARY).await?;
        let [key, ..] = &stock.keys;
        opening::create(redis, "segstock_batched_1_create", key, units).await?;
        Ok(Self::over(stock))
    }

    /// Opens a stock that was created before, here or by another process, and starts a writer.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name, [`OpenError::OtherDesign`] if it is one of [`Atomic`](crate::Atomic)
    /// or of another design; others if the server or its settings do not fit, or if it lost what it acknowledged.
    pub async fn open(redis: &Redis, name: &str) -> Result<Self, OpenError> {
        let stock = Stock::of(redis, name)?;
        redis.prepare(LIBRARY).await?;
        opening::find(&stock.driver, &stock.key, &stock.has()).await?;
        Ok(Self::over(stock))
    }

    /// Opens a stock again whose server lost what it acknowledged, and starts a writer: it holds `units` from now on, what the
    /// order log says is left. Nobody may use it meanwhile. Ids that the server knows stay known; those that it lost are not, so
    /// answer a retry of an order that is in the log from the log.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); a stock of which the server lost all is none.
    pub async fn replace(redis: &Redis, name: &str, units: u64) -> Result<Self, OpenError> {
        check_units(units)?;
        let stock = Stock::of(redis, name)?;
        redis.prepare(LIBRARY).await?;
        let mut set = cmd("HSET");
        set.arg(&stock.keys[0]).arg("units").arg(units);
        opening::replace(redis, &stock.key, &stock.has(), &set).await?;
        Ok(Self::over(stock))
    }

    fn over(stock: Stock) -> Self {
        let stock = Arc::new(stock);
        let writes = Arc::clone(&stock);
        let batches = Batches::start(AT_ONCE, move |batch| {
            let stock = Arc::clone(&writes);
            async move { stock.decide(&batch).await }
        });
        Self { stock, batches }
    }
}

impl Stock {
    fn of(redis: &Redis, name: &str) -> Result<Self, OpenError> {
        let key = key_of(name)?;
        let own = server_key(&key);
        let records = |number| format!("{key}:records:{number}");
        Ok(Self {
            driver: redis.driver(Some(own.clone()))?,
            keys: [own, records(0), records(1)],
            key,
            ttl: redis.ttl(),
            strict: redis.is_strict(),
        })
    }

    /// Asks for what no other design writes.
    fn has(&self) -> Cmd {
        let mut has = cmd("HEXISTS");
        has.arg(&self.keys[0]).arg("units");
        has
    }

    /// Has the function decide a batch of orders.
    async fn decide(&self, batch: &[Wanted]) -> Vec<Answer> {
        let send = |link: Link, attempt: Attempt| {
            let again = attempt.is_again() || self.strict;
            let mut call = function("segstock_batched_1_decide", &self.keys);
            call.arg(u8::from(again)).arg(self.ttl).arg(MAX_UNITS);
            for wanted in batch {
                call.arg(wanted.order.as_str());
            }
            for wanted in batch {
                call.arg(change(wanted));
            }
            async move {
                let said: Vec<i64> = link.ask(&call).await?;
                if said.len() != batch.len() {
                    return Err(no_stock());
                }
                Ok(said)
            }
        };
        let orders: Vec<&OrderId> = batch.iter().map(|wanted| &wanted.order).collect();
        match self.driver.ask_for(&orders, send).await {
            Ok(said) => said.into_iter().map(decided).collect(),
            Err(unknown) => batch
                .iter()
                .map(|_| Answer::Unknown(unknown.clone()))
                .collect(),
        }
    }
}

/// The change of units that an order wants.
const fn change(wanted: &Wanted) -> i64 {
    let units = wanted.units.as_i64();
    if wanted.restocks { units } else { -units }
}

/// What the function says of an order of a batch.
fn decided(said: i64) -> Answer {
    match u64::try_from(said) {
        Ok(left) => answer("refused", Some(left)),
        Err(_) if said == -1 => answer("done", None),
        Err(_) if said == -2 => answer("refused", None),
        Err(_) => answer("conflict", None),
    }
}

impl RemoteStock for Batched {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        self.batches.deduct(order, units).await
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.batches.restock(order, units).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        let (driver, keys) = (&self.stock.driver, &self.stock.keys);
        let args = |call: &mut Cmd, _| {
            call.arg(self.stock.ttl);
        };
        let name = "segstock_batched_1_available";
        let heard = function::call(driver, None, name, keys, args).await?;
        let (_, units, _) = heard.said;
        Ok(units)
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        let (driver, keys) = (&self.stock.driver, &self.stock.keys);
        let args = |call: &mut Cmd, _| {
            call.arg(self.stock.ttl).arg(order.as_str());
        };
        let name = "segstock_batched_1_outcome";
        match function::call(driver, Some(order), name, keys, args).await {
            Ok(heard) => answer(&heard.said.0, None),
            Err(unknown) => Answer::Unknown(unknown),
        }
    }

    fn unanswered(&self) -> u64 {
        self.stock.driver.unanswered()
    }
}
