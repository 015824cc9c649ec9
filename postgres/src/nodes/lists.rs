//! Lists of orders, page by page.

use super::answers::{InvalidOrder, Refusal};
use super::feed::InvalidCursor;
use super::node::Node;
use super::rows::{Failed, Rows};
use super::stock::{check_sku, no_sku};
use super::views::{MORE, since_1970, views, views_of};
use crate::session::{Parameters, column};
use segstock_orders::{Filter, OrderState, OrderView};
use segstock_remote::{Fault, OrderId};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};
use tokio_postgres::Row;

/// The most orders of a page.
const MOST: usize = 1_000;
/// How many orders one call looks at: some milliseconds of the database.
const LOOKS: i64 = 2_000;
/// Times are not later than this: the year 9999.
const LATEST: u64 = 253_370_764_800;

/// Where a list goes on. It stays valid whatever changes; [`Default`] is the beginning. As text it can be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListCursor {
    /// When the last order was placed, in microseconds since 1970.
    placed: u64,
    /// Its id; none at the beginning.
    id: Option<OrderId>,
}

/// A page of a list of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderPage {
    /// The orders, the oldest first. There may be none, though the list goes on.
    pub orders: Vec<OrderView<String>>,
    /// Where the next page begins; none at the end of the list.
    pub next: Option<ListCursor>,
}

impl Node {
    /// A page of the orders of all nodes that `filter` lets through, after `after`: at most `most` of them (0 counts as 1), and
    /// at most 1,000; those that were placed first come first. Times and numbers in the filter are those of
    /// [views](Self::view). An order past its deadline is shown as held for no time until it has ended, which some node sees to.
    ///
    /// A call looks at 2,000 orders at most. So a page may have fewer orders than `most`, or none, though more pages follow. It
    /// finds by an index: the age; the customer, if one is given; and otherwise whether an order is open (held, waiting or paid
    /// for) or has ended. All else is a look at each order that these leave: who holds a SKU is found among the open ones.
    ///
    /// # Consistency
    ///
    /// Over all pages, an order that is known, and let through, from the first call to the last is shown once. One that comes,
    /// goes or changes meanwhile may be shown. Orders that were refused or are [forgotten](super::Sale::forget) are not.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSku`] if the filter names a SKU that is not there; [`Refusal::Invalid`] if the SKU is none, or the
    /// customer has a zero byte, which no database keeps; and the [temporary ones](Refusal::is_temporary).
    pub async fn orders(
        &self,
        filter: &Filter<String>,
        after: &ListCursor,
        most: usize,
    ) -> Result<OrderPage, Refusal> {
        filter.sku.as_deref().map_or(Ok(()), check_sku)?;
        let customer = filter.customer.as_deref();
        if customer.is_some_and(|customer| customer.contains('\0')) {
            return Err(Refusal::Invalid(InvalidOrder::Customer));
        }
        let page = self.inner.rows.orders(filter, after, most.clamp(1, MOST));
        let page = self.read(page).await?;
        page.ok_or_else(|| no_sku(filter.sku.as_deref().unwrap_or_default()))
    }

    /// What time it is by the database's clock, since 1970: that of [`Filter::since`] and [`OrderView::placed`].
    ///
    /// # Errors
    ///
    /// The [temporary ones](Refusal::is_temporary).
    pub async fn time(&self) -> Result<Duration, Refusal> {
        let time = |row: &Row| column(row, 0).map(since_1970);
        let time = self.inner.rows.row("select clock_timestamp()", &[], time);
        self.read(time).await
    }
}

impl Rows {
    /// Nothing if there is no such SKU.
    async fn orders(
        &self,
        filter: &Filter<String>,
        after: &ListCursor,
        most: usize,
    ) -> Result<Option<OrderPage>, Failed> {
        const ORDERS: &str = views!(
            "with looked as materialized (
              select * from (
                (select o.* from orders o
                 where $3::text is null and $4 and strpos('held waiting paid', o.state) > 0
                   and o.placed >= $1 and (o.placed, o.id) > ($1, $2) and o.placed < $6
                 order by o.placed, o.id limit $8)
                union all
                (select o.* from orders o
                 where $3::text is null and $5 and strpos('held waiting paid', o.state) = 0 and o.skus is not null
                   and o.placed >= $1 and (o.placed, o.id) > ($1, $2) and o.placed < $6
                 order by o.placed, o.id limit $8)
                union all
                (select o.* from orders o
                 where o.customer = $3 and o.skus is not null
                   and o.placed >= $1 and (o.placed, o.id) > ($1, $2) and o.placed < $6
                 order by o.placed, o.id limit $8)
              ) as o order by o.placed, o.id limit $8
            ), page as (
              select l.*, row_number() over (order by l.placed, l.id) as k from looked l
              where case
                when $7::text is null then $9::text is null or said_1(l.state) = $9
                when l.split then exists (
                  select from part p where p.id = l.id and p.sku = $7 and ($9 is null or said_1(p.stage) = $9))
                else $7 = any (l.skus) and ($9 is null or said_1(l.state) = $9) end
              order by l.placed, l.id limit $10
            )",
            ", (select count(*) from looked),
            (select l.placed from looked l order by l.placed desc, l.id desc limit 1),
            (select l.id from looked l order by l.placed desc, l.id desc limit 1),
            $7 is null or exists (select from pool p where p.sku = $7)"
        );
        let from = Duration::from_micros(filter.from.number()).max(filter.since);
        let begins = Duration::from_micros(after.placed).max(from);
        let id = after.id.as_ref().map_or("", OrderId::as_str);
        let to = filter
            .to
            .map(|to| Duration::from_micros(to.number().saturating_add(1)));
        let before = [filter.before, to].into_iter().flatten().min();
        let (begins, before) = (at(begins), at(before.unwrap_or(Duration::MAX)));
        let (open, ended) = finds(filter);
        let (customer, sku) = (filter.customer.as_deref(), filter.sku.as_deref());
        let state = filter.state.map(|state| state.to_string());
        let wanted = i64::try_from(most).unwrap_or(i64::MAX);
        let parameters: Parameters<'_> = &[
            &begins, &id, &customer, &open, &ended, &before, &sku, &LOOKS, &state, &wanted,
        ];
        self.row(ORDERS, parameters, |row| page(row, most)).await
    }
}

/// Whether orders that are open can be let through, and those that have ended. Of an order in parts that is open some units may
/// have ended.
fn finds(filter: &Filter<String>) -> (bool, bool) {
    let is_open = |state| {
        matches!(
            state,
            OrderState::Held | OrderState::Waiting | OrderState::Paid
        )
    };
    match filter.state {
        None => (true, true),
        Some(state) if is_open(state) => (true, false),
        Some(_) => (filter.sku.is_some(), true),
    }
}

fn at(time: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + time.min(Duration::from_secs(LATEST))
}

fn page(row: &Row, most: usize) -> Result<Option<OrderPage>, Fault> {
    if !column::<bool>(row, MORE + 3)? {
        return Ok(None);
    }
    let orders = views_of(row)?;
    let looked =
        column::<Option<SystemTime>>(row, MORE + 1)?.zip(column::<Option<String>>(row, MORE + 2)?);
    let next = match (orders.last(), looked) {
        (Some(last), _) if orders.len() >= most => Some((last.placed, last.id.to_string())),
        (_, Some((placed, id))) if column::<i64>(row, MORE)? >= LOOKS => {
            Some((since_1970(placed), id))
        }
        _ => None,
    };
    let next = next.map(|(placed, id)| {
        let id = OrderId::new(id).map_err(|invalid| Fault::Final(invalid.to_string()))?;
        let placed = u64::try_from(placed.as_micros()).unwrap_or(u64::MAX);
        let id = Some(id);
        Ok(ListCursor { placed, id })
    });
    let next = next.transpose()?;
    Ok(Some(OrderPage { orders, next }))
}

impl fmt::Display for ListCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { placed, id } = self;
        match id {
            Some(id) => write!(f, "{placed}-{id}"),
            None => write!(f, "{placed}"),
        }
    }
}

impl FromStr for ListCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (placed, id) = match text.split_once('-') {
            Some((placed, id)) => (placed, Some(OrderId::new(id).map_err(|_| InvalidCursor)?)),
            None => (text, None),
        };
        let placed = placed.parse().map_err(|_| InvalidCursor)?;
        Ok(Self { placed, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_kept_as_text() {
        for text in ["0", "17-order:2026-17", "18446744073709551615-x"] {
            let cursor: ListCursor = text.parse().expect("it is one");
            assert_eq!(cursor.to_string(), text);
        }
        for text in ["", "x", "17-", "-x", "17-x y"] {
            assert_eq!(text.parse::<ListCursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
