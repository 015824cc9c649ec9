//! The calls of a [`Node`] on the stock of a SKU.

use super::answers::{InvalidOrder, Refusal, StockAnswer};
use super::lines::{Body, Lines, is_sku};
use super::node::Node;
use super::prover::Closes;
use super::rows::{Failed, Rows, ids};
use crate::session::{Parameters, column};
use segstock_orders::ShortLine;
use segstock_remote::{Fault, MAX_UNITS, OrderId};
use tokio::time::timeout;
use tokio_postgres::Row;

/// What is asked of a SKU, once for each key.
struct OnShelf<'a> {
    kind: &'static str,
    sku: &'a str,
    key: &'a OrderId,
    units: i64,
}

impl OnShelf<'_> {
    /// What distinguishes a retry from another request.
    fn body(&self) -> i64 {
        Body::default().text(self.kind).number(self.units).finish()
    }
}

/// What a restock or a count would do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Foreseen {
    /// It was made before: it would change nothing again.
    pub before: bool,
    /// The units that would come; negative: that would go. Those that came or went, if it was made before.
    pub difference: i64,
}

/// What became of it.
pub(super) enum Booked {
    Done(StockAnswer),
    Refused(Refusal),
    /// These end first.
    Overdue(Vec<OrderId>),
    /// Blocks have the units: they are to be closed.
    Close,
}

impl Node {
    /// `units` of a SKU came. Those that are owed are paid first. A retry with the same `key`, at any node, changes nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSku`]; [`Refusal::TooMany`]; [`Refusal::Invalid`] if the SKU or the units are none; [`Refusal::Conflict`] if
    /// the key is known for another request on this SKU; and the [temporary ones](Refusal::is_temporary).
    pub async fn restock(
        &self,
        key: &OrderId,
        sku: &str,
        units: u64,
    ) -> Result<StockAnswer, Refusal> {
        let line = Lines::new([(sku, units)]);
        line.map_err(Refusal::Invalid)?;
        self.on_shelf("restock", key, sku, units).await
    }

    /// A shelf was counted: `counted` units are on hand, those that are held or paid for included. The difference to what was on
    /// hand is found, or is missing. If fewer units are on hand than are promised, the count is booked all the same, and the
    /// rest is owed: whatever comes back pays that first.
    ///
    /// It takes the units that nodes have, if it needs them: they are lent others. Whoever counts sees to it that nothing is
    /// shipped, restocked, returned or written off between counting and this call. A retry with the same `key` changes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`restock`](Self::restock).
    pub async fn count(
        &self,
        key: &OrderId,
        sku: &str,
        counted: u64,
    ) -> Result<StockAnswer, Refusal> {
        self.on_shelf("count", key, sku, counted).await
    }

    /// `units` of a SKU are broken, lost or given away. Only units that are for sale can be: [count](Self::count) a shelf that
    /// lacks more. A retry with the same `key` changes nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] if at some instant of the call fewer were for sale, at all nodes together; those of
    /// [`restock`](Self::restock).
    pub async fn write_off(
        &self,
        key: &OrderId,
        sku: &str,
        units: u64,
    ) -> Result<StockAnswer, Refusal> {
        let line = Lines::new([(sku, units)]);
        line.map_err(Refusal::Invalid)?;
        self.on_shelf("write_off", key, sku, units).await
    }

    /// What [`restock`](Self::restock) would do now. It changes nothing; no units at all may be asked for.
    ///
    /// # Errors
    ///
    /// Those of [`restock`](Self::restock).
    pub async fn foresee_restock(
        &self,
        key: &OrderId,
        sku: &str,
        units: u64,
    ) -> Result<Foreseen, Refusal> {
        self.foresee("restock", key, sku, units).await
    }

    /// What [`count`](Self::count) would do now. It changes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`restock`](Self::restock).
    pub async fn foresee_count(
        &self,
        key: &OrderId,
        sku: &str,
        counted: u64,
    ) -> Result<Foreseen, Refusal> {
        self.foresee("count", key, sku, counted).await
    }

    async fn foresee(
        &self,
        kind: &'static str,
        key: &OrderId,
        sku: &str,
        units: u64,
    ) -> Result<Foreseen, Refusal> {
        let asked = on_shelf(kind, key, sku, units)?;
        match self.read(self.inner.rows.foresee(&asked)).await? {
            Booked::Done(StockAnswer {
                before, difference, ..
            }) => Ok(Foreseen { before, difference }),
            Booked::Refused(refusal) => Err(refusal),
            // No such statement answers that.
            Booked::Overdue(_) | Booked::Close => Err(Refusal::TryAgain),
        }
    }

    /// Units of a SKU that can be sold, at all nodes together: at one instant of the call. Units of orders past their deadline
    /// are not in it before these end.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSku`], and the [temporary ones](Refusal::is_temporary).
    pub async fn available(&self, sku: &str) -> Result<u64, Refusal> {
        Ok(self.stock(sku).await?.available)
    }

    async fn on_shelf(
        &self,
        kind: &'static str,
        key: &OrderId,
        sku: &str,
        units: u64,
    ) -> Result<StockAnswer, Refusal> {
        let asked = &on_shelf(kind, key, sku, units)?;
        let rows = &self.inner.rows;
        self.booked(|closes| rows.book(asked, closes)).await
    }

    /// Asks until it is done, or refused. Where it has to, the blocks of the SKU are closed.
    pub(super) async fn booked<F>(&self, ask: impl Fn(bool) -> F) -> Result<StockAnswer, Refusal>
    where
        F: Future<Output = Result<Booked, Failed>>,
    {
        let _permit = self.permit()?;
        let inner = &self.inner;
        let asks = async {
            let mut closes = Closes::default();
            loop {
                match ask(closes.0).await? {
                    Booked::Done(answer) => return Ok(answer),
                    Booked::Refused(refusal) => return Err(refusal),
                    Booked::Overdue(ids) => inner.expire(ids).await,
                    Booked::Close => closes.next().await,
                }
            }
        };
        let booked = timeout(inner.sale.patience, asks).await;
        booked.unwrap_or(Err(Refusal::TryAgain))
    }
}

fn on_shelf<'a>(
    kind: &'static str,
    key: &'a OrderId,
    sku: &'a str,
    units: u64,
) -> Result<OnShelf<'a>, Refusal> {
    check_sku(sku)?;
    if units > MAX_UNITS {
        return Err(Refusal::TooMany);
    }
    let units = units.cast_signed();
    Ok(OnShelf {
        kind,
        sku,
        key,
        units,
    })
}

pub(super) fn check_sku(sku: &str) -> Result<(), Refusal> {
    if is_sku(sku) {
        return Ok(());
    }
    Err(Refusal::Invalid(InvalidOrder::Sku(sku.to_owned())))
}

pub(super) fn no_sku(sku: &str) -> Refusal {
    let sku = sku.to_owned();
    Refusal::NoSku { sku }
}

impl Rows {
    async fn book(&self, asked: &OnShelf<'_>, closes: bool) -> Result<Booked, Failed> {
        const BOOK: &str = "select * from shelf_1($1, $2, $3, $4, $5, $6)";
        let (key, body) = (asked.key.as_str(), asked.body());
        let parameters: Parameters<'_> =
            &[&asked.sku, &key, &asked.kind, &body, &asked.units, &closes];
        let line = (asked.sku, asked.units);
        self.row(BOOK, parameters, |row| booked(row, line)).await
    }

    /// What `book` would answer, except that it takes nothing from anywhere.
    async fn foresee(&self, asked: &OnShelf<'_>) -> Result<Booked, Failed> {
        const FORESEE: &str = "
            select coalesce(k.standing, case when w.on_hand + w.difference > 1099511627776 then 'much' else 'done' end),
              coalesce(k.difference, w.difference), 0::bigint
            from known_1($1, $2, $4) as k, (
              select p.on_hand, case $3::text when 'restock' then $5::bigint else $5 - p.on_hand end as difference
              from (select (select on_hand_1(p) from pool p where p.sku = $1) as on_hand) as p
            ) as w";
        let (key, body) = (asked.key.as_str(), asked.body());
        let parameters: Parameters<'_> = &[&asked.sku, &key, &asked.kind, &body, &asked.units];
        let line = (asked.sku, asked.units);
        self.row(FORESEE, parameters, |row| booked(row, line)).await
    }
}

/// What became of a call on this many units of a SKU.
pub(super) fn booked(row: &Row, (sku, units): (&str, i64)) -> Result<Booked, Fault> {
    let number = |at| column::<Option<i64>>(row, at).map(Option::unwrap_or_default);
    let refused = |refusal| Ok(Booked::Refused(refusal));
    match column::<String>(row, 0)?.as_str() {
        standing @ ("done" | "before") => Ok(Booked::Done(StockAnswer {
            before: standing == "before",
            difference: number(1)?,
            uncovered: number(2)?.unsigned_abs(),
            sending: None,
        })),
        "conflict" => refused(Refusal::Conflict),
        "missing" => refused(no_sku(sku)),
        "much" => refused(Refusal::TooMany),
        "short" => {
            let (units, available) = (units.unsigned_abs(), number(3)?.max(0).unsigned_abs());
            let line = ShortLine::new(sku.to_owned(), units, available);
            refused(Refusal::Short(vec![line]))
        }
        "overdue" => Ok(Booked::Overdue(ids(row, 4)?)),
        _ => Ok(Booked::Close),
    }
}
