//! [`Rows`]: the transactions of a sale, as calls. Each is one function of the database, in `sql/`.

use super::known::{Known, State};
use super::lines::{Lines, Sku};
use crate::session::{Parameters, Reach, Session, column};
use segstock_remote::{Attempt, Driver, Fault, OrderId, Unknown};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_postgres::Row;

/// One life of a node, as a transaction names it: its name, and the number of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    pub node: String,
    pub number: i64,
}

/// Why a transaction has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// No answer came: it may have happened, or happen later.
    Silent(Unknown),
    /// Another try is of no use: the server's words.
    Broken(String),
    /// The session is over.
    Over,
}

/// Connections to a sale's database.
#[derive(Debug)]
pub(super) struct Rows {
    driver: Driver<Reach>,
}

/// What a heartbeat finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Beat {
    /// The session's open blocks: epoch, SKU, rest.
    pub open: Vec<(i64, Sku, i64)>,
    /// SKUs that are not sold from blocks, of those that were asked for and those of open blocks.
    pub narrow: Vec<Sku>,
    /// How long recalls last that are on.
    pub recalls: Vec<(Sku, Duration)>,
    /// Orders past their deadline, some of them.
    pub late: Vec<OrderId>,
    /// There may be more of them.
    pub has_more: bool,
    /// SKUs for which somebody who waits is to be served.
    pub due: Vec<String>,
}

/// What was lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lent {
    /// Blocks: epoch, SKU, rest. SKUs without one are sold from their pools.
    Blocks(Vec<(i64, Sku, i64)>),
    /// A pool has too few: nothing was lent.
    Short,
    /// There is no such SKU.
    NoSku(String),
}

/// What a proof finds for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// It has a row.
    Is(Known),
    /// Fewer units of a SKU are free, or it is closed; the order is refused now.
    Refused(Known),
    /// Orders are past their deadline and still have units of it: these end first.
    Overdue(Vec<OrderId>),
    /// Orders that wait are served first, and may leave some.
    Due,
    /// Enough units are free, somewhere.
    Enough,
    /// Its row came beside the statement.
    Again,
}

impl Rows {
    pub(super) const fn new(driver: Driver<Reach>) -> Self {
        Self { driver }
    }

    /// Asks for one row until it comes, or patience ends.
    pub(super) async fn row<T: Send>(
        &self,
        sql: &'static str,
        parameters: Parameters<'_>,
        read: impl Fn(&Row) -> Result<T, Fault> + Send + Sync,
    ) -> Result<T, Failed> {
        let read = &read;
        let call = |session: Arc<Session>, _: Attempt| async move {
            let row = match session.row(sql, parameters).await {
                Ok(Some(row)) => read(&row),
                Ok(None) => return Err(Fault::NotDone("a copy ran beside it".to_owned())),
                Err(fault) => Err(fault),
            };
            match row {
                Ok(value) => Ok(Ok(value)),
                Err(Fault::Final(words)) => Ok(Err(words)),
                Err(fault) => Err(fault),
            }
        };
        match self.driver.ask(call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(words)) => Err(Failed::Broken(words)),
            Err(unknown) => Err(Failed::Silent(unknown)),
        }
    }

    /// The session that a node's name has; 0, if it has none.
    pub(super) async fn seen(&self, node: &str) -> Result<i64, Failed> {
        const SEEN: &str = "select coalesce((select n.session from node n where n.name = $1), 0)";
        self.row(SEEN, &[&node], |row| column(row, 0)).await
    }

    /// The session that this start raised; `None`, if another start came first.
    pub(super) async fn open(
        &self,
        node: &str,
        seen: i64,
        start: i64,
        lease: Duration,
    ) -> Result<Option<i64>, Failed> {
        const OPEN: &str = "select open_1($1, $2, $3, $4)";
        let parameters: Parameters<'_> = &[&node, &seen, &start, &micros(lease)];
        self.row(OPEN, parameters, |row| column(row, 0)).await
    }

    pub(super) async fn leave(&self, of: &Life) -> Result<(), Failed> {
        const LEAVE: &str = "select leave_1($1, $2)";
        self.row(LEAVE, &[&of.node, &of.number], |_| Ok(())).await
    }

    pub(super) async fn lend(&self, of: &Life, number: i64, lines: &Lines) -> Result<Lent, Failed> {
        const LEND: &str = "select * from lend_1($1, $2, $3, $4, $5)";
        let (skus, units) = (lines.skus(), lines.units());
        let parameters: Parameters<'_> = &[&of.node, &of.number, &number, &skus, &units];
        let read = |row: &Row| match column::<String>(row, 0)?.as_str() {
            "over" => Ok(None),
            "short" => Ok(Some(Lent::Short)),
            "missing" => Ok(Some(Lent::NoSku(column(row, 1)?))),
            _ => Ok(Some(Lent::Blocks(blocks(row, 2)?))),
        };
        self.row(LEND, parameters, read).await?.ok_or(Failed::Over)
    }

    pub(super) async fn beat(
        &self,
        of: &Life,
        lease: Duration,
        most_late: usize,
        known: &[Sku],
    ) -> Result<Beat, Failed> {
        const BEAT: &str = "select * from beat_1($1, $2, $3, $4, $5)";
        let most = i64::try_from(most_late).unwrap_or(i64::MAX);
        let known: Vec<&str> = known.iter().map(|sku| &**sku).collect();
        let parameters: Parameters<'_> = &[&of.node, &of.number, &micros(lease), &most, &known];
        let read = |row: &Row| {
            if column::<String>(row, 0)? == "over" {
                return Ok(None);
            }
            let mut beat = Beat {
                open: blocks(row, 1)?,
                late: ids(row, 7)?,
                due: list(row, 8)?,
                has_more: column::<Option<bool>>(row, 9)?.unwrap_or(false),
                ..Beat::default()
            };
            let pools = skus(row, 4)?.into_iter();
            let modes = list::<String>(row, 5)?.into_iter();
            for ((sku, mode), lasts) in pools.zip(modes).zip(list::<i64>(row, 6)?) {
                if lasts > 0 {
                    let lasts = Duration::from_micros(lasts.unsigned_abs());
                    beat.recalls.push((Arc::clone(&sku), lasts));
                }
                if mode != "wide" {
                    beat.narrow.push(sku);
                }
            }
            Ok(Some(beat))
        };
        self.row(BEAT, parameters, read).await?.ok_or(Failed::Over)
    }

    /// One statement for all these orders.
    pub(super) async fn prove(&self, asks: &[(OrderId, Lines)]) -> Result<Vec<Proof>, Failed> {
        const PROVE: &str = "select * from prove_1($1, $2, $3, $4, $5)";
        let ids: Vec<&str> = asks.iter().map(|(id, _)| id.as_str()).collect();
        let hashes: Vec<i64> = asks.iter().map(|(_, lines)| lines.hash()).collect();
        let (mut of, mut skus, mut units) = (vec![], vec![], vec![]);
        for (number, (_, lines)) in (1_i64..).zip(asks) {
            for (sku, wanted) in lines.iter() {
                of.push(number);
                skus.push(&**sku);
                units.push(wanted);
            }
        }
        let parameters: Parameters<'_> = &[&ids, &hashes, &of, &skus, &units];
        let read = |row: &Row| {
            let dids: Vec<String> = column(row, 0)?;
            let known = known(row, 1, dids.len())?;
            let late = self::ids(row, 6)?;
            let proofs = dids.iter().zip(known);
            let proof = |(did, known): (&String, Option<Known>)| match (did.as_str(), known) {
                ("is", Some(known)) => Proof::Is(known),
                ("refused", Some(known)) => Proof::Refused(known),
                ("overdue", _) => Proof::Overdue(late.clone()),
                ("due", _) => Proof::Due,
                ("enough", _) => Proof::Enough,
                _ => Proof::Again,
            };
            Ok(proofs.map(proof).collect())
        };
        self.row(PROVE, parameters, read).await
    }

    /// Closes the blocks of nodes whose lease is over.
    pub(super) async fn close_silent(&self) -> Result<i64, Failed> {
        const CLOSE: &str = "select close_silent_1()";
        self.row(CLOSE, &[], |row| column(row, 0)).await
    }

    pub(super) async fn recall(&self, lines: &Lines, lasts: Duration) -> Result<(), Failed> {
        const RECALL: &str = "select recall_1($1, $2)";
        let skus = lines.skus();
        self.row(RECALL, &[&skus, &micros(lasts)], |_| Ok(())).await
    }

    /// Orders past their deadline that are in the way of an order of these lines: of its customer, with units that count; or of
    /// SKUs of which only a share may be unpaid.
    pub(super) async fn late_of(&self, lines: &Lines) -> Result<Vec<OrderId>, Failed> {
        const LATE: &str = "
            select array_agg(o.id) from (
              (select o.id from orders o
               where o.customer = $1 and o.counted is not null and o.state = 'held' and o.until <= clock_timestamp()
               order by o.until limit 100)
              union
              select l.id from late_holders_1(array(
                select p.sku from pool p where p.sku = any ($2) and p.unpaid is not null)) as l (id)
            ) as o";
        let (customer, skus) = (lines.customer().map(|of| &**of), lines.skus());
        self.row(LATE, &[&customer, &skus], |row| ids(row, 0)).await
    }

    /// What is known of an id.
    pub(super) async fn known(&self, id: &OrderId) -> Result<Option<Known>, Failed> {
        const KNOWN: &str = "
            select array_agg(case when o.state = 'held' and o.until <= clock_timestamp() then 'overdue' else o.state end),
              array_agg(o.asked), array_agg(o.short), array_agg(sum_1(o.units)), array_agg(o.until)
            from orders o where o.id = $1";
        let id = id.as_str();
        let read = |row: &Row| {
            let there = column::<Option<Vec<String>>>(row, 0)?.is_some();
            let known = there.then(|| known(row, 0, 1)).transpose()?;
            Ok(known.and_then(|mut known| known.pop().flatten()))
        };
        self.row(KNOWN, &[&id], read).await
    }
}

/// What rows say of ids: state, hash, what was short, the units of what was placed, until; each an array of this length.
pub(super) fn known(row: &Row, from: usize, length: usize) -> Result<Vec<Option<Known>>, Fault> {
    let states: Vec<Option<String>> = column(row, from)?;
    let hashes: Vec<Option<i64>> = column(row, from + 1)?;
    let shorts: Vec<Option<String>> = column(row, from + 2)?;
    let units: Vec<Option<i64>> = column(row, from + 3)?;
    let untils: Vec<Option<SystemTime>> = column(row, from + 4)?;
    let lengths = [
        states.len(),
        hashes.len(),
        shorts.len(),
        units.len(),
        untils.len(),
    ];
    if lengths.iter().any(|found| *found != length) {
        return Err(Fault::Final("a function of another release".to_owned()));
    }
    let rest = hashes.into_iter().zip(shorts).zip(units).zip(untils);
    let known = states
        .into_iter()
        .zip(rest)
        .map(|(state, (((asked, short), units), until))| {
            let Some(state) = state else {
                return Ok(None);
            };
            Ok(Some(Known {
                state: State::read(&state, short)?,
                asked,
                units,
                until,
                before: true,
            }))
        });
    known.collect()
}

/// An array that may be null.
pub(super) fn list<T>(row: &Row, number: usize) -> Result<Vec<T>, Fault>
where
    Option<Vec<T>>: tokio_postgres::types::FromSqlOwned,
{
    Ok(column::<Option<Vec<T>>>(row, number)?.unwrap_or_default())
}

fn skus(row: &Row, number: usize) -> Result<Vec<Sku>, Fault> {
    let skus = list::<String>(row, number)?.into_iter();
    Ok(skus.map(Sku::from).collect())
}

pub(super) fn ids(row: &Row, number: usize) -> Result<Vec<OrderId>, Fault> {
    let ids = list::<String>(row, number)?.into_iter();
    let id = |id| OrderId::new(id).map_err(|invalid| Fault::Final(invalid.to_string()));
    ids.map(id).collect()
}

/// Blocks, in three arrays: epoch, SKU, rest.
fn blocks(row: &Row, from: usize) -> Result<Vec<(i64, Sku, i64)>, Fault> {
    let epochs = list::<i64>(row, from)?.into_iter();
    let rest = skus(row, from + 1)?
        .into_iter()
        .zip(list::<i64>(row, from + 2)?);
    Ok(epochs
        .zip(rest)
        .map(|(epoch, (sku, rest))| (epoch, sku, rest))
        .collect())
}

/// A time as the database has it: at most a thousand years. So long before and after now, it counts.
pub(super) fn micros(time: Duration) -> i64 {
    const MOST: i64 = 1_000 * 365 * 24 * 3_600 * 1_000_000;
    i64::try_from(time.as_micros()).map_or(MOST, |micros| micros.min(MOST))
}
