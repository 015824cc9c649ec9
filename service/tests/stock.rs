//! Stock as it is counted and restocked.

mod support;

use segstock_service::keeping::SnapshotFile;
use segstock_service::routes::Limits;
use segstock_service::shop::Shop;
use serde_json::json;
use std::sync::Arc;
use support::{Client, Reply, Server, opening};

/// A count of `phone` under that key.
#[track_caller]
fn count(client: &Client, key: &str, units: u64) -> Reply {
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    let body = json!({"units": units}).to_string();
    client.send("PUT", "/stock/phone", &headers, &body)
}

#[test]
fn stock_is_counted_and_restocked() {
    let shop = Server::start(&[]);
    let client = &shop.client;
    client.get("/stock/phone").problem(404, "unknown-sku");
    let units = |units: u64| json!({"units": units});
    let restocked = client.json("POST", "/stock/phone/restock", &units(1));
    restocked.problem(404, "unknown-sku");
    client.json("PUT", "/stock/phone", &units(10)).expect(201);
    client.order("a", &[("phone", 4)]).expect(201);
    // On hand includes what is reserved.
    for _ in 0..2 {
        let books = client.json("PUT", "/stock/phone", &units(9)).expect(200);
        assert_eq!(
            (&books["on_hand"], &books["written_off"]),
            (&json!(9), &json!(1))
        );
        assert_eq!(client.stock("phone"), (5, 4, 0));
    }
    let promised = client.json("PUT", "/stock/phone", &units(3));
    promised.problem(409, "out-of-stock");
    let found = client.json("PUT", "/stock/phone", &units(12)).expect(200);
    assert_eq!(
        (&found["available"], &found["restocked"]),
        (&json!(8), &json!(3))
    );
    client
        .json("POST", "/stock/phone/restock", &units(5))
        .expect(200);
    assert_eq!(client.stock("phone"), (13, 4, 0));
}

#[test]
fn a_count_that_is_retried_after_a_sale_changes_nothing() {
    let shop = Server::start(&[("phone", 10)]);
    let client = &shop.client;
    count(client, "monday", 9).expect(200);
    client.order("a", &[("phone", 1)]).expect(201);
    client.pay("a").expect(200);
    let books = client.get("/stock/phone").expect(200);
    assert_eq!(count(client, "monday", 9).expect(200), books);
    assert_eq!(client.stock("phone"), (8, 0, 1));

    count(client, "monday", 7).problem(422, "other-count");
    count(client, "a b", 7).problem(400, "idempotency-key");
    // Another SKU has counts of its own; another count of this one is another.
    let cases = json!({"units": 9}).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "monday"),
    ];
    let opened = client.send("PUT", "/stock/case", &headers, &cases);
    opened.expect(201);
    let again = client.send("PUT", "/stock/case", &headers, &cases);
    again.expect(200);
    count(client, "tuesday", 9).expect(200);
    assert_eq!(client.stock("phone"), (9, 0, 1));
}

#[test]
fn a_count_that_was_refused_can_be_retried() {
    let shop = Server::start(&[("phone", 2)]);
    let client = &shop.client;
    client.order("a", &[("phone", 2)]).expect(201);
    count(client, "monday", 1).problem(409, "out-of-stock");
    client.delete("/orders/a");
    count(client, "monday", 1).expect(200);
    assert_eq!(client.stock("phone"), (1, 0, 0));
}

#[test]
fn a_count_is_known_after_a_restart() {
    let shop = Server::start(&[("phone", 10)]);
    count(&shop.client, "monday", 9).expect(200);
    shop.client.order("a", &[("phone", 1)]).expect(201);
    shop.client.pay("a").expect(200);

    let directory = tempfile::tempdir().unwrap();
    let file = SnapshotFile::new(directory.path().join("shop.json"));
    file.write(&shop.shop.keep()).unwrap();
    let later = Arc::default();
    let kept = file.read().unwrap().unwrap();
    let (again, _) = Shop::restore(kept, opening(&later)).unwrap();
    let again = Server::serve(again, later, Limits::default());
    count(&again.client, "monday", 9).expect(200);
    assert_eq!(again.client.stock("phone"), (8, 0, 1));
}

#[test]
fn a_snapshot_from_before_counts_were_kept_is_read() {
    let shop = Server::start(&[("phone", 10)]);
    let mut kept = serde_json::to_value(shop.shop.keep()).unwrap();
    kept.as_object_mut().unwrap().remove("counts").unwrap();
    let kept = serde_json::from_value(kept).unwrap();
    let (again, _) = Shop::restore(kept, opening(&Arc::default())).unwrap();
    assert_eq!(again.stock("phone").unwrap().available, 10);
}
