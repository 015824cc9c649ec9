//! `Growing`, whose clients die in the middle: what they leave behind on the server.

use crate::support::{Site, Tests, connect, redis};
use segstock_redis::Growing;
use segstock_remote::servers::{Server, fresh_name, id, units};
use segstock_remote::{Answer, RemoteStock};
use std::collections::BTreeSet;
use std::slice::from_ref;
use std::time::Duration;
use tokio::time::timeout;

pub fn add(tests: &Tests) {
    tests.add("growing::clients_that_die_leave_records_alone", |site| {
        let connection = connect(site.server.url(), site.runtime);
        site.runtime.block_on(die(site, connection));
    });
}

/// Clients that die at every step of an order which no key alone can serve. What they left open, others finish; and nothing stays
/// for ever but the keys with which the stock was created.
async fn die(site: &Site<'_>, mut connection: redis::aio::MultiplexedConnection) {
    const PARTS: usize = 5;
    const EACH: u64 = 4;
    let (redis, name) = (redis(site.server.url()), fresh_name());
    let servers = from_ref(&redis);
    let held = PARTS as u64 * EACH;
    let stock = Growing::create(servers, &name, held, PARTS).await.unwrap();
    let created = keys(&mut connection, &name).await;
    assert_eq!(created.len(), PARTS + 2, "{created:?}");
    let (mut dead, mut sold) = (0, 0);
    for number in 0..600_u64 {
        let order = id(&format!("order:{number}"));
        // Enough of them find all units, and enough find too few.
        let wanted = units(EACH + 1 + number % (held - EACH));
        let time = Duration::from_micros(number * 10);
        let client = Growing::open(servers, &name).await.unwrap();
        let lived = timeout(time, client.deduct(&order, wanted)).await;
        dead += u64::from(lived.is_err());
        drop(client);
        if stock.outcome(&order).await == Answer::Done(()) {
            sold += 1;
            let back = id(&format!("back:{number}"));
            assert_eq!(stock.restock(&back, wanted).await, Answer::Done(()));
        }
        assert_eq!(
            stock.available().await,
            Ok(held),
            "{number}: units are lost"
        );
    }
    println!("{dead} clients died, {sold} of 600 orders were sold");
    assert!(dead > 100 && sold > 100, "{dead} died, {sold} sold");
    for key in keys(&mut connection, &name).await.difference(&created) {
        let mut left = redis::cmd("PTTL");
        let left: i64 = left.arg(key).query_async(&mut connection).await.unwrap();
        assert!(left > 0, "{key} stays for ever: {left}");
    }
}

/// All keys of a stock.
async fn keys(connection: &mut redis::aio::MultiplexedConnection, name: &str) -> BTreeSet<String> {
    let mut keys = redis::cmd("KEYS");
    keys.arg(format!("segstock:{{{name}}}*"));
    keys.query_async(connection).await.unwrap()
}
