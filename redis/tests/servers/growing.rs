//! `Growing`, whose clients die in the middle: what they leave behind on the server.

use crate::support::{Site, Tests, connect, redis};
use segstock_redis::Growing;
use segstock_remote::servers::{Server, fresh_name, id, units};
use segstock_remote::{Answer, RemoteStock};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::slice::from_ref;
use std::task::Poll;

pub fn add(tests: &Tests) {
    tests.add("growing::clients_that_die_leave_records_alone", |site| {
        let connection = connect(site.server.url(), site.runtime);
        site.runtime.block_on(die(site, connection));
    });
}

/// How often a whole order was polled, or nothing if it died: one whose client dies when it waits for the `dies_at`th time.
async fn polls(order: impl Future<Output = Answer>, dies_at: u64) -> Option<u64> {
    let (mut order, mut polls) = (pin!(order), 0);
    poll_fn(|context| {
        polls += 1;
        match order.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(Some(polls)),
            Poll::Pending if polls == dies_at => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
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
    let (mut dead, mut sold, mut longest) = (0, 0, 0);
    for number in 0..600_u64 {
        let order = id(&format!("order:{number}"));
        // Enough of them find all units, and enough find too few.
        let wanted = units(EACH + 1 + number % held);
        // Every third lives, and tells how many steps there are.
        let dies_at = match number % 3 {
            0 => u64::MAX,
            _ => 1 + (number / 3) % (longest + 1),
        };
        let client = Growing::open(servers, &name).await.unwrap();
        let lived = polls(client.deduct(&order, wanted), dies_at).await;
        dead += u64::from(lived.is_none());
        longest = longest.max(lived.unwrap_or(0));
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
    println!("{dead} clients died within {longest} steps, {sold} of 600 orders were sold");
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
