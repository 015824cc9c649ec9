//! Stock over HTTP: opened, restocked, counted, written off, each safe to retry.

use crate::support::{JSON, Server};
use segstock::MAX_UNITS;
use serde_json::json;

#[test]
fn a_sku_is_opened_once_and_has_no_units_at_first() {
    let shop = Server::start(&[]);
    let client = &shop.client;
    let open = || client.send("PUT", "/v1/stock/phone", &[], "");
    assert_eq!(
        open().expect(201),
        json!({"sku": "phone", "available": 0, "on_hand": 0})
    );
    client
        .post("/v1/stock/phone/restock", "k", &json!({"units": 5}))
        .expect(200);
    let again = open();
    assert!(again.is_replayed());
    assert_eq!(again.expect(200)["on_hand"], 5);
    client.get("/v1/stock/other").problem(404, "unknown-sku");
    for deed in ["restock", "count", "write-off"] {
        let refused = client.post(
            &format!("/v1/stock/other/{deed}"),
            "k",
            &json!({"units": 1}),
        );
        refused.problem(404, "unknown-sku");
    }
}

#[test]
fn a_restock_that_is_sent_twice_adds_once() {
    let shop = Server::start(&[("phone", 0)]);
    let client = &shop.client;
    let restock = |key: &str, units: u64| {
        client.post("/v1/stock/phone/restock", key, &json!({"units": units}))
    };
    let first = restock("delivery-1", 5);
    assert!(!first.is_replayed());
    assert_eq!(
        first.expect(200)["changed"],
        json!({"difference": 5, "uncovered": 0})
    );
    let again = restock("delivery-1", 5);
    assert!(again.is_replayed());
    assert_eq!(again.expect(200)["on_hand"], 5);
    restock("delivery-1", 6).problem(422, "other-request");
    restock("delivery-2", 0).problem(422, "invalid-request");
    restock("delivery-2", MAX_UNITS).problem(422, "invalid-request");
    // Each needs a key.
    for deed in ["restock", "count", "write-off"] {
        let path = format!("/v1/stock/phone/{deed}");
        let refused = client.send("POST", &path, &[JSON], r#"{"units":1}"#);
        refused.problem(400, "idempotency-key");
    }
    assert_eq!(client.stock("phone"), (5, 5));
}

#[test]
fn a_late_copy_of_an_older_count_changes_nothing() {
    let shop = Server::start(&[("phone", 10)]);
    let client = &shop.client;
    let count =
        |key: &str, units: u64| client.post("/v1/stock/phone/count", key, &json!({"units": units}));
    let first = count("monday", 8).expect(200);
    assert_eq!(first["changed"], json!({"difference": -2, "uncovered": 0}));
    count("tuesday", 9).expect(200);
    let late = count("monday", 8);
    assert!(late.is_replayed());
    assert_eq!(late.expect(200)["changed"]["difference"], -2);
    assert_eq!(client.stock("phone"), (9, 9));
    count("tuesday", 8).problem(422, "other-request");
    let too_many = count("wednesday", MAX_UNITS + 1).problem(422, "invalid-request");
    let detail = too_many["detail"].as_str().unwrap();
    assert!(detail.contains("a count finds at most"), "{detail}");
}

#[test]
fn units_that_are_promised_cannot_be_written_off() {
    let shop = Server::start(&[("phone", 10)]);
    let client = &shop.client;
    client.order("a", &[("phone", 7)]).expect(201);
    let write_off = |key: &str, units: u64| {
        client.post("/v1/stock/phone/write-off", key, &json!({"units": units}))
    };
    let short = write_off("k", 4).problem(409, "out-of-stock");
    assert_eq!(short["short_lines"][0]["available"], 3);
    assert_eq!(write_off("k", 3).expect(200)["changed"]["difference"], -3);
    assert!(write_off("k", 3).is_replayed());
    assert_eq!(client.stock("phone"), (0, 7));
}
