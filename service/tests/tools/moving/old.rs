//! A shop of one process with orders in every state, and what is said of it.

use crate::support::process::{PORTS, Process, command};
use crate::support::{Client, JSON, Reply};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

/// The ids of its orders.
pub const ORDERS: [&str; 34] = [
    "held",
    "extended",
    "amended",
    "less",
    "paid",
    "paid:in-part",
    "paid:less",
    "refunded:in-part",
    "refunded:beside-held",
    "shipped",
    "shipped:beside-held",
    "parcels",
    "parcels:all",
    "of-everything",
    "returned",
    "written-off",
    "back:some",
    "back:both",
    "cancelled",
    "cancelled:by-line",
    "refunded",
    "cancelled:and-refunded",
    "expired",
    "expired:beside-paid",
    "expired:less",
    "expired:and-refunded",
    "late",
    "late:in-part",
    "limited",
    "limited:in-part",
    "short",
    "waiting:1",
    "waiting:2",
    "waiting:less",
];

pub type Lines<'a> = &'a [(&'a str, u64)];

pub fn start(ledger: &str) -> Process {
    // Who does not say for how long is not held for long.
    let arguments = ["--ledger", ledger, "--demo", "false", "--hold", "1"];
    Process::spawn(&mut command(&[PORTS, &arguments].concat()))
}

fn body(lines: Lines<'_>) -> Value {
    let line = |(sku, units): &(&str, u64)| json!({"sku": sku, "units": units});
    json!({"lines": lines.iter().map(line).collect::<Vec<_>>()})
}

/// Places an order that is held for ten minutes.
pub fn place(client: &Client, id: &str, lines: Lines<'_>) -> Reply {
    let mut body = body(lines);
    body["hold_minutes"] = json!(10);
    body["customer"] = json!("ann");
    client.post("/v1/orders", id, &body)
}

fn place_and_pay(client: &Client, id: &str, lines: Lines<'_>) {
    place(client, id, lines).expect(201);
    client.deed("pay", id).expect(200);
}

fn place_and_ship(client: &Client, id: &str, lines: Lines<'_>) {
    place_and_pay(client, id, lines);
    client.deed("ship", id).expect(200);
}

/// Places an order that will be past its deadline.
fn place_shortly(client: &Client, id: &str, lines: Lines<'_>) {
    client.post("/v1/orders", id, &body(lines)).expect(201);
}

fn part(client: &Client, deed: &str, id: &str, lines: Lines<'_>) {
    let key = format!("{deed}:{}", lines[0].0);
    client.part(deed, id, &key, lines).expect(200);
}

fn write_off(client: &Client, id: &str, lines: Lines<'_>) {
    let mut body = body(lines);
    body["to"] = json!("written_off");
    let path = format!("/v1/orders/{id}/return");
    client.post(&path, "scrap", &body).expect(200);
}

pub fn limit(client: &Client, sku: &str, limits: &Value) {
    let path = format!("/v1/stock/{sku}/limits");
    let limited = client.send("PUT", &path, &[JSON], &limits.to_string());
    limited.expect(200);
}

pub fn on_shelf(client: &Client, sku: &str, deed: &str, key: &str, body: &Value) -> Value {
    let path = format!("/v1/stock/{sku}/{deed}");
    client.post(&path, key, body).expect(200)
}

/// Fills a shop.
pub fn fill(client: &Client) {
    for sku in ["a", "b", "limited", "north", "safe", "short", "shut"] {
        client.open(sku, 100);
    }
    for sku in ["empty", "scarce", "south"] {
        client
            .send("PUT", &format!("/v1/stock/{sku}"), &[], "")
            .expect(201);
    }
    place_shortly(client, "expired", &[("a", 2), ("b", 1)]);
    place_shortly(client, "expired:beside-paid", &[("a", 2), ("b", 1)]);
    part(client, "pay", "expired:beside-paid", &[("a", 1)]);
    place_shortly(client, "expired:less", &[("a", 3)]);
    part(client, "cancel", "expired:less", &[("a", 1)]);
    place_shortly(client, "expired:and-refunded", &[("a", 3), ("b", 1)]);
    part(client, "cancel", "expired:and-refunded", &[("b", 1)]);
    place_shortly(client, "late", &[("a", 2)]);
    place_shortly(client, "late:in-part", &[("a", 3)]);
    sleep(Duration::from_millis(1_200));
    part(client, "pay", "expired:and-refunded", &[("a", 2)]);
    part(client, "cancel", "expired:and-refunded", &[("a", 1)]);
    client.deed("pay", "late").expect(200);
    part(client, "pay", "late:in-part", &[("a", 2)]);
    part(client, "ship", "late:in-part", &[("a", 1)]);
    hold_and_pay(client);
    ship_and_end(client);
    limit_and_wait(client);
}

fn hold_and_pay(client: &Client) {
    place(client, "held", &[("a", 2), ("b", 1)]).expect(201);
    place(client, "extended", &[("a", 1)]).expect(201);
    let longer = json!({"hold_minutes": 30});
    client
        .post("/v1/orders/extended/extend", "longer", &longer)
        .expect(200);
    place(client, "amended", &[("a", 2)]).expect(201);
    let amended = client.post(
        "/v1/orders/amended/amend",
        "more",
        &body(&[("a", 1), ("b", 2)]),
    );
    amended.expect(200);
    place(client, "less", &[("a", 3), ("b", 2)]).expect(201);
    part(client, "cancel", "less", &[("a", 1), ("b", 2)]);
    place_and_pay(client, "paid", &[("a", 2), ("safe", 3)]);
    place(client, "paid:in-part", &[("a", 3), ("b", 1)]).expect(201);
    part(client, "pay", "paid:in-part", &[("a", 2)]);
    place(client, "paid:less", &[("a", 3)]).expect(201);
    part(client, "cancel", "paid:less", &[("a", 1)]);
    client.deed("pay", "paid:less").expect(200);
    place_and_pay(client, "refunded:in-part", &[("a", 3), ("b", 1)]);
    part(client, "cancel", "refunded:in-part", &[("a", 1)]);
    place(client, "refunded:beside-held", &[("a", 2), ("b", 1)]).expect(201);
    part(client, "pay", "refunded:beside-held", &[("a", 2)]);
    part(client, "cancel", "refunded:beside-held", &[("a", 1)]);
}

fn ship_and_end(client: &Client) {
    place_and_ship(client, "shipped", &[("a", 2), ("b", 1)]);
    place(client, "shipped:beside-held", &[("a", 2), ("b", 1)]).expect(201);
    part(client, "pay", "shipped:beside-held", &[("a", 2)]);
    client.deed("ship", "shipped:beside-held").expect(200);
    place_and_pay(client, "parcels", &[("a", 3), ("b", 2)]);
    part(client, "ship", "parcels", &[("a", 2)]);
    place_and_pay(client, "parcels:all", &[("a", 3), ("b", 2)]);
    part(client, "ship", "parcels:all", &[("a", 3)]);
    part(client, "ship", "parcels:all", &[("b", 2)]);
    place(client, "of-everything", &[("a", 9), ("b", 2)]).expect(201);
    part(client, "cancel", "of-everything", &[("a", 1), ("b", 1)]);
    part(client, "pay", "of-everything", &[("a", 8)]);
    client
        .part("cancel", "of-everything", "refund", &[("a", 1)])
        .expect(200);
    part(client, "ship", "of-everything", &[("a", 5)]);
    part(client, "return", "of-everything", &[("a", 2)]);
    write_off(client, "of-everything", &[("a", 1)]);
    place_and_ship(client, "returned", &[("a", 2), ("b", 1)]);
    client.deed("return", "returned").expect(200);
    place_and_ship(client, "written-off", &[("a", 2)]);
    let scrap = json!({"to": "written_off"}).to_string();
    client
        .send("POST", "/v1/orders/written-off/return", &[JSON], &scrap)
        .expect(200);
    place_and_ship(client, "back:some", &[("a", 5)]);
    part(client, "return", "back:some", &[("a", 1)]);
    write_off(client, "back:some", &[("a", 2)]);
    place_and_ship(client, "back:both", &[("a", 2)]);
    part(client, "return", "back:both", &[("a", 1)]);
    write_off(client, "back:both", &[("a", 1)]);
    place(client, "cancelled", &[("a", 2), ("b", 1)]).expect(201);
    client.deed("cancel", "cancelled").expect(200);
    place(client, "cancelled:by-line", &[("a", 2), ("b", 1)]).expect(201);
    part(client, "cancel", "cancelled:by-line", &[("a", 2)]);
    part(client, "cancel", "cancelled:by-line", &[("b", 1)]);
    place_and_pay(client, "refunded", &[("a", 2)]);
    client.deed("cancel", "refunded").expect(200);
    place(client, "cancelled:and-refunded", &[("a", 2)]).expect(201);
    part(client, "pay", "cancelled:and-refunded", &[("a", 1)]);
    client.deed("cancel", "cancelled:and-refunded").expect(200);
}

fn limit_and_wait(client: &Client) {
    limit(
        client,
        "limited",
        &json!({"per_customer": 4, "unpaid": 50, "low": 7}),
    );
    place(client, "limited", &[("limited", 2)]).expect(201);
    place_and_ship(client, "limited:in-part", &[("limited", 1), ("shut", 2)]);
    limit(client, "safe", &json!({"safety": 5, "low": 200}));
    limit(client, "shut", &json!({"closed": true}));
    // Of those that are promised one is missing.
    place_and_pay(client, "short", &[("short", 50)]);
    on_shelf(client, "short", "count", "night", &json!({"units": 49}));
    on_shelf(client, "scarce", "restock", "few", &json!({"units": 1}));
    limit(client, "scarce", &json!({"waiting": 20}));
    limit(client, "empty", &json!({"waiting": 1}));
    let lines: [(_, Lines<'_>); 3] = [
        ("waiting:1", &[("scarce", 2)]),
        ("waiting:2", &[("scarce", 1)]),
        ("waiting:less", &[("scarce", 4), ("empty", 1)]),
    ];
    for (id, lines) in lines {
        let mut body = body(lines);
        body["hold_minutes"] = json!(20);
        body["wait"] = json!(true);
        let placed = client.post("/v1/orders", id, &body).expect(201);
        assert_eq!(placed["state"], "waiting", "{id}");
    }
    part(
        client,
        "cancel",
        "waiting:less",
        &[("scarce", 1), ("empty", 1)],
    );
    let lorry = json!({"to": "south", "units": 30});
    let sent = on_shelf(client, "north", "send", "lorry", &lorry);
    let sending = &sent["changed"]["sending"];
    let first = json!({"sending": sending, "units": 10, "lost": 2});
    on_shelf(client, "south", "arrive", "first", &first);
    on_shelf(
        client,
        "north",
        "move",
        "some",
        &json!({"to": "south", "units": 5}),
    );
}

/// What is said of a shop: each order, with what is left of its hold apart; all stock; all that is on its way.
#[derive(Debug, PartialEq)]
pub struct Said {
    pub orders: BTreeMap<String, Value>,
    pub stock: BTreeMap<String, Value>,
    pub sendings: Vec<Value>,
}

pub fn said(client: &Client, ids: &[&str]) -> (Said, BTreeMap<String, u64>) {
    let (mut orders, mut left) = (BTreeMap::new(), BTreeMap::new());
    for &id in ids {
        let order = client.get(&format!("/v1/orders/{id}")).expect(200);
        let mut lines = order["lines"].as_array().unwrap().clone();
        lines.sort_by_key(|line| line["sku"].to_string());
        left.extend(
            order["expires_in"]
                .as_u64()
                .map(|left| (id.to_owned(), left)),
        );
        let shown = json!([order["state"], order["customer"], lines]);
        orders.insert(id.to_owned(), shown);
    }
    let stock = client.get("/v1/stock?limit=1000").expect(200);
    let stock = stock["stock"].as_array().unwrap().iter();
    let named = |of: &Value| (of["sku"].as_str().unwrap().to_owned(), of.clone());
    let sendings = client.get("/v1/sendings").expect(200);
    let sendings = sendings["sendings"].as_array().unwrap().iter();
    let numberless = |sending: &Value| json!([sending["from"], sending["to"], sending["units"]]);
    let said = Said {
        orders,
        stock: stock.map(named).collect(),
        sendings: sendings.map(numberless).collect(),
    };
    (said, left)
}
