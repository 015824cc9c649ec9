//! Units go from one SKU to another: at once, or on a way.

use crate::support::process::{PORTS, Process, command};
use crate::support::{Client, Reply, Server};
use serde_json::{Value, json};

fn post(client: &Client, sku: &str, deed: &str, key: &str, body: &Value) -> Reply {
    client.post(&format!("/v1/stock/{sku}/{deed}"), key, body)
}

#[test]
fn units_move_at_once_and_a_retry_moves_nothing_again() {
    let shop = Server::start(&[("north", 10), ("south", 1)]);
    let client = &shop.client;
    client.order("a", &[("north", 4)]).expect(201);
    let body = json!({"to": "south", "units": 5});
    let moved = post(client, "north", "move", "k", &body).expect(200);
    let changed = json!({"difference": -5, "uncovered": 0});
    assert_eq!(
        moved,
        json!({"sku": "north", "available": 1, "on_hand": 5, "changed": changed})
    );
    let again = post(client, "north", "move", "k", &body);
    assert!(again.is_replayed());
    assert_eq!(again.expect(200)["changed"], changed);
    assert_eq!(
        (client.stock("north"), client.stock("south")),
        ((1, 5), (6, 6))
    );
    let short = json!({"to": "south", "units": 2});
    let refused = post(client, "north", "move", "l", &short).problem(409, "out-of-stock");
    assert_eq!(refused["short_lines"][0]["available"], 1);
    post(client, "north", "move", "k", &short).problem(422, "other-request");
    for (sku, to, status, kind) in [
        ("none", "south", 404, "unknown-sku"),
        ("north", "none", 422, "unknown-skus"),
        ("north", "north", 422, "invalid-request"),
    ] {
        let body = json!({"to": to, "units": 1});
        for deed in ["move", "send"] {
            post(client, sku, deed, "m", &body).problem(status, kind);
        }
    }
}

#[test]
fn units_that_were_sent_are_on_the_way_until_they_arrive_or_are_lost() {
    let shop = Server::start(&[("north", 10), ("south", 1)]);
    let client = &shop.client;
    let body = json!({"to": "south", "units": 5});
    let sent = post(client, "north", "send", "lorry", &body).expect(200);
    let number = sent["changed"]["sending"].clone();
    assert_eq!(
        (&sent["on_hand"], &sent["on_the_way"]),
        (&json!(5), &json!(5))
    );
    // Who lost the answer learns the number by sending it again.
    let again = post(client, "north", "send", "lorry", &body);
    assert!(again.is_replayed());
    assert_eq!(again.expect(200)["changed"]["sending"], number);
    let south = client.get("/v1/stock/south").expect(200);
    assert_eq!(
        (&south["on_hand"], &south["coming"]),
        (&json!(1), &json!(5))
    );
    let list = || client.get("/v1/sendings").expect(200);
    let one = json!({"sending": number, "from": "north", "to": "south", "units": 5});
    assert_eq!(list(), json!({"sendings": [one]}));

    let part = json!({"sending": number, "units": 2, "lost": 1});
    let arrived = post(client, "south", "arrive", "first", &part).expect(200);
    assert_eq!(
        (&arrived["on_hand"], &arrived["coming"]),
        (&json!(3), &json!(2))
    );
    let late = post(client, "south", "arrive", "first", &part);
    assert!(late.is_replayed());
    late.expect(200);
    let more = json!({"sending": number, "units": 3});
    post(client, "south", "arrive", "more", &more).problem(409, "not-on-the-way");
    post(client, "north", "arrive", "more", &more).problem(404, "unknown-sending");
    let nothing = json!({"sending": number});
    post(client, "south", "arrive", "more", &nothing).problem(422, "invalid-request");
    let rest = json!({"sending": number, "units": 2});
    post(client, "south", "arrive", "last", &rest).expect(200);
    post(client, "south", "arrive", "more", &more).problem(404, "unknown-sending");
    assert_eq!(list(), json!({"sendings": []}));
    assert_eq!(
        (client.stock("north"), client.stock("south")),
        ((5, 5), (5, 5))
    );
}

#[test]
fn what_is_on_the_way_is_listed_page_by_page_and_outlives_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let start = || Process::spawn(command(PORTS).current_dir(directory.path()));
    let service = start();
    service.client.open("here", 10);
    service
        .client
        .send("PUT", "/v1/stock/there", &[], "")
        .expect(201);
    for number in 0..3 {
        let body = json!({"to": "there", "units": 1});
        post(&service.client, "here", "send", &number.to_string(), &body).expect(200);
    }
    service.kill();
    let service = start();
    let (mut seen, mut cursor) = (Vec::new(), Value::from("0"));
    while let Some(at) = cursor.as_str() {
        let path = format!("/v1/sendings?limit=1&cursor={at}");
        let page = service.client.get(&path).expect(200);
        seen.extend(page["sendings"].as_array().unwrap().clone());
        cursor = page.get("next").cloned().unwrap_or_default();
    }
    assert_eq!(seen.len(), 3);
    let arrival = json!({"sending": seen[1]["sending"], "units": 1});
    post(&service.client, "there", "arrive", "k", &arrival).expect(200);
    assert_eq!(service.client.stock("there"), (1, 1));
}
