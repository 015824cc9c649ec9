//! How the tests ask a server.

use segstock_redis::{Redis, Restarts};
use segstock_remote::servers::RedisServer;
use segstock_remote::{Judged, OrderId, Patience, RemoteStock, Units};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use tokio::runtime::Handle;

pub type Tests = segstock_remote::servers::Tests<RedisServer>;
pub type Site<'a> = segstock_remote::servers::Site<'a, RedisServer>;

/// The server at `url`, as the designs' tests ask it.
pub fn redis(url: &str) -> Redis {
    let patience = Patience::new(Duration::from_secs(2), Duration::from_secs(10));
    Redis::new(url)
        .expect("the server's URL is one")
        .patience(patience.expect("it is valid"))
        .remembered(Duration::from_secs(600))
        .restarts(Restarts::Keep)
}

/// The server at `url`, asked with little patience: up to `attempts` of 150 ms each.
pub fn hurried(url: &str, attempts: u32) -> Redis {
    let attempt = Duration::from_millis(150);
    let total = attempt * attempts + Duration::from_millis(30) * (attempts - 1);
    redis(url).patience(Patience::new(attempt, total).expect("it is valid"))
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
pub fn connect(url: &str, runtime: &Handle) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    let connection = client.get_multiplexed_async_connection();
    runtime.block_on(connection).unwrap()
}
