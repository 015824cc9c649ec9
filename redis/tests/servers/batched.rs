//! `Batched`: how long ids are known, what is written, and batches that are sent again, by one writer or by two.

use crate::support::{OnRedis, Site, Tests, connect, redis};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, cmd};
use segstock_redis::{Batched, Redis};
use segstock_remote::servers::{
    Faults, Proxy, RedisServer, Server, Store, Upstream, fresh_name, id, units,
};
use segstock_remote::{Answer, OrderId, RemoteStock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long ids are remembered, in seconds, by a client that asks for nothing else.
const REMEMBERED: u64 = 600;

pub fn add(tests: &Tests) {
    add_memory(tests, "an_id_is_known_on_both_sides_of_a_turn", known);
    add_memory(
        tests,
        "ids_are_forgotten_and_their_memory_with_them",
        forgets,
    );
    add_memory(tests, "an_id_is_known_for_its_whole_time", whole_time);
    add_memory(tests, "ids_are_known_for_longer_while_nobody_calls", idle);
    add_memory(
        tests,
        "a_clock_that_was_set_back_forgets_nothing_early",
        back,
    );
    add_memory(
        tests,
        "a_clock_that_goes_back_and_forth_forgets_nothing_early",
        back_and_forth,
    );
    add_memory(tests, "the_longest_time_of_all_clients_counts", two_times);
    add_memory(tests, "what_nobody_asks_for_goes_by_itself", deadlines);
    add_memory(tests, "a_refusal_writes_nothing", refusals);
    add_memory(tests, "a_call_that_sells_nothing_makes_turns_too", reads);
    tests.add_behind_proxy("batched::a_batch_is_sent_again", |site, upstream| {
        site.runtime.block_on(sent_again(site, upstream));
    });
    tests.add("batched::two_writers_sell_each_order_once", |site| {
        site.runtime.block_on(two_writers(site));
    });
    tests.add_with_own(
        "batched::a_large_batch_is_one_call",
        RedisServer::find,
        |server, runtime| {
            let url = server.lock().unwrap().url().to_owned();
            let connection = connect(&url, runtime);
            runtime.block_on(large(&redis(&url), connection));
        },
    );
}

/// A test of a stock of 100 units, whose server's clock is the test's.
fn add_memory(tests: &Tests, what: &str, test: impl AsyncFn(Kept) + Send + 'static) {
    tests.add(&format!("batched::{what}"), move |site| {
        let connection = connect(site.server.url(), site.runtime);
        let (redis, name) = (redis(site.server.url()), fresh_name());
        site.runtime.block_on(async {
            let stock = Batched::create(&redis, &name, 100).await.unwrap();
            let kept = Kept {
                stock,
                redis,
                name,
                connection,
            };
            test(kept).await;
        });
    });
}

/// A stock, and what the server keeps of it.
struct Kept {
    stock: Batched,
    redis: Redis,
    name: String,
    connection: MultiplexedConnection,
}

impl Kept {
    async fn ask<T: FromRedisValue>(&self, command: &str, end: &str, args: &[&str]) -> T {
        let mut asked = cmd(command);
        asked
            .arg(format!("segstock:{{{}}}:{end}", self.name))
            .arg(args);
        let mut connection = self.connection.clone();
        asked.query_async(&mut connection).await.unwrap()
    }

    /// This many seconds after the test began, by the server's clock.
    async fn at(&self, seconds: u64) -> &Self {
        let ahead = (seconds * 1_000).to_string();
        let _: u64 = self.ask("HSET", "server", &["ahead", &ahead]).await;
        self
    }

    async fn sells(&self, order: &str) {
        let sold = self.stock.deduct(&id(order), units(1)).await;
        assert_eq!(sold, Answer::Done(()), "{order}");
    }

    /// Sells one unit to each of these orders, once, however often they come.
    async fn knows(&self, orders: &[&str]) {
        let available = self.stock.available().await;
        for order in orders {
            self.sells(order).await;
            assert_eq!(self.stock.outcome(&id(order)).await, Answer::Done(()));
            let other = self.stock.restock(&id(order), units(1)).await;
            assert!(matches!(other, Answer::Unknown(_)), "{order}: {other:?}");
        }
        assert_eq!(self.stock.available().await, available, "{orders:?}");
    }

    /// The orders of each hash of records.
    async fn records(&self) -> [Vec<String>; 2] {
        let mut records = [Vec::new(), Vec::new()];
        for (number, orders) in records.iter_mut().enumerate() {
            *orders = self.ask("HKEYS", &format!("records:{number}"), &[]).await;
            orders.sort();
        }
        records.sort();
        records
    }

    async fn state(&self) -> BTreeMap<String, String> {
        self.ask("HGETALL", "server", &[]).await
    }
}

async fn known(kept: Kept) {
    kept.sells("a").await;
    kept.knows(&["a"]).await;
    kept.at(REMEMBERED + 1).await.sells("b").await;
    assert_eq!(kept.records().await, [["a"], ["b"]]);
    kept.knows(&["a", "b"]).await;
    assert_eq!(kept.stock.available().await, Ok(98));
    // A refusal is known there, too.
    for _ in 0..2 {
        let unknown = kept.stock.outcome(&id("c")).await;
        assert_eq!(unknown, Answer::REFUSED);
    }
    kept.at(2 * REMEMBERED + 2).await.sells("d").await;
    let refused = kept.stock.deduct(&id("c"), units(1)).await;
    assert_eq!(refused, Answer::REFUSED);
    kept.knows(&["b", "d"]).await;
}

async fn forgets(kept: Kept) {
    kept.sells("a").await;
    kept.at(REMEMBERED + 1).await.sells("b").await;
    kept.at(2 * REMEMBERED + 2).await.sells("c").await;
    assert_eq!(kept.records().await, [["b"], ["c"]]);
    // Nothing is known of it, so it is sold.
    kept.sells("a").await;
    assert_eq!(kept.stock.available().await, Ok(96));
    for turn in 3..10 {
        kept.at(turn * (REMEMBERED + 1)).await.sells("x").await;
        assert!(kept.records().await.concat().len() <= 3);
    }
}

/// It is written shortly before a turn. Its time ends before the turn after that.
async fn whole_time(kept: Kept) {
    kept.sells("first").await;
    for seconds in [REMEMBERED - 20, REMEMBERED + 10, 2 * REMEMBERED - 40] {
        kept.at(seconds).await.sells("late").await;
        kept.sells(&format!("at:{seconds}")).await;
    }
    assert_eq!(kept.stock.available().await, Ok(95));
    kept.knows(&["late"]).await;
}

/// A call makes one turn at most, however long the last one is ago.
async fn idle(kept: Kept) {
    kept.sells("a").await;
    kept.at(REMEMBERED + 1).await.sells("b").await;
    kept.at(9 * REMEMBERED).await.sells("c").await;
    assert_eq!(kept.records().await, [["b"], ["c"]]);
    kept.knows(&["b", "c"]).await;
}

async fn back(kept: Kept) {
    kept.at(9 * REMEMBERED).await.sells("a").await;
    kept.at(10 * REMEMBERED + 1).await.sells("b").await;
    // Set back by more than ids are remembered.
    kept.at(0).await.sells("c").await;
    kept.at(REMEMBERED - 10).await.sells("d").await;
    kept.knows(&["a", "b", "c", "d"]).await;
    // From then on it forgets as before, though the clock is not where it was.
    kept.at(REMEMBERED + 1).await.sells("e").await;
    kept.knows(&["b", "c", "d", "e"]).await;
    kept.at(2 * REMEMBERED + 2).await.sells("f").await;
    assert_eq!(kept.records().await, [["e"], ["f"]]);
}

/// A clock that is set back by less than ids are remembered, and right again.
async fn back_and_forth(kept: Kept) {
    kept.sells("first").await;
    kept.at(REMEMBERED - 10).await.sells("a").await;
    kept.at(REMEMBERED + 1).await.sells("b").await;
    kept.at(REMEMBERED / 2).await.sells("c").await;
    kept.at(2 * REMEMBERED - 11).await;
    kept.knows(&["a", "b", "c"]).await;
}

/// A stock that is sold out, and one that is only looked at.
async fn reads(kept: Kept) {
    kept.sells("a").await;
    kept.at(REMEMBERED + 1).await;
    let refused = kept.stock.deduct(&id("b"), units(100)).await;
    assert_eq!(refused, Answer::Refused(left(99)));
    assert_eq!(kept.records().await, [vec![], vec!["a".to_owned()]]);
    kept.at(2 * REMEMBERED + 2).await;
    assert_eq!(kept.stock.available().await, Ok(99));
    assert_eq!(kept.records().await.concat(), [""; 0]);
}

/// An id of a client that asks for twice the time, beside one that does not.
async fn two_times(kept: Kept) {
    let long = kept.redis.clone();
    let long = long.remembered(Duration::from_secs(2 * REMEMBERED));
    let long = Batched::open(&long, &kept.name).await.unwrap();
    kept.sells("first").await;
    kept.at(REMEMBERED - 100).await;
    let sold = long.deduct(&id("long"), units(1)).await;
    assert_eq!(sold, Answer::Done(()));
    // For the other client alone there would be a turn at each of these.
    for seconds in [REMEMBERED + 1, 2 * REMEMBERED + 2] {
        kept.at(seconds).await.sells(&format!("at:{seconds}")).await;
    }
    kept.at(3 * REMEMBERED - 110).await;
    kept.sells("last").await;
    kept.knows(&["long"]).await;
    assert_eq!(long.outcome(&id("long")).await, Answer::Done(()));
}

async fn deadlines(kept: Kept) {
    kept.sells("a").await;
    kept.at(REMEMBERED + 1).await.sells("b").await;
    for number in [0, 1] {
        let left: u64 = kept.ask("PTTL", &format!("records:{number}"), &[]).await;
        let seconds = left / 1_000;
        assert!(
            (2 * REMEMBERED..=3 * REMEMBERED).contains(&seconds),
            "{seconds} s"
        );
    }
    let left: i64 = kept.ask("PTTL", "server", &[]).await;
    assert_eq!(left, -1, "the stock itself stays");
}

async fn refusals(kept: Kept) {
    kept.sells("a").await;
    let before = (kept.state().await, kept.records().await);
    for number in 0..10 {
        let order = id(&format!("refused:{number}"));
        let refused = kept.stock.deduct(&order, units(100)).await;
        assert_eq!(refused, Answer::Refused(left(99)));
        let too_many = units(segstock_remote::MAX_UNITS);
        let refused = kept.stock.restock(&order, too_many).await;
        assert_eq!(refused, Answer::Refused(left(99)));
        kept.sells("a").await;
    }
    assert_eq!((kept.state().await, kept.records().await), before);
}

fn left(units: u64) -> segstock_remote::Refused {
    let available = Some(units);
    segstock_remote::Refused { available }
}

/// Orders that all wait at once, with what became of them.
async fn ordered(stock: &Arc<Batched>, orders: u64) -> Vec<(OrderId, u64, Answer)> {
    let mut calls = JoinSet::new();
    for number in 0..orders {
        let stock = Arc::clone(stock);
        calls.spawn(async move {
            let (order, wanted) = (id(&format!("order:{number}")), 1 + number % 3);
            let answer = stock.deduct(&order, units(wanted)).await;
            (order, wanted, answer)
        });
    }
    calls.join_all().await
}

/// Replies of the server are lost, and requests come late: each order that was sold took its units once.
async fn sent_again(site: &Site<'_>, upstream: Upstream) {
    const HELD: u64 = 500;
    let faults = Faults {
        cut_after: 120,
        silent: 20,
        late: 40,
        ..Faults::NONE
    };
    let proxy = Proxy::start(upstream, faults, 11).await.unwrap();
    let (direct, name) = (redis(site.server.url()), fresh_name());
    let checks = Batched::create(&direct, &name, HELD).await.unwrap();
    let behind = OnRedis::hurried(&RedisServer::url_behind(proxy.address()), 40);
    let stock = Arc::new(Batched::open(&behind, &name).await.unwrap());
    let (mut sold, mut refused, mut back) = (0, 0, 0);
    // They want more than is in stock: in large batches, then in many of one order. What comes back must not be sold to an order
    // that was refused, by a copy that comes late.
    let mut answers = ordered(&stock, 240).await;
    for number in 0..100 {
        let order = id(&format!("single:{number}"));
        let answer = stock.deduct(&order, units(4)).await;
        answers.push((order, 4, answer));
        let returned = id(&format!("back:{number}"));
        assert_eq!(stock.restock(&returned, units(2)).await, Answer::Done(()));
        back += 2;
    }
    proxy.heal();
    tokio::time::sleep(Faults::LATE * 2).await;
    for (order, wanted, answer) in answers {
        match answer {
            Answer::Done(()) => {
                sold += wanted;
                let again = checks.deduct(&order, units(wanted)).await;
                assert_eq!(again, Answer::Done(()), "{order}");
            }
            Answer::Refused(_) => {
                refused += 1;
                assert_eq!(checks.outcome(&order).await, Answer::REFUSED, "{order}");
            }
            Answer::Unknown(unknown) => panic!("{order}: {unknown}"),
        }
    }
    let unanswered = stock.unanswered();
    println!("{unanswered} attempts unanswered, {sold} units sold, {refused} orders refused");
    assert!(unanswered >= 10 && refused > 0);
    assert_eq!(checks.available().await, Ok(HELD + back - sold));
}

async fn two_writers(site: &Site<'_>) {
    const HELD: u64 = 500;
    let (redis, name) = (redis(site.server.url()), fresh_name());
    let one = Arc::new(Batched::create(&redis, &name, HELD).await.unwrap());
    let other = Arc::new(Batched::open(&redis, &name).await.unwrap());
    let answers = tokio::join!(ordered(&one, 400), ordered(&other, 400));
    let mut sold = BTreeMap::new();
    for (order, wanted, answer) in [answers.0, answers.1].concat() {
        assert!(answer.is_known(), "{order}: {answer:?}");
        if answer == Answer::Done(()) {
            sold.insert(order.to_string(), wanted);
        }
    }
    for (order, wanted) in &sold {
        let again = one.deduct(&id(order), units(*wanted)).await;
        assert_eq!(again, Answer::Done(()));
    }
    let sold: u64 = sold.values().sum();
    assert!(HELD - sold < 3, "{sold} sold");
    assert_eq!(other.available().await, Ok(HELD - sold));
}

async fn large(redis: &Redis, mut connection: MultiplexedConnection) {
    const ORDERS: u64 = 3_000;
    let (held, wanted) = (10_000, ORDERS / 3 * 6);
    let stock = Arc::new(Batched::create(redis, "shoes", held).await.unwrap());
    for _ in 0..2 {
        () = ask(&mut connection, &["CONFIG", "RESETSTAT"]).await;
        // The server serves nobody until all of them wait.
        () = ask(&mut connection, &["CLIENT", "PAUSE", "1000"]).await;
        for (order, _, answer) in ordered(&stock, ORDERS).await {
            assert_eq!(answer, Answer::Done(()), "{order}");
        }
        assert_eq!(stock.available().await, Ok(held - wanted));
        let info: String = ask(&mut connection, &["INFO", "commandstats"]).await;
        let calls = info.lines().find_map(|line| {
            let calls = line.strip_prefix("cmdstat_fcall:calls=")?;
            calls.split(',').next()?.parse::<u64>().ok()
        });
        assert!(calls.is_some_and(|calls| calls < ORDERS / 100), "{info}");
    }
    let records = ["HLEN", "segstock:{shoes}:records:1"];
    assert_eq!(ask::<u64>(&mut connection, &records).await, ORDERS);
}

async fn ask<T: FromRedisValue>(connection: &mut MultiplexedConnection, words: &[&str]) -> T {
    let mut command = cmd(words[0]);
    command.arg(&words[1..]);
    command.query_async(connection).await.unwrap()
}
