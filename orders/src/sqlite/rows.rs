//! Entries as rows.

use crate::entry::{Entry, Position};
use crate::ledger::Batch;
use crate::ledger::rows::{Plan, Row, RowError};
use crate::lines::SkuId;
use rusqlite::types::{ToSqlOutput, Type};
use rusqlite::{Connection, Error, Result, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Inserts the entries of a batch.
pub(super) fn insert<K: Serialize>(transaction: &Transaction<'_>, batch: &Batch<K>) -> Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO entry (position, time, of_order, request, change) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (position, entry) in batch.positions().zip(&batch.entries) {
        let row = Row::of(position, entry).map_err(not_json)?;
        let Row {
            position,
            time,
            of_order,
            request,
            change,
            ..
        } = row;
        insert.execute(params![position, time, of_order, request, change])?;
    }
    Ok(())
}

/// For how many entries of a page room is made before they are read.
const MOST_AT_ONCE: usize = 4096;

/// Up to `limit` entries after a position.
pub(super) fn after<K: DeserializeOwned>(
    connection: &Connection,
    after: Position,
    limit: usize,
) -> Result<Vec<(Position, Entry<K>)>> {
    let mut select = connection.prepare_cached(
        "SELECT position, time, request, change FROM entry WHERE position > ?1
         ORDER BY position LIMIT ?2",
    )?;
    let rows = select.query_map(params![after.number(), limit], entry)?;
    // An entry is large: it is not moved again while its page grows.
    let mut page = Vec::with_capacity(limit.min(MOST_AT_ONCE));
    for row in rows {
        page.push(row?);
    }
    Ok(page)
}

/// The entries of some orders, and those at some positions.
pub(super) fn of<K: DeserializeOwned>(
    connection: &Connection,
    orders: &[Position],
    positions: &[Position],
) -> Result<Vec<(Position, Entry<K>)>> {
    let mut all = Vec::new();
    let mut at = connection
        .prepare_cached("SELECT position, time, request, change FROM entry WHERE position = ?1")?;
    for position in orders.iter().chain(positions) {
        for row in at.query_map([position.number()], entry)? {
            all.push(row?);
        }
    }
    let mut later = connection
        .prepare_cached("SELECT position, time, request, change FROM entry WHERE of_order = ?1")?;
    for order in orders {
        for row in later.query_map([order.number()], entry)? {
            all.push(row?);
        }
    }
    Ok(all)
}

/// Copies a page of rows to another file, from the one after `last` on. Returns how many there were.
pub(super) fn copy_entries(
    from: &Connection,
    to: &Connection,
    last: &mut u64,
    limit: usize,
) -> Result<usize> {
    let mut select = from.prepare_cached(
        "SELECT position, time, of_order, request, change FROM entry WHERE position > ?1
         ORDER BY position LIMIT ?2",
    )?;
    let mut insert = to.prepare_cached(
        "INSERT INTO entry (position, time, of_order, request, change) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    copy(select.query(params![*last, limit])?, &mut insert, |row| {
        *last = row.get(0)?;
        Ok(())
    })
}

/// Copies a page of the sums of SKUs to another file, from the one after `last` on. Returns how many there were.
pub(super) fn copy_sums(
    from: &Connection,
    to: &Connection,
    last: &mut Option<u32>,
    limit: usize,
) -> Result<usize> {
    let mut select =
        from.prepare_cached("SELECT id, left FROM sku WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut replace = to.prepare_cached("INSERT OR REPLACE INTO sku (id, left) VALUES (?1, ?2)")?;
    let after = last.map_or(-1, i64::from);
    copy(select.query(params![after, limit])?, &mut replace, |row| {
        *last = Some(row.get(0)?);
        Ok(())
    })
}

/// Copies rows as they are.
fn copy(
    mut rows: rusqlite::Rows<'_>,
    insert: &mut rusqlite::Statement<'_>,
    mut passed: impl FnMut(&rusqlite::Row<'_>) -> Result<()>,
) -> Result<usize> {
    let mut copied = 0;
    while let Some(row) = rows.next()? {
        for column in 0..insert.parameter_count() {
            insert.raw_bind_parameter(column + 1, ToSqlOutput::Borrowed(row.get_ref(column)?))?;
        }
        insert.raw_execute()?;
        passed(row)?;
        copied += 1;
    }
    Ok(copied)
}

/// Deletes and rewrites rows.
pub(super) fn keep_up<K: Serialize>(transaction: &Transaction<'_>, plan: &Plan<K>) -> Result<()> {
    let mut add = transaction.prepare_cached(
        "INSERT INTO sku (id, left) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET left = left + excluded.left",
    )?;
    for (sku, units) in &plan.left {
        add.execute(params![sku.number(), units])?;
    }
    let mut delete = transaction.prepare_cached("DELETE FROM entry WHERE position = ?1")?;
    for position in plan.orders.iter().chain(&plan.gone) {
        delete.execute([position.number()])?;
    }
    let mut later = transaction.prepare_cached("DELETE FROM entry WHERE of_order = ?1")?;
    for order in &plan.orders {
        later.execute([order.number()])?;
    }
    let mut rewrite = transaction.prepare_cached(
        "UPDATE entry SET time = ?2, request = ?3, change = ?4 WHERE position = ?1",
    )?;
    for (position, entry) in &plan.rewritten {
        let row = Row::of(*position, entry).map_err(not_json)?;
        rewrite.execute(params![row.position, row.time, row.request, row.change])?;
    }
    Ok(())
}

/// The units that left by rows that are gone, by SKU.
pub(super) fn left(
    connection: &Connection,
    from: SkuId,
    limit: usize,
) -> Result<Vec<(SkuId, i64)>> {
    let mut select = connection
        .prepare_cached("SELECT id, left FROM sku WHERE id >= ?1 ORDER BY id LIMIT ?2")?;
    let rows = select.query_map(params![from.number(), limit], |row| {
        Ok((SkuId::new(row.get(0)?), row.get(1)?))
    })?;
    rows.collect()
}

fn entry<K: DeserializeOwned>(row: &rusqlite::Row<'_>) -> Result<(Position, Entry<K>)> {
    let (request, change) = (row.get_ref(2)?.as_str_or_null()?, row.get_ref(3)?.as_str()?);
    let entry = Row::entry(row.get(1)?, request, change).map_err(damaged)?;
    Ok((Position::new(row.get(0)?), entry))
}

/// A value that no ledger of this release has written.
fn damaged(error: RowError) -> Error {
    Error::FromSqlConversionFailure(3, Type::Text, Box::new(error))
}

/// A SKU that has no JSON.
fn not_json(error: RowError) -> Error {
    Error::ToSqlConversionFailure(Box::new(error))
}
