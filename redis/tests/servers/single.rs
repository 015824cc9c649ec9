//! Designs that keep a stock whole on one server: the strict way, a server that lost what it acknowledged, and names.

use crate::support::{Site, Tests, redis};
use segstock_redis::{Atomic, Batched, OpenError, Redis, Restarts};
use segstock_remote::servers::{OwnServer, RedisServer, Server, fresh_name, id, units};
use segstock_remote::{Answer, RemoteStock};
use tokio::runtime::Handle;

pub fn add(tests: &Tests) {
    of(
        "atomic",
        tests,
        Atomic::create,
        Atomic::open,
        Atomic::replace,
    );
    of(
        "batched",
        tests,
        Batched::create,
        Batched::open,
        Batched::replace,
    );
    tests.add("opening::a_stock_is_opened_by_its_own_design", |site| {
        site.runtime.block_on(designs(site));
    });
}

fn of<S: RemoteStock>(
    what: &str,
    tests: &Tests,
    create: impl AsyncFn(&Redis, &str, u64) -> Result<S, OpenError> + Copy + Send + 'static,
    open: impl AsyncFn(&Redis, &str) -> Result<S, OpenError> + Send + 'static,
    replace: impl AsyncFn(&Redis, &str, u64) -> Result<S, OpenError> + Copy + Send + 'static,
) {
    let name = format!("{what}::the_strict_way_remembers_every_refusal");
    tests.add(&name, move |site| {
        site.runtime.block_on(strict(site, create));
    });
    let name = format!("{what}::another_replication_id_is_noticed");
    tests.add_with_own(&name, RedisServer::find, move |server, runtime| {
        runtime.block_on(restarts(server, create, open, replace));
    });
    let name = format!("{what}::a_stock_that_was_lost_is_replaced");
    tests.add_with_own(&name, RedisServer::without_log, move |server, runtime| {
        replaces(server, runtime, create, replace);
    });
}

async fn strict<S: RemoteStock>(
    site: &Site<'_>,
    create: impl AsyncFn(&Redis, &str, u64) -> Result<S, OpenError>,
) {
    let strict = redis(site.server.url()).strict();
    let stock = create(&strict, &fresh_name(), 1).await.unwrap();
    let refused = stock.deduct(&id("a"), units(2)).await;
    assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
    assert_eq!(stock.restock(&id("b"), units(1)).await, Answer::Done(()));
    let refused = stock.deduct(&id("a"), units(2)).await;
    assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
}

async fn restarts<S: RemoteStock>(
    server: &OwnServer<RedisServer>,
    create: impl AsyncFn(&Redis, &str, u64) -> Result<S, OpenError>,
    open: impl AsyncFn(&Redis, &str) -> Result<S, OpenError>,
    replace: impl AsyncFn(&Redis, &str, u64) -> Result<S, OpenError>,
) {
    let url = server.lock().unwrap().url().to_owned();
    let careful = redis(&url).restarts(Restarts::MayLose);
    let stock = create(&careful, "shoes", 3).await.unwrap();
    server.lock().unwrap().kill_and_start().unwrap();
    let Answer::Unknown(unknown) = stock.deduct(&id("a"), units(1)).await else {
        panic!("the server may have lost sales");
    };
    assert!(unknown.last_error.contains("order log"), "{unknown}");
    // A user who says that the server keeps all may go on.
    let trusting = open(&redis(&url), "shoes").await.unwrap();
    assert_eq!(trusting.available().await, Ok(3));
    assert_eq!(trusting.deduct(&id("b"), units(1)).await, Answer::Done(()));
    // And one who counted again from the order log. What the server knows stays known.
    let again = replace(&careful, "shoes", 2).await.unwrap();
    assert_eq!(again.deduct(&id("b"), units(1)).await, Answer::Done(()));
    assert_eq!(again.deduct(&id("a"), units(2)).await, Answer::Done(()));
    assert_eq!(stock.available().await, Ok(0));
}

/// The server lost all. Nobody else may take the name of a stock that was replaced.
fn replaces<S: RemoteStock>(
    server: &OwnServer<RedisServer>,
    runtime: &Handle,
    create: impl AsyncFn(&Redis, &str, u64) -> Result<S, OpenError>,
    replace: impl AsyncFn(&Redis, &str, u64) -> Result<S, OpenError>,
) {
    let url = server.lock().unwrap().url().to_owned();
    let careful = redis(&url).restarts(Restarts::MayLose);
    runtime.block_on(async {
        create(&careful, "shoes", 3).await.unwrap();
    });
    server.lock().unwrap().kill_and_start().unwrap();
    runtime.block_on(async {
        let again = replace(&careful, "shoes", 2).await.unwrap();
        assert_eq!(again.deduct(&id("a"), units(1)).await, Answer::Done(()));
        assert_eq!(again.deduct(&id("a"), units(1)).await, Answer::Done(()));
        assert_eq!(again.available().await, Ok(1));
        let twice = [
            Atomic::create(&careful, "shoes", 9).await.err(),
            Batched::create(&careful, "shoes", 9).await.err(),
        ];
        assert_eq!(twice, [Some(OpenError::Exists), Some(OpenError::Exists)]);
    });
}

/// A stock of one design is none of another.
async fn designs(site: &Site<'_>) {
    let redis = redis(site.server.url());
    let [atomic, batched] = [fresh_name(), fresh_name()];
    let missing = Batched::open(&redis, &batched).await.err();
    assert_eq!(missing, Some(OpenError::NoStock));
    let stocks = (
        Atomic::create(&redis, &atomic, 3).await.unwrap(),
        Batched::create(&redis, &batched, 5).await.unwrap(),
    );
    let other = Some(OpenError::OtherDesign);
    assert_eq!(Atomic::open(&redis, &batched).await.err(), other);
    assert_eq!(Batched::open(&redis, &atomic).await.err(), other);
    assert_eq!(Atomic::replace(&redis, &batched, 1).await.err(), other);
    assert_eq!(Batched::replace(&redis, &atomic, 1).await.err(), other);
    for name in [&atomic, &batched] {
        let exists = Some(OpenError::Exists);
        assert_eq!(Atomic::create(&redis, name, 9).await.err(), exists);
        assert_eq!(Batched::create(&redis, name, 9).await.err(), exists);
    }
    assert_eq!(stocks.0.available().await, Ok(3));
    assert_eq!(stocks.1.available().await, Ok(5));
}
