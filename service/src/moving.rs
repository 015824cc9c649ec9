//! [`move_from`]: a shop of one process becomes one of several nodes, with its open orders.
//!
//! The book is opened as its service does, and its state is made again by the calls of a node: so each invariant and the audit
//! of a sale hold as for any other. **All of that happens aside**, in a sale of a name that no other run has, from which nobody
//! sells; the name that it will have is kept for it meanwhile. Once it is whole, and compared, the old ledger is closed for good:
//! **its closing names the sale** that has its orders, which then takes the name that was kept. So a run that is killed before the
//! closing leaves the shop as it was, and the next one begins again. A run that is killed later is ended by the next one. And a run
//! that stood still, for however long, touches nothing of another. `tests/moving_model.rs` has this as a model, with the mistakes
//! that it forbids.

mod asking;
mod compare;
mod look;
mod order;
mod parts;
mod replay;
mod requests;

use crate::book::Sku;
use crate::config::Config;
use crate::ledger::{LedgerPlace, NotOpen, PostgresUrl, SCHEMA, existing};
use crate::recovery::{PROBE, builder, when_there};
use crate::waiting::Wait;
use look::Look;
use requests::{Noted, Noting};
use segstock_orders::ledger::{Ledger, RecoverError, Recovered};
use segstock_postgres::nodes::{Sale, SaleError};
use std::error::Error;
use std::mem;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// What the name of a sale begins with that is made aside.
const ASIDE: &str = "segstock_moving";
/// Its node.
const NODE: &str = "move";
/// The schema that a ledger has which was where the sale is now.
const CLOSED: &str = "segstock_closed";
/// How long a statement may take, and a call: it is in no customer's way.
const STATEMENT: Duration = Duration::from_secs(10);
const CALL: Duration = Duration::from_secs(60);

/// Moves the shop whose ledger is `old` to the sale in `url`, where there is none yet; or sees that it was moved before. Says
/// what was done, in one line.
///
/// # Errors
///
/// Why it is not moved, in one line. Then nothing was changed, but for orders of the old shop that are past their time.
pub async fn move_from(
    config: &Config,
    old: &LedgerPlace,
    url: &PostgresUrl,
) -> Result<String, Box<dyn Error>> {
    let refused = |error: SaleError| format!("cannot move {old} to {url}: {error}");
    let aside = Sale::aside(url.text(), ASIDE).map_err(refused)?;
    let moving = Move {
        config,
        old,
        url,
        aside: patient(aside),
    };
    let mut wait = Wait::new(url, config.wait_for_database);
    let asked = Sale::at(url.text(), SCHEMA).map_err(refused)?;
    let asked = asked.patience(PROBE);
    let found = loop {
        match asked.free("-").await {
            Err(SaleError::Unknown(unknown)) => wait.after(&unknown.last_error).await?,
            Err(standby @ SaleError::ReadOnly) => wait.after(&standby).await?,
            found => break found,
        }
    };
    match found {
        Ok(_) => moving.was_done().await,
        Err(SaleError::NotASale) if moving.is_in_place() => moving.go().await,
        Err(SaleError::NotInstalled | SaleError::Claimed { .. }) => moving.go().await,
        Err(error) => Err(refused(error).into()),
    }
}

fn patient(sale: Sale) -> Sale {
    sale.timeout(STATEMENT).patience(CALL)
}

/// A shop that is moved.
struct Move<'a> {
    config: &'a Config,
    old: &'a LedgerPlace,
    url: &'a PostgresUrl,
    /// What this run makes. Nobody else knows it before the closing of the ledger names it.
    aside: Sale,
}

impl Move<'_> {
    /// Makes the sale aside, closes the old ledger and renames the sale, or what of that is left to do.
    async fn go(&self) -> Result<String, Box<dyn Error>> {
        let (old, settings) = (self.old.clone(), self.config.clone());
        let open = move || {
            let (ledger, noted) = Noting::new(existing(&old, SCHEMA)?);
            Ok((builder(&settings).recover(ledger)?, noted))
        };
        match when_there(self.old, self.config.wait_for_database, open).await {
            Ok((recovered, noted)) => {
                let mut noted =
                    mem::take(&mut *noted.lock().unwrap_or_else(PoisonError::into_inner));
                let now = recovered.book.time();
                noted.forget(now.saturating_sub(self.config.retention));
                let moved = self.make(recovered, &noted).await?;
                self.rename(&self.aside).await?;
                Ok(moved)
            }
            Err(error) => {
                let sale = self.named(SCHEMA).await.ok().flatten().ok_or(error)?;
                self.rename(&sale).await?;
                Ok(format!("{} is moved", self.old))
            }
        }
    }

    /// Makes the sale aside, and closes the old ledger. Says what was moved.
    async fn make(
        &self,
        recovered: Recovered<Sku>,
        noted: &Noted,
    ) -> Result<String, Box<dyn Error>> {
        let (old, look) = (self.old, Look::at(&recovered));
        look.can_all_be_moved()
            .map_err(|line| format!("{old} cannot be moved: {line}"))?;
        tracing::info!("moving {} from {old}", look.counts());
        let can_be = self.aside.can_be_renamed(SCHEMA).await;
        can_be.map_err(|error| self.refused(&error))?;
        if !self.is_in_place() {
            // Otherwise the ledger itself keeps the name.
            let claimed = self.aside.claim(SCHEMA, &old.to_string()).await;
            claimed.map_err(|error| self.refused(&error))?;
        }
        let ledger = match self.fill(recovered, noted, &look).await {
            Ok(ledger) => ledger,
            Err(error) => {
                _ = self.aside.give_up(SCHEMA).await;
                return Err(error);
            }
        };
        close_for_good(ledger, &self.why(self.aside.name())).await?;
        Ok(format!("moved {} from {old}", look.counts()))
    }

    /// Makes the state of the shop again in the sale aside, compares both, and says that it is whole. Returns the old ledger.
    async fn fill(
        &self,
        recovered: Recovered<Sku>,
        noted: &Noted,
        look: &Look,
    ) -> Result<Box<dyn Ledger<Sku>>, Box<dyn Error>> {
        let (old, aside) = (self.old, &self.aside);
        let refused = |error: SaleError| self.refused(&error);
        aside.install().await.map_err(refused)?;
        let node = aside.join(NODE).await.map_err(refused)?;
        let filled = async {
            replay::replay(&recovered, noted, look, &node).await?;
            compare::compare(&recovered, &node).await
        };
        let filled: Result<(), String> = filled.await;
        _ = node.leave().await;
        filled.map_err(|line| format!("cannot move {old}: {line}"))?;
        aside.audit().await.map_err(refused)?;
        if !self.is_in_place() {
            aside.mark_whole(SCHEMA).await.map_err(refused)?;
        }
        open_again(recovered, old).await
    }

    async fn rename(&self, sale: &Sale) -> Result<(), String> {
        let renamed = sale.rename(SCHEMA).await;
        renamed.map_err(|error| self.refused(&error))
    }

    /// Sees that the shop was moved, where there is a sale already.
    async fn was_done(&self) -> Result<String, Box<dyn Error>> {
        let (old, url) = (self.old, self.url);
        let schema = if self.is_in_place() { CLOSED } else { SCHEMA };
        let line = match self.named(schema).await? {
            None => "there is a sale already; a shop is moved to a database without one",
            Some(sale) => match sale.free("-").await {
                Err(SaleError::NotInstalled) => return Ok(format!("{old} was moved before")),
                Err(error) => return Err(self.refused(&error).into()),
                Ok(_) => "there is another sale, and that of its orders is beside it",
            },
        };
        Err(format!("cannot move {old} to {url}: {line}").into())
    }

    /// The sale will be where the ledger is.
    fn is_in_place(&self) -> bool {
        matches!(self.old, LedgerPlace::Postgres(of) if of.text() == self.url.text())
    }

    /// What the old ledger says once it is closed.
    fn why(&self, sale: &str) -> String {
        let url = self.url;
        format!("its shop was moved to the nodes of {url}, as {sale}")
    }

    /// The sale that the old ledger names, if it was closed by a move to this database. Who has the ledger open goes on.
    async fn named(&self, schema: &'static str) -> Result<Option<Sale>, Box<dyn Error>> {
        let place = self.old.clone();
        let closed = move || {
            let closed = existing(&place, schema)?.why_closed();
            Ok(closed.map_err(RecoverError::Ledger)?)
        };
        let closed = when_there(self.old, self.config.wait_for_database, closed).await?;
        let name = closed
            .as_deref()
            .and_then(|why| why.strip_prefix(&self.why("")));
        let sale = name.map(|name| Sale::at(self.url.text(), name).map(patient));
        Ok(sale.transpose().map_err(|error| self.refused(&error))?)
    }

    fn refused(&self, error: &SaleError) -> String {
        format!("cannot move {}: {error}", self.old)
    }
}

/// Opens the old ledger again, if nobody opened it since.
async fn open_again(
    recovered: Recovered<Sku>,
    old: &LedgerPlace,
) -> Result<Box<dyn Ledger<Sku>>, Box<dyn Error>> {
    let place = old.clone();
    // It blocks its thread.
    let opened = spawn_blocking(move || {
        let epoch = recovered.found.epoch;
        recovered.writer.close();
        drop(recovered);
        let mut ledger = existing(&place, SCHEMA)?;
        match ledger.open() {
            Ok(opened) if opened.epoch == epoch + 1 => Ok(ledger),
            Ok(_) => {
                let line = format!("{place} was opened by another service meanwhile");
                Err(NotOpen::from(line))
            }
            Err(error) => Err(RecoverError::Ledger(error).into()),
        }
    });
    Ok(opened.await??)
}

async fn close_for_good(mut ledger: Box<dyn Ledger<Sku>>, why: &str) -> Result<(), Box<dyn Error>> {
    let why = why.to_owned();
    let closed = spawn_blocking(move || ledger.close_for_good(&why));
    let closed = closed.await?;
    Ok(closed.map_err(|error| NotOpen::from(RecoverError::Ledger(error)))?)
}
