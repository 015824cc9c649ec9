//! `Atomic`: what its calls answer, and what the judge says of it.

use crate::support::{Site, Tests, connect, redis};
use segstock_conformance::Options;
use segstock_redis::{Atomic, Batched, Growing, Locked, OpenError, Pool, Restarts};
use segstock_remote::servers::{Clocked, RedisServer, Server, contract, fresh_name, id, units};
use segstock_remote::{Answer, HoldAnswer, MAX_UNITS, RemoteHolds, RemoteStock};
use std::time::Duration;

pub fn add(tests: &Tests) {
    tests.add("atomic::the_suite_says_kept_of_holds", of_holds);
    tests.add("atomic::calls_on_holds_are_answered", |site| {
        let redis = redis(site.server.url());
        let open = async |held| Atomic::create(&redis, &fresh_name(), held).await.unwrap();
        site.runtime.block_on(contract::of_holds(open));
    });
    tests.add("atomic::what_is_remembered_for_ever_is_sold_once", |site| {
        site.runtime.block_on(for_ever(site));
    });
    tests.add("atomic::holds_that_expire_do_not_pile_up", |site| {
        let connection = connect(site.server.url(), site.runtime);
        site.runtime.block_on(abandoned(site, connection));
    });
    tests.add("atomic::a_stock_is_created_once", |site| {
        site.runtime.block_on(creates(site));
    });
    tests.add_with_own(
        "atomic::after_a_restart_that_lost_all_nothing_is_refused",
        RedisServer::without_log,
        |server, runtime| {
            let restarts = async {
                let url = server.lock().unwrap().url().to_owned();
                let careful = redis(&url).restarts(Restarts::MayLose);
                let stock = Atomic::create(&careful, "shoes", 3).await.unwrap();
                assert_eq!(stock.deduct(&id("a"), units(1)).await, Answer::Done(()));
                server.lock().unwrap().kill_and_start().unwrap();
                let answer = stock.deduct(&id("b"), units(1)).await;
                assert!(matches!(answer, Answer::Unknown(_)), "{answer:?}");
            };
            runtime.block_on(restarts);
        },
    );
}

fn of_holds(site: &Site<'_>) {
    let redis = redis(site.server.url());
    let connection = connect(site.server.url(), site.runtime);
    let options = Options::new().rounds(60).name("atomic with holds");
    let report = options.check(|held, _| {
        let name = fresh_name();
        let stock = site.runtime.block_on(Atomic::create(&redis, &name, held));
        let (connection, runtime) = (connection.clone(), site.runtime.clone());
        Clocked::new(stock.unwrap(), site.runtime.clone(), move |by: Duration| {
            let mut ahead = redis::cmd("HINCRBY");
            ahead
                .arg(format!("segstock:{{{name}}}:server"))
                .arg("ahead");
            ahead.arg(u64::try_from(by.as_millis()).unwrap());
            let mut connection = connection.clone();
            let ahead = ahead.query_async::<u64>(&mut connection);
            runtime.block_on(ahead).unwrap();
        })
    });
    println!("{report}");
    report.assert_kept();
}

/// Every design, with ids that are never forgotten, or so long that the server cannot count it.
async fn for_ever(site: &Site<'_>) {
    for remembered in [Duration::MAX, Duration::from_millis(u64::MAX / 2)] {
        let redis = redis(site.server.url()).remembered(remembered);
        let servers = [redis.clone()];
        let open = async |held| Atomic::create(&redis, &fresh_name(), held).await.unwrap();
        contract::of_stock(open).await;
        contract::of_holds(open).await;
        contract::of_stock(async |held| {
            Batched::create(&redis, &fresh_name(), held).await.unwrap()
        })
        .await;
        contract::of_stock(async |held| {
            Growing::create(&servers, &fresh_name(), held, 2)
                .await
                .unwrap()
        })
        .await;
        contract::of_stock(async |held| Pool::create(&servers, &fresh_name(), held).await.unwrap())
            .await;
        contract::of_stock(async |held| {
            Locked::create(&redis, &fresh_name(), held, 1)
                .await
                .unwrap()
        })
        .await;
    }
}

/// Baskets that nobody pays, in a stock that never runs short.
async fn abandoned(site: &Site<'_>, mut connection: redis::aio::MultiplexedConnection) {
    let (redis, name) = (redis(site.server.url()), fresh_name());
    let stock = Atomic::create(&redis, &name, 1_000_000).await.unwrap();
    for number in 0..200 {
        let order = id(&format!("basket:{number}"));
        let held = stock
            .reserve(&order, units(1), Duration::from_millis(1))
            .await;
        assert_eq!(held, HoldAnswer::Done);
    }
    let mut known = redis::cmd("ZCARD");
    known.arg(format!("segstock:{{{name}}}:deadlines"));
    let known: u64 = known.query_async(&mut connection).await.unwrap();
    assert!(known < 20, "{known} holds that expired are kept");
}

async fn creates(site: &Site<'_>) {
    let (redis, name) = (redis(site.server.url()), fresh_name());
    let missing = Atomic::open(&redis, &name).await;
    assert!(matches!(missing, Err(OpenError::NoStock)), "{missing:?}");
    Atomic::create(&redis, &name, 3).await.unwrap();
    let twice = Atomic::create(&redis, &name, 9).await;
    assert!(matches!(twice, Err(OpenError::Exists)), "{twice:?}");
    let opened = Atomic::open(&redis, &name).await.unwrap();
    assert_eq!(opened.available().await, Ok(3));
    let invalid = Atomic::create(&redis, "two words", 1).await;
    assert!(matches!(invalid, Err(OpenError::Name(_))), "{invalid:?}");
    let too_many = Atomic::create(&redis, &name, MAX_UNITS + 1).await;
    assert!(matches!(too_many, Err(OpenError::Units(_))), "{too_many:?}");
    let short = redis.remembered(Duration::from_secs(1));
    let forgets = Atomic::open(&short, &name).await;
    assert!(
        matches!(forgets, Err(OpenError::Patience(_))),
        "{forgets:?}"
    );
}
