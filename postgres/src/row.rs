//! One row: the conditional update, and the order's row, in one statement.
//!
//! **It promises everything**: it never oversells, it refuses exactly, and a retry is answered as the first attempt was.
//! [`RemoteHolds`] reserves units until a deadline by the server's clock; whoever needs units frees expired holds, and
//! [`Postgres::forget`] frees all of them.
//!
//! - `update … where units >= n` waits for the row, and looks at it again as its last holder left it.
//! - The order's row is inserted by the statement that takes the units, and its key is unique. Of two copies that run at
//!   once one runs into the other's row; its statement is undone as a whole, and its next look finds the answer.
//! - What is known of an id is read `for update`: so the retry's commit waits for the disk and the standbys as the first
//!   attempt's did. A commit whose session ended may be seen before they have it.
//! - A refusal rests on the units of one snapshot, with those of expired holds. What the update saw after a wait is no
//!   reason to refuse; then the statement runs again.
//!
//! **It does not**, where the server loses what it committed: with `synchronous_commit = off`, when it crashes; at a
//! failover, unless the standby is synchronous.
//!
//! Only a retry's refusal is remembered. A first attempt that was answered has no copy under way, so its refusal writes
//! nothing. A proxy that brings a request twice breaks that: take [`Postgres::strict`].
//!
//! Where the last order was refused, the next one reads first: a stock that is sold out costs one plain read for each order.
//!
//! What limits it: the row is locked until the commit is on the disk, so one commit follows another.
//! Twin: `designs/rows.rs` of `segstock-sim`, its `Rows::One`.

use crate::error::OpenError;
use crate::server::{Opened, Postgres, Said};
use crate::session::{Parameters, Session, column};
use segstock_remote::{
    Answer, Attempt, Fault, HoldAnswer, MAX_UNITS, OrderId, Refused, RemoteHolds, RemoteStock,
    Resolved, Units, Unknown,
};
use std::sync::Arc;
use std::time::Duration;

/// One row. See the [table of the designs](crate).
///
/// # Consistency
///
/// Every call is one statement under READ COMMITTED, or several of which one changes something: linearizable. A call that
/// was answered *done* happened once, however often it was sent. `available` alone may say more than there is, as its trait
/// says: it counts a hold past its deadline whose confirm came in time and is not committed yet.
#[derive(Debug)]
pub struct Row(Opened);

/// $1 stock, $2 id, $3 units, $4 state of the order, $5 whether a refusal is remembered, $6 seconds that it is held, from the
/// instant on at which it has its units: before that it may have waited for the row.
const TAKE: &str = "
    with clock as (
      select clock_timestamp() + ahead as now from segstock_stock where name = $1 and part = 0
    ), known as (
      select state, units, until <= (select now from clock) as late from segstock_order where stock = $1 and id = $2 for update
    ), seen as (
      select units + coalesce((
          select sum(units) from segstock_order
          where stock = $1 and state = 'held' and until <= (select now from clock)
        ), 0)::bigint as total
      from segstock_stock where name = $1 and part = 0
    ), taken as (
      update segstock_stock set units = units - $3
      where name = $1 and part = 0 and units >= $3 and not exists (select from known)
      returning clock_timestamp() + ahead as at
    ), written as (
      insert into segstock_order (stock, id, units, state, until)
      select $1, $2, $3,
        case when exists (select from taken) then $4 else 'refused' end,
        (select at from taken) + make_interval(secs => $6)
      where exists (select from taken)
         or ($5 and not exists (select from known) and (select total from seen) < $3)
    )
    select exists (select from taken), (select state from known), (select units from known),
      (select late from known),
      case when not exists (select from taken) and not exists (select from known) then (select total from seen) end,
      exists (select from clock)";

/// $1 stock, $2 id, $3 units, $4 most units, $5 whether a refusal is remembered.
const RESTOCK: &str = "
    with known as (
      select state, units from segstock_order where stock = $1 and id = $2 for update
    ), held as (
      select coalesce(sum(units), 0)::bigint as units from segstock_order where stock = $1 and state = 'held'
    ), seen as (
      select stock.units + held.units as total from segstock_stock stock, held where name = $1 and part = 0
    ), put as (
      update segstock_stock set units = units + $3
      where name = $1 and part = 0 and units + (select units from held) + $3 <= $4 and not exists (select from known)
      returning units
    ), written as (
      insert into segstock_order (stock, id, units, state)
      select $1, $2, $3, case when exists (select from put) then 'put' else 'refused' end
      where exists (select from put)
         or ($5 and not exists (select from known) and (select total from seen) + $3 > $4)
    )
    select exists (select from put), (select state from known), (select units from known), false,
      $4 - (select total from seen), exists (select from seen)";

/// $1 stock, $2 id. What is not known is refused from now on. What is known is locked and not written: a hold whose row had moved
/// would not be found by those who expire it at that time.
pub(crate) const OUTCOME: &str = "
    with known as (
      select state from segstock_order where stock = $1 and id = $2 for update
    ), written as (
      insert into segstock_order (stock, id, units, state)
      select $1, $2, 0, 'refused' where not exists (select from known)
      on conflict do nothing returning state
    )
    select coalesce((select state from written), (select state from known))";

/// $1 stock. Units in stock, with those of expired holds.
const AVAILABLE: &str = "
    select units + coalesce((
        select sum(units) from segstock_order
        where stock = $1 and state = 'held' and until <= (
          select clock_timestamp() + ahead from segstock_stock where name = $1 and part = 0)
      ), 0)::bigint
    from segstock_stock where name = $1 and part = 0";

/// $1 stock, $2 id. Units in stock, with those of expired holds, unless the id is known.
const READ: &str = "
    select case when not exists (select from segstock_order where stock = $1 and id = $2) then
      units + coalesce((
        select sum(held.units) from segstock_order held
        where held.stock = $1 and held.state = 'held' and held.until <= clock_timestamp() + stock.ahead
      ), 0)::bigint end
    from segstock_stock stock where name = $1 and part = 0";

/// $1 stock, $2 id, $3 the state that ends the hold. It expires at its deadline, and ends otherwise before it. If the statement
/// waits while another one changes the order, time is looked at again.
const END: &str = "
    with clock as (
      select ahead from segstock_stock where name = $1 and part = 0
    ), known as (
      select state, until <= clock_timestamp() + (select ahead from clock) as late
      from segstock_order where stock = $1 and id = $2 for update
    ), ended as (
      update segstock_order set state = $3, until = null, at = now()
      where stock = $1 and id = $2 and state = 'held'
        and (until <= clock_timestamp() + (select ahead from clock)) = ($3 = 'expired')
      returning units
    ), back as (
      update segstock_stock set units = units + (select units from ended)
      where name = $1 and part = 0 and $3 <> 'confirmed' and exists (select from ended)
    )
    select exists (select from ended), (select state from known), (select late from known)";

/// $1 stock, $2 id, $3 seconds, from the last change of the order on, if the statement waits for one.
const EXTEND: &str = "
    with clock as (
      select ahead from segstock_stock where name = $1 and part = 0
    ), known as (
      select state, until <= clock_timestamp() + (select ahead from clock) as late
      from segstock_order where stock = $1 and id = $2 for update
    ), extended as (
      update segstock_order
      set until = clock_timestamp() + (select ahead from clock) + make_interval(secs => $3), at = now()
      where stock = $1 and id = $2 and state = 'held' and until > clock_timestamp() + (select ahead from clock)
      returning units
    )
    select exists (select from extended), (select state from known), (select late from known)";

impl Row {
    /// Creates a stock that holds `units`, at most [`MAX_UNITS`].
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is one of this name; others if the server does not fit.
    pub async fn create(postgres: &Postgres, name: &str, units: u64) -> Result<Self, OpenError> {
        Ok(Self(postgres.create(name, 1, units).await?))
    }

    /// Opens a stock that was created before, here or by another process.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name; [`OpenError::Parts`] if it has several parts.
    pub async fn open(postgres: &Postgres, name: &str) -> Result<Self, OpenError> {
        match postgres.open(name).await? {
            (opened, 1) => Ok(Self(opened)),
            (_, parts) => Err(OpenError::Parts { parts }),
        }
    }

    pub(crate) const fn opened(&self) -> &Opened {
        &self.0
    }

    /// The stock's name: the column `stock` of its orders.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Takes units for a sale or a hold, again as long as a refusal would rest on what another call did meanwhile.
    async fn take(
        &self,
        order: &OrderId,
        units: Units,
        state: &str,
        held: Option<Duration>,
    ) -> Result<Said, Unknown> {
        let (id, wanted, units) = (order.as_str(), units, units.as_i64());
        let seconds = held.map(|held| held.as_secs_f64().min(1e9));
        let take = |session: Arc<Session>, attempt: Attempt| async move {
            let again = attempt.is_again() || self.0.strict;
            if !again && let Some(left) = self.0.refusal(&session, READ, id, wanted).await? {
                return Ok(Said::Short(left));
            }
            loop {
                let parameters: Parameters<'_> =
                    &[&self.name(), &id, &units, &state, &again, &seconds];
                match said(&session, TAKE, parameters).await? {
                    // The row has the units, in stock or in expired holds.
                    Some(Said::Short(total)) if total >= units => self.expire(&session).await?,
                    Some(Said::Known(known, _, true)) if known == "held" => {
                        self.expire(&session).await?;
                    }
                    Some(said) => return Ok(self.0.noted(said)),
                    None => {}
                }
            }
        };
        self.0.driver.ask_for(&[order], take).await
    }

    /// Frees the units of expired holds.
    async fn expire(&self, session: &Session) -> Result<(), Fault> {
        session.expire(self.name()).await.map(drop)
    }

    /// Ends or extends a hold by a statement. Expires it if it is past its deadline.
    async fn end(
        &self,
        sql: &'static str,
        order: &OrderId,
        third: &(dyn tokio_postgres::types::ToSql + Sync),
    ) -> Result<Option<String>, Unknown> {
        let id = order.as_str();
        let end = |session: Arc<Session>, _| async move {
            loop {
                let Some(row) = session.row(sql, &[&self.name(), &id, third]).await? else {
                    continue;
                };
                if column(&row, 0)? {
                    return Ok(None);
                }
                match column::<Option<String>>(&row, 1)?.as_deref() {
                    None => return Ok(Some("nohold".to_owned())),
                    Some("held") => {
                        if column::<Option<bool>>(&row, 2)? == Some(true) {
                            let parameters: Parameters<'_> = &[&self.name(), &id, &"expired"];
                            session.row(END, parameters).await?;
                        }
                    }
                    Some(state) => return Ok(Some(state.to_owned())),
                }
            }
        };
        self.0.driver.ask(end).await
    }
}

/// Runs a statement that changes the stock.
pub(crate) async fn said(
    session: &Session,
    sql: &'static str,
    parameters: Parameters<'_>,
) -> Result<Option<Said>, Fault> {
    let Some(row) = session.row(sql, parameters).await? else {
        return Ok(None);
    };
    if column(&row, 0)? {
        return Ok(Some(Said::Done));
    }
    if let Some(state) = column(&row, 1)? {
        let late = column::<Option<bool>>(&row, 3)?.unwrap_or(false);
        return Ok(Some(Said::Known(state, column(&row, 2)?, late)));
    }
    if !column::<bool>(&row, 5)? {
        return Err(Fault::Final("there is no stock of this name".to_owned()));
    }
    Ok(Some(Said::Short(column(&row, 4)?)))
}

/// The answer to a call that wanted `units` in `state`.
pub(crate) fn answer(said: Result<Said, Unknown>, state: &str, units: Units) -> Answer {
    match said {
        Ok(Said::Done) => Answer::Done(()),
        Ok(Said::Known(known, ..)) if known == "refused" => Answer::REFUSED,
        Ok(Said::Known(known, of, _)) if known == state && of == units.as_i64() => Answer::Done(()),
        Ok(Said::Known(..)) => Answer::Unknown(Unknown::new(1, "the id is known for another call")),
        Ok(Said::Short(total)) => Answer::Refused(Refused {
            available: u64::try_from(total).ok(),
        }),
        Err(unknown) => Answer::Unknown(unknown),
    }
}

/// The outcome of an id in a table of orders.
pub(crate) async fn outcome(opened: &Opened, order: &OrderId) -> Answer {
    let (stock, id) = (opened.name.as_str(), order.as_str());
    let outcome = |session: Arc<Session>, _| async move {
        loop {
            // A copy of the call that commits meanwhile is not in the statement's snapshot: it finds nothing, and the
            // next one does.
            if let Some(row) = session.row(OUTCOME, &[&stock, &id]).await?
                && let Some(state) = column::<Option<String>>(&row, 0)?
            {
                return Ok(state);
            }
        }
    };
    match opened.driver.ask(outcome).await {
        Ok(state) => (state != "refused").into(),
        Err(unknown) => Answer::Unknown(unknown),
    }
}

/// What a hold's end means for who wanted `state`.
fn ended(state: Result<Option<String>, Unknown>, wanted: &str) -> HoldAnswer {
    match state {
        Ok(None) => HoldAnswer::Done,
        Ok(Some(state)) if state == wanted => HoldAnswer::Done,
        Ok(Some(state)) => resolved(&state),
        Err(unknown) => HoldAnswer::Unknown(unknown),
    }
}

fn resolved(state: &str) -> HoldAnswer {
    match state {
        "refused" => HoldAnswer::Refused,
        "confirmed" => HoldAnswer::Resolved(Resolved::Confirmed),
        "released" => HoldAnswer::Resolved(Resolved::Released),
        "expired" => HoldAnswer::Resolved(Resolved::Expired),
        "nohold" => HoldAnswer::NoHold,
        _ => HoldAnswer::Conflict,
    }
}

impl RemoteStock for Row {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        answer(self.take(order, units, "sold", None).await, "sold", units)
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        let (id, added, most) = (order.as_str(), units.as_i64(), MAX_UNITS.cast_signed());
        let restock = |session: Arc<Session>, attempt: Attempt| async move {
            let again = attempt.is_again() || self.0.strict;
            loop {
                let parameters: Parameters<'_> = &[&self.name(), &id, &added, &most, &again];
                match said(&session, RESTOCK, parameters).await? {
                    // There was room in the snapshot, and no longer when the row was free.
                    Some(Said::Short(room)) if room >= added => {}
                    Some(Said::Short(_)) => return Ok(None),
                    Some(said) => return Ok(Some(said)),
                    None => {}
                }
            }
        };
        match self.0.driver.ask_for(&[order], restock).await {
            Ok(None) => Answer::REFUSED,
            Ok(Some(said)) => answer(Ok(said), "put", units),
            Err(unknown) => Answer::Unknown(unknown),
        }
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.0.number(AVAILABLE).await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        outcome(&self.0, order).await
    }

    fn unanswered(&self) -> u64 {
        self.0.driver.unanswered()
    }
}

impl RemoteHolds for Row {
    async fn reserve(&self, order: &OrderId, units: Units, ttl: Duration) -> HoldAnswer {
        match self.take(order, units, "held", Some(ttl)).await {
            Ok(Said::Done) => HoldAnswer::Done,
            Ok(Said::Short(_)) => HoldAnswer::Refused,
            Ok(Said::Known(state, ..)) if state == "refused" => HoldAnswer::Refused,
            Ok(Said::Known(_, of, _)) if of != units.as_i64() => HoldAnswer::Conflict,
            Ok(Said::Known(state, ..)) if state == "held" => HoldAnswer::Done,
            Ok(Said::Known(state, ..)) => resolved(&state),
            Err(unknown) => HoldAnswer::Unknown(unknown),
        }
    }

    async fn confirm(&self, order: &OrderId) -> HoldAnswer {
        ended(self.end(END, order, &"confirmed").await, "confirmed")
    }

    async fn release(&self, order: &OrderId) -> HoldAnswer {
        ended(self.end(END, order, &"released").await, "released")
    }

    async fn extend(&self, order: &OrderId, ttl: Duration) -> HoldAnswer {
        let seconds = ttl.as_secs_f64().min(1e9);
        ended(self.end(EXTEND, order, &seconds).await, "held")
    }
}
