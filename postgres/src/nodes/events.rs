//! What happened, step by step, at all nodes.

use super::answers::Refusal;
use super::feed::Cursor;
use super::node::Node;
use super::rows::{Failed, Rows, list, micros};
use crate::session::Parameters;
use segstock_orders::{Position, What};
use segstock_remote::Fault;
use std::time::{Duration, SystemTime};
use tokio_postgres::Row;

/// The most events of a page; or a few more.
const MOST: usize = 1_000;
/// The most transactions of a page.
const ROWS: i64 = 64;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The number of the transaction by which it happened: that of a later step of an order is larger.
    pub position: Position,
    /// When, by the database's clock.
    pub at: SystemTime,
    /// What happened.
    pub what: What<String>,
}

/// A part of the feed of what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Events {
    /// What happened. The steps of one order are in their sequence.
    pub events: Vec<Event>,
    /// From where the next part goes on.
    pub next: Cursor,
    /// The reader was too slow: events after where it was are kept no more, and these are those that are.
    pub missed: bool,
}

impl Node {
    /// What happened after `after` at all nodes: at most `most` events (0 counts as 1), and at most 1,000; or a few more, since
    /// those of one transaction come together. Nothing in a sale without [events](super::Sale::events).
    ///
    /// Every step of an order is an event, once, also if it was made and undone between two calls of this. That a SKU is low or
    /// sold out, or is so no more, is an event each time that one of the nodes sees it at a heartbeat. What was so only between
    /// two heartbeats is none.
    ///
    /// # Errors
    ///
    /// The [temporary ones](Refusal::is_temporary).
    pub async fn events(&self, after: &Cursor, most: usize) -> Result<Events, Refusal> {
        let events = self.inner.rows.events(after, most.clamp(1, MOST));
        self.read(events).await
    }

    /// The cursor of now: what happens once this is answered comes after it.
    ///
    /// # Errors
    ///
    /// The [temporary ones](Refusal::is_temporary).
    pub async fn events_now(&self) -> Result<Cursor, Refusal> {
        self.read(self.inner.rows.now()).await
    }
}

impl Rows {
    pub(super) async fn keep_events(&self, keep: Duration) -> Result<(), Failed> {
        const KEEP: &str = "
            with set as (update segstock_nodes set events = $1 where events <> $1 returning 1) select count(*) from set";
        self.row(KEEP, &[&micros(keep)], |_| Ok(())).await
    }

    /// One statement: it sees every step of an order before a later one. A page is what it sees up to some number.
    async fn events(&self, after: &Cursor, most: usize) -> Result<Events, Failed> {
        const EVENTS: &str = "
            with lane as (
              select l.lane, coalesce(c.seq, 0) as seq, g.seq as gone
              from (select n.name || s.star as lane from node n cross join (values (''), ('*')) as s (star)) as l
              left join unnest($1::text[], $2::bigint[]) as c (lane, seq) on c.lane = l.lane
              left join event_gone g on g.lane = l.lane
            ), page as (
              select e.*, sum(cardinality(e.names)) over (order by e.seq) - cardinality(e.names) as before
              from lane cross join lateral (
                select e.* from event e where e.lane = lane.lane and e.seq > lane.seq order by e.seq limit $3
              ) as e
              order by e.seq limit $3
            ), item as (
              select page.lane, page.seq, page.at, u.* from page
              cross join lateral unnest(string_to_array(page.whats, null), page.names, page.lefts) with ordinality as u (what, name, units, k)
              where page.before < $4
            )
            select array_agg(item.seq order by item.seq, item.k), array_agg(item.at order by item.seq, item.k),
              array_agg(item.what order by item.seq, item.k), array_agg(item.name order by item.seq, item.k),
              array_agg(coalesce(item.units, 0) order by item.seq, item.k), array_agg(item.lane order by item.seq, item.k),
              (select array_agg(lane.lane order by lane.lane) from lane where lane.gone > lane.seq),
              (select array_agg(lane.gone order by lane.lane) from lane where lane.gone > lane.seq)
            from item";
        let lanes: Vec<&str> = after.0.keys().map(String::as_str).collect();
        let seqs: Vec<i64> = after.0.values().copied().collect();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let parameters: Parameters<'_> = &[&lanes, &seqs, &ROWS, &most];
        self.row(EVENTS, parameters, |row| read(row, after.clone()))
            .await
    }

    async fn now(&self) -> Result<Cursor, Failed> {
        const NOW: &str = "
            select array_agg(l.lane order by l.lane), array_agg(l.seq order by l.lane)
            from (
              select l.lane, greatest(
                (select e.seq from event e where e.lane = l.lane order by e.seq desc limit 1),
                (select g.seq from event_gone g where g.lane = l.lane)) as seq
              from (select n.name || s.star as lane from node n cross join (values (''), ('*')) as s (star)) as l
            ) as l where l.seq is not null";
        let read = |row: &Row| {
            let lanes = list::<String>(row, 0)?.into_iter();
            Ok(Cursor(lanes.zip(list::<i64>(row, 1)?).collect()))
        };
        self.row(NOW, &[], read).await
    }
}

fn read(row: &Row, mut next: Cursor) -> Result<Events, Fault> {
    let gone: Vec<(String, i64)> = list::<String>(row, 6)?
        .into_iter()
        .zip(list::<i64>(row, 7)?)
        .collect();
    let missed = !gone.is_empty();
    next.0.extend(gone);
    let seqs = list::<i64>(row, 0)?;
    let names = list::<String>(row, 2)?
        .into_iter()
        .zip(list::<String>(row, 3)?);
    let names = names.zip(list::<i64>(row, 4)?);
    let mut events = Vec::new();
    for ((seq, at), ((what, name), left)) in seqs.iter().zip(list::<SystemTime>(row, 1)?).zip(names)
    {
        events.push(Event {
            position: Position::new(seq.unsigned_abs()),
            at,
            what: what_of(&what, name, left.unsigned_abs())?,
        });
    }
    next.0.extend(list::<String>(row, 5)?.into_iter().zip(seqs));
    Ok(Events {
        events,
        next,
        missed,
    })
}

fn what_of(what: &str, name: String, left: u64) -> Result<What<String>, Fault> {
    let id = || name.as_str().into();
    Ok(match what {
        "p" => What::Placed(id()),
        "w" => What::Waits(id()),
        "v" => What::Served(id()),
        "a" => What::Amended(id()),
        "e" => What::Extended(id()),
        "m" => What::Paid(id()),
        "s" => What::Shipped(id()),
        "c" => What::Cancelled(id()),
        "x" => What::Expired(id()),
        "r" => What::Returned(id()),
        "l" => What::Low { sku: name, left },
        "n" => What::Enough(name),
        "o" => What::SoldOut(name),
        "b" => What::BackInStock(name),
        _ => {
            return Err(Fault::Final(format!(
                "no release writes the event {what:?}"
            )));
        }
    })
}
