//! An order's life over HTTP: placed, amended, extended, paid for, shipped, returned, cancelled, expired.

use crate::support::{JSON, Server, Setting, key};
use segstock_service::book::Limits;
use serde_json::json;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_retry_is_the_same_order_and_says_that_it_is_one() {
    let shop = Server::start(&[("phone", 10), ("case", 10)]);
    let client = &shop.client;
    let lines = [("phone", 2), ("case", 1)];
    let first = client.order("a", &lines);
    assert!(!first.is_replayed());
    let first = first.expect(201);
    assert_eq!(first["state"], "held");
    assert_eq!(first["expires_in"], 600);
    assert_eq!(first["changed"]["units"], 3);
    assert_eq!(
        first["lines"][0],
        json!({"sku": "phone", "units": 2, "held": 2})
    );
    let again = client.order("a", &lines);
    assert!(again.is_replayed());
    let again = again.expect(200);
    assert_eq!(
        (&again["id"], &again["lines"]),
        (&first["id"], &first["lines"])
    );
    assert_eq!(again.get("changed"), None);
    assert_eq!(client.stock("phone"), (8, 10));
    let other = client.order("a", &[("phone", 3), ("case", 1)]);
    other.problem(422, "other-request");

    for (deed, state) in [("pay", "paid"), ("ship", "shipped"), ("return", "returned")] {
        let done = client.deed(deed, "a");
        assert!(!done.is_replayed(), "{deed}");
        assert_eq!(done.expect(200)["state"], state);
        let again = client.deed(deed, "a");
        assert!(again.is_replayed(), "{deed}");
        assert_eq!(again.expect(200)["state"], state);
        assert_eq!(client.get("/v1/orders/a").expect(200)["state"], state);
    }
    assert_eq!(client.stock("phone"), (10, 10));
}

/// Customers send things back after weeks; what was cancelled is not asked for again.
#[test]
fn a_shipped_order_can_be_returned_weeks_later() {
    let shop = Server::start(&[("phone", 10)]);
    let client = &shop.client;
    for id in ["shipped", "cancelled"] {
        client.order(id, &[("phone", 2)]).expect(201);
    }
    client.deed("cancel", "cancelled").expect(200);
    client.deed("pay", "shipped").expect(200);
    client.deed("ship", "shipped").expect(200);
    shop.clock.advance(20 * 24 * 60 * MINUTE);
    client
        .get("/v1/orders/cancelled")
        .problem(404, "unknown-order");
    let returned = client.deed("return", "shipped").expect(200);
    assert_eq!(returned["state"], "returned");
    assert_eq!(client.stock("phone"), (10, 10));
}

#[test]
fn a_deadline_is_given_in_seconds_and_as_a_time() {
    let shop = Server::start(&[("phone", 10)]);
    shop.client.order("a", &[("phone", 1)]).expect(201);
    shop.clock.advance(Duration::from_millis(500));
    let order = shop.client.get("/v1/orders/a").expect(200);
    assert_eq!(order["expires_in"], 600, "rounded up");
    let at = order["expires_at"].as_str().unwrap();
    assert!(at.len() == 20 && at.ends_with('Z'), "{at}");
    shop.client.deed("pay", "a").expect(200);
    let paid = shop.client.get("/v1/orders/a").expect(200);
    assert_eq!(
        (paid.get("expires_in"), paid.get("expires_at")),
        (None, None)
    );
}

#[test]
fn retries_at_once_with_one_key_sell_once() {
    let shop = Server::start(&[("phone", 100)]);
    let (placed, start) = (AtomicU64::new(0), Barrier::new(8));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                for round in 0..20 {
                    let id = format!("order-{round}");
                    let answer = shop.client.order(&id, &[("phone", 1)]);
                    let is_new = answer.status == 201;
                    assert_eq!(answer.is_replayed(), !is_new, "{answer:?}");
                    placed.fetch_add(u64::from(is_new), Ordering::Relaxed);
                    shop.client.deed("pay", &id).expect(200);
                }
            });
        }
    });
    assert_eq!(placed.into_inner(), 20);
    assert_eq!(shop.client.stock("phone"), (80, 100));
}

#[test]
fn an_order_is_all_or_none_and_says_what_it_lacks() {
    let shop = Server::start(&[("phone", 1), ("case", 5), ("cable", 0)]);
    let client = &shop.client;
    let lines = [("phone", 1), ("case", 6), ("phone", 1), ("cable", 1)];
    let short = client.order("a", &lines).problem(409, "out-of-stock");
    let expected = json!([
        {"sku": "phone", "requested": 2, "available": 1},
        {"sku": "case", "requested": 6, "available": 5},
        {"sku": "cable", "requested": 1, "available": 0},
    ]);
    assert_eq!(short["short_lines"], expected);
    let unknown = client.order("a", &[("x", 1), ("phone", 1), ("y", 1)]);
    assert_eq!(
        unknown.problem(422, "unknown-skus")["skus"],
        json!(["x", "y"])
    );
    assert_eq!(client.stock("phone"), (1, 1));
    // A key whose order was refused is free.
    client.order("a", &[("phone", 1)]).expect(201);
}

#[test]
fn late_payments_are_tried_and_cancelled_orders_stay_cancelled() {
    let shop = Server::start(&[("phone", 1)]);
    let client = &shop.client;
    let phone = [("phone", 1)];
    client.order("late", &phone).expect(201);
    shop.clock.advance(10 * MINUTE);
    let expired = client.order("late", &phone).problem(409, "wrong-state");
    assert_eq!(expired["state"], "expired");
    client.order("other", &phone).expect(201);
    let gone = client.deed("pay", "late").problem(409, "out-of-stock");
    let short = json!([{"sku": "phone", "requested": 1, "available": 0}]);
    assert_eq!(gone["short_lines"], short);

    let cancelled = client.deed("cancel", "other").expect(200);
    assert_eq!(
        cancelled["changed"],
        json!({"units": 1, "refunded": 0, "late": 0})
    );
    assert!(client.deed("cancel", "other").is_replayed());
    let state = client.deed("pay", "other").problem(409, "wrong-state");
    assert_eq!(state["state"], "cancelled");
    client.order("other", &phone).problem(409, "wrong-state");

    // The unit is back: the late payment has it after all.
    assert_eq!(client.deed("pay", "late").expect(200)["changed"]["late"], 1);
    assert!(client.deed("pay", "late").is_replayed());
    assert_eq!(client.stock("phone"), (0, 1));
}

#[test]
fn an_order_goes_line_by_line() {
    let shop = Server::start(&[("phone", 10), ("case", 10)]);
    let client = &shop.client;
    client.order("a", &[("phone", 2), ("case", 3)]).expect(201);
    client
        .part("pay", "a", "p1", &[("phone", 2), ("case", 1)])
        .expect(200);
    client.part("ship", "a", "s1", &[("phone", 1)]).expect(200);
    assert!(
        client
            .part("ship", "a", "s1", &[("phone", 1)])
            .is_replayed()
    );
    client
        .part("ship", "a", "s1", &[("case", 1)])
        .problem(422, "other-request");
    let missing = client
        .part("ship", "a", "s2", &[("case", 2)])
        .problem(409, "not-in-order");
    let expected = json!([{"sku": "case", "requested": 2, "available": 1}]);
    assert_eq!(missing["short_lines"], expected);
    let cancelled = client
        .part("cancel", "a", "c1", &[("phone", 1), ("case", 2)])
        .expect(200);
    assert_eq!(
        cancelled["changed"],
        json!({"units": 3, "refunded": 1, "late": 0})
    );
    let back = json!({"lines": [{"sku": "phone", "units": 1}], "to": "written_off"});
    client.post("/v1/orders/a/return", "r1", &back).expect(200);
    let order = client.get("/v1/orders/a").expect(200);
    assert_eq!(order["state"], "paid");
    let expected = json!([
        {"sku": "phone", "units": 2, "written_off": 1, "refunded": 1},
        {"sku": "case", "units": 3, "paid": 1, "cancelled": 2},
    ]);
    assert_eq!(order["lines"], expected);
    assert_eq!(
        (client.stock("phone"), client.stock("case")),
        ((9, 9), (9, 10))
    );
    // Lines need a key.
    let body = json!({"lines": [{"sku": "case", "units": 1}]}).to_string();
    for deed in ["pay", "ship", "cancel", "return"] {
        let path = format!("/v1/orders/a/{deed}");
        client
            .send("POST", &path, &[JSON], &body)
            .problem(400, "idempotency-key");
    }
}

#[test]
fn a_body_that_is_not_declared_is_never_taken_for_the_whole_order() {
    let shop = Server::start(&[("phone", 10)]);
    let client = &shop.client;
    client.order("a", &[("phone", 2)]).expect(201);
    let body = r#"{"lines":[{"sku":"phone","units":1}]}"#;
    let undeclared = client.send("POST", "/v1/orders/a/pay", &[key("k")], body);
    undeclared.problem(415, "not-json");
    assert_eq!(client.get("/v1/orders/a").expect(200)["state"], "held");
}

#[test]
fn a_held_order_is_amended_within_its_deadline_and_extended_by_the_shop() {
    let shop = Server::start(&[("phone", 3), ("case", 3)]);
    let client = &shop.client;
    client.order("a", &[("phone", 2)]).expect(201);
    shop.clock.advance(MINUTE);
    let amended = client.part("amend", "a", "k", &[("phone", 1), ("case", 2)]);
    let amended = amended.expect(200);
    assert_eq!(
        (&amended["expires_in"], &amended["changed"]["units"]),
        (&json!(540), &json!(3))
    );
    assert!(
        client
            .part("amend", "a", "k", &[("phone", 1), ("case", 2)])
            .is_replayed()
    );
    assert_eq!(
        (client.stock("phone"), client.stock("case")),
        ((2, 3), (1, 3))
    );
    client
        .part("amend", "a", "l", &[("phone", 4)])
        .problem(409, "out-of-stock");

    let extend_as = |key: &str, minutes: u64| {
        let body = json!({"hold_minutes": minutes});
        client.post("/v1/orders/a/extend", key, &body)
    };
    let extend = |minutes: u64| extend_as(&format!("for-{minutes}"), minutes);
    assert_eq!(extend(20).expect(200)["expires_in"], 1_200);
    assert!(extend(20).is_replayed());
    extend_as("for-20", 30).problem(422, "other-request");
    assert_eq!(
        extend(5).expect(200)["expires_in"],
        1_200,
        "it is held for longer already"
    );
    extend(61).problem(422, "invalid-request");
    extend(0).problem(422, "invalid-request");
    client.deed("pay", "a").expect(200);
    client
        .part("amend", "a", "m", &[("phone", 1)])
        .problem(409, "wrong-state");
    assert!(extend(5).is_replayed());
    extend(6).problem(409, "wrong-state");
}

/// Whoever reads one page of a short list has read it.
#[test]
fn a_list_of_few_orders_among_hundreds_is_one_page() {
    let shop = Server::start(&[("phone", 1_000)]);
    let client = &shop.client;
    for number in 0..600 {
        client
            .order(&format!("o:{number}"), &[("phone", 1)])
            .expect(201);
    }
    for number in [1, 300, 599] {
        client.deed("pay", &format!("o:{number}")).expect(200);
    }
    let page = client.get("/v1/orders?state=paid").expect(200);
    assert_eq!(page["orders"].as_array().map(Vec::len), Some(3));
    assert_eq!(page.get("next"), None);
    let page = client.get("/v1/orders?limit=500").expect(200);
    assert_eq!(page["orders"].as_array().map(Vec::len), Some(500));
    assert!(page["next"].is_string());
}

#[test]
fn a_second_call_on_the_whole_order_does_not_say_that_it_did_what_is_left() {
    let shop = Server::start(&[("phone", 10), ("case", 10)]);
    let client = &shop.client;
    client.order("o", &[("phone", 2), ("case", 3)]).expect(201);
    let cases = json!({"lines": [{"sku": "case", "units": 3}]});
    client.post("/v1/orders/o/pay", "cases", &cases).expect(200);
    client.deed("ship", "o").expect(200);
    assert!(client.deed("ship", "o").is_replayed());
    client.deed("pay", "o").expect(200);
    let refused = client.deed("ship", "o").problem(422, "other-request");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("by lines, under a key"), "{detail}");
}

#[test]
fn orders_are_listed_page_by_page_and_by_what_is_asked_for() {
    let shop = Server::start(&[("phone", 100), ("case", 100)]);
    let client = &shop.client;
    for number in 0..25 {
        let sku = if number % 5 == 0 { "case" } else { "phone" };
        let customer = if number % 2 == 0 { "ann" } else { "bob" };
        let lines = [json!({"sku": sku, "units": 1})];
        let body = json!({"lines": lines, "customer": customer});
        client
            .post("/v1/orders", &format!("o:{number}"), &body)
            .expect(201);
    }
    client.deed("pay", "o:7").expect(200);
    let ids = |filter: &str| {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = client
                .get(&format!("/v1/orders?limit=3{filter}{cursor}"))
                .expect(200);
            let orders = page["orders"].as_array().unwrap();
            assert!(orders.len() <= 3);
            ids.extend(
                orders
                    .iter()
                    .map(|order| order["id"].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        ids.sort();
        ids.dedup();
        ids
    };
    assert_eq!(ids("").len(), 25);
    assert_eq!(ids("&state=paid"), ["o:7"]);
    assert_eq!(ids("&sku=case"), ["o:0", "o:10", "o:15", "o:20", "o:5"]);
    assert_eq!(ids("&customer=ann&sku=case").len(), 3);
    let number = client.get("/v1/orders/o:7").expect(200)["number"]
        .as_u64()
        .unwrap();
    assert_eq!(ids(&format!("&from={number}&to={number}")), ["o:7"]);
    let placed = client.get("/v1/orders/o:7").expect(200)["placed_at"].clone();
    let placed = placed.as_str().unwrap();
    let year = |year: &str| format!("{year}{}", &placed[4..]);
    assert_eq!(ids(&format!("&since={placed}")).len(), 25);
    assert_eq!(ids(&format!("&before={placed}")).len(), 0);
    assert_eq!(ids(&format!("&since={}", year("1970"))).len(), 25);
    assert_eq!(ids(&format!("&since={}", year("9999"))).len(), 0);
    assert_eq!(ids(&format!("&before={}", year("9999"))).len(), 25);
    for wrong in [
        "since=yesterday",
        "before=2026-11-25",
        "state=sold",
        "limit=0",
        "limit=1001",
        "colour=red",
        "cursor=x",
        "sku=none",
    ] {
        let refused = client.get(&format!("/v1/orders?{wrong}"));
        let kind = if wrong == "sku=none" {
            "unknown-skus"
        } else {
            "invalid-request"
        };
        refused.problem(422, kind);
    }
}

/// Those that have been held for long, say, while others come.
#[test]
fn orders_are_listed_by_their_age() {
    let shop = Server::start(&[("phone", 100)]);
    let client = &shop.client;
    client.order("old", &[("phone", 1)]).expect(201);
    shop.clock.advance(5 * MINUTE);
    client.order("new", &[("phone", 1)]).expect(201);
    let ago = |minutes| {
        let time = SystemTime::now() - minutes * MINUTE;
        humantime::format_rfc3339_seconds(time).to_string()
    };
    let ids = |filter: String| {
        let page = client.get(&format!("/v1/orders?{filter}")).expect(200);
        let orders = page["orders"].as_array().unwrap().iter();
        let ids = orders.map(|order| order["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(format!("before={}", ago(2))), ["old"]);
    assert_eq!(ids(format!("since={}", ago(2))), ["new"]);
    assert_eq!(ids(format!("since={}&before={}", ago(6), ago(4))), ["old"]);
    let at = |id: &str| {
        let order = client.get(&format!("/v1/orders/{id}")).expect(200);
        let at = order["placed_at"].as_str().unwrap().to_owned();
        humantime::parse_rfc3339(&at).unwrap()
    };
    let between = at("new").duration_since(at("old")).unwrap();
    assert!(between.abs_diff(5 * MINUTE) <= Duration::from_secs(1));
}

#[test]
fn an_order_is_held_no_longer_than_the_longest_hold() {
    let limits = Limits {
        longest_hold: 5 * MINUTE,
        ..Limits::default()
    };
    let setting = Setting {
        limits,
        ..Setting::default()
    };
    let shop = Server::set(&[("phone", 10)], setting);
    let order = |minutes: u64| {
        let lines = [json!({"sku": "phone", "units": 1})];
        let body = json!({"lines": lines, "hold_minutes": minutes});
        shop.client
            .post("/v1/orders", &format!("o{minutes}"), &body)
    };
    order(5).expect(201);
    order(6).problem(422, "invalid-request");
    order(u64::MAX).problem(422, "invalid-request");
}

#[test]
fn beyond_the_most_orders_a_new_one_is_refused_since_it_is_full() {
    let setting = Setting {
        book: |book| book.max_orders(2).retention(MINUTE),
        ..Setting::default()
    };
    let shop = Server::set(&[("phone", 10)], setting);
    let phone = [("phone", 1)];
    for id in ["a", "b"] {
        shop.client.order(id, &phone).expect(201);
    }
    let full = shop.client.order("c", &phone);
    full.problem(503, "full");
    assert_eq!(full.headers["retry-after"], "1");
    assert!(shop.client.order("a", &phone).is_replayed());
    assert_eq!(shop.client.stock("phone"), (8, 10));
}
