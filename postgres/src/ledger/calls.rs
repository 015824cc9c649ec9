//! The calls of a ledger: a batch is written, entries are read.

use super::errors::Fault;
use super::link::Link;
use segstock_orders::ledger::rows::{Plan, Row as LedgerRow, RowError};
use segstock_orders::ledger::{Batch, Opened};
use segstock_orders::{Entry, Position, SkuId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The rows of entries, by column.
#[derive(Default)]
struct Columns {
    positions: Vec<i64>,
    times: Vec<i64>,
    orders: Vec<Option<i64>>,
    requests: Vec<Option<String>>,
    changes: Vec<String>,
}

impl Columns {
    fn push<K: Serialize>(&mut self, position: Position, entry: &Entry<K>) -> Result<(), RowError> {
        let row = LedgerRow::of(position, entry)?;
        self.positions.push(row.position.cast_signed());
        self.times.push(row.time.cast_signed());
        self.orders.push(row.of_order.map(u64::cast_signed));
        self.requests.push(row.request);
        self.changes.push(row.change);
        Ok(())
    }
}

/// A batch, as it is sent to the server.
pub(super) struct Rows {
    at: [i64; 5],
    entries: Columns,
}

impl Rows {
    pub(super) fn of<K: Serialize>(batch: &Batch<K>) -> Result<Self, RowError> {
        let mut entries = Columns::default();
        for (position, entry) in batch.positions().zip(&batch.entries) {
            entries.push(position, entry)?;
        }
        let last = batch.last().number();
        let at = [batch.epoch, batch.number, last, batch.time, batch.wall];
        let at = at.map(u64::cast_signed);
        Ok(Self { at, entries })
    }
}

/// Rows that go, and rows that are rewritten.
#[derive(Default)]
pub(super) struct KeptUp {
    is_empty: bool,
    gone: Vec<i64>,
    orders: Vec<i64>,
    skus: Vec<i64>,
    left: Vec<i64>,
    rewritten: Columns,
}

impl KeptUp {
    pub(super) fn of<K: Serialize>(plan: &Plan<K>) -> Result<Self, RowError> {
        let orders = numbers(&plan.orders);
        let mut rewritten = Columns::default();
        for (position, entry) in &plan.rewritten {
            rewritten.push(*position, entry)?;
        }
        let left = plan.left.iter();
        Ok(Self {
            is_empty: plan.is_empty(),
            gone: numbers(&plan.gone)
                .into_iter()
                .chain(orders.iter().copied())
                .collect(),
            orders,
            skus: left.clone().map(|(sku, _)| sku.number().into()).collect(),
            left: left.map(|(_, units)| *units).collect(),
            rewritten,
        })
    }
}

fn numbers(positions: &[Position]) -> Vec<i64> {
    let numbers = positions.iter().map(|position| position.number());
    numbers.map(u64::cast_signed).collect()
}

/// A row of an entry, as the server gives it.
pub(super) struct EntryRow {
    position: i64,
    time: i64,
    request: Option<String>,
    change: String,
}

impl EntryRow {
    fn of(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            position: row.try_get(0)?,
            time: row.try_get(1)?,
            request: row.try_get(2)?,
            change: row.try_get(3)?,
        })
    }

    pub(super) fn entry<K: DeserializeOwned>(&self) -> Result<(Position, Entry<K>), RowError> {
        let time = self.time.cast_unsigned();
        let entry = LedgerRow::entry(time, self.request.as_deref(), &self.change)?;
        Ok((Position::new(self.position.cast_unsigned()), entry))
    }
}

/// Writes a batch. Says whether it was on top of the one before; else nothing was done.
pub(super) async fn write(link: &Link, rows: &Rows, kept_up: &KeptUp) -> Result<bool, Fault> {
    let Rows { at, entries } = rows;
    let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(18);
    parameters.extend(at.iter().map(|number| number as &(dyn ToSql + Sync)));
    let columns: [&(dyn ToSql + Sync); 5] = [
        &entries.positions,
        &entries.times,
        &entries.orders,
        &entries.requests,
        &entries.changes,
    ];
    parameters.extend(columns);
    let statements = &link.statements;
    let statement = if kept_up.is_empty {
        &statements.write
    } else {
        let rewritten = &kept_up.rewritten;
        let columns: [&(dyn ToSql + Sync); 8] = [
            &kept_up.gone,
            &kept_up.orders,
            &kept_up.skus,
            &kept_up.left,
            &rewritten.positions,
            &rewritten.times,
            &rewritten.requests,
            &rewritten.changes,
        ];
        parameters.extend(columns);
        &statements.write_and_keep_up
    };
    let rows = statement.query(&link.client, &parameters).await?;
    let done: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    Ok(done == 1)
}

/// Where the ledger stands, which survives whatever a batch survives.
pub(super) async fn stands(link: &Link) -> Result<Opened, Fault> {
    let rows = link.statements.stands.query(&link.client, &[]).await?;
    rows.first().map_or_else(|| Ok(Opened::default()), opened)
}

/// Where the ledger stands, by a row of the owner.
pub(super) fn opened(row: &Row) -> Result<Opened, Fault> {
    let number = |column| row.try_get(column).map(i64::cast_unsigned);
    let mut opened = Opened::default();
    opened.epoch = number(0)?;
    opened.batch = number(1)?;
    opened.last = Position::new(number(2)?);
    opened.time = number(3)?;
    opened.wall = number(4)?;
    Ok(opened)
}

/// The epoch that was raised last.
pub(super) async fn epoch(link: &Link) -> Result<u64, Fault> {
    let rows = link.statements.epoch.query(&link.client, &[]).await?;
    let epoch = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(0))?;
    Ok(epoch.cast_unsigned())
}

/// Up to `limit` entries after a position.
pub(super) async fn after(
    link: &Link,
    after: Position,
    limit: usize,
) -> Result<Vec<EntryRow>, Fault> {
    let (after, limit) = (after.number().cast_signed(), signed(limit));
    let statement = &link.statements.after;
    let rows = statement.query(&link.client, &[&after, &limit]).await?;
    rows.iter().map(EntryRow::of).collect()
}

/// The entries of some orders, and those at some positions.
pub(super) async fn of(
    link: &Link,
    orders: &[Position],
    positions: &[Position],
) -> Result<Vec<EntryRow>, Fault> {
    let orders = numbers(orders);
    let at: Vec<i64> = numbers(positions)
        .into_iter()
        .chain(orders.iter().copied())
        .collect();
    let rows = link
        .statements
        .of
        .query(&link.client, &[&at, &orders])
        .await?;
    rows.iter().map(EntryRow::of).collect()
}

/// The units that left by rows that are gone, by SKU, from this SKU on.
pub(super) async fn left(
    link: &Link,
    from: SkuId,
    limit: usize,
) -> Result<Vec<(SkuId, i64)>, Fault> {
    let (from, limit) = (i64::from(from.number()), signed(limit));
    let statement = &link.statements.left;
    let rows = statement.query(&link.client, &[&from, &limit]).await?;
    let left = |row: &Row| {
        let sku = u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or(u32::MAX);
        Ok((SkuId::new(sku), row.try_get(1)?))
    };
    rows.iter().map(left).collect()
}

fn signed(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
