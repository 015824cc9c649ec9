//! The stock of SKUs, as it is.

use super::answers::{InvalidOrder, Refusal};
use super::error::SaleError;
use super::node::Node;
use super::rows::{Failed, Rows, list};
use super::sale::{SkuSettings, open_sku};
use super::stock::{check_sku, no_sku};
use crate::session::{Parameters, column};
use segstock_orders::{SkuLimits, SkuView};
use segstock_remote::Fault;
use tokio_postgres::Row;

/// The most SKUs of a page.
const MOST: usize = 1_000;

/// One statement: the stocks of the SKUs `p` of which this is true.
macro_rules! stocks {
    ($which:literal) => {
        concat!(
            "select array_agg(s.sku order by s.sku), array_agg(s.available order by s.sku), array_agg(s.on_hand order by s.sku),
              array_agg(s.owed order by s.sku), array_agg(s.kept order by s.sku), array_agg(s.safety order by s.sku),
              array_agg(s.closed order by s.sku), array_agg(s.most_waiting order by s.sku),
              array_agg(s.per_customer order by s.sku), array_agg(s.unpaid order by s.sku), array_agg(s.low order by s.sku),
              array_agg(s.waiting order by s.sku), array_agg(s.on_the_way order by s.sku),
              array_agg(s.coming order by s.sku)
            from (
              select p.*, on_hand_1(p) as on_hand, least(p.free, p.safety) as kept,
                (select coalesce(sum(s.units), 0)::bigint from sending s where s.to_sku = p.sku) as coming,
                can_be_had_1(p) + (select coalesce(sum(b.granted - b.taken - b.handed_back), 0)::bigint
                                from block b where b.sku = p.sku and not b.closed) as available
              from pool p where ", $which, " order by p.sku limit $2
            ) as s"
        )
    };
}

const OF: &str = stocks!("p.sku = $1");
const AFTER: &str = stocks!("p.sku > $1");

/// A page of the list of SKUs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StockPage {
    /// SKUs and their stocks, in the sequence of their names.
    pub stocks: Vec<(String, SkuView)>,
    /// After which SKU the next page begins; none at the end of the list.
    pub next: Option<String>,
}

impl Node {
    /// Opens a SKU, as [`Sale::open_sku`](super::Sale::open_sku) does, over a connection that the node has: for many of them.
    ///
    /// # Errors
    ///
    /// Those of [`Sale::open_sku`](super::Sale::open_sku).
    pub async fn open_sku(&self, sku: &str, settings: SkuSettings) -> Result<bool, SaleError> {
        open_sku(&self.inner.rows, sku, settings).await
    }

    /// The stock of a SKU at all nodes together, at one instant of the call. Units of orders past their deadline are not
    /// available before these end.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSku`], and the [temporary ones](Refusal::is_temporary).
    pub async fn stock(&self, sku: &str) -> Result<SkuView, Refusal> {
        check_sku(sku)?;
        let mut stocks = self.read(self.inner.rows.stocks(OF, sku, 1)).await?;
        let stock = stocks.pop().map(|(_, stock)| stock);
        stock.ok_or_else(|| no_sku(sku))
    }

    /// A page of the stocks of all SKUs, by name, from the one that follows `after` on (an empty text is the beginning): at
    /// most `most` of them (0 counts as 1), and at most 1,000. Each is exact at the one instant of the page.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`] if `after` has a zero byte, which no database keeps; and the [temporary ones](Refusal::is_temporary).
    pub async fn stocks(&self, after: &str, most: usize) -> Result<StockPage, Refusal> {
        if after.contains('\0') {
            return Err(Refusal::Invalid(InvalidOrder::Sku(after.to_owned())));
        }
        let most = most.clamp(1, MOST);
        let stocks = self.inner.rows.stocks(AFTER, after, most + 1);
        let mut stocks = self.read(stocks).await?;
        let has_more = stocks.len() > most;
        stocks.truncate(most);
        let last = stocks.last().map(|(sku, _)| sku.clone());
        let next = last.filter(|_| has_more);
        Ok(StockPage { stocks, next })
    }
}

impl Rows {
    async fn stocks(
        &self,
        sql: &'static str,
        sku: &str,
        most: usize,
    ) -> Result<Vec<(String, SkuView)>, Failed> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let parameters: Parameters<'_> = &[&sku, &most];
        self.row(sql, parameters, stocks).await
    }
}

fn stocks(row: &Row) -> Result<Vec<(String, SkuView)>, Fault> {
    let units = |number| {
        let units = list::<i64>(row, number)?.into_iter();
        Ok::<Vec<u64>, Fault>(units.map(|units| units.max(0).unsigned_abs()).collect())
    };
    let maybe = |number| {
        let units = column::<Option<Vec<Option<i64>>>>(row, number)?.unwrap_or_default();
        let units = units.into_iter();
        Ok::<Vec<Option<u64>>, Fault>(units.map(|units| units.map(i64::unsigned_abs)).collect())
    };
    let (available, on_hand, owed, kept) = (units(1)?, units(2)?, units(3)?, units(4)?);
    let (safety, low) = (units(5)?, units(10)?);
    let (waits, on_the_way, coming) = (units(11)?, units(12)?, units(13)?);
    let closed = list::<bool>(row, 6)?;
    let (waiting, per_customer) = (maybe(7)?, maybe(8)?);
    let unpaid = column::<Option<Vec<Option<i16>>>>(row, 9)?.unwrap_or_default();
    let mut all = Vec::new();
    for (at, sku) in list::<String>(row, 0)?.into_iter().enumerate() {
        let mut limits = SkuLimits::default();
        limits.safety = safety[at];
        limits.closed = closed[at];
        limits.waiting = waiting[at].unwrap_or(u64::MAX);
        limits.per_customer = per_customer[at];
        limits.unpaid = unpaid[at].and_then(|percent| u8::try_from(percent).ok());
        limits.low = low[at];
        let mut stock = SkuView::default();
        stock.available = available[at];
        stock.on_hand = on_hand[at];
        stock.owed = owed[at];
        stock.safety = kept[at];
        stock.waiting = waits[at];
        stock.on_the_way = on_the_way[at];
        stock.coming = coming[at];
        stock.limits = limits;
        all.push((sku, stock));
    }
    Ok(all)
}
