//! What clients get wrong: each answered with its status, in one shape, and nothing changed.

mod support;

use segstock::MAX_UNITS;
use segstock_service::routes::Limits;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use support::{Reply, Server};

const JSON: (&str, &str) = ("content-type", "application/json");

/// An order with such a body.
#[track_caller]
fn post(shop: &Server, body: &str) -> Reply {
    let headers = [JSON, ("idempotency-key", "a")];
    let answer = shop.client.send("POST", "/orders", &headers, body);
    assert_eq!(shop.client.stock("phone"), (10, 0, 0), "{body}");
    answer
}

#[test]
fn bodies_that_are_not_json_are_malformed() {
    let shop = Server::start(&[("phone", 10)]);
    for body in ["", "{", "{\"lines\":[}", "\u{0}", "{\"lines\": nope}"] {
        post(&shop, body).problem(400, "malformed");
    }
    let deep = "[".repeat(10_000);
    let refused = post(&shop, &format!("{{\"lines\":{deep}"));
    assert!(matches!(refused.status, 400 | 422), "{refused:?}");
    // Not a number of JSON's that any machine has.
    let infinite = r#"{"lines":[{"sku":"phone","units":1e999}]}"#;
    post(&shop, infinite).problem(400, "malformed");
}

#[test]
fn numbers_that_cannot_be_are_invalid() {
    let shop = Server::start(&[("phone", 10)]);
    let too_many = (MAX_UNITS + 1).to_string();
    let numbers = [
        "0",
        "-1",
        "1.5",
        "\"1\"",
        "null",
        "true",
        "[]",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "1e300",
        &too_many,
    ];
    for number in numbers {
        let body = format!(r#"{{"lines":[{{"sku":"phone","units":{number}}}]}}"#);
        post(&shop, &body).problem(422, "invalid-request");
    }
    // Each possible, their sum not.
    let line = json!({"sku": "phone", "units": MAX_UNITS});
    let sum = json!({"lines": [line, line]}).to_string();
    post(&shop, &sum).problem(422, "invalid-request");
    for minutes in ["0", "-1", "1441", "18446744073709551615", "0.5"] {
        let lines = r#"[{"sku":"phone","units":1}]"#;
        let body = format!(r#"{{"lines":{lines},"hold_minutes":{minutes}}}"#);
        post(&shop, &body).problem(422, "invalid-request");
    }
    let mut bodies = vec!["[7]".to_owned()];
    for units in ["-1", "1e3", "18446744073709551616", &too_many] {
        bodies.push(format!(r#"{{"units":{units}}}"#));
    }
    for body in bodies {
        for (method, path) in [
            ("PUT", "/stock/phone"),
            ("PUT", "/stock/new"),
            ("POST", "/stock/phone/restock"),
        ] {
            let refused = shop.client.send(method, path, &[JSON], &body);
            refused.problem(422, "invalid-request");
        }
    }
    assert_eq!(shop.client.stock("phone"), (10, 0, 0));
    shop.client.get("/stock/new").problem(404, "unknown-sku");
}

#[test]
fn orders_beyond_the_limits_are_invalid() {
    let limits = Limits {
        lines: 3,
        body: 1_000,
        ..Limits::default()
    };
    let shop = Server::limited(&[("phone", 10)], limits);
    let line = json!({"sku": "phone", "units": 1});
    let order = |lines: usize| json!({"lines": vec![&line; lines]}).to_string();
    post(&shop, &order(0)).problem(422, "invalid-request");
    post(&shop, &order(4)).problem(422, "invalid-request");
    post(&shop, &" ".repeat(1_001)).problem(413, "too-large");
    for sku in ["", "a\nb", ".", "..", &"x".repeat(65)] {
        let body = json!({"lines": [{"sku": sku, "units": 1}]}).to_string();
        post(&shop, &body).problem(422, "invalid-request");
    }
    for body in [
        r#"{}"#,
        r#"[]"#,
        r#"["#,
        r#"[[{"sku":"phone","units":1}],3]"#,
        r#"{"lines":[["phone",1]]}"#,
        r#"{"lines":[{"sku":"phone"}]}"#,
        r#"{"lines":[{"units":1}]}"#,
        r#"{"lines":[{"sku":"phone","units":1}],"hold_minuets":1}"#,
        r#"{"lines":[{"sku":"phone","units":1,"units":1}]}"#,
    ] {
        post(&shop, body).problem(422, "invalid-request");
    }
    let long = format!("/stock/{}", "x".repeat(65));
    let refused = shop.client.json("PUT", &long, &json!({"units": 1}));
    refused.problem(422, "invalid-request");
    for step in [".", ".."] {
        let (status, text) = put_as_it_is(&shop, step);
        assert_eq!(status, 422, "{text}");
        assert!(text.contains("invalid-request"), "{text}");
    }
    let dots = shop.client.json("PUT", "/stock/...", &json!({"units": 1}));
    dots.expect(201);
    // As much as the limits allow is served.
    let served = shop.client.order("a", &[("phone", 1); 3]);
    assert_eq!(served.status, 201);
}

/// Opens a SKU by a client that leaves the path as it is; its answer.
fn put_as_it_is(shop: &Server, sku: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(shop.client.address).unwrap();
    let request = format!(
        "PUT /stock/{sku} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: 11\r\n\r\n{{\"units\":1}}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

#[test]
fn an_order_needs_one_usable_key() {
    let shop = Server::start(&[("phone", 10)]);
    let body = r#"{"lines":[{"sku":"phone","units":1}]}"#;
    let send = |headers: &[(&str, &str)]| shop.client.send("POST", "/orders", headers, body);
    send(&[JSON]).problem(400, "idempotency-key");
    fn key(key: &str) -> (&str, &str) {
        ("idempotency-key", key)
    }
    send(&[JSON, key("a"), key("b")]).problem(400, "idempotency-key");
    for bad in [
        ".",
        "..",
        "\"..\"",
        "",
        "\"\"",
        "a b",
        "a/b",
        "ä",
        "%41",
        &"x".repeat(65),
    ] {
        send(&[JSON, key(bad)]).problem(400, "idempotency-key");
    }
    assert_eq!(shop.client.stock("phone"), (10, 0, 0));
    send(&[JSON, key(&"x".repeat(64))]).expect(201);
    // In quotes, as the header's draft has it, and without.
    send(&[JSON, key("\"order-1\"")]).expect(201);
    send(&[JSON, key("order-1")]).expect(200);
}

#[test]
fn what_is_not_declared_as_json_is_not_read() {
    let shop = Server::start(&[("phone", 10)]);
    let body = r#"{"lines":[{"sku":"phone","units":1}]}"#;
    for kind in [None, Some("text/plain")] {
        let mut headers = vec![("idempotency-key", "a")];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        let refused = shop.client.send("POST", "/orders", &headers, body);
        refused.problem(415, "not-json");
    }
}

#[test]
fn unknown_routes_and_wrong_methods_have_the_same_shape() {
    let shop = Server::start(&[("phone", 10)]);
    for path in ["/", "/nope", "/orders/", "/orders/a/b/c", "/stock"] {
        shop.client.get(path).problem(404, "unknown-route");
    }
    let wrong = shop.client.send("PATCH", "/stock/phone", &[], "");
    wrong.problem(405, "wrong-method");
    let allowed = wrong.headers["allow"].to_str().unwrap();
    assert!(
        allowed.contains("GET") && allowed.contains("PUT"),
        "{allowed}"
    );
    shop.client.get("/orders").problem(405, "wrong-method");
    shop.client.get("/stock/%ff").problem(400, "malformed");
}
