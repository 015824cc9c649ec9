//! Rows of a database, and a transaction for each order: it writes the order's row, and takes the units from a stock
//! row, in one commit.
//!
//! **It promises everything.** A copy of an order waits for the order's row and repeats its answer. `UPDATE … WHERE
//! units >= n` sees the row as its last holder left it. With several stock rows, an order that finds no row with enough
//! units reads the sum *in one statement*: at that instant no more units were in stock, so if they are too few it may
//! refuse. Otherwise it locks every stock row, **in the order of their keys**, and takes from several.
//!
//! What limits it: a hot row is locked until its commit is on the disk. Several rows share that wait, until the
//! server's time for transactions is used up.

use super::shares;
use crate::database::{Database, Deadlock, Transaction};
use crate::design::{Counter, Design, Order, Site, answer};
use crate::network::TimedOut;
use segstock_conformance::Answer;

/// A transaction for each order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rows {
    /// The stock is one row.
    One,
    /// The stock is one row for each segment.
    Many,
    /// A `SELECT` decides, and an `UPDATE` sets what is left. Oversells.
    SelectThenSet,
    /// The sum is read in a statement for each row. Refuses falsely.
    SumByStatements,
    /// Stock rows are locked in random order. Runs into deadlocks, which are retried.
    Unsorted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Order(u64),
    Stock(usize),
}

#[derive(Debug, Clone, Copy)]
enum Row {
    /// Whether the order was done.
    Order(bool),
    /// Units.
    Stock(u64),
}

impl Row {
    fn units(self) -> u64 {
        match self {
            Self::Stock(units) => units,
            Self::Order(_) => 0,
        }
    }
}

type Tx = Transaction<Key, Row>;

impl Design for Rows {
    fn open(&self, site: &Site, units: u64) -> impl Counter {
        let parts = match self {
            Self::One | Self::SelectThenSet => 1,
            _ => site.segments,
        };
        let stock = shares(units, parts).enumerate();
        let rows = stock.map(|(part, units)| (Key::Stock(part), Row::Stock(units)));
        Shop {
            database: Database::new(&site.network).with(rows),
            orders: Orders { kind: *self, parts },
            site: site.clone(),
        }
    }
}

struct Shop {
    database: Database<Key, Row>,
    orders: Orders,
    site: Site,
}

/// The transactions.
#[derive(Debug, Clone, Copy)]
struct Orders {
    kind: Rows,
    /// Stock rows.
    parts: usize,
}

impl Orders {
    async fn deduct(self, tx: Tx, order: Order, first: usize) -> Result<bool, Deadlock> {
        if let Some(answer) = self.begin(&tx, order).await? {
            return Ok(answer);
        }
        let done = self.take(&tx, order.units, first).await?;
        let end = |row: &mut Option<Row>| *row = Some(Row::Order(done));
        tx.update(Key::Order(order.id), end).await?;
        Ok(done)
    }

    async fn restock(self, tx: Tx, order: Order, part: usize) -> Result<bool, Deadlock> {
        if let Some(answer) = self.begin(&tx, order).await? {
            return Ok(answer);
        }
        let put = |row: &mut Option<Row>| {
            *row = row.map(|row| Row::Stock(row.units() + order.units));
        };
        tx.update(Key::Stock(part), put).await?;
        let end = |row: &mut Option<Row>| *row = Some(Row::Order(true));
        tx.update(Key::Order(order.id), end).await?;
        Ok(true)
    }

    /// Inserts the order's row, or finds what a copy of the order was answered.
    async fn begin(self, tx: &Tx, order: Order) -> Result<Option<bool>, Deadlock> {
        let insert = |row: &mut Option<Row>| match *row {
            Some(Row::Order(done)) => Some(done),
            _ => {
                *row = Some(Row::Order(false));
                None
            }
        };
        tx.update(Key::Order(order.id), insert).await
    }

    /// Takes `units`, or finds at some instant that there are too few.
    async fn take(self, tx: &Tx, units: u64, first: usize) -> Result<bool, Deadlock> {
        if self.kind == Rows::SelectThenSet {
            return Self::select_then_set(tx, units).await;
        }
        for part in self.from(first) {
            let enough = |row: &Row| row.units() >= units;
            let take = |row: &mut Row| *row = Row::Stock(row.units() - units);
            if tx.update_where(Key::Stock(part), enough, take).await? {
                return Ok(true);
            }
        }
        if self.sum(tx).await? < units {
            return Ok(false);
        }
        self.take_from_several(tx, units, first).await
    }

    async fn select_then_set(tx: &Tx, units: u64) -> Result<bool, Deadlock> {
        let stock = |row: &Row| row.units();
        let left = tx.read(|rows| rows.get(&Key::Stock(0)).map_or(0, stock));
        let Some(left) = left.await?.checked_sub(units) else {
            return Ok(false);
        };
        tx.round_trip().await;
        let set = |row: &mut Option<Row>| *row = Some(Row::Stock(left));
        tx.update(Key::Stock(0), set).await?;
        Ok(true)
    }

    async fn sum(self, tx: &Tx) -> Result<u64, Deadlock> {
        if self.kind != Rows::SumByStatements {
            return tx
                .read(|rows| rows.iter().map(|(_, row)| row.units()).sum())
                .await;
        }
        let mut sum = 0;
        for part in 0..self.parts {
            let one = tx.read(move |rows| rows.get(&Key::Stock(part)).map_or(0, |row| row.units()));
            sum += one.await?;
            tx.round_trip().await;
        }
        Ok(sum)
    }

    async fn take_from_several(self, tx: &Tx, units: u64, first: usize) -> Result<bool, Deadlock> {
        let first = if self.kind == Rows::Unsorted {
            first
        } else {
            0
        };
        let mut held = Vec::new();
        for part in self.from(first) {
            let row = tx.lock(Key::Stock(part)).await?;
            held.push((part, row.map_or(0, Row::units)));
        }
        // All are locked: this is the stock of one instant.
        if held.iter().map(|(_, held)| held).sum::<u64>() < units {
            return Ok(false);
        }
        let mut missing = units;
        for (part, held) in held {
            let piece = missing.min(held);
            let set = |row: &mut Option<Row>| *row = Some(Row::Stock(held - piece));
            tx.update(Key::Stock(part), set).await?;
            missing -= piece;
        }
        Ok(true)
    }

    /// The stock rows in a circle.
    fn from(self, first: usize) -> impl Iterator<Item = usize> {
        (0..self.parts).map(move |part| (first + part) % self.parts)
    }
}

impl Counter for Shop {
    async fn deduct(&self, order: Order) -> Answer {
        let (orders, first) = (self.orders, self.site.any_segment());
        let body = async move |tx| orders.deduct(tx, order, first % orders.parts).await;
        self.site.work_if(self.database.retried(body).await).await
    }

    async fn restock(&self, order: Order) -> Answer {
        let (orders, part) = (self.orders, self.site.any_segment());
        let body = async move |tx| orders.restock(tx, order, part % orders.parts).await;
        answer(self.database.retried(body).await)
    }

    async fn at_rest(&self) -> Result<u64, TimedOut> {
        let sum = self
            .database
            .read(|rows| rows.iter().map(|(_, row)| row.units()).sum());
        sum.await
    }
}
