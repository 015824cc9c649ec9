//! Designs on two servers.

use crate::support::{OnRedis, Site, Tests, redis};
use segstock_conformance::Options;
use segstock_redis::{Growing, OpenError, Pool, Redis, Restarts};
use segstock_remote::servers::{
    OwnServer, RedisServer, Server, Store, contract, fresh_name, id, units,
};
use segstock_remote::{Answer, Judged, RemoteStock};
use tokio::runtime::Handle;

pub fn add(tests: &Tests) {
    let growing =
        async |servers: &[Redis], units| Growing::create(servers, &fresh_name(), units, 6).await;
    let pool = async |servers: &[Redis], units| Pool::create(servers, &fresh_name(), units).await;
    kept("growing", tests, Options::new(), growing);
    kept("pool", tests, Options::new().without_exact_refusals(), pool);
    tests.add("pool::a_retry_is_known_at_every_node", |site: &Site<'_>| {
        site.runtime.block_on(retried(&[redis(site.server.url())]));
    });
    lost("growing", tests, growing);
    lost("pool", tests, pool);
}

/// A node that has no block, and gets none, knows what another sold.
async fn retried(servers: &[Redis]) {
    let name = fresh_name();
    let first = Pool::create(servers, &name, 3).await.unwrap();
    let second = Pool::open(servers, &name).await.unwrap();
    assert_eq!(first.deduct(&id("a"), units(3)).await, Answer::Done(()));
    assert_eq!(second.deduct(&id("a"), units(3)).await, Answer::Done(()));
    let refused = second.deduct(&id("b"), units(1)).await;
    assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
    assert_eq!(second.outcome(&id("a")).await, Answer::Done(()));
    assert_eq!(second.available().await, Ok(0));
}

/// A stock on two servers keeps what it keeps on one.
fn kept<S: RemoteStock + 'static>(
    what: &str,
    tests: &Tests,
    options: Options,
    create: impl AsyncFn(&[Redis], u64) -> Result<S, OpenError> + Send + 'static,
) {
    let options = options.rounds(20).name(format!("{what} on two servers"));
    let test = move |first: &OwnServer<RedisServer>, runtime: &Handle| {
        let second = RedisServer::find().unwrap();
        let servers = [redis(first.lock().unwrap().url()), redis(second.url())];
        let open = async |units| create(&servers, units).await.unwrap();
        runtime.block_on(contract::of_stock(open));
        let report = options.check(|units, _| {
            let stock = runtime.block_on(create(&servers, units)).unwrap();
            Judged::new(stock, runtime.clone(), "order:")
        });
        println!("{report}");
        report.assert_kept();
    };
    let name = format!("{what}::it_keeps_its_promises_on_two_servers");
    tests.add_with_own(&name, RedisServer::find, test);
}

/// One of the servers is started again: it may have lost sales, and no order is sold or refused.
fn lost<S: RemoteStock + 'static>(
    what: &str,
    tests: &Tests,
    create: impl AsyncFn(&[Redis], u64) -> Result<S, OpenError> + Send + 'static,
) {
    let test = move |first: &OwnServer<RedisServer>, runtime: &Handle| {
        let mut second = RedisServer::find().unwrap();
        let urls = [
            first.lock().unwrap().url().to_owned(),
            second.url().to_owned(),
        ];
        let careful = |url: String| OnRedis::hurried(&url, 20).restarts(Restarts::MayLose);
        let servers = urls.map(careful);
        let orders = async {
            let stock = create(&servers, 1_000).await.unwrap();
            let deduct = async |order: &str| stock.deduct(&id(order), units(1)).await;
            for order in ["a", "b", "c", "d", "e", "f", "g", "h"] {
                assert_eq!(deduct(order).await, Answer::Done(()));
            }
            second.kill_and_start().unwrap();
            let mut unknown = 0;
            for order in ["i", "j", "k", "l", "m", "n", "o", "p"] {
                match deduct(order).await {
                    Answer::Unknown(words) => {
                        assert!(words.last_error.contains("order log"), "{words}");
                        unknown += 1;
                    }
                    answer => assert_eq!(answer, Answer::Done(())),
                }
            }
            assert!(unknown > 0, "no order needed the second server");
        };
        runtime.block_on(orders);
    };
    let name = format!("{what}::a_server_that_may_have_lost_sales_is_noticed");
    tests.add_with_own(&name, RedisServer::find, test);
}
