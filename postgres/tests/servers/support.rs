//! How the tests ask a server.

use segstock_postgres::Postgres;
use segstock_remote::servers::{PostgresServer, Server};
use segstock_remote::{Judged, OrderId, Patience, RemoteStock, Units};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio_postgres::{Client, NoTls};

pub type Tests = segstock_remote::servers::Tests<PostgresServer>;
pub type Site<'a> = segstock_remote::servers::Site<'a, PostgresServer>;

/// The server at `url`, as the designs' tests ask it.
pub fn postgres(url: &str) -> Postgres {
    let patience = Patience::new(Duration::from_secs(2), Duration::from_secs(10));
    Postgres::new(url)
        .expect("the server's URL is one")
        .patience(patience.expect("it is valid"))
        .remembered(Duration::from_secs(600))
}

/// The server at `url`, asked with little patience: up to `attempts` of 300 ms each.
pub fn hurried(url: &str, attempts: u32) -> Postgres {
    let attempt = Duration::from_millis(300);
    let total = attempt * attempts + Duration::from_millis(30) * (attempts - 1);
    let few = postgres(url).connections(4);
    few.patience(Patience::new(attempt, total).expect("it is valid"))
}

/// The database of a test, with the tables.
pub fn database(site: &Site<'_>) -> Postgres {
    let postgres = postgres(site.server.url());
    site.runtime
        .block_on(postgres.install())
        .expect("the tables can be made");
    postgres
}

/// A name that no other stock has, here and in other runs on the same server.
pub fn name() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let (run, since) = (std::process::id(), UNIX_EPOCH.elapsed());
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    format!(
        "test-{}-{run}-{number}",
        since.unwrap_or_default().as_secs()
    )
}

/// A stock as the suite calls it.
pub fn judged<S: RemoteStock>(stock: S, runtime: &Handle) -> Judged<S> {
    Judged::new(stock, runtime.clone(), "order:")
}

pub fn id(text: &str) -> OrderId {
    text.parse().expect("it is of the alphabet")
}

pub fn units(units: u64) -> Units {
    Units::new(units).expect("it is within the limits")
}

/// A connection for what no design does.
pub fn connect(url: &str, runtime: &Handle) -> Arc<Client> {
    let connected = runtime.block_on(tokio_postgres::connect(url, NoTls));
    let (client, connection) = connected.expect("the server is there");
    runtime.spawn(connection);
    Arc::new(client)
}
