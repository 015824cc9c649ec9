//! What a node answers as one process does, and what it has the time for.

use crate::nodes::{arguments, start};
use crate::postgres::{trial, url};
use crate::support::process::{Process, command};
use crate::support::{JSON, key};
use libtest_mimic::Trial;
use segstock_remote::servers::PostgresServer;
use serde_json::{Value, json};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "nodes::what_cannot_be_is_refused_as_by_one_process",
            refused,
        ),
        trial("nodes::a_list_takes_longer_than_a_request", long_list),
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
