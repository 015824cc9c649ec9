//! What nodes promise while nothing fails.

use super::many::run;
use super::support::{Tests, at_url, connect, sale, scenes, text};
use segstock_postgres::nodes::{
    InvalidOrder, MAX_HOLD, Node, OrderState, Refusal, Sale, SaleError,
};
use segstock_remote::servers::{OwnServer, PostgresServer, Server, id};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

pub fn add(tests: &Tests) {
    scenes!(at_url(tests) {
        "calm::an_order_lives_at_any_node": lives,
        "calm::an_id_is_one_order": one_order,
        "calm::what_would_be_on_the_shelf_is_foreseen": foreseen,
        "calm::the_last_unit_is_sold_by_any_node_and_then_refused": last_unit,
        "calm::lines_are_placed_all_or_none": all_or_none,
        "calm::a_hold_expires_and_its_units_are_sold": expires,
        "calm::who_leaves_hands_back": leaves,
        "calm::the_newer_of_one_name_stops_the_older": one_name,
        "calm::a_dead_node_keeps_its_units_until_its_lease_is_over": dead,
    });
    tests.add_behind_proxy("calm::no_way_in_is_an_error_at_once", |site, _| {
        for (url, says) in site.server.no_ways_in() {
            let began = Instant::now();
            let sale = Sale::at(&url, "shop").expect("a URL and a name");
            let error = site.runtime.block_on(sale.install()).expect_err(says);
            assert!(error.to_string().contains(says), "{error}");
            assert!(began.elapsed() < Duration::from_secs(3), "{error}");
        }
    });
    tests.add_with_own(
        "calm::no_node_joins_where_commits_are_lost_when_the_machine_stops",
        PostgresServer::find,
        not_durable,
    );
    tests.add_with_own(
        "calm::a_node_sells_nothing_from_a_server_that_loses_commits_by_now",
        PostgresServer::find,
        not_durable_any_more,
    );
    scenes!(at_url(tests) {
        "calm::a_full_node_is_busy": busy,
        "calm::a_call_goes_on_without_its_caller": cancelled,
    });
}

fn not_durable(server: &OwnServer<PostgresServer>, runtime: &Handle) {
    let url = server.lock().expect("no test failed").url().to_owned();
    runtime.block_on(async {
        let (sale, name) = sale(&url, &[("phone", 1)]).await;
        let client = connect(&url, &name).await;
        for off in ["fsync", "full_page_writes"] {
            for setting in [format!("set {off} = off"), format!("reset {off}")] {
                run(&client, &format!("alter system {setting}")).await;
                run(&client, "select pg_reload_conf(), pg_sleep(0.5)").await;
                let joined = sale.join("n0").await;
                if setting.starts_with("reset") {
                    joined
                        .expect("it is on again")
                        .leave()
                        .await
                        .expect("it leaves");
                    continue;
                }
                let refused = joined.expect_err("commits are not safe");
                let named = off.to_owned();
                assert_eq!(refused, SaleError::NotDurable { setting: named });
                let line =
                    format!("the server has {off} off: it loses commits when its machine stops");
                assert_eq!(refused.to_string(), line);
            }
        }
    });
}

/// A server that has `fsync` or `full_page_writes` off takes nothing of a node that was there before, until both are on again.
fn not_durable_any_more(server: &OwnServer<PostgresServer>, runtime: &Handle) {
    let url = server.lock().expect("no test failed").url().to_owned();
    let start_again = || {
        let mut server = server.lock().expect("no test failed");
        server.kill_and_start().expect("it starts again");
    };
    runtime.block_on(async {
        let (sale, name) = sale(&url, &[("phone", 9)]).await;
        let sale = sale
            .timeout(Duration::from_secs(1))
            .patience(Duration::from_secs(2));
        let node = sale.join("n0").await.expect("it joins");
        let set = async |setting: &str| {
            let client = connect(&url, &name).await;
            for statement in format!("alter system {setting}").split(';') {
                run(&client, statement).await;
            }
        };
        set("set fsync = off").await;
        start_again();
        let placed = node.place(&id("a"), [("phone", 1)], DAY).await;
        let refused = placed.expect_err("commits are not safe");
        assert!(refused.is_temporary(), "{refused}");
        let is_placed = async |order: &str| {
            let began = Instant::now();
            while node.place(&id(order), [("phone", 1)], DAY).await.is_err() {
                assert!(began.elapsed() < Duration::from_secs(30), "it is on again");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        set("reset fsync").await;
        start_again();
        is_placed("a").await;

        // While its connections are open, it sees that within five seconds.
        let reload = "select pg_reload_conf(), pg_sleep(0.5)";
        set(&format!("set full_page_writes = off; {reload}")).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let placed = node.place(&id("b"), [("phone", 1)], DAY).await;
        let refused = placed.expect_err("commits are not safe");
        assert!(refused.is_temporary(), "{refused}");
        set(&format!("reset full_page_writes; {reload}")).await;
        is_placed("b").await;
        node.leave().await.expect("it leaves");
        sale.audit().await.expect("it balances");
    });
}

const DAY: Option<Duration> = Some(Duration::from_secs(86_400));

async fn shop(url: &str, skus: &[(&str, u64)], nodes: usize) -> (Sale, Vec<Node>, String) {
    let (sale, name) = sale(url, skus).await;
    let mut joined = Vec::new();
    for node in 0..nodes {
        joined.push(sale.join(&format!("n{node}")).await.expect("it joins"));
    }
    (sale, joined, name)
}

async fn at_rest(nodes: &[Node], sale: &Sale) {
    for node in nodes {
        node.leave().await.expect("it leaves");
    }
    sale.audit().await.expect("it balances");
}

async fn lives(url: &str) {
    let (sale, nodes, _) = shop(url, &[("phone", 10)], 2).await;
    let (one, two) = (&nodes[0], &nodes[1]);
    let order = one
        .place(&id("x"), [("phone", 2)], DAY)
        .await
        .expect("there are ten");
    assert_eq!(order.state, OrderState::Held);
    assert!(
        order
            .until
            .is_some_and(|until| until > std::time::SystemTime::now())
    );
    let got = two.get(&id("x")).await.expect("it is held");
    assert_eq!((got.state, got.until), (order.state, order.until));
    let mut again = order;
    again.before = true;
    assert_eq!(
        two.place(&id("x"), [("phone", 2)], None).await,
        Ok(again),
        "a retry elsewhere"
    );
    assert_eq!(two.available("phone").await, Ok(8));
    assert_eq!(
        two.pay(&id("x")).await.map(|order| order.state),
        Ok(OrderState::Paid)
    );
    assert_eq!(
        one.pay(&id("x")).await.map(|order| order.state),
        Ok(OrderState::Paid)
    );
    assert_eq!(
        one.place(&id("x"), [("phone", 2)], DAY)
            .await
            .map(|order| order.state),
        Ok(OrderState::Paid)
    );
    assert_eq!(
        one.ship(&id("x")).await.map(|order| order.state),
        Ok(OrderState::Shipped)
    );
    assert!(
        matches!(two.cancel(&id("x")).await, Err(Refusal::Is(order)) if order.state == OrderState::Shipped)
    );
    two.place(&id("y"), [("phone", 3)], DAY)
        .await
        .expect("there are eight");
    assert!(
        matches!(one.ship(&id("y")).await, Err(Refusal::Is(order)) if order.state == OrderState::Held)
    );
    assert_eq!(
        one.cancel(&id("y"))
            .await
            .map(|order| order.map(|order| order.state)),
        Ok(Some(OrderState::Cancelled))
    );
    assert!(
        matches!(two.pay(&id("y")).await, Err(Refusal::Is(order)) if order.state == OrderState::Cancelled)
    );
    assert_eq!(two.available("phone").await, Ok(8));
    assert_eq!(two.cancel(&id("early")).await, Ok(None), "before its order");
    assert_eq!(
        one.place(&id("early"), [("phone", 1)], DAY).await,
        Err(Refusal::CancelledBefore)
    );
    for node in &nodes {
        assert_eq!(node.pay(&id("nix")).await, Err(Refusal::NoOrder));
        assert_eq!(node.get(&id("nix")).await, Err(Refusal::NoOrder));
    }
    at_rest(&nodes, &sale).await;
}

async fn foreseen(url: &str) {
    let (sale, nodes, _) = shop(url, &[("phone", 10)], 2).await;
    let (one, two) = (&nodes[0], &nodes[1]);
    // Some of them are in a block, and one is promised.
    let placed = one.place(&id("x"), [("phone", 1)], DAY).await;
    placed.expect("there are ten");
    let most = 1 << 40;
    for (key, units) in [("a", 5), ("a", 5), ("a", 6), ("b", most - 15), ("c", 1)] {
        let before = two.stock("phone").await;
        let foreseen = two.foresee_restock(&id(key), "phone", units).await;
        assert_eq!(two.stock("phone").await, before, "it changes nothing");
        let restocked = one.restock(&id(key), "phone", units).await;
        let done = restocked.map(|did| (did.before, did.difference));
        let foreseen = foreseen.map(|did| (did.before, did.difference));
        assert_eq!(foreseen, done, "{key} {units}");
    }
    for (key, units) in [("n", 7), ("n", 7), ("n", 8), ("o", 0), ("a", 5)] {
        let foreseen = two.foresee_count(&id(key), "phone", units).await;
        let counted = one.count(&id(key), "phone", units).await;
        let done = counted.map(|did| (did.before, did.difference));
        let foreseen = foreseen.map(|did| (did.before, did.difference));
        assert_eq!(foreseen, done, "{key} {units}");
    }
    let sku = "nix".to_owned();
    let refused = one.foresee_count(&id("n"), "nix", 1).await;
    assert_eq!(refused.map(|did| did.before), Err(Refusal::NoSku { sku }));
    let refused = one.foresee_restock(&id("z"), "phone", most + 1).await;
    assert_eq!(refused.map(|did| did.before), Err(Refusal::TooMany));
    one.cancel(&id("x")).await.expect("it is held");
    at_rest(&nodes, &sale).await;
}

async fn one_order(url: &str) {
    let (sale, nodes, _) = shop(url, &[("phone", 10)], 2).await;
    let (one, two) = (&nodes[0], &nodes[1]);
    one.place(&id("x"), [("phone", 2)], DAY)
        .await
        .expect("there are ten");
    for node in &nodes {
        assert_eq!(
            node.place(&id("x"), [("phone", 3)], DAY).await,
            Err(Refusal::Conflict)
        );
    }
    two.restock(&id("more"), "phone", 5)
        .await
        .expect("it is new");
    one.restock(&id("more"), "phone", 5).await.expect("a retry");
    assert_eq!(
        one.restock(&id("more"), "phone", 6).await,
        Err(Refusal::Conflict)
    );
    assert_eq!(
        one.restock(&id("z"), "nix", 6).await,
        Err(Refusal::NoSku {
            sku: "nix".to_owned()
        })
    );
    assert_eq!(
        one.restock(&id("z"), "phone", 1 << 40).await,
        Err(Refusal::TooMany)
    );
    assert_eq!(
        one.place(&id("z"), [("nix", 1)], DAY).await,
        Err(Refusal::NoSku {
            sku: "nix".to_owned()
        })
    );
    let none: [(&str, u64); 0] = [];
    assert_eq!(
        one.place(&id("z"), none, DAY).await,
        Err(Refusal::Invalid(InvalidOrder::None))
    );
    let long = Some(MAX_HOLD + Duration::from_secs(1));
    assert_eq!(
        one.place(&id("z"), [("phone", 1)], long).await,
        Err(Refusal::Invalid(InvalidOrder::Hold))
    );
    let longest = one.place(&id("long"), [("phone", 1)], Some(MAX_HOLD)).await;
    longest.expect("the server takes it");
    one.cancel(&id("long")).await.expect("it is held");
    assert_eq!(one.available("phone").await, Ok(13));
    // Many at once, at both nodes: one order.
    let calls = (0..40).map(|call| {
        let node = nodes[call % 2].clone();
        tokio::spawn(async move { node.place(&id("many"), [("phone", 3)], None).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(
            call.await.expect("it ends").map(|order| order.state),
            Ok(OrderState::Held)
        );
    }
    assert_eq!(one.available("phone").await, Ok(10));
    at_rest(&nodes, &sale).await;
}

async fn last_unit(url: &str) {
    let (sale, nodes, _) = shop(url, &[("phone", 90)], 3).await;
    let calls = (0..180).map(|call| {
        let node = nodes[call % 3].clone();
        tokio::spawn(async move {
            node.place(&id(&format!("o{call}")), [("phone", 1)], None)
                .await
        })
    });
    let mut answers = BTreeMap::new();
    for (call, asked) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        let answer = asked.await.expect("it ends").map(|order| order.state);
        answers.insert(call, answer);
    }
    let sold = answers
        .values()
        .filter(|answer| **answer == Ok(OrderState::Held))
        .count();
    let refused = Err(Refusal::SoldOut {
        sku: "phone".to_owned(),
    });
    let refusals = answers
        .values()
        .filter(|answer| **answer == refused)
        .count();
    assert_eq!((sold, refusals), (90, 90));
    for (call, answer) in answers {
        let other = &nodes[(call + 1) % 3];
        let again = other
            .place(&id(&format!("o{call}")), [("phone", 1)], None)
            .await;
        assert_eq!(
            again.map(|order| order.state),
            answer,
            "asked again elsewhere"
        );
    }
    at_rest(&nodes, &sale).await;
}

async fn all_or_none(url: &str) {
    let (sale, nodes, _) = shop(url, &[("phone", 6), ("cable", 3)], 3).await;
    let both = |phones, cables| [("cable", cables), ("phone", phones)];
    nodes[0]
        .place(&id("a"), both(1, 1), None)
        .await
        .expect("there are enough");
    nodes[1]
        .place(&id("b"), both(1, 1), None)
        .await
        .expect("there are enough");
    let short = nodes[2].place(&id("c"), both(1, 2), None).await;
    assert_eq!(
        short,
        Err(Refusal::SoldOut {
            sku: "cable".to_owned()
        })
    );
    // No node has four phones: a recall brings them together.
    nodes[2]
        .place(&id("d"), both(4, 1), None)
        .await
        .expect("they are there, in three nodes");
    assert_eq!(
        (
            nodes[0].available("phone").await,
            nodes[0].available("cable").await
        ),
        (Ok(0), Ok(0))
    );
    at_rest(&nodes, &sale).await;
}

async fn expires(url: &str) {
    let (sale, nodes, _) = shop(url, &[("phone", 2)], 2).await;
    let hold = Some(Duration::from_millis(30));
    nodes[0]
        .place(&id("x"), [("phone", 2)], hold)
        .await
        .expect("there are two");
    tokio::time::sleep(Duration::from_millis(40)).await;
    let order = nodes[1].place(&id("y"), [("phone", 2)], None).await;
    assert_eq!(
        order.map(|order| order.state),
        Ok(OrderState::Held),
        "the hold is over"
    );
    assert_eq!(
        nodes[1].get(&id("x")).await.map(|order| order.state),
        Ok(OrderState::Expired)
    );
    assert!(
        matches!(nodes[0].pay(&id("x")).await, Err(Refusal::Short(lines)) if lines[0].available == 0),
        "its units are with another"
    );
    nodes[1].cancel(&id("y")).await.expect("it is held");
    // Nobody asks for it: a heartbeat ends it.
    nodes[0]
        .place(&id("z"), [("phone", 2)], hold)
        .await
        .expect("there are two");
    let until = Instant::now() + Duration::from_secs(60);
    while nodes[1].available("phone").await != Ok(2) {
        assert!(Instant::now() < until, "it is swept");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The units of `y` came to a block of a node, and the late payment has them all the same.
    let late = nodes[1].pay(&id("x")).await.expect("they can be had");
    assert_eq!(
        (late.state, late.units, late.late),
        (OrderState::Paid, 2, 2)
    );
    let again = nodes[0].pay(&id("x")).await.expect("a retry");
    assert_eq!((late.before, again.before), (false, true));
    assert_eq!((again.units, again.late), (2, 2));
    at_rest(&nodes, &sale).await;
}

async fn leaves(url: &str) {
    let (sale, nodes, name) = shop(url, &[("phone", 10)], 2).await;
    nodes[0]
        .place(&id("x"), [("phone", 1)], None)
        .await
        .expect("there are ten");
    assert!(nodes[0].status().blocks.iter().any(|block| block.free > 0));
    nodes[0].leave().await.expect("it leaves");
    nodes[0]
        .leave()
        .await
        .expect("a second time changes nothing");
    assert_eq!(nodes[0].over().await, "it left");
    assert_eq!(
        nodes[0].place(&id("y"), [("phone", 1)], None).await,
        Err(Refusal::Over)
    );
    let client = connect(url, &name).await;
    assert_eq!(
        text(&client, "select free from pool").await,
        "9",
        "all is in the pool, at once"
    );
    nodes[1]
        .place(&id("y"), [("phone", 9)], None)
        .await
        .expect("the other one sells them");
    at_rest(&nodes[1..], &sale).await;
    sale.end().await.expect("it balances");
}

async fn one_name(url: &str) {
    let (sale, nodes, _) = shop(url, &[("phone", 10)], 1).await;
    let older = &nodes[0];
    older
        .place(&id("x"), [("phone", 1)], None)
        .await
        .expect("there are ten");
    let newer = sale.join("n0").await.expect("it joins");
    assert_eq!((older.status().session, newer.status().session), (1, 2));
    newer
        .place(&id("y"), [("phone", 9)], None)
        .await
        .expect("the older one's blocks are closed");
    assert_eq!(older.over().await, "another node of its name has joined");
    assert_eq!(
        older.place(&id("z"), [("phone", 1)], None).await,
        Err(Refusal::Over)
    );
    at_rest(&[newer], &sale).await;
}

async fn dead(url: &str) {
    let (sale, name) = sale(url, &[("phone", 10)]).await;
    let sale = sale.lease(Duration::from_secs(6));
    let dies = sale.join("dies").await.expect("it joins");
    // It is answered soon.
    let hurried = sale.clone().patience(Duration::from_millis(700));
    let lives = hurried.join("lives").await.expect("it joins");
    dies.place(&id("x"), [("phone", 1)], None)
        .await
        .expect("there are ten");
    let has: u64 = dies.status().blocks.iter().map(|block| block.free).sum();
    assert!(has > 0);
    drop(dies);
    let died = Instant::now();
    let rest = 9 - has;
    lives
        .place(&id("y"), [("phone", rest)], None)
        .await
        .expect("these are in the pool");
    let z = lives.place(&id("z"), [("phone", has)], None).await;
    assert_eq!(z, Err(Refusal::TryAgain), "never sold out");
    let sold_out = lives.place(&id("much"), [("phone", has + 1)], None).await;
    assert_eq!(
        sold_out,
        Err(Refusal::SoldOut {
            sku: "phone".to_owned()
        }),
        "exact all the same"
    );
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match lives.place(&id("z"), [("phone", has)], None).await {
            Ok(_) => break,
            Err(refusal) => assert_eq!(refusal, Refusal::TryAgain),
        }
        assert!(Instant::now() < until, "its lease ends");
    }
    println!("a dead node's units are sold after {:?}", died.elapsed());
    let client = connect(url, &name).await;
    assert_eq!(
        text(&client, "select closed from block where node = 'dies'").await,
        "t"
    );
    at_rest(&[lives], &sale).await;
}

async fn busy(url: &str) {
    let (sale, _) = sale(url, &[("phone", 10)]).await;
    let node = sale.clone().calls(2).join("small").await.expect("it joins");
    let calls = (0..20).map(|call| {
        let node = node.clone();
        tokio::spawn(async move {
            node.place(&id(&format!("o{call}")), [("phone", 1)], None)
                .await
        })
    });
    let (mut sold, mut busy) = (0, 0);
    for call in calls.collect::<Vec<_>>() {
        match call.await.expect("it ends") {
            Ok(_) => sold += 1,
            Err(Refusal::Busy) => busy += 1,
            Err(refusal) => panic!("{refusal}"),
        }
    }
    assert!(sold >= 2 && busy > 0, "{sold} sold, {busy} busy");
    at_rest(&[node], &sale).await;
}

async fn cancelled(url: &str) {
    let (sale, nodes, _) = shop(url, &[("phone", 10)], 1).await;
    for call in 0..5 {
        let node = nodes[0].clone();
        let order = id(&format!("o{call}"));
        let place = async { node.place(&order, [("phone", 1)], None).await };
        let given_up = tokio::time::timeout(Duration::from_micros(100), place).await;
        drop(given_up);
    }
    nodes[0].leave().await.expect("the calls end");
    let two = sale.join("n1").await.expect("it joins");
    for call in 0..5 {
        let order = two.get(&id(&format!("o{call}"))).await;
        assert_eq!(order.map(|order| order.state), Ok(OrderState::Held));
    }
    at_rest(&[two], &sale).await;
}
