//! A replica takes the place of its primary, and lacks what the primary acknowledged last.

use crate::support::{OnRedis, Tests, connect, redis};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, cmd};
use segstock_redis::{Atomic, Restarts};
use segstock_remote::servers::{OwnServer, RedisServer, Server, Store, Upstream, id, units};
use segstock_remote::{Answer, RemoteStock};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::time::sleep;

pub fn add(tests: &Tests) {
    tests.add_with_own(
        "failover::a_replica_that_lacks_a_sale_is_noticed",
        RedisServer::find,
        failover,
    );
}

fn failover(primary: &OwnServer<RedisServer>, runtime: &Handle) {
    let replica = RedisServer::find().unwrap();
    let folder = std::env::temp_dir().join(format!("segstock-failover-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // The address of the stock's server, whichever that is.
    let address = folder.join("socket");
    let (of_primary, url) = {
        let primary = primary.lock().unwrap();
        (socket(&primary), primary.url().to_owned())
    };
    leads_to(&address, &of_primary);
    let of_replica = socket(&replica);
    let mut asked = [connect(&url, runtime), connect(replica.url(), runtime)];
    let address_url = format!("unix://{}", address.display());
    runtime.block_on(async {
        follow(&mut asked).await;
        let careful = OnRedis::hurried(&address_url, 20).restarts(Restarts::MayLose);
        let stock = Atomic::create(&careful, "shoes", 3).await.unwrap();
        assert_eq!(stock.deduct(&id("a"), units(1)).await, Answer::Done(()));
        let [primary_asked, replica_asked] = &mut asked;
        let replicas: u64 = ask(primary_asked, &["WAIT", "1", "10000"]).await;
        assert_eq!(replicas, 1);

        // The replica is cut off and promoted, and a sale is acknowledged that it does not have.
        () = ask(replica_asked, &["REPLICAOF", "NO", "ONE"]).await;
        assert_eq!(stock.deduct(&id("b"), units(1)).await, Answer::Done(()));
        leads_to(&address, &of_replica);
        assert!(primary.lock().unwrap().kill_and_start().is_ok());

        // Nothing is sold and nothing refused, neither the sale that is lost. Where a call has no time left, it may not say why.
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let answers = [
                stock.deduct(&id("c"), units(1)).await,
                stock.deduct(&id("b"), units(1)).await,
                stock.restock(&id("d"), units(1)).await,
                stock.outcome(&id("b")).await,
            ];
            let says_why = answers.map(|answer| {
                let Answer::Unknown(unknown) = answer else {
                    panic!("the replica lacks a sale: {answer:?}");
                };
                unknown.last_error.contains("order log")
            });
            if says_why == [true; 4] {
                break;
            }
            assert!(Instant::now() < until, "{says_why:?}");
        }
        assert!(stock.available().await.is_err());
        assert!(Atomic::open(&careful, "shoes").await.is_err());
        // Who does not look would sell that unit again.
        let careless = Atomic::open(&redis(&address_url), "shoes").await.unwrap();
        assert_eq!(careless.available().await, Ok(2));

        // Two were sold, says the order log. The stock that was open goes on, too.
        let again = Atomic::replace(&careful, "shoes", 1).await.unwrap();
        assert_eq!(again.deduct(&id("c"), units(1)).await, Answer::Done(()));
        let refused = stock.deduct(&id("e"), units(1)).await;
        assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
    });
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Has the second server replicate the first, and waits until it does.
async fn follow([primary, replica]: &mut [MultiplexedConnection; 2]) {
    let port = listen(primary).await;
    () = ask(replica, &["REPLICAOF", "127.0.0.1", &port]).await;
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let info: String = ask(replica, &["INFO", "replication"]).await;
        if info.contains("master_link_status:up") {
            return;
        }
        assert!(Instant::now() < until, "{info}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Has a server listen on a port, too: replication has no sockets of Unix.
async fn listen(server: &mut MultiplexedConnection) -> String {
    () = ask(server, &["CONFIG", "SET", "bind", "127.0.0.1"]).await;
    loop {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let mut set = cmd("CONFIG");
        set.arg("SET").arg("port").arg(&port);
        // Somebody else may take it meanwhile.
        if set.query_async::<()>(server).await.is_ok() {
            return port;
        }
    }
}

async fn ask<T: FromRedisValue>(connection: &mut MultiplexedConnection, words: &[&str]) -> T {
    let mut command = cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command.query_async(connection).await.unwrap()
}

fn socket(server: &RedisServer) -> PathBuf {
    match server.upstream() {
        Some(Upstream::Unix(socket)) => socket,
        other => panic!("a private server has a socket: {other:?}"),
    }
}

/// Has an address lead to another socket, at once.
fn leads_to(address: &Path, socket: &Path) {
    let next = address.with_extension("next");
    symlink(socket, &next).unwrap();
    std::fs::rename(&next, address).unwrap();
}
