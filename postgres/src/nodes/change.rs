//! [`Ask`]: a rare call on an order, which is a transaction of its own, and what became of it.

use super::inner::Inner;
use super::known::Known;
use super::lines::{Body, Lines};
use super::prover::Closes;
use super::rows::{Failed, Rows, ids, known, list, micros};
use crate::session::{Parameters, column};
use segstock_orders::ShortLine;
use segstock_remote::{Fault, OrderId};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::Row;

/// What is asked of an order.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    kind: &'static str,
    key: String,
    body: i64,
    /// All that the call can change, if there are none.
    lines: Option<Lines>,
    ttl: Option<Duration>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changed {
    /// It is done, now or [before](Known::before): units moved, of them refunded, of them late.
    Done(Known, [u64; 3]),
    /// There is no such order.
    Missing,
    /// It was never placed.
    Is(Known),
    Conflict,
    /// The call is not for an order in this state.
    State(Known),
    NotInOrder(Vec<ShortLine<String>>),
    Short(Vec<ShortLine<String>>),
    NotOnHand(Vec<ShortLine<String>>),
    NoSku(String),
    Closed(String),
    PerCustomer(String),
    CustomerNeeded(String),
    Unpaid(String),
    TooMany,
    TooManyKeys,
    /// These end first.
    Overdue(Vec<OrderId>),
    /// Orders that wait for these SKUs are served first, and may leave some.
    Due(Vec<String>),
    /// Blocks have the units: they are to be closed.
    Close,
}

impl Ask {
    /// A call on the whole order, once for each kind.
    pub(super) fn whole(kind: &'static str) -> Self {
        Self {
            kind,
            key: format!(" {kind}"),
            body: 0,
            lines: None,
            ttl: None,
        }
    }

    /// A call on a part of it, once for each key.
    pub(super) fn part(kind: &'static str, key: &OrderId, lines: Lines) -> Self {
        let body = Body::default().text(kind).lines(&lines).finish();
        Self {
            kind,
            key: key.to_string(),
            body,
            lines: Some(lines),
            ttl: None,
        }
    }

    /// It is to have these lines, and to be held for longer.
    pub(super) fn amend(key: &OrderId, lines: Lines, ttl: Option<Duration>) -> Self {
        Self {
            ttl,
            ..Self::part("amend", key, lines)
        }
    }

    /// It is to be held for longer.
    pub(super) fn extend(key: &OrderId, ttl: Option<Duration>) -> Self {
        let body = Body::default().text("extend");
        let body = body.number(ttl.map_or(-1, micros)).finish();
        Self {
            kind: "extend",
            key: key.to_string(),
            body,
            lines: None,
            ttl,
        }
    }
}

impl Rows {
    async fn change(
        &self,
        node: &str,
        id: &OrderId,
        ask: &Ask,
        closes: bool,
    ) -> Result<Changed, Failed> {
        const CHANGE: &str = "
            select c.standing, array[c.state], array[c.hash], array[c.short], array[c.sum], array[c.until],
              c.moved, c.refunded, c.late, c.line_skus, c.line_wanted, c.line_has, c.overdue
            from change_1($1, $2, $3, $4, $5, $6, $7, $8, $9) as c";
        let id = id.as_str();
        let (skus, units) = (
            ask.lines.as_ref().map(Lines::skus),
            ask.lines.as_ref().map(Lines::units),
        );
        let ttl = ask.ttl.map(micros);
        let parameters: Parameters<'_> = &[
            &node, &id, &ask.key, &ask.kind, &ask.body, &skus, &units, &ttl, &closes,
        ];
        self.row(CHANGE, parameters, read).await
    }
}

impl Rows {
    /// Says how many of these it has looked at.
    async fn expire(&self, node: &str, ids: &[OrderId]) -> Result<usize, Failed> {
        const EXPIRE: &str = "select expire_1($1, $2)";
        let ids: Vec<&str> = ids.iter().map(OrderId::as_str).collect();
        let looked = |row: &Row| Ok(usize::try_from(column::<i64>(row, 0)?).unwrap_or(0));
        self.row(EXPIRE, &[&node, &ids], looked).await
    }
}

fn read(row: &Row) -> Result<Changed, Fault> {
    let standing = column::<String>(row, 0)?;
    let order = || {
        let known = known(row, 1, 1)?.pop().flatten();
        known.ok_or_else(|| Fault::Final("a function of another release".to_owned()))
    };
    let moved = |number| Ok(column::<i64>(row, number)?.unsigned_abs());
    Ok(match standing.as_str() {
        "done" => Changed::Done(order()?.changed(), [moved(6)?, moved(7)?, moved(8)?]),
        "before" => Changed::Done(order()?, [moved(6)?, moved(7)?, moved(8)?]),
        "missing" => Changed::Missing,
        "is" => Changed::Is(order()?),
        "conflict" => Changed::Conflict,
        "state" => Changed::State(order()?),
        "lines" => Changed::NotInOrder(lines(row, 9)?),
        "short" => Changed::Short(lines(row, 9)?),
        "on_hand" => Changed::NotOnHand(lines(row, 9)?),
        "sku" => Changed::NoSku(sku(row)?),
        "closed" => Changed::Closed(sku(row)?),
        "limited" => Changed::PerCustomer(sku(row)?),
        "nameless" => Changed::CustomerNeeded(sku(row)?),
        "unpaid" => Changed::Unpaid(sku(row)?),
        "much" => Changed::TooMany,
        "many" => Changed::TooManyKeys,
        "due" => Changed::Due(list(row, 9)?),
        "overdue" => Changed::Overdue(ids(row, 12)?),
        _ => Changed::Close,
    })
}

/// The SKU that is in the way.
fn sku(row: &Row) -> Result<String, Fault> {
    let short: Vec<Option<String>> = column(row, 3)?;
    Ok(short.into_iter().flatten().next().unwrap_or_default())
}

/// Lines, in three arrays: SKU, what is asked for, what there is.
fn lines(row: &Row, from: usize) -> Result<Vec<ShortLine<String>>, Fault> {
    let numbers = list::<i64>(row, from + 1)?
        .into_iter()
        .zip(list::<i64>(row, from + 2)?);
    let lines = list::<String>(row, from)?.into_iter().zip(numbers);
    let line = |(sku, (requested, available)): (String, (i64, i64))| {
        ShortLine::new(
            sku,
            requested.unsigned_abs(),
            available.max(0).unsigned_abs(),
        )
    };
    Ok(lines.map(line).collect())
}

impl Inner {
    /// Changes an order, and whatever has to end before that. Nothing, if nobody knows in time.
    pub(super) async fn change_alone(&self, id: &OrderId, ask: &Ask) -> Option<Changed> {
        let until = Instant::now() + self.sale.patience;
        let mut closes = Closes::default();
        while Instant::now() < until {
            match self
                .rows
                .change(&self.life.node, id, ask, closes.0)
                .await
                .ok()?
            {
                Changed::Overdue(ids) => self.expire(ids).await,
                Changed::Due(skus) => {
                    let skus: Vec<&str> = skus.iter().map(String::as_str).collect();
                    self.serve_queues(&skus).await;
                }
                Changed::Close => closes.next().await,
                changed => return Some(changed),
            }
        }
        None
    }

    /// Ends orders in parts that are past their deadline.
    pub(super) async fn expire_alone(&self, ids: &[OrderId]) {
        let mut rest = ids;
        while !rest.is_empty() {
            // Without an answer they are found again.
            let Ok(looked) = self.rows.expire(&self.life.node, rest).await else {
                return;
            };
            rest = rest.get(looked.max(1)..).unwrap_or_default();
        }
    }
}
