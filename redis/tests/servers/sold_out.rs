//! `Atomic` when it is sold out: refusals are reads, and no call is refused that must not be.

use crate::support::{Tests, connect, redis};
use segstock_redis::Atomic;
use segstock_remote::servers::{OwnServer, RedisServer, Server, contract, fresh_name, id, units};
use segstock_remote::{Answer, Left, Refused, RemoteStock};
use tokio::runtime::Handle;
use tokio::time::sleep;

pub fn add(tests: &Tests) {
    tests.add_with_own(
        "sold_out::a_refusal_is_one_read",
        RedisServer::find,
        |server, runtime| runtime.block_on(reads(server, runtime)),
    );
    tests.add("sold_out::what_is_known_or_comes_back_is_served", |site| {
        site.runtime.block_on(async {
            let [stock, other] = twice(site.server.url()).await;
            contract::of_sold_out(&stock, &other).await;
        });
    });
    tests.add("sold_out::units_of_expired_holds_are_sold", |site| {
        site.runtime.block_on(async {
            let [stock, other] = twice(site.server.url()).await;
            contract::of_sold_out_by_holds(&stock, &other).await;
        });
    });
}

/// A stock of one unit, opened twice.
async fn twice(url: &str) -> [Atomic; 2] {
    let (redis, name) = (redis(url), fresh_name());
    let stock = Atomic::create(&redis, &name, 1).await.unwrap();
    [stock, Atomic::open(&redis, &name).await.unwrap()]
}

#[track_caller]
fn assert_sold_out(answer: &Answer) {
    let available = Some(0);
    assert_eq!(*answer, Answer::Refused(Refused { available }));
}

async fn reads(server: &OwnServer<RedisServer>, runtime: &Handle) {
    let url = server.lock().unwrap().url().to_owned();
    let [stock, _] = twice(&url).await;
    assert_eq!(stock.deduct(&id("a"), units(1)).await, Answer::Done(()));
    assert_sold_out(&stock.deduct(&id("b"), units(1)).await);
    let mut connection = tokio::task::block_in_place(|| connect(&url, runtime));
    let mut info = async |section: &str| {
        let mut info = redis::cmd("INFO");
        let info = info.arg(section).query_async::<String>(&mut connection);
        info.await.unwrap()
    };
    let written = async |info: String| {
        let written = info
            .lines()
            .find(|line| line.starts_with("aof_current_size"));
        written.unwrap().to_owned()
    };
    let before = written(info("persistence").await).await;
    let mut reset = redis::cmd("CONFIG");
    let mut other = tokio::task::block_in_place(|| connect(&url, runtime));
    () = reset
        .arg("RESETSTAT")
        .query_async(&mut other)
        .await
        .unwrap();
    for order in 0..20 {
        assert_sold_out(&stock.deduct(&id(&format!("c:{order}")), units(1)).await);
    }
    let calls = info("commandstats").await;
    let is_called = |name: &str| calls.contains(&format!("cmdstat_{name}:calls=20,"));
    assert!(is_called("mget") && !calls.contains("fcall"), "{calls}");
    assert_eq!(written(info("persistence").await).await, before);
    // What was left is asked of the function again after a while: a server that became a replica refuses that.
    sleep(Left::LASTS * 2).await;
    assert_sold_out(&stock.deduct(&id("d"), units(1)).await);
    let calls = info("commandstats").await;
    assert!(calls.contains("cmdstat_fcall:calls=1,"), "{calls}");
}
