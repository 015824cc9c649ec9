//! What clients get wrong: each answered with its status, in one shape, and nothing changed.

use crate::support::{Client, JSON, Reply, Server, Setting, key};
use segstock::MAX_UNITS;
use segstock_service::book::Limits;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

/// An order with such a body.
#[track_caller]
fn post(shop: &Server, body: &str) -> Reply {
    let answer = shop
        .client
        .send("POST", "/v1/orders", &[JSON, key("a")], body);
    assert_eq!(shop.client.stock("phone"), (10, 10), "{body}");
    answer
}

/// The status and the text of an answer to bytes that are sent as they are.
fn raw(client: &Client, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(client.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
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

/// Whoever opens a SKU with units would find it without them.
#[test]
fn what_would_not_be_done_is_not_taken() {
    let shop = Server::start(&[("phone", 10)]);
    let client = &shop.client;
    let units = client.send("PUT", "/v1/stock/bag", &[JSON], r#"{"units":5}"#);
    units.problem(422, "invalid-request");
    client.get("/v1/stock/bag").problem(404, "unknown-sku");
    client.send("PUT", "/v1/stock/bag", &[], "").expect(201);
    let lines = client.send("POST", "/v1/orders/a/pay", &[JSON, key("k")], "{}");
    let refused = lines.problem(422, "invalid-request");
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        detail.ends_with("without a body it is the whole order"),
        "{detail}"
    );
}

#[test]
fn what_is_wrong_is_said_first() {
    let shop = Server::start(&[("phone", 10)]);
    let wrong = r#"{"lines":[{"sku":"phone","unit":1}]}"#;
    let problem = post(&shop, wrong).problem(422, "invalid-request");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("lines[0].unit: unknown field"),
        "{detail}"
    );
    let problem = post(&shop, r#"{"lines":"#).problem(400, "malformed");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("lines: EOF"), "{detail}");
    let problem = shop.client.get("/v1/orders?state=sold");
    let problem = problem.problem(422, "invalid-request");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("state: unknown variant"), "{detail}");
    for (path, begins) in [
        (
            "orders?limit=abc",
            "limit: \"abc\" is not a whole number from 0 on",
        ),
        ("orders?from=-1", "from: \"-1\" is not a whole"),
        ("orders?to=1e9", "to: \"1e9\" is not a whole"),
        ("stock?limit=", "limit: \"\" is not a whole"),
        (
            "stock?limit=18446744073709551616",
            "limit: \"18446744073709551616\" is too large",
        ),
    ] {
        let problem = shop.client.get(&format!("/v1/{path}"));
        let problem = problem.problem(422, "invalid-request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(begins), "{path}: {detail}");
    }
    let path = "/v1/bulk/stock?do=count&skip_lines=-1";
    let list = shop.client.send(
        "POST",
        path,
        &[key("l"), ("content-type", "text/csv")],
        "sku,units\n",
    );
    let problem = list.problem(422, "invalid-request");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("skip_lines: \"-1\" is not"), "{detail}");
    let body = r#"{"lines":[{"sku":"phone","units":1}],"hold_minutes":61}"#;
    let problem = post(&shop, body).problem(422, "invalid-request");
    assert_eq!(
        problem["detail"],
        "hold_minutes: at most 60 minutes, by --longest-hold"
    );
    let body = r#"{"lines":[{"sku":"","units":1},{"sku":" ","units":1}]}"#;
    let problem = post(&shop, body).problem(422, "unknown-skus");
    assert_eq!(problem["detail"], "unknown SKUs: \"\", \" \"");
}

#[test]
fn what_becomes_of_a_return_is_a_text() {
    let shop = Server::start(&[("phone", 10)]);
    for to in ["null", "5", "[]", "{}", "\"bin\""] {
        let body = format!(r#"{{"to":{to}}}"#);
        let path = "/v1/orders/a/return";
        let refused = shop.client.send("POST", path, &[JSON, key("r")], &body);
        let detail = refused.problem(422, "invalid-request")["detail"].to_string();
        assert!(detail.starts_with("\"to: "), "{to}: {detail}");
    }
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
    for minutes in ["0", "-1", "61", "18446744073709551615", "0.5", "null"] {
        let lines = r#"[{"sku":"phone","units":1}]"#;
        let body = format!(r#"{{"lines":{lines},"hold_minutes":{minutes}}}"#);
        post(&shop, &body).problem(422, "invalid-request");
    }
    for units in ["-1", "1.5", "18446744073709551616", "null", &too_many] {
        let body = format!(r#"{{"units":{units}}}"#);
        for deed in ["restock", "count", "write-off"] {
            let path = format!("/v1/stock/phone/{deed}");
            let refused = shop.client.send("POST", &path, &[JSON, key("k")], &body);
            let kind = if deed == "write-off" && units == too_many {
                refused.problem(409, "out-of-stock");
                continue;
            } else {
                "invalid-request"
            };
            refused.problem(422, kind);
        }
    }
    assert_eq!(shop.client.stock("phone"), (10, 10));
}

#[test]
fn units_may_be_written_with_a_fraction_of_zero() {
    let shop = Server::start(&[("phone", 10)]);
    let body = r#"{"lines":[{"sku":"phone","units":1.0}],"hold_minutes":2.0}"#;
    let placed = shop
        .client
        .send("POST", "/v1/orders", &[JSON, key("a")], body);
    let placed = placed.expect(201);
    assert_eq!(
        (&placed["lines"][0]["units"], &placed["expires_in"]),
        (&json!(1), &json!(120))
    );
}

#[test]
fn orders_beyond_the_limits_are_invalid() {
    let setting = Setting {
        limits: Limits {
            body: 1_000,
            ..Limits::default()
        },
        book: |book| book.max_lines(2).max_units(5),
        ..Setting::default()
    };
    let stock = [("phone", 10), ("case", 10), ("cable", 10)];
    let shop = Server::set(&stock, setting);
    post(&shop, r#"{"lines":[]}"#).problem(422, "invalid-request");
    let large = post(&shop, &" ".repeat(1_001)).problem(413, "too-large");
    assert_eq!(large["detail"], "the body is larger than 1000 bytes");
    let path = "/v1/orders/a/cancel";
    let large = shop.client.send("POST", path, &[JSON], &" ".repeat(1_001));
    let large = large.problem(413, "too-large");
    assert_eq!(large["detail"], "the body is larger than 1000 bytes");
    let three = [("phone", 1), ("case", 1), ("cable", 1)];
    shop.client
        .order("a", &three)
        .problem(422, "invalid-request");
    shop.client
        .order("a", &[("phone", 6)])
        .problem(422, "invalid-request");
    for body in [
        r#"{}"#,
        r#"[]"#,
        r#"["#,
        r#"[[{"sku":"phone","units":1}],3]"#,
        r#"{"lines":[["phone",1]]}"#,
        r#"{"lines":[{"sku":"phone"}]}"#,
        r#"{"lines":[{"units":1}]}"#,
        r#"{"lines":[{"sku":"phone","units":1}],"hold_minuets":1}"#,
        r#"{"lines":[{"sku":"phone","units":1}],"customer":null}"#,
        r#"{"lines":[{"sku":"phone","units":1}],"customer":""}"#,
        r#"{"lines":[{"sku":"phone","units":1,"units":1}]}"#,
    ] {
        post(&shop, body).problem(422, "invalid-request");
    }
    // As much as the limits allow is served.
    shop.client
        .order("a", &[("phone", 2), ("case", 2), ("phone", 1)])
        .expect(201);
}

#[test]
fn skus_that_cannot_be_are_not_opened() {
    let shop = Server::start(&[]);
    let document = shop.client.get("/openapi.json").expect(200);
    let described = &document["paths"]["/v1/stock/{sku}"]["put"]["parameters"][0]["schema"];
    let is_described = |sku: &str| jsonschema::is_valid(described, &json!(sku));
    for sku in ["a\nb", " ", "\u{a0} ", ".", " a", "a b\u{a0}"] {
        assert!(!is_described(sku), "{sku:?}");
    }
    for sku in ["...", "a", "a b", "ä"] {
        assert!(is_described(sku), "{sku:?}");
    }
    let long = "x".repeat(65);
    for sku in ["a%0Ab", "%20", "%C2%A0%20", long.as_str()] {
        let refused = shop
            .client
            .send("PUT", &format!("/v1/stock/{sku}"), &[], "");
        refused.problem(422, "invalid-request");
    }
    for step in [".", ".."] {
        // By a client that leaves the path as it is.
        let request = format!(
            "PUT /v1/stock/{step} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        let (status, text) = raw(&shop.client, &request);
        assert_eq!(status, 422, "{text}");
        assert!(text.contains("invalid-request"), "{text}");
    }
    for sku in ["...", "phone@north", "a:b", "%C3%A4"] {
        shop.client
            .send("PUT", &format!("/v1/stock/{sku}"), &[], "")
            .expect(201);
    }
}

#[test]
fn an_order_needs_one_usable_key() {
    let shop = Server::start(&[("phone", 10)]);
    let body = r#"{"lines":[{"sku":"phone","units":1}]}"#;
    let send = |headers: &[(&str, &str)]| shop.client.send("POST", "/v1/orders", headers, body);
    send(&[JSON]).problem(400, "idempotency-key");
    send(&[JSON, key("a"), key("b")]).problem(400, "idempotency-key");
    let long = "x".repeat(201);
    for bad in [
        ".", "..", "\"..\"", "", "\"\"", "a b", "a/b", "ä", "%41", &long,
    ] {
        send(&[JSON, key(bad)]).problem(400, "idempotency-key");
    }
    assert_eq!(shop.client.stock("phone"), (10, 10));
    send(&[JSON, key(&long[..200])]).expect(201);
    send(&[JSON, key("order:17")]).expect(201);
    shop.client.get("/v1/orders/order:17").expect(200);
    // In quotes, as the header's draft has it, and without.
    send(&[JSON, key("\"order-1\"")]).expect(201);
    send(&[JSON, key("order-1")]).expect(200);
}

#[test]
fn a_body_that_is_not_declared_as_json_is_not_read() {
    let shop = Server::start(&[("phone", 10)]);
    let body = r#"{"lines":[{"sku":"phone","units":1}]}"#;
    for kind in [None, Some("text/plain")] {
        let mut headers = vec![key("a")];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        let refused = shop.client.send("POST", "/v1/orders", &headers, body);
        refused.problem(415, "not-json");
    }
}

#[test]
fn unknown_routes_and_wrong_methods_have_the_same_shape() {
    let shop = Server::start(&[("phone", 10)]);
    for path in [
        "/nope",
        "/orders",
        "/v1/orders/",
        "/v1/orders/a/b/c",
        "/v1/bulk",
    ] {
        shop.client.get(path).problem(404, "unknown-route");
    }
    // Where the name is missing, no listener has the path.
    for client in [&shop.client, &shop.customers] {
        let problem = client.get("/v1/orders/").problem(404, "unknown-route");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with("there is no such path"), "{detail}");
    }
    let wrong = shop.client.send("PATCH", "/v1/stock/phone", &[], "");
    wrong.problem(405, "wrong-method");
    let allowed = wrong.headers["allow"].to_str().unwrap();
    assert!(
        allowed.contains("GET") && allowed.contains("PUT"),
        "{allowed}"
    );
    shop.client
        .get("/v1/orders/a/pay")
        .problem(405, "wrong-method");
    shop.client.get("/v1/stock/%ff").problem(400, "malformed");
}

#[test]
fn a_request_of_http_1_1_names_its_host_once() {
    let shop = Server::start(&[]);
    let ask = |version: &str, hosts: &str| {
        let request = format!("GET /livez HTTP/{version}\r\nconnection: close\r\n{hosts}\r\n");
        raw(&shop.client, &request)
    };
    assert_eq!(ask("1.1", "host: localhost\r\n").0, 200);
    assert_eq!(ask("1.0", "").0, 200);
    for hosts in ["", "host: localhost\r\nhost: other\r\n"] {
        let (status, text) = ask("1.1", hosts);
        assert_eq!(status, 400, "{text}");
        assert!(text.contains("malformed"), "{text}");
    }
}

#[test]
fn a_body_of_no_bytes_is_none_however_it_is_sent() {
    let shop = Server::start(&[("phone", 10)]);
    shop.client.order("a", &[("phone", 1)]).expect(201);
    let head = "POST /v1/orders/a/pay HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let (status, answer) = raw(&shop.client, head);
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(r#""state":"paid""#), "{answer}");
}

#[test]
fn behind_the_last_sku_there_is_no_page() {
    let shop = Server::start(&[("phone", 10)]);
    let page = |first: &str| shop.client.get(&format!("/v1/overview?first={first}"));
    for first in ["1", "4294967295"] {
        let page = page(first).expect(200).clone();
        assert_eq!((&page["stock"], &page["next"]), (&json!([]), &json!(null)));
    }
    page("4294967296").problem(422, "invalid-request");
}
