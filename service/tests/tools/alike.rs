//! What a node answers as one process does, and what it has the time for.

use crate::nodes::{arguments, start};
use crate::postgres::{trial, url};
use crate::support::process::{Process, command};
use crate::support::{JSON, key};
use libtest_mimic::Trial;
use segstock::MAX_UNITS;
use segstock_remote::servers::PostgresServer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "nodes::what_cannot_be_is_refused_as_by_one_process",
            refused,
        ),
        trial("nodes::a_list_takes_longer_than_a_request", long_list),
        trial(
            "nodes::a_list_that_is_refused_midway_is_safe_to_send_again",
            refused_midway,
        ),
        trial("nodes::a_retry_of_an_order_that_waits_is_answered", waits),
    ]
}

fn waits(server: PostgresServer) {
    let node = start(&url(&server), "one");
    let limit = |limits: Value| {
        let path = "/v1/stock/last-one/limits";
        let limited = node.client.send("PUT", path, &[JSON], &limits.to_string());
        limited.expect(200);
    };
    let order = |id: &str| {
        let body = json!({"lines": [{"sku": "last-one", "units": 2}], "wait": true});
        node.client.post("/v1/orders", id, &body)
    };
    limit(json!({"waiting": 5}));
    assert_eq!(order("a").expect(201)["state"], "waiting");
    limit(json!({}));
    let retry = order("a");
    assert!(retry.is_replayed(), "{retry:?}");
    assert_eq!(retry.expect(200)["state"], "waiting");
    order("b").problem(409, "queue-full");
}

fn refused(server: PostgresServer) {
    let node = start(&url(&server), "one");
    let body = json!({"lines": [{"sku": "phone", "units": 1}], "hold_minutes": 0});
    let placed = node.customers.post("/v1/orders", "a", &body);
    placed.problem(422, "invalid-request");
    node.customers.order("a", &[("phone", 1)]).expect(201);
    let longer = node
        .client
        .post("/v1/orders/a/extend", "e", &json!({"hold_minutes": 0}));
    longer.problem(422, "invalid-request");
    for path in [
        "/v1/stock?cursor=%00",
        "/v1/orders?customer=%00",
        "/v1/orders?sku=%00",
        "/v1/overview?first=%00",
        "/v1/stock/a%00b",
    ] {
        node.client.get(path).problem(422, "invalid-request");
    }
}

fn long_list(server: PostgresServer) {
    let url = url(&server);
    let slow = ["--request-timeout", "0.2"];
    let node = Process::spawn(&mut command(&[&arguments(&url, "one")[..], &slow].concat()));
    let lines = (0..400).map(|number| format!("sku-{number},1\n"));
    let list = format!("sku,units\n{}", lines.collect::<String>());
    let send = || {
        let headers = [("content-type", "text/csv"), key("list")];
        let path = "/v1/bulk/stock?do=restock&open=true";
        node.client.send("POST", path, &headers, &list).expect(200)
    };
    assert_eq!(
        (&send()["opened"], &send()["before"]),
        (&json!(400), &json!(400))
    );
    assert_eq!(node.client.stock("sku-399"), (1, 1));
}

/// At nodes a list is changed line by line, some at once.
fn refused_midway(server: PostgresServer) {
    const BEFORE: usize = 3_000;
    const AFTER: usize = 100;
    const AT_ONCE: usize = 16;
    let url = url(&server);
    let (node, other) = (start(&url, "one"), start(&url, "two"));
    node.client.open("n-full", 7);
    let before = (0..BEFORE).map(|number| format!("a-{number:04}"));
    let after = (0..AFTER).map(|number| format!("o-{number:04}"));
    let skus: Vec<String> = before.chain(["n-full".to_owned()]).chain(after).collect();
    let lines = skus.iter().map(|sku| format!("{sku},2\n"));
    let list = format!("sku,units\n{}", lines.collect::<String>());
    let send = || {
        let headers = [("content-type", "text/csv"), key("list")];
        let path = "/v1/bulk/stock?do=restock&open=true";
        let client = node.client.waiting(Duration::from_secs(120));
        client.send("POST", path, &headers, &list)
    };
    // Units on hand, in the sequence of the list: other SKUs are those of a first look.
    let units = || -> Vec<u64> {
        let list = other.client.get("/v1/bulk/stock").text;
        let lines = list
            .lines()
            .skip(1)
            .map(|line| line.split(',').collect::<Vec<_>>());
        let units: BTreeMap<&str, u64> = lines.map(|it| (it[0], it[1].parse().unwrap())).collect();
        skus.iter().map(|sku| units[&**sku]).collect()
    };
    let refused = thread::scope(|scope| {
        let sent = scope.spawn(send);
        let began = Instant::now();
        while other.client.get("/v1/stock/a-0000").json()["on_hand"] != 2 {
            assert!(began.elapsed() < Duration::from_secs(60));
        }
        // The list is not at this line yet.
        let more = json!({"units": MAX_UNITS - 7});
        other
            .client
            .post("/v1/stock/n-full/restock", "lorry", &more)
            .expect(200);
        sent.join().unwrap()
    });
    let detail = refused.problem(422, "invalid-request")["detail"].to_string();
    let says = format!(
        "at least {BEFORE} SKUs were changed, and the same list with the same key does what is left; the list line {}: ",
        BEFORE + 2
    );
    assert!(detail.contains(&says), "{detail}");
    let stands = units();
    assert_eq!(stands[..BEFORE], [2; BEFORE]);
    assert_eq!(stands[BEFORE], MAX_UNITS);
    let (at_once, rest) = stands[BEFORE + 1..].split_at(AT_ONCE);
    assert!(
        at_once.iter().all(|units| [0, 2].contains(units)),
        "{at_once:?}"
    );
    assert_eq!(
        rest,
        [0; AFTER - AT_ONCE],
        "they are open, and have nothing"
    );

    let detail = send().problem(422, "invalid-request")["detail"].to_string();
    let says = format!("\"the list line {}: ", BEFORE + 2);
    assert!(detail.starts_with(&says), "{detail}");
    assert_eq!(units(), stands);

    let lost = json!({"units": 100});
    other
        .client
        .post("/v1/stock/n-full/write-off", "lost", &lost)
        .expect(200);
    let sent = send().expect(200);
    let known = stands.iter().filter(|units| **units == 2).count();
    assert_eq!(
        (&sent["opened"], &sent["before"]),
        (&json!(0), &json!(known))
    );
    assert_eq!(sent["difference"], 2 * skus.len());
    let mut all = vec![2; skus.len()];
    all[BEFORE] = MAX_UNITS - 98;
    assert_eq!(units(), all);
    assert_eq!(send().expect(200)["before"], skus.len());
    assert_eq!(units(), all);
}
