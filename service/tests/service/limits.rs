//! What the shop limits for a SKU: safety stock, closing, and who waits.

use crate::support::process::Process;
use crate::support::{JSON, Reply, Server, Setting, key};
use serde_json::{Value, json};
use std::time::Duration;

fn limit(shop: &Server, sku: &str, limits: &Value) -> Reply {
    let path = format!("/v1/stock/{sku}/limits");
    shop.client.send("PUT", &path, &[JSON], &limits.to_string())
}

/// An order that waits, if it has to.
fn wait(shop: &Server, id: &str, lines: &[(&str, u64)]) -> Reply {
    let line = |(sku, units): &(&str, u64)| json!({"sku": sku, "units": units});
    let lines: Vec<_> = lines.iter().map(line).collect();
    let body = json!({"lines": lines, "wait": true});
    shop.customers.post("/v1/orders", id, &body)
}

#[test]
fn a_safety_stock_is_on_hand_and_not_for_sale() {
    let shop = Server::start(&[("phone", 10)]);
    let set = json!({"safety": 4});
    let limited = limit(&shop, "phone", &set);
    assert!(!limited.is_replayed());
    let limited = limited.expect(200);
    assert_eq!(
        limited,
        json!({"sku": "phone", "available": 6, "on_hand": 10, "safety": 4, "limits": set})
    );
    assert!(limit(&shop, "phone", &set).is_replayed());
    shop.client
        .order("a", &[("phone", 7)])
        .problem(409, "out-of-stock");
    shop.client.order("a", &[("phone", 6)]).expect(201);
    // All of them are set: what is left out is not limited.
    let free = limit(&shop, "phone", &json!({})).expect(200);
    assert_eq!((&free["available"], free.get("limits")), (&json!(4), None));
    limit(&shop, "none", &set).problem(404, "unknown-sku");
    limit(&shop, "phone", &json!({"safty": 1})).problem(422, "invalid-request");
}

#[test]
fn a_closed_sku_takes_no_new_order_and_old_ones_go_on() {
    let shop = Server::start(&[("phone", 10), ("case", 10)]);
    shop.client.order("old", &[("phone", 1)]).expect(201);
    limit(&shop, "phone", &json!({"closed": true})).expect(200);
    let refused = shop.client.order("new", &[("phone", 1), ("case", 1)]);
    assert_eq!(
        refused.problem(409, "closed-skus")["skus"],
        json!(["phone"])
    );
    for deed in ["pay", "ship", "return"] {
        shop.client.deed(deed, "old").expect(200);
    }
    limit(&shop, "phone", &json!({"closed": false})).expect(200);
    shop.client.order("new", &[("phone", 1)]).expect(201);
}

#[test]
fn orders_wait_in_the_sequence_in_which_they_came_where_the_shop_has_a_waiting_list() {
    let shop = Server::start(&[("phone", 1)]);
    // Nobody keeps others from a SKU by waiting for it, unless the shop wants that.
    let refused = wait(&shop, "a", &[("phone", 2)]).problem(409, "queue-full");
    assert_eq!(refused["short_lines"][0]["available"], 0);
    limit(&shop, "phone", &json!({"waiting": 5})).expect(200);
    for (id, units) in [("a", 2), ("b", 2)] {
        let waits = wait(&shop, id, &[("phone", units)]).expect(201);
        assert_eq!(waits["state"], "waiting");
        assert_eq!(
            waits["lines"][0],
            json!({"sku": "phone", "units": units, "waiting": units})
        );
    }
    wait(&shop, "c", &[("phone", 2)]).problem(409, "queue-full");
    let stock = shop.client.get("/v1/stock/phone").expect(200);
    assert_eq!(
        (&stock["available"], &stock["waiting"]),
        (&json!(1), &json!(4))
    );
    // The one unit is for those who wait.
    shop.client
        .order("d", &[("phone", 1)])
        .problem(409, "out-of-stock");
    let list = shop
        .client
        .get("/v1/orders?state=waiting&sku=phone")
        .expect(200);
    let mut waits: Vec<_> = list["orders"].as_array().unwrap().iter().collect();
    waits.sort_by_key(|order| order["number"].as_u64());
    let ids: Vec<_> = waits.iter().map(|order| &order["id"]).collect();
    assert_eq!(ids, ["a", "b"]);
    shop.client
        .post("/v1/stock/phone/restock", "k", &json!({"units": 1}))
        .expect(200);
    assert_eq!(shop.client.get("/v1/orders/a").expect(200)["state"], "held");
    assert_eq!(
        shop.client.get("/v1/orders/b").expect(200)["state"],
        "waiting"
    );
    shop.customers.deed("cancel", "b").expect(200);
    assert_eq!(
        shop.client.get("/v1/orders/b").expect(200)["state"],
        "cancelled"
    );
    // With enough there, nobody waits.
    shop.client
        .post("/v1/stock/phone/restock", "l", &json!({"units": 1}))
        .expect(200);
    assert_eq!(
        wait(&shop, "e", &[("phone", 1)]).expect(201)["state"],
        "held"
    );
}

#[test]
fn a_retry_of_an_order_that_waits_is_answered_as_before_whatever_became_of_the_list() {
    let shop = Server::start(&[("phone", 1)]);
    limit(&shop, "phone", &json!({"waiting": 5})).expect(200);
    let first = wait(&shop, "a", &[("phone", 2)]).expect(201);
    limit(&shop, "phone", &json!({})).expect(200);
    let retry = wait(&shop, "a", &[("phone", 2)]);
    assert!(retry.is_replayed(), "{retry:?}");
    let retry = retry.expect(200);
    assert_eq!(
        (&retry["state"], &retry["number"]),
        (&json!("waiting"), &first["number"])
    );
    wait(&shop, "a", &[("phone", 3)]).problem(422, "other-request");
    wait(&shop, "b", &[("phone", 2)]).problem(409, "queue-full");
}

#[test]
fn all_skus_are_listed_page_by_page_in_the_sequence_of_their_opening() {
    let skus: Vec<String> = (0..7).map(|number| format!("sku-{number}")).collect();
    let stock: Vec<(&str, u64)> = skus.iter().map(|sku| (sku.as_str(), 3)).collect();
    let shop = Server::start(&stock);
    shop.client.order("a", &[("sku-2", 1)]).expect(201);
    let (mut seen, mut cursor, mut pages) = (Vec::new(), Value::from("0"), 0);
    while let Some(at) = cursor.as_str() {
        let page = shop.client.get(&format!("/v1/stock?limit=3&cursor={at}"));
        let page = page.expect(200);
        seen.extend(page["stock"].as_array().unwrap().clone());
        cursor = page.get("next").cloned().unwrap_or_default();
        pages += 1;
    }
    let names: Vec<_> = seen
        .iter()
        .map(|stock| stock["sku"].as_str().unwrap())
        .collect();
    assert_eq!(
        (names, pages),
        (skus.iter().map(String::as_str).collect(), 3)
    );
    assert_eq!(
        seen[2],
        json!({"sku": "sku-2", "available": 2, "on_hand": 3})
    );
    shop.client
        .get("/v1/stock?limit=1001")
        .problem(422, "invalid-request");
    let beyond = shop.client.get("/v1/stock?cursor=99").expect(200);
    assert_eq!(beyond, json!({"stock": []}));
    assert_eq!(
        Server::start(&[]).client.get("/v1/stock").expect(200),
        json!({"stock": []})
    );
}

/// Orders at each limit that the service has when nobody sets one, and beyond it.
#[test]
fn the_default_limits_are_met_to_the_number() {
    // It has the demo SKUs: 1,000 phones and 5,000 cases.
    let service = Process::start(&[]);
    let rows = (0..1_001).map(|number| format!("sku-{number},200000\n"));
    let list = format!("sku,units\n{}", rows.collect::<String>());
    let headers = [("content-type", "text/csv"), key("first")];
    let path = "/v1/bulk/stock?do=restock&open=true";
    service
        .client
        .send("POST", path, &headers, &list)
        .expect(200);
    let order = |id: &str, lines: &[(&str, u64)]| service.customers.order(id, lines);
    let assert_refused = |refused: Reply, status, kind, what: &str| {
        let problem = refused.problem(status, kind);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(what), "{detail}");
    };
    // As many lines and units as the largest order of a real log, of 3,462.
    let skus: Vec<String> = (0..1_001).map(|number| format!("sku-{number}")).collect();
    let lines: Vec<(&str, u64)> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    let mut largest = lines[..687].to_vec();
    largest[0].1 = 14_149 - 686;
    let placed = order("largest", &largest).expect(201);
    assert_eq!(placed["changed"]["units"], 14_149);
    assert_eq!(placed["lines"].as_array().unwrap().len(), 687);
    order("lines", &lines[..1_000]).expect(201);
    assert_refused(
        order("beyond", &lines),
        422,
        "invalid-request",
        "1000 lines",
    );
    order("units", &[("sku-1000", 100_000)]).expect(201);
    let more = order("beyond", &[("sku-999", 100_001)]);
    assert_refused(more, 422, "invalid-request", "100000 units");
    // An hour.
    let held = |id: &str, minutes: f64| {
        let lines = json!([{"sku": "phone", "units": 1}]);
        let body = json!({"lines": lines, "hold_minutes": minutes});
        service.customers.post("/v1/orders", id, &body)
    };
    let hour = held("hour", 60.0).expect(201);
    assert_eq!(hour["expires_in"], 3_600);
    assert_refused(held("beyond", 61.0), 422, "invalid-request", "60 minutes");
    let usual = order("usual", &[("phone", 1)]).expect(201);
    assert_eq!(usual["expires_in"], 600);
    // 80 of 100 units that are held and not paid for.
    order("share", &[("phone", 798)]).expect(201);
    assert_refused(order("beyond", &[("phone", 1)]), 409, "unpaid", "0 left");
    service.client.deed("pay", "share").expect(200);
    order("paid", &[("phone", 1)]).expect(201);
    // 128 KiB of a body, and 16 MiB of a list.
    let sized = |path: &str, kind, size: usize, text: &str| {
        let body = format!("{text}{}", "\n".repeat(size - text.len()));
        let headers = [("content-type", kind), key("sized")];
        service.client.send("POST", path, &headers, &body)
    };
    let body = r#"{"lines":[{"sku":"case","units":1}]}"#;
    let json = JSON.1;
    sized("/v1/orders", json, 131_073, body).problem(413, "too-large");
    sized("/v1/orders", json, 131_072, body).expect(201);
    let (path, csv) = ("/v1/bulk/stock?do=restock", "text/csv");
    let list = "sku,units\ncase,1";
    sized(path, csv, (16 << 20) + 1, list).problem(413, "too-large");
    sized(path, csv, 16 << 20, list).expect(200);
}

/// A request flood that never pays: whatever it asks for, some of the stock stays, and it comes back at the deadline.
#[test]
fn orders_that_nobody_pays_for_hold_a_share_of_a_sku_and_no_more() {
    let setting = Setting {
        book: |book| book.unpaid(80),
        ..Setting::default()
    };
    let shop = Server::set(&[("phone", 100), ("last", 1)], setting);
    let flood = |from: u32| {
        let order = |number| {
            shop.customers
                .order(&format!("flood-{number}"), &[("phone", 7)])
        };
        let held = (from..from + 50).map(order).filter(|it| it.status == 201);
        held.count()
    };
    assert_eq!(flood(0), 11);
    let refused = shop.customers.order("b", &[("phone", 4)]);
    let refused = refused.problem(409, "unpaid");
    assert_eq!(
        refused["short_lines"],
        json!([{"sku": "phone", "requested": 4, "available": 3}])
    );
    assert_eq!(shop.client.stock("phone"), (23, 100));
    // The share is rounded up: one unit can be sold.
    shop.customers.order("c", &[("last", 1)]).expect(201);
    // Units that are paid for count no more.
    shop.client.deed("pay", "flood-0").expect(200);
    shop.customers.order("b", &[("phone", 10)]).expect(201);
    // The shop sets another share for a SKU.
    let set = limit(&shop, "phone", &json!({"unpaid": 100})).expect(200);
    assert_eq!(set["limits"], json!({"unpaid": 100}));
    shop.customers.order("d", &[("phone", 13)]).expect(201);
    shop.client.deed("pay", "d").expect(200);
    for wrong in [0, 101] {
        limit(&shop, "phone", &json!({"unpaid": wrong})).problem(422, "invalid-request");
    }
    limit(&shop, "phone", &json!({})).expect(200);
    shop.clock.advance(Duration::from_secs(11 * 60));
    assert_eq!(flood(100), 11);
}
