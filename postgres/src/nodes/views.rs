//! Orders as they are, line by line; and the feed of all that change, at all nodes.

use super::answers::{OrderLine, OrderView, Refusal};
use super::known::known_order;
use super::node::Node;
use super::rows::{Failed, Rows, ids, list};
use crate::session::{Parameters, column};
use segstock_remote::{Fault, OrderId};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;
use tokio::time::timeout;
use tokio_postgres::Row;

/// SKU, stage and units.
type Part = (String, (String, i64));

/// The most orders of a page.
const MOST: usize = 1_000;

/// How far a reader of the feed is: a position for each node. [`Default`] is the beginning. As text it can be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(BTreeMap<String, i64>);

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
    /// Its id.
    pub id: OrderId,
    /// Whose it is, if that was said.
    pub customer: Option<String>,
    /// When it changed last, by the database's clock.
    pub changed: SystemTime,
    /// What it is. If it is held, its deadline may have passed.
    pub view: OrderView,
}

impl Node {
    /// Orders that changed since `cursor`, at all nodes: up to `most` of them, at most 1,000, each as it is now. From the
    /// beginning these are all orders. An empty page: nothing changed since.
    ///
    /// No change is missed: whoever goes on with the cursor of the last page sees every order again that changed later, in its
    /// last state. What it was between two pages is not told. An order's pages are in the sequence of its changes. Orders that
    /// were refused or are [forgotten](super::Sale::forget) are not in it.
    ///
    /// # Errors
    ///
    /// The [temporary ones](Refusal::is_temporary).
    pub async fn changes(&self, cursor: &Cursor, most: usize) -> Result<Page, Refusal> {
        let _permit = self.permit()?;
        let changes = self.inner.rows.changes(cursor, most.clamp(1, MOST));
        match timeout(self.inner.sale.patience, changes).await {
            Ok(Ok(page)) => Ok(page),
            _ => Err(Refusal::TryAgain),
        }
    }
}

impl Rows {
    /// One statement: it sees every change of an order before a later one, at whichever nodes they were made.
    async fn changes(&self, cursor: &Cursor, most: usize) -> Result<Page, Failed> {
        const CHANGES: &str = "
            with lane as (
              select n.name || s.star as lane from node n cross join (values (''), ('*')) as s (star)
            ), page as (
              select o.* from lane left join unnest($1::text[], $2::bigint[]) as c (lane, seq) on c.lane = lane.lane
              cross join lateral (
                select o.* from orders o where o.lane = lane.lane and o.seq > coalesce(c.seq, 0) order by o.seq limit $3
              ) as o
              order by o.seq limit $3
            ), line as (
              select page.seq, u.* from page cross join lateral (
                select p.sku, p.stage, p.units from part p where p.id = page.id
                union all
                select s.sku, page.state, sum(s.units)::bigint from unnest(page.skus, page.units) as s (sku, units)
                where not page.split group by s.sku
              ) as u
            )
            select array_agg(page.id order by page.seq), array_agg(page.customer order by page.seq),
              array_agg(page.state order by page.seq), array_agg(page.until order by page.seq),
              array_agg(page.at order by page.seq), array_agg(page.seq order by page.seq),
              array_agg(page.lane order by page.seq),
              (select array_agg(line.seq order by line.seq, line.sku) from line),
              (select array_agg(line.sku order by line.seq, line.sku) from line),
              (select array_agg(line.stage order by line.seq, line.sku) from line),
              (select array_agg(line.units order by line.seq, line.sku) from line)
            from page";
        let lanes: Vec<&str> = cursor.0.keys().map(String::as_str).collect();
        let seqs: Vec<i64> = cursor.0.values().copied().collect();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let parameters: Parameters<'_> = &[&lanes, &seqs, &most];
        let read = |row: &Row| page(row, cursor.clone());
        self.row(CHANGES, parameters, read).await
    }
}

fn page(row: &Row, mut cursor: Cursor) -> Result<Page, Fault> {
    let customers = column::<Option<Vec<Option<String>>>>(row, 1)?.unwrap_or_default();
    let untils = column::<Option<Vec<Option<SystemTime>>>>(row, 3)?.unwrap_or_default();
    let states = list::<String>(row, 2)?.into_iter().zip(untils);
    let seqs = list::<i64>(row, 5)?
        .into_iter()
        .zip(list::<String>(row, 6)?);
    let stages = list::<String>(row, 9)?
        .into_iter()
        .zip(list::<i64>(row, 10)?);
    let mut parts: BTreeMap<i64, Vec<Part>> = BTreeMap::new();
    let lines = list::<String>(row, 8)?.into_iter().zip(stages);
    for (seq, line) in list::<i64>(row, 7)?.into_iter().zip(lines) {
        parts.entry(seq).or_default().push(line);
    }
    let rows = ids(row, 0)?.into_iter().zip(customers).zip(states);
    let rows = rows.zip(list::<SystemTime>(row, 4)?).zip(seqs);
    let mut orders = Vec::new();
    for ((((id, customer), (state, until)), changed), (seq, lane)) in rows {
        let order = known_order(&state, until)?;
        let lines = lines_of(parts.remove(&seq).unwrap_or_default());
        orders.push(ListedOrder {
            id,
            customer,
            changed,
            view: OrderView { order, lines },
        });
        cursor.0.insert(lane, seq);
    }
    Ok(Page { orders, cursor })
}

/// The lines of an order, from SKU, stage and units, by SKU.
pub(super) fn lines_of(parts: impl IntoIterator<Item = (String, (String, i64))>) -> Vec<OrderLine> {
    let mut lines: Vec<OrderLine> = Vec::new();
    for (sku, (stage, units)) in parts {
        if lines.last().is_none_or(|line| line.sku != sku) {
            lines.push(OrderLine {
                sku,
                ..OrderLine::default()
            });
        }
        if let Some(line) = lines.last_mut() {
            line.add(&stage, units.unsigned_abs());
        }
    }
    lines
}

impl OrderLine {
    fn add(&mut self, stage: &str, units: u64) {
        match stage {
            "held" => self.held += units,
            "paid" => self.paid += units,
            "shipped" => self.shipped += units,
            "returned" => self.returned += units,
            "written_off" => self.written_off += units,
            "cancelled" => self.cancelled += units,
            "refunded" => self.refunded += units,
            _ => self.expired += units,
        }
    }
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
