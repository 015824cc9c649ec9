//! `Atomic`: what its calls answer, and what the judge says of it.

use crate::support::{Site, Tests, judged, name, redis};
use segstock_conformance::Options;
use segstock_redis::{Atomic, OpenError, Restarts};
use segstock_remote::{
    Answer, HoldAnswer, MAX_UNITS, OrderId, RemoteHolds, RemoteStock, Resolved, Units,
};
use std::time::Duration;

pub fn add(tests: &Tests) {
    tests.add("atomic::the_suite_says_kept", the_suite_says_kept);
    tests.add(
        "atomic::a_retry_is_answered_as_the_first_attempt_was",
        |site| {
            site.runtime.block_on(retries(site));
        },
    );
    tests.add("atomic::an_outcome_leaves_a_refusal", |site| {
        site.runtime.block_on(outcomes(site));
    });
    tests.add("atomic::numbers_are_exact", |site| {
        site.runtime.block_on(numbers(site));
    });
    tests.add("atomic::holds_end_once", |site| {
        site.runtime.block_on(holds(site));
    });
    tests.add("atomic::expired_holds_are_sold_to_others", |site| {
        site.runtime.block_on(expiry(site));
    });
    tests.add("atomic::a_stock_is_created_once", |site| {
        site.runtime.block_on(creates(site));
    });
    tests.add_with_own_server(
        "atomic::after_a_restart_everything_is_unknown_until_the_stock_is_opened_again",
        segstock_remote::servers::RedisServer::without_log,
        |server, runtime| {
            let restarts = async {
                let url = server.lock().unwrap().url().to_owned();
                let careful = redis(&url).restarts(Restarts::MayLose);
                let stock = Atomic::create(&careful, "shoes", 3).await.unwrap();
                assert_eq!(stock.deduct(&id("a"), units(1)).await, Answer::Done(()));
                server.lock().unwrap().kill_and_start().unwrap();
                // The stock is gone, and that is no refusal.
                let answer = stock.deduct(&id("b"), units(1)).await;
                assert!(matches!(answer, Answer::Unknown(_)), "{answer:?}");
            };
            runtime.block_on(restarts);
        },
    );
    tests.add_with_own_server(
        "atomic::another_replication_id_is_noticed",
        segstock_remote::servers::RedisServer::find,
        |server, runtime| {
            let restarts = async {
                let url = server.lock().unwrap().url().to_owned();
                let careful = redis(&url).restarts(Restarts::MayLose);
                let stock = Atomic::create(&careful, "shoes", 3).await.unwrap();
                server.lock().unwrap().kill_and_start().unwrap();
                let Answer::Unknown(unknown) = stock.deduct(&id("a"), units(1)).await else {
                    panic!("the server may have lost sales");
                };
                assert!(unknown.last_error.contains("order log"), "{unknown}");
                // A user who says that the server keeps all may go on.
                let trusting = Atomic::open(&redis(&url), "shoes").await.unwrap();
                assert_eq!(trusting.available().await, Ok(3));
                // And one who counted again from the order log.
                let again = Atomic::replace(&careful, "shoes", 2).await.unwrap();
                assert_eq!(again.deduct(&id("a"), units(2)).await, Answer::Done(()));
            };
            runtime.block_on(restarts);
        },
    );
}

pub fn id(text: &str) -> OrderId {
    text.parse().unwrap()
}

pub fn units(units: u64) -> Units {
    Units::new(units).unwrap()
}

async fn stock(site: &Site<'_>, held: u64) -> Atomic {
    let redis = redis(site.server.url());
    Atomic::create(&redis, &name(), held).await.unwrap()
}

fn the_suite_says_kept(site: &Site<'_>) {
    let redis = redis(site.server.url());
    let report = Options::new().rounds(150).name("atomic").check(|held, _| {
        let name = name();
        let stock = site.runtime.block_on(Atomic::create(&redis, &name, held));
        judged(stock.unwrap(), site.runtime)
    });
    println!("{report}");
    report.assert_kept();
}

async fn retries(site: &Site<'_>) {
    let stock = stock(site, 5).await;
    for _ in 0..3 {
        assert_eq!(stock.deduct(&id("a"), units(2)).await, Answer::Done(()));
        assert_eq!(stock.restock(&id("b"), units(1)).await, Answer::Done(()));
    }
    assert_eq!(stock.available().await, Ok(4));
    // A first attempt's refusal is not remembered: nothing of it is under way.
    let Answer::Refused(refused) = stock.deduct(&id("c"), units(5)).await else {
        panic!("there are only four");
    };
    assert_eq!(refused.available, Some(4));
    assert_eq!(stock.restock(&id("d"), units(1)).await, Answer::Done(()));
    assert_eq!(stock.deduct(&id("c"), units(5)).await, Answer::Done(()));
    // In the strict way it is.
    let strict = redis(site.server.url()).strict();
    let strict = Atomic::create(&strict, &name(), 1).await.unwrap();
    assert!(matches!(
        strict.deduct(&id("c"), units(2)).await,
        Answer::Refused(_)
    ));
    assert_eq!(strict.restock(&id("d"), units(1)).await, Answer::Done(()));
    assert!(matches!(
        strict.deduct(&id("c"), units(2)).await,
        Answer::Refused(_)
    ));
    // An id is of one call.
    assert!(matches!(
        stock.deduct(&id("a"), units(1)).await,
        Answer::Unknown(_)
    ));
    assert!(matches!(
        stock.restock(&id("a"), units(2)).await,
        Answer::Unknown(_)
    ));
}

async fn outcomes(site: &Site<'_>) {
    let stock = stock(site, 5).await;
    assert_eq!(stock.deduct(&id("a"), units(2)).await, Answer::Done(()));
    assert_eq!(stock.outcome(&id("a")).await, Answer::Done(()));
    assert!(matches!(stock.outcome(&id("b")).await, Answer::Refused(_)));
    // A copy that arrives after that takes nothing.
    assert!(matches!(
        stock.deduct(&id("b"), units(1)).await,
        Answer::Refused(_)
    ));
    assert!(matches!(
        stock.restock(&id("b"), units(1)).await,
        Answer::Refused(_)
    ));
    let hour = Duration::from_secs(3_600);
    assert_eq!(
        stock.reserve(&id("b"), units(1), hour).await,
        HoldAnswer::Refused
    );
    assert_eq!(stock.available().await, Ok(3));
}

async fn numbers(site: &Site<'_>) {
    let stock = stock(site, MAX_UNITS - 1).await;
    assert!(matches!(
        stock.restock(&id("a"), units(2)).await,
        Answer::Refused(_)
    ));
    assert_eq!(stock.restock(&id("b"), units(1)).await, Answer::Done(()));
    assert_eq!(stock.available().await, Ok(MAX_UNITS));
    assert_eq!(stock.deduct(&id("c"), units(1)).await, Answer::Done(()));
    assert_eq!(stock.available().await, Ok(MAX_UNITS - 1));
    assert!(matches!(
        stock.deduct(&id("d"), units(MAX_UNITS)).await,
        Answer::Refused(_)
    ));
    let rest = units(MAX_UNITS - 1);
    assert_eq!(stock.deduct(&id("e"), rest).await, Answer::Done(()));
    assert_eq!(stock.available().await, Ok(0));
    // What is held counts: it may come back.
    let hour = Duration::from_secs(3_600);
    assert_eq!(stock.restock(&id("f"), units(3)).await, Answer::Done(()));
    assert_eq!(
        stock.reserve(&id("g"), units(2), hour).await,
        HoldAnswer::Done
    );
    let most = units(MAX_UNITS - 2);
    assert!(matches!(
        stock.restock(&id("h"), most).await,
        Answer::Refused(_)
    ));
}

async fn holds(site: &Site<'_>) {
    use HoldAnswer::{Conflict, Done, NoHold, Refused};
    let (stock, hour) = (stock(site, 5).await, Duration::from_secs(3_600));
    for _ in 0..2 {
        assert_eq!(stock.reserve(&id("a"), units(2), hour).await, Done);
        assert_eq!(stock.reserve(&id("b"), units(2), hour).await, Done);
    }
    assert_eq!(stock.available().await, Ok(1));
    assert_eq!(stock.reserve(&id("a"), units(1), hour).await, Conflict);
    assert_eq!(stock.reserve(&id("c"), units(2), hour).await, Refused);
    assert_eq!(stock.confirm(&id("d")).await, NoHold);
    assert_eq!(stock.extend(&id("a"), hour).await, Done);
    for _ in 0..2 {
        assert_eq!(stock.confirm(&id("a")).await, Done);
        assert_eq!(stock.release(&id("b")).await, Done);
    }
    assert_eq!(stock.available().await, Ok(3));
    let confirmed = HoldAnswer::Resolved(Resolved::Confirmed);
    let released = HoldAnswer::Resolved(Resolved::Released);
    assert_eq!(stock.release(&id("a")).await, confirmed);
    assert_eq!(stock.confirm(&id("b")).await, released);
    assert_eq!(stock.extend(&id("b"), hour).await, released);
    assert_eq!(stock.reserve(&id("b"), units(2), hour).await, released);
    assert_eq!(stock.available().await, Ok(3));
}

async fn expiry(site: &Site<'_>) {
    let (stock, soon) = (stock(site, 3).await, Duration::from_millis(50));
    for order in ["a", "b", "c"] {
        assert_eq!(
            stock.reserve(&id(order), units(1), soon).await,
            HoldAnswer::Done
        );
    }
    let hour = Duration::from_secs(3_600);
    assert_eq!(stock.extend(&id("c"), hour).await, HoldAnswer::Done);
    tokio::time::sleep(2 * soon).await;
    let expired = HoldAnswer::Resolved(Resolved::Expired);
    assert_eq!(stock.confirm(&id("a")).await, expired);
    // The units of `a` and `b` are sold to another, and `c` is held longer.
    assert_eq!(stock.deduct(&id("d"), units(2)).await, Answer::Done(()));
    assert!(matches!(
        stock.deduct(&id("e"), units(1)).await,
        Answer::Refused(_)
    ));
    assert_eq!(stock.release(&id("b")).await, expired);
    assert_eq!(stock.confirm(&id("c")).await, HoldAnswer::Done);
    assert_eq!(stock.available().await, Ok(0));
}

async fn creates(site: &Site<'_>) {
    let (redis, name) = (redis(site.server.url()), name());
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
