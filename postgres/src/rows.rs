//! N rows: an order takes from one, and the sum of one statement proves a refusal.
//!
//! **It promises everything** that [`Row`](crate::Row) promises of a stock, under the same conditions. It has no holds.
//!
//! - An order takes from a row that chance chooses, in one statement with its own row.
//! - If that row is short, the same statement has summed all rows: a statement sees one snapshot, so if the sum is less
//!   than the order wants, the refusal is right.
//! - Otherwise the units lie in several rows. A second statement locks all of them **in the order of their parts**, and
//!   takes from several. Sorted so, locks never form a circle.
//!
//! Where the last order was refused, the next one reads the sum first: a refusal of a stock that is sold out is one read.
//!
//! What people write instead is `for update skip locked` on the rows: it passes over units that another order has locked
//! and may leave, and refuses falsely.
//!
//! What limits it: rows that are locked until their commit is on the disk, N at a time; near the end of a sale, one gather
//! after another.
//! Twin: `designs/rows.rs` of `segstock-sim`, its `Rows::Many`.

use crate::error::OpenError;
use crate::row::{answer, outcome, said};
use crate::server::{Opened, Postgres, Said};
use crate::session::{Parameters, Session};
use segstock_remote::{Answer, Attempt, MAX_UNITS, OrderId, RemoteStock, Units, Unknown};
use std::sync::Arc;

/// N rows. See the [table of the designs](crate).
///
/// # Consistency
///
/// Every call is one statement under READ COMMITTED, or two of which one changes something: linearizable. A call that was
/// answered *done* happened once, however often it was sent.
#[derive(Debug)]
pub struct Rows {
    opened: Opened,
    parts: usize,
}

/// $1 stock, $2 id, $3 units, $4 part, $5 whether a refusal is remembered.
const TAKE: &str = "
    with known as (
      select state, units from segstock_order where stock = $1 and id = $2 for update
    ), seen as (
      select sum(units)::bigint as total from segstock_stock where name = $1
    ), taken as (
      update segstock_stock set units = units - $3
      where name = $1 and part = $4 and units >= $3 and not exists (select from known)
      returning units
    ), written as (
      insert into segstock_order (stock, id, units, state)
      select $1, $2, $3, case when exists (select from taken) then 'sold' else 'refused' end
      where exists (select from taken)
         or ($5 and not exists (select from known) and (select total from seen) < $3)
    )
    select exists (select from taken), (select state from known), (select units from known), false,
      case when not exists (select from taken) and not exists (select from known) then (select total from seen) end,
      exists (select from segstock_stock where name = $1)";

/// $1 stock, $2 id, $3 units, $4 whether a refusal is remembered. All rows are locked, so their sum is the stock of one
/// instant.
const TAKE_SEVERAL: &str = "
    with known as (
      select state, units from segstock_order where stock = $1 and id = $2 for update
    ), locked as (
      select part, units from segstock_stock where name = $1 order by part for update
    ), plan as (
      select part, (sum(units) over ())::bigint as total,
        least(units, greatest(0, $3::bigint - (sum(units) over (order by part) - units)))::bigint as piece
      from locked
    ), taken as (
      update segstock_stock stock set units = stock.units - plan.piece
      from plan
      where stock.name = $1 and stock.part = plan.part and plan.piece > 0 and plan.total >= $3
        and not exists (select from known)
      returning stock.units
    ), written as (
      insert into segstock_order (stock, id, units, state)
      select $1, $2, $3, case when exists (select from taken) then 'sold' else 'refused' end
      where exists (select from taken)
         or ($4 and not exists (select from known) and (select max(total) from plan) < $3)
    )
    select exists (select from taken), (select state from known), (select units from known), false,
      (select max(total) from plan), exists (select from plan)";

/// $1 stock, $2 id, $3 units, $4 part, $5 whether a refusal is remembered, $6 most units.
const RESTOCK: &str = "
    with known as (
      select state, units from segstock_order where stock = $1 and id = $2 for update
    ), seen as (
      select sum(units)::bigint as total from segstock_stock where name = $1
    ), put as (
      update segstock_stock set units = units + $3
      where name = $1 and part = $4 and (select total from seen) + $3 <= $6 and not exists (select from known)
      returning units
    ), written as (
      insert into segstock_order (stock, id, units, state)
      select $1, $2, $3, case when exists (select from put) then 'put' else 'refused' end
      where exists (select from put)
         or ($5 and not exists (select from known) and (select total from seen) + $3 > $6)
    )
    select exists (select from put), (select state from known), (select units from known), false,
      (select total from seen), exists (select from segstock_stock where name = $1)";

/// $1 stock, $2 id. All rows at one instant, unless the id is known.
const READ: &str = "
    select case when not exists (select from segstock_order where stock = $1 and id = $2) then sum(units)::bigint end
    from segstock_stock where name = $1";

/// $1 stock. All rows at one instant.
pub(crate) const AVAILABLE: &str = "
    select coalesce(sum(units), 0)::bigint from segstock_stock where name = $1";

impl Rows {
    /// Creates a stock that holds `units`, in `parts` rows: 1 to [`MAX_PARTS`](crate::MAX_PARTS). 20 is a good number.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if there is one of this name; others if the server does not fit.
    pub async fn create(
        postgres: &Postgres,
        name: &str,
        units: u64,
        parts: usize,
    ) -> Result<Self, OpenError> {
        let opened = postgres.create(name, parts, units).await?;
        Ok(Self { opened, parts })
    }

    /// Opens a stock that was created before, here or by another process.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoStock`] if there is none of this name.
    pub async fn open(postgres: &Postgres, name: &str) -> Result<Self, OpenError> {
        let (opened, parts) = postgres.open(name).await?;
        Ok(Self { opened, parts })
    }

    fn any_part(&self) -> i32 {
        let part = rand::random_range(0..self.parts);
        i32::try_from(part).unwrap_or(0)
    }

    async fn take(&self, order: &OrderId, units: Units) -> Result<Said, Unknown> {
        let (stock, id) = (self.opened.name.as_str(), order.as_str());
        let (wanted, units) = (units, units.as_i64());
        let part = self.any_part();
        let take = |session: Arc<Session>, attempt: Attempt| async move {
            let again = attempt.is_again() || self.opened.strict;
            if !again && let Some(left) = self.opened.refusal(&session, READ, id, wanted).await? {
                return Ok(Said::Short(left));
            }
            let one: Parameters<'_> = &[&stock, &id, &units, &part, &again];
            let several: Parameters<'_> = &[&stock, &id, &units, &again];
            let mut next = (TAKE, one);
            loop {
                match said(&session, next.0, next.1).await? {
                    // There are enough, in several rows.
                    Some(Said::Short(total)) if total >= units => next = (TAKE_SEVERAL, several),
                    Some(said) => return Ok(self.opened.noted(said)),
                    None => {}
                }
            }
        };
        self.opened.driver.ask_for(&[order], take).await
    }
}

impl RemoteStock for Rows {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        answer(self.take(order, units).await, "sold", units)
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        let (stock, id, added) = (self.opened.name.as_str(), order.as_str(), units.as_i64());
        let (part, most) = (self.any_part(), MAX_UNITS.cast_signed());
        let restock = |session: Arc<Session>, attempt: Attempt| async move {
            let again = attempt.is_again() || self.opened.strict;
            let parameters: Parameters<'_> = &[&stock, &id, &added, &part, &again, &most];
            loop {
                if let Some(said) = said(&session, RESTOCK, parameters).await? {
                    return Ok(said);
                }
            }
        };
        answer(
            self.opened.driver.ask_for(&[order], restock).await,
            "put",
            units,
        )
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.opened.number(AVAILABLE).await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        outcome(&self.opened, order).await
    }

    fn unanswered(&self) -> u64 {
        self.opened.driver.unanswered()
    }
}
