//! Entries as rows.

use crate::entry::{Change, Entry, Position};
use crate::ledger::Batch;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::str;

/// Inserts the entries of a batch.
pub(super) fn insert<K: Serialize>(
    transaction: &Transaction<'_>,
    batch: &Batch<K>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO entry (position, time, of_order, request, change) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut change = Vec::new();
    for (position, entry) in batch.positions().zip(&batch.entries) {
        change.clear();
        serde_json::to_writer(&mut change, &entry.change).map_err(not_json)?;
        let change = str::from_utf8(&change).map_err(not_json)?;
        let request = entry.request.as_ref().map(serde_json::to_string);
        let request = request.transpose().map_err(not_json)?;
        let order = entry.change.order().map(Position::number);
        insert.execute(params![
            position.number(),
            entry.time,
            order,
            request,
            change
        ])?;
    }
    Ok(())
}

/// Up to `limit` entries after a position.
pub(super) fn after<K: DeserializeOwned>(
    connection: &Connection,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Vec<(Position, Entry<K>)>> {
    let mut select = connection.prepare_cached(
        "SELECT position, time, request, change FROM entry WHERE position > ?1
         ORDER BY position LIMIT ?2",
    )?;
    let rows = select.query_map(params![after.number(), limit], entry)?;
    rows.collect()
}

/// The entries of an order.
pub(super) fn of_order<K: DeserializeOwned>(
    connection: &Connection,
    order: Position,
) -> rusqlite::Result<Vec<Entry<K>>> {
    let mut select = connection.prepare_cached(
        "SELECT position, time, request, change FROM entry WHERE position = ?1
         UNION ALL SELECT position, time, request, change FROM entry WHERE of_order = ?1",
    )?;
    let rows = select.query_map([order.number()], entry)?;
    let entries = rows.map(|row| row.map(|(_, entry)| entry));
    entries.collect()
}

fn entry<K: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<(Position, Entry<K>)> {
    let request = match row.get_ref(2)?.as_str_or_null()? {
        Some(request) => Some(serde_json::from_str(request).map_err(damaged(2))?),
        None => None,
    };
    let change: Change<K> = serde_json::from_str(row.get_ref(3)?.as_str()?).map_err(damaged(3))?;
    let entry = Entry::new(row.get(1)?, change).with_request(request);
    Ok((Position::new(row.get(0)?), entry))
}

/// A value that no ledger of this release has written.
fn damaged(column: usize) -> impl FnOnce(serde_json::Error) -> rusqlite::Error {
    move |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// A SKU that has no JSON.
fn not_json<E: std::error::Error + Send + Sync + 'static>(error: E) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
