//! A shop whose ledger is in `PostgreSQL`.

use segstock::ManualClock;
use segstock_orders::OrderBook;
use segstock_orders::ledger::{RecoverError, Recovered, WriterSettings};
use segstock_postgres::PostgresLedger;
use segstock_remote::servers::PostgresServer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

pub type Tests = segstock_remote::servers::Tests<PostgresServer>;

pub const TTL: Duration = Duration::from_secs(900);

/// A name that no other ledger has, here and in other runs on the same server.
pub fn name() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let (run, since) = (std::process::id(), UNIX_EPOCH.elapsed());
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let seconds = since.unwrap_or_default().as_secs();
    format!("ledger_{seconds}_{run}_{number}")
}

pub fn phone() -> String {
    "phone".to_owned()
}

pub fn recover(url: &str, name: &str) -> Result<Recovered<String>, RecoverError> {
    let ledger = PostgresLedger::at(url, name).map_err(RecoverError::Ledger)?;
    OrderBook::builder().recover(ledger)
}

/// A shop whose server has little time for its answers, and whose writer has much patience.
pub fn hurried(url: &str, name: &str) -> Result<Recovered<String>, RecoverError> {
    let ledger = PostgresLedger::at(url, name).map_err(RecoverError::Ledger)?;
    let ledger = ledger.timeout(Duration::from_secs(1));
    let settings = WriterSettings::new().lag(Duration::from_millis(200));
    OrderBook::builder().recover_with(ledger, settings)
}

/// A shop with clocks that the test moves.
pub struct Clocks {
    pub clock: Arc<ManualClock>,
    pub wall: Arc<ManualClock>,
}

impl Clocks {
    pub fn new() -> Self {
        let wall = Arc::new(ManualClock::new());
        wall.advance(Duration::from_secs(1_000_000_000));
        let clock = Arc::new(ManualClock::new());
        Self { clock, wall }
    }

    pub fn recover(&self, url: &str, name: &str) -> Recovered<String> {
        let ledger = PostgresLedger::at(url, name).expect("a name");
        let settings = WriterSettings::new().wall(Arc::clone(&self.wall) as _);
        let builder = OrderBook::builder().clock(Arc::clone(&self.clock) as _);
        let builder = builder
            .retention(Duration::from_secs(600))
            .max_returnable(0);
        let recovered = builder.recover_with(ledger, settings);
        recovered.expect("the server is there")
    }

    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.wall.advance(time);
    }
}
