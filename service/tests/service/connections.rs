//! Who is let in: the two listeners, the shop's token, the number of connections, the time of their headers.

use crate::support::{JSON, Server, Setting, key};
use segstock_service::book::Limits;
use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const TOKEN: &str = "a-token-of-24-characters";
const ORDER: &str = r#"{"lines":[{"sku":"phone","units":1}]}"#;

#[test]
fn customers_have_orders_and_the_shop_has_everything() {
    let shop = Server::start(&[("phone", 10)]);
    let customers = &shop.customers;
    customers.order("a", &[("phone", 1)]).expect(201);
    customers.get("/v1/orders/a").expect(200);
    customers
        .part("amend", "a", "k", &[("phone", 2)])
        .expect(200);
    for deed in ["pay", "ship", "return", "extend"] {
        customers.deed(deed, "a").problem(404, "unknown-route");
    }
    for path in [
        "/",
        "/v1/events",
        "/v1/stock",
        "/v1/stock/phone",
        "/metrics",
    ] {
        customers.get(path).problem(404, "unknown-route");
    }
    customers.get("/v1/orders").problem(405, "wrong-method");
    customers.deed("cancel", "a").expect(200);
    for path in ["/livez", "/readyz", "/openapi.json"] {
        customers.get(path).expect(200);
        shop.client.get(path).expect(200);
    }
    shop.client.order("b", &[("phone", 1)]).expect(201);
}

#[test]
fn the_shop_asks_for_its_token_and_customers_are_not_asked() {
    let setting = Setting {
        token: Some(TOKEN),
        ..Setting::default()
    };
    let shop = Server::set(&[("phone", 10)], setting);
    shop.customers.order("a", &[("phone", 1)]).expect(201);
    let with = |token: &str| {
        let header = [("authorization", token)];
        shop.client.send("POST", "/v1/orders/a/pay", &header, "")
    };
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic a-token-of-24-characters",
        TOKEN,
    ] {
        with(wrong).problem(401, "no-token");
    }
    let refused = shop
        .client
        .send("POST", "/v1/orders", &[JSON, key("b")], ORDER);
    refused.problem(401, "no-token");
    assert_eq!(refused.headers["www-authenticate"], "Bearer");
    shop.client.get("/metrics").problem(401, "no-token");
    shop.client.get("/nope").problem(401, "no-token");
    let bearer = format!("Bearer {TOKEN}");
    for path in ["/livez", "/readyz"] {
        let probed = shop.client.get(path).expect(200);
        assert_eq!(probed, json!({"status": "ok"}), "{path}: no figures");
        let header = [("authorization", &*bearer)];
        let asked = shop.client.send("GET", path, &header, "").expect(200);
        assert_eq!((&asked["skus"], &asked["orders"]), (&json!(1), &json!(1)));
    }
    with(&bearer).expect(200);
    with(&format!("bearer {TOKEN}")).expect(200);
}

/// A connection that has sent part of its headers.
fn half_sent(at: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nho").unwrap();
    stream
}

#[test]
fn half_sent_headers_are_timed_out_and_make_room() {
    let setting = Setting {
        connections: 3,
        header_time: Duration::from_millis(300),
        ..Setting::default()
    };
    let shop = Server::set(&[], setting);
    let streams: Vec<_> = (0..6).map(|_| half_sent(shop.customers.address)).collect();
    let began = Instant::now();
    // It waits for one of those before it, whose time ends.
    shop.customers.get("/livez").expect(200);
    assert!(
        began.elapsed() >= Duration::from_millis(100),
        "it had to wait"
    );
    for mut stream in streams {
        let mut rest = String::new();
        // Closed, with or without a word.
        _ = stream.read_to_string(&mut rest);
    }
    // The shop has connections of its own.
    shop.client.get("/livez").expect(200);
}

/// Connections that do nothing, that have begun their headers, or their body.
fn slow(at: SocketAddr, number: usize) -> TcpStream {
    let begun = [
        "",
        "GET /livez HTTP/1.1\r\nho",
        "POST /v1/orders HTTP/1.1\r\nhost: shop\r\nidempotency-key: slow\r\n\
         content-type: application/json\r\ncontent-length: 50\r\n\r\n{",
    ];
    let mut stream = TcpStream::connect(at).unwrap();
    let begun = begun[number % begun.len()];
    stream.write_all(begun.as_bytes()).unwrap();
    stream
}

#[test]
fn beside_hundreds_of_slow_connections_those_that_work_are_served_and_the_slow_are_ended() {
    const SLOW: usize = 300;
    let setting = Setting {
        connections: SLOW + 10,
        header_time: Duration::from_secs(2),
        limits: Limits {
            request: Duration::from_secs(2),
            ..Limits::default()
        },
        ..Setting::default()
    };
    let shop = Server::set(&[("phone", 1_000)], setting);
    let slow: Vec<_> = (0..SLOW)
        .map(|number| slow(shop.customers.address, number))
        .collect();
    for number in 0..20 {
        let id = format!("order-{number}");
        shop.customers.order(&id, &[("phone", 1)]).expect(201);
    }
    for (number, mut stream) in slow.into_iter().enumerate() {
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        assert!(read.is_ok(), "{number} is not ended");
        // A request whose body does not come is answered.
        let is_answered = answer.starts_with(b"HTTP/1.1 408 ");
        assert_eq!(is_answered, number % 3 == 2, "{number}: {answer:?}");
    }
}

#[test]
fn a_flood_of_cancelled_orders_is_capped_and_room_comes_back() {
    let setting = Setting {
        book: |book| {
            book.max_orders(200)
                .max_all_lines(150)
                .retention(Duration::from_secs(60))
        },
        ..Setting::default()
    };
    let shop = Server::set(&[("phone", 10)], setting);
    let flood = |from: usize| {
        let cancelled = |number: usize| {
            let id = format!("flood-{number}");
            let order = shop.customers.order(&id, &[("phone", 1)]);
            if order.status == 201 {
                shop.customers.deed("cancel", &id).expect(200);
            } else {
                order.problem(503, "full");
                assert_eq!(order.headers["retry-after"], "1");
            }
            order.status == 201
        };
        (from..from + 300)
            .filter(|number| cancelled(*number))
            .count()
    };
    assert_eq!(flood(0), 150);
    // Who is known is served.
    shop.customers.get("/v1/orders/flood-7").expect(200);
    shop.clock.advance(Duration::from_secs(61));
    // Each request frees some room.
    assert!(flood(1_000) > 100);
    assert!(shop.alone.book.lines() <= 150);
}

/// A connection that asks for much, and takes nothing of it.
fn takes_nothing(at: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    let request = "GET /openapi.json HTTP/1.1\r\nhost: shop\r\n\r\n";
    // More than the buffers of both ends take.
    stream.write_all(request.repeat(300).as_bytes()).unwrap();
    stream
}

#[test]
fn who_takes_nothing_of_an_answer_makes_room_for_others() {
    let setting = Setting {
        connections: 3,
        header_time: Duration::from_millis(300),
        ..Setting::default()
    };
    let shop = Server::set(&[], setting);
    let address = shop.customers.address;
    let streams: Vec<_> = (0..6).map(|_| takes_nothing(address)).collect();
    shop.customers.get("/livez").expect(200);
    for mut stream in streams {
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        // What was under way, and the end.
        let end = std::io::copy(&mut stream, &mut std::io::sink());
        let is_over = !matches!(end, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(is_over);
    }
}

#[test]
fn who_takes_little_of_an_answer_makes_room_for_others() {
    let setting = Setting {
        connections: 3,
        answer_time: Duration::from_millis(500),
        ..Setting::default()
    };
    let shop = Server::set(&[], setting);
    let streams = [(); 3].map(|()| takes_nothing(shop.customers.address));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for mut stream in streams {
            // Some 100 kB a second, of 30 MB.
            scope.spawn(move || {
                let mut bytes = [0; 2_000];
                while began.elapsed() < Duration::from_secs(12)
                    && matches!(stream.read(&mut bytes), Ok(1..))
                {
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
        shop.customers.get("/livez").expect(200);
        assert!(began.elapsed() < Duration::from_secs(10), "it had to wait");
    });
}

#[test]
fn headers_have_a_size_that_many_connections_can_have() {
    let shop = Server::start(&[]);
    let status = |size: usize| {
        let mut stream = TcpStream::connect(shop.customers.address).unwrap();
        let long = "x".repeat(size);
        let request =
            format!("GET /livez HTTP/1.1\r\nhost: shop\r\nconnection: close\r\nx: {long}\r\n\r\n");
        // It may be closed before all of it is sent.
        _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer)
            .get(9..12)
            .map(str::to_owned)
    };
    assert_eq!(status(16_000).as_deref(), Some("200"));
    assert_ne!(status(70_000).as_deref(), Some("200"));
}

#[test]
fn a_shop_without_a_token_answers_only_those_who_mean_this_machine() {
    let asked = |shop: &Server, head: &str| {
        let mut stream = TcpStream::connect(shop.client.address).unwrap();
        let request = format!("{head}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer[9..12].to_owned()
    };
    let open = Server::start(&[("phone", 10)]);
    for host in [
        "localhost",
        "localhost:8081",
        "127.0.0.1:1",
        "127.8.8.8",
        "[::1]:8081",
        "LOCALHOST",
    ] {
        let head = format!("GET /v1/stock HTTP/1.1\r\nhost: {host}");
        assert_eq!(asked(&open, &head), "200", "{host}");
    }
    // A name that a page of somebody else's has for this machine; a proxy that everybody reaches.
    for host in [
        "shop.example",
        "localhost.example:8081",
        "127.0.0.1.example",
        "10.0.0.1",
        "[::2]",
        "",
    ] {
        let head = format!("GET /v1/stock HTTP/1.1\r\nhost: {host}");
        assert_eq!(asked(&open, &head), "401", "{host}");
        // Who only asks how it is may.
        let head = format!("GET /readyz HTTP/1.1\r\nhost: {host}");
        assert_eq!(asked(&open, &head), "200", "{host}");
    }
    // Another site's page, in the browser of somebody who is on this machine.
    open.client.order("a", &[("phone", 1)]).expect(201);
    for (origin, status) in [
        ("https://evil.example", "401"),
        ("null", "401"),
        ("http://localhost:8081", "200"),
        ("http://127.0.0.1:8081", "200"),
    ] {
        let head = format!(
            "POST /v1/orders/a/pay HTTP/1.1\r\nhost: localhost\r\norigin: {origin}\r\ncontent-length: 0"
        );
        assert_eq!(asked(&open, &head), status, "{origin}");
    }
    let setting = Setting {
        token: Some(TOKEN),
        ..Setting::default()
    };
    let with_token = Server::set(&[], setting);
    let head = format!(
        "GET /v1/stock HTTP/1.1\r\nhost: shop.example\r\norigin: https://shop.example\r\nauthorization: Bearer {TOKEN}"
    );
    assert_eq!(asked(&with_token, &head), "200");
}
