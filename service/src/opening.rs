//! [`open`]: what the service finds where it is to sell, and the SKUs of its configuration.

use crate::book::{Book, Sku};
use crate::config::Config;
use crate::input::check_sku;
use crate::ledger::{self, Kept};
use crate::shop::Shop;
use crate::shop::alone::Alone;
use crate::snapshot;
use segstock_orders::{Journal, Position, Refusal};
use std::error::Error;
use std::sync::Arc;

/// Where orders are decided.
#[derive(Debug)]
pub struct Opened {
    /// It.
    pub shop: Shop,
    /// What was found, in one line for people.
    pub found: String,
}

/// Opens what the configuration names.
///
/// # Errors
///
/// What is wrong with it, in one line.
pub fn open(config: &Config) -> Result<Opened, Box<dyn Error>> {
    let Kept {
        book,
        writer,
        found,
    } = self::book(config)?;
    let shop = Shop::Alone(Arc::new(Alone::new(book, writer)));
    Ok(Opened { shop, found })
}

/// The book as its ledger has it, and the SKUs of the configuration.
fn book(config: &Config) -> Result<Kept, Box<dyn Error>> {
    let mut builder = Book::builder()
        .retention(config.retention)
        .longest_hold(config.limits.longest_hold)
        .max_lines(config.max_lines)
        .max_units(config.max_units)
        .unpaid(config.unpaid)
        .max_orders(config.max_orders)
        .max_all_lines(config.max_all_lines)
        .max_all_requests(config.max_keys)
        .max_skus(config.limits.skus)
        .max_customers(config.max_customers)
        .events(config.events);
    if config.ships_at_once {
        builder = builder.ships_at_once();
    }
    let mut kept = ledger::open(builder, &config.ledger)?;
    if let Some(file) = &config.snapshot {
        let read = snapshot::read(&kept, file, config.limits.longest_hold)?;
        kept.found = format!("{}; {read}", kept.found);
    }
    let mut rests_on = Position::default();
    for (sku, units) in config.stock(kept.book.skus()) {
        let refused = |error: &dyn Error| format!("cannot open SKU {sku:?}: {error}");
        check_sku(&sku).map_err(|error| refused(&error))?;
        let open = || kept.book.open(sku.clone(), units);
        // Not one after another: each would wait for the disk.
        match kept.writer.decide(open).answer {
            Ok(position) => rests_on = position,
            Err(Refusal::AlreadyOpen) => {}
            Err(error) => return Err(refused(&error).into()),
        }
    }
    Journal::<Sku>::wait(&*kept.writer, rests_on)?;
    Ok(kept)
}
