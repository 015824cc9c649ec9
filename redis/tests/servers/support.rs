//! How the tests ask a server.

use segstock_redis::{OpenError, Redis, Restarts};
use segstock_remote::Patience;
use segstock_remote::servers::{RedisServer, Store};
use std::time::Duration;
use tokio::runtime::Handle;

pub type Tests = segstock_remote::servers::Tests<RedisServer>;
pub type Site<'a> = segstock_remote::servers::Site<'a, RedisServer>;
pub type Designs<'a> = segstock_remote::servers::Designs<'a, OnRedis>;

/// Redis, as the tests of all designs ask it.
#[derive(Debug)]
pub struct OnRedis;

impl Store for OnRedis {
    type Server = RedisServer;
    type Asked = Redis;
    type Error = OpenError;

    const ATTEMPT: Duration = Duration::from_millis(150);

    fn ask(url: &str, patience: Patience) -> Redis {
        Redis::new(url)
            .expect("the server's URL is one")
            .patience(patience)
            .remembered(Duration::from_secs(600))
            .restarts(Restarts::Keep)
    }

    async fn prepare(_: &Redis) -> Result<(), OpenError> {
        Ok(())
    }
}

/// The server at `url`, as the designs' tests ask it.
pub fn redis(url: &str) -> Redis {
    OnRedis::patient(url)
}

/// A connection for what no design does.
pub fn connect(url: &str, runtime: &Handle) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    let connection = client.get_multiplexed_async_connection();
    runtime.block_on(connection).unwrap()
}
