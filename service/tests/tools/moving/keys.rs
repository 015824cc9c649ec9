//! Requests on stock that are sent again once the shop is moved.

use super::{file, moving, old};
use crate::postgres::url;
use crate::support::process::Process;
use crate::support::{Client, Reply, key};
use segstock_remote::servers::PostgresServer;
use serde_json::{Value, json};

/// SKU, deed, key and body. One has the name of what a move does.
const REQUESTS: [(&str, &str, &str, &str); 11] = [
    ("a", "restock", "r", r#"{"units": 5}"#),
    ("a", "write-off", "w", r#"{"units": 3}"#),
    ("a", "count", "c", r#"{"units": 90}"#),
    ("a", "restock", "move", r#"{"units": 1}"#),
    ("b", "move", "m", r#"{"to": "a", "units": 10}"#),
    ("b", "write-off", "w", r#"{"units": 4}"#),
    ("b", "count", "c", r#"{"units": 85}"#),
    ("new", "restock", "r", r#"{"units": 7}"#),
    ("new", "write-off", "w", r#"{"units": 7}"#),
    ("new", "restock", "r:2", r#"{"units": 2}"#),
    // Twice as many are more than can be.
    ("big", "restock", "r", r#"{"units": 600000000000}"#),
];
const LIST: &str = "sku,units\na,4\nb,4\n";

fn ask(client: &Client, (sku, deed, key, body): (&str, &str, &str, &str)) -> Reply {
    let body: Value = serde_json::from_str(body).unwrap();
    client.post(&format!("/v1/stock/{sku}/{deed}"), key, &body)
}

fn import(client: &Client) -> Value {
    let headers = [("content-type", "text/csv"), key("list")];
    let path = "/v1/bulk/stock?do=restock";
    client.send("POST", path, &headers, LIST).expect(200)
}

fn shelves(client: &Client) -> Value {
    client.get("/v1/stock").expect(200)["stock"].clone()
}

pub fn known(server: PostgresServer) {
    let (url, (_folder, from)) = (url(&server), file());
    let old = old::start(&from);
    old.client.open("a", 100);
    old.client.open("b", 100);
    for sku in ["big", "new"] {
        let path = format!("/v1/stock/{sku}");
        old.client.send("PUT", &path, &[], "").expect(201);
    }
    old::place(&old.client, "held", &[("a", 20), ("b", 1)]).expect(201);
    for request in REQUESTS {
        ask(&old.client, request).expect(200);
    }
    import(&old.client);
    let shelf = shelves(&old.client);
    let said = REQUESTS.map(|request| ask(&old.client, request).expect(200));
    assert_eq!(old.terminate(), Some(0));
    let node = Process::spawn(&mut moving(&url, &from));
    let client = &node.client;
    assert_eq!(shelves(client), shelf);
    for (request, said) in REQUESTS.into_iter().zip(said) {
        let again = ask(client, request);
        assert!(again.is_replayed(), "{request:?}");
        assert_eq!(again.expect(200), said, "{request:?}");
    }
    let (sku, deed, key, _) = REQUESTS[0];
    ask(client, (sku, deed, key, r#"{"units": 6}"#)).problem(422, "other-request");
    let again = import(client);
    assert_eq!(again["difference"], json!(8));
    assert_eq!(shelves(client), shelf, "nothing was done twice");
    ask(client, (sku, deed, "r:3", r#"{"units": 6}"#)).expect(200);
    client.deed("pay", "held").expect(200);
}

/// Order, deed, key and lines. In between some are paid for, shipped or sent back as a whole.
const PARTS: [(&str, &str, &str, old::Lines<'static>); 17] = [
    ("all", "cancel", "c", &[("a", 1)]),
    ("all", "pay", "p", &[("a", 4), ("b", 1)]),
    ("all", "pay", "p:2", &[("a", 2)]),
    ("all", "cancel", "c:2", &[("b", 1)]),
    ("all", "pay", "", &[]),
    ("all", "cancel", "r", &[("a", 1), ("b", 1)]),
    ("all", "ship", "s", &[("a", 2)]),
    ("all", "ship", "s:2", &[("b", 1)]),
    ("all", "ship", "", &[]),
    ("all", "return", "b", &[("a", 1)]),
    ("all", "return", "b:2", &[("a", 1)]),
    ("open", "pay", "p", &[("a", 1)]),
    ("open", "ship", "s", &[("a", 1)]),
    ("by-line", "pay", "p", &[("a", 2)]),
    ("by-line", "pay", "p:2", &[("b", 2)]),
    ("by-line", "ship", "s", &[("a", 2), ("b", 2)]),
    ("waits", "cancel", "c", &[("none", 1)]),
];

fn deed(client: &Client, (id, deed, key, lines): (&str, &str, &str, old::Lines<'_>)) -> Reply {
    match key {
        "" => client.deed(deed, id),
        key => client.part(deed, id, key, lines),
    }
}

pub fn known_by_line(server: PostgresServer) {
    let (url, (_folder, from)) = (url(&server), file());
    let old = old::start(&from);
    old.client.open("a", 100);
    old.client.open("b", 100);
    old.client
        .send("PUT", "/v1/stock/none", &[], "")
        .expect(201);
    old::limit(&old.client, "none", &json!({"waiting": 9}));
    old::place(&old.client, "all", &[("a", 9), ("b", 4)]).expect(201);
    old::place(&old.client, "open", &[("a", 3)]).expect(201);
    old::place(&old.client, "by-line", &[("a", 2), ("b", 2)]).expect(201);
    let waits = json!({"lines": [{"sku": "none", "units": 3}], "wait": true});
    old.client.post("/v1/orders", "waits", &waits).expect(201);
    for part in PARTS {
        deed(&old.client, part).expect(200);
    }
    let said = PARTS.map(|part| deed(&old.client, part).expect(200));
    let shelf = shelves(&old.client);
    assert_eq!(old.terminate(), Some(0));
    let node = Process::spawn(&mut moving(&url, &from));
    for (part, said) in PARTS.into_iter().zip(said) {
        let again = deed(&node.client, part);
        assert!(again.is_replayed(), "{part:?}");
        let again = again.expect(200);
        assert_eq!(again["changed"], said["changed"], "{part:?}");
        assert_eq!(again["lines"], said["lines"], "{part:?}");
    }
    assert_eq!(shelves(&node.client), shelf, "nothing was done twice");
    deed(&node.client, ("open", "pay", "p", &[("a", 2)])).problem(422, "other-request");
    deed(&node.client, ("open", "pay", "p:2", &[("a", 2)])).expect(200);
    deed(&node.client, ("all", "return", "", &[])).expect(200);
}
