//! How a book is made again of its ledger: its settings, and a database that may be away.

use crate::book::{Book, Sku};
use crate::config::Config;
use crate::counted::MAX_SENDINGS;
use crate::ledger::{LedgerPlace, NotOpen};
use crate::waiting::Wait;
use segstock_orders::OrderBookBuilder;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::task;
use tokio::time::timeout;

/// How long one question to a database lasts that may be away.
pub(crate) const PROBE: Duration = Duration::from_secs(1);

/// Opens a ledger at `place`. A database that does not answer yet, or takes no changes yet, is waited for, for so long.
pub(crate) async fn when_there<T: Send + 'static>(
    place: &LedgerPlace,
    time: Duration,
    open: impl Fn() -> Result<T, NotOpen> + Send + Sync + 'static,
) -> Result<T, Box<dyn Error>> {
    let mut wait = Wait::new(place, time);
    let is_remote = matches!(place, LedgerPlace::Postgres(_));
    let open = Arc::new(open);
    loop {
        let open = Arc::clone(&open);
        // It blocks its thread.
        let mut opening = task::spawn_blocking(move || open());
        let opened = match timeout(PROBE, &mut opening).await {
            Ok(opened) => opened?,
            Err(_) => {
                if is_remote {
                    wait.say(&"no whole answer yet");
                }
                opening.await?
            }
        };
        match opened {
            Err(error) if is_remote && error.is_away() => wait.after(&error).await?,
            opened => return Ok(opened?),
        }
    }
}

/// A book with the settings of the configuration.
pub(crate) fn builder(config: &Config) -> OrderBookBuilder<Sku> {
    let builder = Book::builder()
        .retention(config.retention)
        .returns(config.returns)
        .max_returnable(config.max_returnable)
        .longest_hold(config.limits.longest_hold)
        .max_lines(config.max_lines)
        .max_units(config.max_units)
        .unpaid(config.unpaid)
        .max_orders(config.max_orders)
        .max_all_lines(config.max_all_lines)
        .max_all_requests(config.max_keys)
        .max_skus(config.limits.skus)
        .max_customers(config.max_customers)
        .max_sendings(MAX_SENDINGS)
        .events(config.events);
    match config.ships_at_once {
        true => builder.ships_at_once(),
        false => builder,
    }
}
