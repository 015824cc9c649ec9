//! What the service does by itself: takes back what expired, and forgets. Each test leaves the other
//! timer nothing to do for what it watches.

mod support;

use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};
use support::Client;
use support::process::Process;

#[track_caller]
fn wait_for(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(10));
    }
}

/// Orders one phone for as long as orders are held that do not say.
#[track_caller]
fn order(client: &Client, key: &str) {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    let body = json!({"lines": [{"sku": "phone", "units": 1}]}).to_string();
    client.send("POST", "/orders", &headers, &body).expect(201);
}

/// Orders that are remembered, by the metrics.
fn remembered(client: &Client) -> u64 {
    let metrics = client.get("/metrics").text;
    let found = metrics
        .lines()
        .find_map(|it| it.strip_prefix("orders_remembered "));
    found.unwrap().parse().unwrap()
}

#[test]
fn expired_orders_go_back_into_stock_by_themselves() {
    // To forget them, which would take them back too, is six minutes away.
    let service = Process::start(&["--listen", "127.0.0.1:0", "--hold", "0.5"]);
    let client = &service.client;
    for key in ["a", "b", "c", "d"] {
        order(client, key);
    }
    // To look at the stock touches no order.
    wait_for(|| client.stock("phone") == (1_000, 0, 0));
}

#[test]
fn orders_are_forgotten_by_themselves() {
    let service = Process::start(&["--listen", "127.0.0.1:0", "--retention", "0.5"]);
    let client = &service.client;
    order(client, "sold");
    client.pay("sold").expect(200);
    order(client, "cancelled");
    assert_eq!(client.delete("/orders/cancelled").status, 204);
    order(client, "held");
    wait_for(|| remembered(client) == 1);
    client.get("/orders/sold").problem(404, "unknown-order");
    client.get("/orders/held").expect(200);
}
