//! The feed: orders of all nodes that changed.

use super::answers::Refusal;
use super::node::Node;
use super::rows::{Failed, Rows, list};
use super::views::{MORE, views, views_of};
use crate::session::Parameters;
use segstock_orders::OrderView;
use segstock_remote::{Fault, OrderId};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;
use tokio_postgres::Row;

/// The most orders of a page.
const MOST: usize = 1_000;

/// How far a reader of the feed is: a position for each node. [`Default`] is the beginning. As text it can be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(pub(super) BTreeMap<String, i64>);

/// A text is no [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCursor;

/// Orders that changed, each as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// In the sequence of their last changes.
    pub orders: Vec<ListedOrder>,
    /// From where the next page goes on.
    pub cursor: Cursor,
}

/// An order of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedOrder {
    /// When it changed last, by the database's clock.
    pub changed: SystemTime,
    /// What it is. If it is held, its deadline may have passed.
    pub view: OrderView<String>,
}

impl Node {
    /// Orders that changed since `cursor`, at all nodes: up to `most` of them, at most 1,000, each as it is now. From the
    /// beginning these are all orders. An empty page: nothing changed since.
    ///
    /// No change is missed: whoever goes on with the cursor of the last page sees every order again that changed later, in its
    /// last state. What it was between two pages is not shown. An order's pages are in the sequence of its changes. Orders that
    /// were refused or are [forgotten](super::Sale::forget) are not in it.
    ///
    /// # Errors
    ///
    /// The [temporary ones](Refusal::is_temporary).
    pub async fn changes(&self, cursor: &Cursor, most: usize) -> Result<Page, Refusal> {
        let changes = self.inner.rows.changes(cursor, most.clamp(1, MOST));
        self.read(changes).await
    }
}

impl Rows {
    /// One statement: it sees every change of an order before a later one, at whichever nodes they were made.
    async fn changes(&self, cursor: &Cursor, most: usize) -> Result<Page, Failed> {
        const CHANGES: &str = views!(
            "with lane as (
              select n.name || s.star as lane from node n cross join (values (''), ('*')) as s (star)
            ), page as (
              select o.*, o.seq as k from lane left join unnest($1::text[], $2::bigint[]) as c (lane, seq) on c.lane = lane.lane
              cross join lateral (
                select o.* from orders o where o.lane = lane.lane and o.seq > coalesce(c.seq, 0) order by o.seq limit $3
              ) as o
              order by o.seq limit $3
            )",
            ", array_agg(page.at order by page.k), array_agg(page.lane order by page.k)"
        );
        let lanes: Vec<&str> = cursor.0.keys().map(String::as_str).collect();
        let seqs: Vec<i64> = cursor.0.values().copied().collect();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let parameters: Parameters<'_> = &[&lanes, &seqs, &most];
        let read = |row: &Row| page(row, cursor.clone());
        self.row(CHANGES, parameters, read).await
    }
}

fn page(row: &Row, mut cursor: Cursor) -> Result<Page, Fault> {
    let lanes = list::<i64>(row, 5)?.into_iter();
    for (seq, lane) in lanes.zip(list::<String>(row, MORE + 1)?) {
        cursor.0.insert(lane, seq);
    }
    let orders = views_of(row)?
        .into_iter()
        .zip(list::<SystemTime>(row, MORE)?);
    let orders = orders.map(|(view, changed)| ListedOrder { changed, view });
    let orders = orders.collect();
    Ok(Page { orders, cursor })
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .enumerate()
            .try_for_each(|(number, (lane, seq))| {
                let comma = if number > 0 { "," } else { "" };
                write!(f, "{comma}{lane}={seq}")
            })
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let positions = text.split(',').filter(|position| !position.is_empty());
        let positions = positions.map(|position| {
            let (lane, seq) = position.split_once('=').ok_or(InvalidCursor)?;
            _ = OrderId::new(lane.trim_end_matches('*')).map_err(|_| InvalidCursor)?;
            Ok((lane.to_owned(), seq.parse().map_err(|_| InvalidCursor)?))
        });
        positions.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for InvalidCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is no cursor")
    }
}

impl std::error::Error for InvalidCursor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_kept_as_text() {
        for text in ["", "shop-1=17", "shop-1=17,shop-1*=18,shop:2=9"] {
            let cursor: Cursor = text.parse().expect("it is one");
            assert_eq!(cursor.to_string(), text);
        }
        for text in ["x", "=1", "x=", "x=1=2", "x y=1", "x=1;y=2"] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
