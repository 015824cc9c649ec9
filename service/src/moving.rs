//! [`move_from`]: a shop of one process becomes one of several nodes, with its open orders.
//!
//! The book is opened as its service does, and its state is made again by the calls of a node: so each invariant and the audit of
//! a sale hold as for any other. **All of that happens aside**, in a sale of another name, from which nobody sells. Once it is
//! whole, and compared, the old ledger is closed for good, and the sale takes its name. So what is killed before that leaves a
//! shop as it was, and the next run begins again; what is killed later is ended by the next run.

mod compare;
mod look;
mod order;
mod replay;

use crate::book::Sku;
use crate::config::Config;
use crate::ledger::{LedgerPlace, NotOpen, PostgresUrl, SCHEMA, existing};
use crate::opening::{PROBE, builder, when_there};
use crate::waiting::Wait;
use look::Look;
use segstock_orders::ledger::{LedgerError, RecoverError, Recovered};
use segstock_postgres::nodes::{Sale, SaleError};
use std::error::Error;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// The sale that is made aside.
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
    let why = format!("its shop was moved to the nodes of {url}");
    let is_in_place = matches!(old, LedgerPlace::Postgres(of) if of.text() == url.text());
    let mut wait = Wait::new(url, config.wait_for_database);
    let asked = Sale::at(url.text(), SCHEMA)
        .map_err(refused)?
        .patience(PROBE);
    let found = loop {
        match asked.free("-").await {
            Err(SaleError::Unknown(unknown)) => wait.after(&unknown.last_error).await?,
            found => break found,
        }
    };
    let before = format!("{old} was moved before");
    match found {
        Ok(_) => {
            let schema = if is_in_place { CLOSED } else { SCHEMA };
            was_moved(config, (old, schema), url, &why).await?;
            return Ok(before);
        }
        Err(SaleError::NotInstalled) => {}
        Err(SaleError::NotASale) if is_in_place => {}
        Err(error) => return Err(refused(error).into()),
    }
    let aside = Sale::at(url.text(), ASIDE).map_err(refused)?;
    let aside = aside.timeout(STATEMENT).patience(CALL);
    let (place, settings) = (old.clone(), config.clone());
    let open = move || Ok(builder(&settings).recover(existing(&place, SCHEMA)?)?);
    let moved = match when_there(old, config.wait_for_database, open).await {
        Ok(recovered) => {
            let moved = fill(&recovered, old, &aside).await?;
            close_for_good(recovered, old, &why).await?;
            moved
        }
        // All but its end was done before.
        Err(error) if is_closed_for_good(&*error, &why) => format!("{old} is moved"),
        Err(error) => return Err(error),
    };
    aside.rename(SCHEMA).await.map_err(refused)?;
    Ok(moved)
}

/// Sees that the shop of a ledger was moved, where there is a sale already.
async fn was_moved(
    config: &Config,
    (old, schema): (&LedgerPlace, &'static str),
    url: &PostgresUrl,
    why: &str,
) -> Result<(), Box<dyn Error>> {
    let place = old.clone();
    let open = move || {
        existing(&place, schema)?
            .open()
            .map_err(RecoverError::Ledger)?;
        Ok(())
    };
    match when_there(old, config.wait_for_database, open).await {
        Err(error) if is_closed_for_good(&*error, why) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(format!(
            "cannot move {old} to {url}: there is a sale already; a shop is moved to a database without one"
        )
        .into()),
    }
}

fn is_closed_for_good(error: &(dyn Error + 'static), why: &str) -> bool {
    let error = error.downcast_ref::<NotOpen>();
    error.is_some_and(|error| error.is_closed_for_good(why))
}

/// Makes the state of a shop again in a sale aside, and compares both. Says what was moved.
async fn fill(
    recovered: &Recovered<Sku>,
    old: &LedgerPlace,
    aside: &Sale,
) -> Result<String, Box<dyn Error>> {
    let refused = |error: SaleError| format!("cannot move {old}: {error}");
    let look = Look::at(recovered);
    look.can_all_be_moved()
        .map_err(|line| format!("{old} cannot be moved: {line}"))?;
    tracing::info!("moving {} from {old}", look.counts());
    aside.remove().await.map_err(refused)?;
    aside.install().await.map_err(refused)?;
    let node = aside.join(NODE).await.map_err(refused)?;
    let filled = async {
        replay::replay(recovered, &look, &node).await?;
        compare::compare(recovered, &node).await
    };
    let filled: Result<(), String> = filled.await;
    _ = node.leave().await;
    filled.map_err(|line| format!("cannot move {old}: {line}"))?;
    aside.audit().await.map_err(refused)?;
    Ok(format!("moved {} from {old}", look.counts()))
}

/// Closes the old ledger, if nobody opened it since.
async fn close_for_good(
    recovered: Recovered<Sku>,
    old: &LedgerPlace,
    why: &str,
) -> Result<(), Box<dyn Error>> {
    let (place, why) = (old.clone(), why.to_owned());
    // It blocks its thread.
    let closed = spawn_blocking(move || {
        let epoch = recovered.found.epoch;
        recovered.writer.close();
        drop(recovered);
        let mut ledger = existing(&place, SCHEMA)?;
        let closed = ledger.open().and_then(|opened| {
            if opened.epoch != epoch + 1 {
                let line = format!("{place} was opened by another service meanwhile");
                let reason = segstock_orders::ledger::LedgerReason::Superseded;
                return Err(LedgerError::new(reason, line));
            }
            ledger.close_for_good(&why)
        });
        closed.map_err(|error| NotOpen::from(RecoverError::Ledger(error)))
    });
    Ok(closed.await??)
}
