//! The statements of a ledger.

use super::errors::Fault;
use super::link::Link;
use segstock_orders::ledger::rows::{Plan, Row as LedgerRow, RowError};
use segstock_orders::ledger::{Batch, Opened};
use segstock_orders::{Entry, Position, SkuId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

/// Writes a batch on top of the one before: where the ledger stands, and the entries. Says whether it did.
///
/// One statement, which is one transaction and one call. A second process that raises the epoch at the same time locks the
/// row of the owner before or after it: then this finds the new epoch, and is void, or the other one finds this batch.
const WRITE: &str = r#"
    WITH owner AS (
        UPDATE "{name}".owner SET batch = $2::bigint, last = $3, time = $4, wall = $5
        WHERE id = 1 AND epoch = $1 AND batch = $2::bigint - 1 RETURNING id
    ), added AS (
        INSERT INTO "{name}".entry (position, time, of_order, request, change)
        SELECT given.* FROM owner, unnest($6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[]) AS given
    )"#;

/// Deletes and rewrites rows along with it.
const KEEP_UP: &str = r#", gone AS (
        DELETE FROM "{name}".entry USING owner, unnest($11::bigint[]) AS number
        WHERE entry.position = number
    ), later AS (
        DELETE FROM "{name}".entry USING owner, unnest($12::bigint[]) AS number
        WHERE entry.of_order = number
    ), moved AS (
        INSERT INTO "{name}".sku AS sku (id, "left")
        SELECT given.* FROM owner, unnest($13::bigint[], $14::bigint[]) AS given
        ON CONFLICT (id) DO UPDATE SET "left" = sku."left" + excluded."left"
    ), rewritten AS (
        UPDATE "{name}".entry SET time = given.time, request = given.request, change = given.change
        FROM owner, unnest($15::bigint[], $16::bigint[], $17::text[], $18::text[])
            AS given (position, time, request, change)
        WHERE entry.position = given.position
    )"#;

const DONE: &str = " SELECT count(*) FROM owner";

const STANDS: &str = r#"SELECT epoch, batch, last, time, wall FROM "{name}".owner"#;

const AFTER: &str = r#"
    SELECT position, time, request, change FROM "{name}".entry WHERE position > $1
    ORDER BY position LIMIT $2"#;

const OF: &str = r#"
    SELECT position, time, request, change FROM unnest($1::bigint[]) AS number
    JOIN "{name}".entry ON position = number
    UNION ALL SELECT position, time, request, change FROM unnest($2::bigint[]) AS number
    JOIN "{name}".entry ON of_order = number"#;

const LEFT: &str = r#"SELECT id, "left" FROM "{name}".sku ORDER BY id OFFSET $1 LIMIT $2"#;

/// A statement that a connection prepares when it is needed first.
struct Prepared {
    sql: String,
    statement: OnceCell<Statement>,
}

impl Prepared {
    fn new(sql: &str, name: &str) -> Self {
        Self {
            sql: sql.replace("{name}", name),
            statement: OnceCell::new(),
        }
    }

    async fn query(
        &self,
        client: &Client,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Fault> {
        let prepare = || client.prepare(&self.sql);
        let statement = self.statement.get_or_try_init(prepare).await?;
        Ok(client.query(statement, parameters).await?)
    }
}

/// The statements of a connection.
pub(super) struct Statements {
    write: Prepared,
    write_and_keep_up: Prepared,
    stands: Prepared,
    after: Prepared,
    of: Prepared,
    left: Prepared,
}

impl Statements {
    pub(super) fn new(name: &str) -> Self {
        let prepared = |sql: &[&str]| Prepared::new(&sql.concat(), name);
        Self {
            write: prepared(&[WRITE, DONE]),
            write_and_keep_up: prepared(&[WRITE, KEEP_UP, DONE]),
            stands: prepared(&[STANDS]),
            after: prepared(&[AFTER]),
            of: prepared(&[OF]),
            left: prepared(&[LEFT]),
        }
    }
}

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

/// A batch, as the server is told of it.
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

/// Where the ledger stands.
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

/// The units that left by rows that are gone, by SKU.
pub(super) async fn left(
    link: &Link,
    skipped: u64,
    limit: usize,
) -> Result<Vec<(SkuId, i64)>, Fault> {
    let (skipped, limit) = (skipped.cast_signed(), signed(limit));
    let statement = &link.statements.left;
    let rows = statement.query(&link.client, &[&skipped, &limit]).await?;
    let left = |row: &Row| {
        let sku = u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or(u32::MAX);
        Ok((SkuId::new(sku), row.try_get(1)?))
    };
    rows.iter().map(left).collect()
}

fn signed(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
