//! A queue with one writer: it sends all orders that wait at it in one statement, which is one commit.
//!
//! **It promises what [`Row`] promises of a stock**, under the same conditions. The server's function locks the stock's
//! row, decides the orders of the batch one after another, and writes each order's row. So two writers may work on one
//! stock, and a batch whose answer was lost is sent again as it was: what its first copy wrote is found.
//!
//! What limits it: commits, each of which serves all orders that came while the last was on its way to the disk.
//! Twin: `designs/queue/batches.rs` of `segstock-sim`; its log is here the server's own.

use crate::error::OpenError;
use crate::row::Row;
use crate::server::{Opened, Postgres};
use crate::session::{Parameters, Session, column};
use segstock_remote::{
    Answer, Attempt, Batches, Fault, MAX_UNITS, OrderId, Refused, RemoteStock, Units, Unknown,
    Wanted,
};
use std::sync::Arc;

/// A queue with one writer. See the [table of the designs](crate).
///
/// # Consistency
///
/// As of [`Row`]: linearizable.
#[derive(Debug)]
pub struct Batched {
    row: Arc<Row>,
    batches: Batches,
}

/// $1 stock, $2 ids, $3 whether each is a restock, $4 units, $5 whether refusals are remembered, $6 most units.
const BATCH: &str = "select states, known, left_over from segstock_batch_2($1, $2, $3, $4, $5, $6)";

impl Batched {
    /// Creates a stock that holds `units`, and starts its writer on the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// As [`Row::create`].
    pub async fn create(postgres: &Postgres, name: &str, units: u64) -> Result<Self, OpenError> {
        Ok(Self::over(Row::create(postgres, name, units).await?))
    }

    /// Opens a stock that was created before, here or by another process, and starts a writer.
    ///
    /// # Errors
    ///
    /// As [`Row::open`].
    pub async fn open(postgres: &Postgres, name: &str) -> Result<Self, OpenError> {
        Ok(Self::over(Row::open(postgres, name).await?))
    }

    fn over(row: Row) -> Self {
        let row = Arc::new(row);
        let writes = Arc::clone(&row);
        let batches = Batches::start(1, move |batch| {
            let row = Arc::clone(&writes);
            async move {
                let decided = decide(row.opened(), BATCH, &batch, &[]).await;
                decided.into_iter().flatten().collect()
            }
        });
        Self { row, batches }
    }
}

/// Has the server decide a batch by a function that is called as [`BATCH`] is, with `further` parameters. An order that it
/// could not decide has no answer.
pub(crate) async fn decide(
    opened: &Opened,
    sql: &'static str,
    batch: &[Wanted],
    further: Parameters<'_>,
) -> Vec<Option<Answer>> {
    let (stock, most) = (opened.name.as_str(), MAX_UNITS.cast_signed());
    let ids: Vec<&str> = batch.iter().map(|wanted| wanted.order.as_str()).collect();
    let restocks: Vec<bool> = batch.iter().map(|wanted| wanted.restocks).collect();
    let units: Vec<i64> = batch.iter().map(|wanted| wanted.units.as_i64()).collect();
    let (ids, restocks, units) = (&ids, &restocks, &units);
    let send = |session: Arc<Session>, attempt: Attempt| async move {
        let again = attempt.is_again() || opened.strict;
        if attempt.is_again() {
            // The function frees all expired holds: more of them than it can in an attempt are freed before it.
            while session.expire(stock).await? > 0 {}
        }
        let first: Parameters<'_> = &[&stock, ids, restocks, units, &again, &most];
        let parameters = [first, further].concat();
        loop {
            let Some(decided) = session.row(sql, &parameters).await? else {
                continue;
            };
            let states: Option<Vec<String>> = column(&decided, 0)?;
            let Some(states) = states.filter(|states| states.len() == ids.len()) else {
                return Err(Fault::Final("there is no stock of this name".to_owned()));
            };
            let known: Vec<i64> = column(&decided, 1)?;
            let left: Vec<i64> = column(&decided, 2)?;
            return Ok((states, known, left));
        }
    };
    let orders: Vec<&OrderId> = batch.iter().map(|wanted| &wanted.order).collect();
    match opened.driver.ask_for(&orders, send).await {
        Ok((states, known, left)) => batch
            .iter()
            .enumerate()
            .map(|(at, wanted)| answer(wanted, &states[at], known[at], left[at]))
            .collect(),
        Err(unknown) => batch
            .iter()
            .map(|_| Some(Answer::Unknown(unknown.clone())))
            .collect(),
    }
}

fn answer(wanted: &Wanted, state: &str, units: i64, left: i64) -> Option<Answer> {
    let done = if wanted.restocks { "put" } else { "sold" };
    Some(match state {
        "elsewhere" => return None,
        "refused" => Answer::Refused(Refused {
            available: u64::try_from(left).ok(),
        }),
        state if state == done && units == wanted.units.as_i64() => Answer::Done(()),
        _ => Answer::Unknown(Unknown::new(1, "the id is known for another call")),
    })
}

impl RemoteStock for Batched {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        self.batches.deduct(order, units).await
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.batches.restock(order, units).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.row.available().await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        self.row.outcome(order).await
    }

    fn unanswered(&self) -> u64 {
        self.row.unanswered()
    }
}
