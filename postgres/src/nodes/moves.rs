//! Units go from one SKU to another: to another place, where the SKU names the place.

use super::answers::{InvalidOrder, Refusal, StockAnswer};
use super::lines::{Body, Lines};
use super::node::Node;
use super::rows::{Failed, Rows, list};
use super::stock::{Booked, booked, check_sku, no_sku};
use crate::session::{Parameters, column};
use segstock_orders::{Position, SendingPage, SendingView};
use segstock_remote::{Fault, MAX_UNITS, OrderId};
use tokio_postgres::Row;

/// The most sendings of a page.
const MOST: usize = 1_000;

/// What leaves a SKU for another, once for each key.
struct Leaving<'a> {
    kind: &'static str,
    from: &'a str,
    to: &'a str,
    key: &'a OrderId,
    units: i64,
}

/// What came of a sending, once for each key.
struct Arrival<'a> {
    to: &'a str,
    sending: i64,
    key: &'a OrderId,
    units: i64,
    lost: i64,
}

impl Node {
    /// `units` of one SKU are units of another from now on, at once. Only units that are for sale can be, wherever they are:
    /// those that nodes have are lent others. A retry with the same `key`, at any node, changes nothing. The answer's figures are
    /// those of `from`.
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] if at some instant of the call fewer were for sale, at all nodes together; [`Refusal::SameSku`];
    /// [`Refusal::NoSku`]; [`Refusal::TooMany`] if `to` has no room for them; [`Refusal::Conflict`] if the key is known for
    /// another request on `from`; and the [temporary ones](Refusal::is_temporary).
    pub async fn move_units(
        &self,
        key: &OrderId,
        from: &str,
        to: &str,
        units: u64,
    ) -> Result<StockAnswer, Refusal> {
        self.leave_for("move", key, (from, to), units).await
    }

    /// `units` of one SKU leave for another: until they [arrive](Self::arrive) they are [on the
    /// way](segstock_orders::SkuView::on_the_way), and nobody can have them. Otherwise as [`move_units`](Self::move_units). The
    /// answer names the [sending](StockAnswer::sending).
    ///
    /// # Errors
    ///
    /// Those of [`move_units`](Self::move_units).
    pub async fn send(
        &self,
        key: &OrderId,
        from: &str,
        to: &str,
        units: u64,
    ) -> Result<StockAnswer, Refusal> {
        self.leave_for("send", key, (from, to), units).await
    }

    /// Of a [sending](Self::send) `units` came to the SKU `to`, and `lost` were lost on the way: they are written off. What is
    /// left of it is still on its way. Those that came pay first what is owed. A retry with the same `key`, at any node, changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownSending`] if no units of it are on their way to this SKU; [`Refusal::NotOnTheWay`] if fewer are;
    /// [`Refusal::Invalid`] if none came and none was lost; [`Refusal::TooMany`] if `to` has no room for them;
    /// [`Refusal::NoSku`]; [`Refusal::Conflict`] if the key is known for another request on `to`; and the [temporary
    /// ones](Refusal::is_temporary).
    pub async fn arrive(
        &self,
        key: &OrderId,
        to: &str,
        sending: Position,
        units: u64,
        lost: u64,
    ) -> Result<StockAnswer, Refusal> {
        check_sku(to)?;
        if units == 0 && lost == 0 {
            return Err(Refusal::Invalid(InvalidOrder::Units { units }));
        }
        if units > MAX_UNITS || lost > MAX_UNITS {
            return Err(Refusal::TooMany);
        }
        let Ok(sending) = i64::try_from(sending.number()) else {
            return Err(Refusal::UnknownSending);
        };
        let (units, lost) = (units.cast_signed(), lost.cast_signed());
        let arrival = &Arrival {
            to,
            sending,
            key,
            units,
            lost,
        };
        let rows = &self.inner.rows;
        self.booked(|_| rows.arrive(arrival)).await
    }

    /// A page of the sendings that are on their way, from the one with the number `from` on, by their numbers: at most `most` of
    /// them (0 counts as 1), and at most 1,000.
    ///
    /// # Errors
    ///
    /// The [temporary ones](Refusal::is_temporary).
    pub async fn sendings(
        &self,
        from: Position,
        most: usize,
    ) -> Result<SendingPage<String>, Refusal> {
        let most = most.clamp(1, MOST);
        let rows = &self.inner.rows;
        let mut sendings = self.read(rows.sendings(from, most + 1)).await?;
        let next = sendings.get(most).map(|next| next.number);
        sendings.truncate(most);
        Ok(SendingPage::new(sendings, next))
    }

    async fn leave_for(
        &self,
        kind: &'static str,
        key: &OrderId,
        (from, to): (&str, &str),
        units: u64,
    ) -> Result<StockAnswer, Refusal> {
        // They are no order: it has the rules of lines.
        Lines::new([(from, units)]).map_err(Refusal::Invalid)?;
        check_sku(to)?;
        if from == to {
            let sku = to.to_owned();
            return Err(Refusal::SameSku { sku });
        }
        let units = units.cast_signed();
        let leaving = &Leaving {
            kind,
            from,
            to,
            key,
            units,
        };
        let rows = &self.inner.rows;
        self.booked(|closes| rows.leave_for(leaving, closes)).await
    }
}

impl Rows {
    async fn leave_for(&self, asked: &Leaving<'_>, closes: bool) -> Result<Booked, Failed> {
        const LEAVE: &str = "select * from leave_for_1($1, $2, $3, $4, $5, $6, $7)";
        let &Leaving {
            kind,
            from,
            to,
            key,
            units,
        } = asked;
        let (key, body) = (
            key.as_str(),
            Body::default().text(kind).text(to).number(units),
        );
        let body = body.finish();
        let parameters: Parameters<'_> = &[&from, &to, &key, &kind, &body, &units, &closes];
        let read = |row: &Row| match column::<String>(row, 0)?.as_str() {
            "nowhere" => Ok(Booked::Refused(no_sku(to))),
            _ => moved(row, (from, units)),
        };
        self.row(LEAVE, parameters, read).await
    }

    async fn arrive(&self, asked: &Arrival<'_>) -> Result<Booked, Failed> {
        const ARRIVE: &str = "select * from arrive_1($1, $2, $3, $4, $5, $6)";
        let &Arrival {
            to,
            sending,
            key,
            units,
            lost,
        } = asked;
        let body = [sending, units, lost].into_iter();
        let body = body.fold(Body::default().text("arrive"), Body::number);
        let (key, body) = (key.as_str(), body.finish());
        let parameters: Parameters<'_> = &[&to, &key, &body, &sending, &units, &lost];
        let read = |row: &Row| match column::<String>(row, 0)?.as_str() {
            "unknown" => Ok(Booked::Refused(Refusal::UnknownSending)),
            "on_way" => Ok(Booked::Refused(Refusal::NotOnTheWay {
                requested: (units + lost).unsigned_abs(),
                on_the_way: column::<i64>(row, 3)?.unsigned_abs(),
            })),
            _ => moved(row, (to, units)),
        };
        self.row(ARRIVE, parameters, read).await
    }

    async fn sendings(
        &self,
        from: Position,
        most: usize,
    ) -> Result<Vec<SendingView<String>>, Failed> {
        const SENDINGS: &str = "
            select array_agg(s.no order by s.no), array_agg(s.from_sku order by s.no), array_agg(s.to_sku order by s.no),
              array_agg(s.units order by s.no)
            from (select s.* from sending s where s.no >= $1 order by s.no limit $2) as s";
        let from = i64::try_from(from.number()).unwrap_or(i64::MAX);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let parameters: Parameters<'_> = &[&from, &most];
        self.row(SENDINGS, parameters, sendings).await
    }
}

fn moved(row: &Row, line: (&str, i64)) -> Result<Booked, Fault> {
    let sending: Option<i64> = column(row, 5)?;
    Ok(match booked(row, line)? {
        Booked::Done(answer) => Booked::Done(StockAnswer {
            sending: sending.map(|number| Position::new(number.unsigned_abs())),
            ..answer
        }),
        booked => booked,
    })
}

fn sendings(row: &Row) -> Result<Vec<SendingView<String>>, Fault> {
    let names = list::<String>(row, 1)?
        .into_iter()
        .zip(list::<String>(row, 2)?);
    let figures = list::<i64>(row, 0)?.into_iter().zip(list::<i64>(row, 3)?);
    let sendings = names.zip(figures);
    let sendings = sendings.map(|((from, to), (number, units))| {
        let number = Position::new(number.unsigned_abs());
        SendingView::new(number, from, to, units.unsigned_abs())
    });
    Ok(sendings.collect())
}
