//! [`open`]: what the service finds where it is to sell, and the SKUs of its configuration.

use crate::book::Sku;
use crate::config::Config;
use crate::input::check_sku;
use crate::kinds;
use crate::ledger::{self, Kept, LedgerPlace, NotOpen, PostgresUrl, SCHEMA};
use crate::moving::move_from;
use crate::problem::Problem;
use crate::recovery::{PROBE, builder, when_there};
use crate::shop::Shop;
use crate::shop::alone::Alone;
use crate::shop::node::Node;
use crate::snapshot::{self, Snapshot};
use crate::waiting::Wait;
use segstock_orders::Refusal;
use segstock_postgres::nodes::{Sale, SaleError};
use std::collections::BTreeMap;
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
pub async fn open(config: &Config) -> Result<Opened, Box<dyn Error>> {
    if let (Some(name), LedgerPlace::Postgres(url)) = (&config.node, &config.ledger) {
        return join(config, name.text(), url).await;
    }
    let Kept {
        book,
        writer,
        found,
    } = {
        let settings = config.clone();
        when_there(&config.ledger, config.wait_for_database, move || {
            book(&settings)
        })
        .await?
    };
    let mut alone = Alone::new(book, writer);
    if let LedgerPlace::Sqlite(file) = &config.ledger {
        alone.file = Some(file.clone());
    }
    let shop = Shop::Alone(Arc::new(alone));
    Ok(Opened { shop, found })
}

/// A node joins the sale in the database: the first one begins it.
async fn join(config: &Config, name: &str, url: &PostgresUrl) -> Result<Opened, Box<dyn Error>> {
    let refused = |error: SaleError| {
        let hint = match error {
            SaleError::NotASale => "; a sale of one process is started without --node",
            SaleError::Claimed { .. } => "; that move is ended, or begun again, by --move-from",
            _ => "",
        };
        format!("the node {name} cannot join the sale in {url}: {error}{hint}")
    };
    let moved = match &config.move_from {
        Some(old) => Some(move_from(config, old, url).await?),
        None => None,
    };
    let sale = Sale::at(url.text(), SCHEMA).map_err(refused)?;
    let sale = sale
        .max_lines(config.max_lines)
        .max_units(config.max_units)
        .longest_hold(config.limits.longest_hold);
    let mut wait = Wait::new(url, config.wait_for_database);
    // Asked with little patience: what is waited for is said at once.
    let asked = sale.clone().patience(PROBE);
    let node = loop {
        while let Err(SaleError::Unknown(unknown)) = asked.free("-").await {
            wait.after(&unknown.last_error).await?;
        }
        let (sale, keeps_events) = (sale.clone(), config.events > 0);
        match Node::join(sale, name, (config.retention, config.returns), keeps_events).await {
            // It went away in between.
            Err(SaleError::Unknown(unknown)) => wait.after(&unknown.last_error).await?,
            // It may take the place of its primary soon, as a ledger's may.
            Err(standby @ SaleError::ReadOnly) => wait.after(&standby).await?,
            joined => break joined.map_err(refused)?,
        }
    };
    let is_new = answered(&mut wait, || node.is_new()).await?;
    for (sku, units) in config.stock(usize::from(!is_new)) {
        let refused = |error: Problem| error.at(&format!("cannot open SKU {sku:?}"));
        check_sku(&sku).map_err(refused)?;
        let open = async || node.open_with(&sku, units).await.map_err(refused);
        answered(&mut wait, open).await?;
    }
    let session = node.session();
    let found = match is_new {
        true => format!("the node {name} begins a sale in {url}"),
        false => format!(
            "the node {name} joined the sale in {url}, start {session} of this name; to start over, stop all nodes and drop \
             its schema {SCHEMA}, or rename it"
        ),
    };
    let shop = Shop::Node(Arc::new(node));
    let found = moved.map_or(found.clone(), |moved| format!("{moved}; {found}"));
    Ok(Opened { shop, found })
}

/// Asks a database that may have gone away in between until it answers.
async fn answered<T>(
    wait: &mut Wait,
    ask: impl AsyncFn() -> Result<T, Problem>,
) -> Result<T, Box<dyn Error>> {
    loop {
        match ask().await {
            Err(problem) if [kinds::TRY_AGAIN, kinds::BUSY].contains(&problem.kind()) => {
                wait.after(&problem).await?;
            }
            answer => return Ok(answer?),
        }
    }
}

/// The book as its ledger has it, and the SKUs of the configuration.
fn book(config: &Config) -> Result<Kept, NotOpen> {
    // Before the ledger: a file that is no snapshot begins none.
    let snapshot = config.snapshot.as_deref();
    let snapshot = snapshot.map(|file| Snapshot::of(file).map(|read| (file, read)));
    let snapshot = snapshot.transpose()?;
    let mut kept = ledger::open(builder(config), &config.ledger)?;
    if let Some((file, snapshot)) = &snapshot {
        let read = snapshot::read(&kept, file, snapshot, config.limits.longest_hold)?;
        kept.found = format!("{}; {read}", kept.found);
    }
    let open = kept.book.skus();
    let stock = config.stock(open);
    let is_new = |sku: &&Sku| kept.book.available(*sku).is_none();
    let new = stock.keys().filter(is_new).count();
    if new > 0 {
        // All or none: a SKU that was opened stays.
        config.check_room(open + new)?;
    }
    open_all(&kept, stock)?;
    Ok(kept)
}

/// Opens SKUs that are not open, with their units.
fn open_all(kept: &Kept, stock: BTreeMap<Sku, u64>) -> Result<(), NotOpen> {
    for (sku, units) in stock {
        let refused = |error: &dyn Error| format!("cannot open SKU {sku:?}: {error}");
        check_sku(&sku).map_err(|error| refused(&error))?;
        // Not one after another: each would wait for the disk.
        match kept.in_turn(|book| book.open(sku.clone(), units)) {
            Ok(_) | Err(Refusal::AlreadyOpen) => {}
            Err(error) => return Err(kept.not_open(refused(&error))),
        }
    }
    let written = kept.written();
    written.map_err(|error| kept.not_open(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{answered, open_all};
    use crate::book::{Book, Sku};
    use crate::kinds;
    use crate::ledger::{Kept, Nowhere};
    use crate::problem::Problem;
    use crate::waiting::{Away, Wait};
    use segstock_orders::ledger::{
        Batch, Ledger, LedgerError, LedgerReason, Opened, Standing, WriteError, WriterSettings,
    };
    use segstock_orders::{Entry, Position};
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::error::Error;
    use std::thread::sleep;
    use std::time::Duration;
    use tokio::runtime::Builder;

    /// What a start hears that waits so long, of a database that answers the third time.
    fn third(kind: &'static kinds::Kind, time: Duration) -> Result<u32, Box<dyn Error>> {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let asked = Cell::new(0);
        let ask = async || {
            asked.set(asked.get() + 1);
            match asked.get() {
                3 => Ok(3),
                _ => Err(Problem::new(kind, "no answer")),
            }
        };
        runtime.block_on(answered(&mut Wait::new(&"here", time), ask))
    }

    #[test]
    fn a_start_whose_database_goes_away_in_between_waits_and_may_be_started_again() {
        let long = Duration::from_secs(20);
        assert_eq!(third(kinds::TRY_AGAIN, long).unwrap(), 3);
        let over = third(kinds::TRY_AGAIN, Duration::ZERO).unwrap_err();
        assert!(over.is::<Away>(), "{over}");
        // What waiting does not mend is an error at once.
        let refused = third(kinds::INVALID_REQUEST, long).unwrap_err();
        assert!(!refused.is::<Away>(), "{refused}");
    }

    /// A ledger whose batches take a while. Its first one fails for this reason, if there is one.
    struct Disk(Option<LedgerReason>);

    impl Ledger<Sku> for Disk {
        fn open(&mut self) -> Result<Opened, LedgerError> {
            Ledger::<Sku>::open(&mut Nowhere)
        }

        fn load(
            &mut self,
            _: Position,
            _: usize,
        ) -> Result<Vec<(Position, Entry<Sku>)>, LedgerError> {
            Ok(Vec::new())
        }

        fn write(&mut self, _: &Batch<Sku>) -> Result<(), WriteError> {
            sleep(Duration::from_millis(20));
            let failed = |reason| Err(WriteError::Dead(LedgerError::new(reason, "gone")));
            self.0.map_or(Ok(()), failed)
        }

        fn ask(&mut self, _: u64, _: u64) -> Result<Standing, LedgerError> {
            Ok(Standing::Written)
        }
    }

    /// A book with this ledger, whose writer has few places.
    fn kept(ledger: Disk) -> Kept {
        let settings = WriterSettings::new().places(8);
        let recovered = Book::builder().recover_with(ledger, settings).unwrap();
        Kept {
            book: recovered.book,
            writer: recovered.writer,
            found: String::new(),
        }
    }

    fn stock(skus: u64) -> BTreeMap<Sku, u64> {
        (0..skus).map(|number| (number.to_string(), 1)).collect()
    }

    #[test]
    fn more_skus_are_opened_than_the_writer_has_places() {
        let kept = kept(Disk(None));
        open_all(&kept, stock(50)).unwrap();
        assert_eq!(kept.book.skus(), 50);
        let status = kept.writer.status();
        assert_eq!(status.durable, status.appended);
    }

    #[test]
    fn a_database_that_goes_away_while_skus_are_opened_is_waited_for() {
        use LedgerReason::{Failed, Full, NoAnswer, ReadOnly, Superseded};
        for reason in [NoAnswer, ReadOnly, Full, Failed, Superseded] {
            // Beyond the places it is found by a call, else by the wait in the end.
            for skus in [2, 50] {
                let error = open_all(&kept(Disk(Some(reason))), stock(skus)).unwrap_err();
                let may_pass = [NoAnswer, ReadOnly, Full].contains(&reason);
                assert_eq!(error.is_away(), may_pass, "{reason:?} {error}");
                assert!(error.to_string().ends_with("gone"), "{error}");
            }
        }
    }
}
