//! The description of the interface, held against what is answered.

mod support;

use segstock::MAX_UNITS;
use segstock_service::problem::kinds;
use segstock_service::routes::{Limits, ROUTES};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use support::Server;
use support::schema::{assert_matches, matches};

fn document() -> Value {
    serde_json::from_str(include_str!("../openapi.json")).unwrap()
}

/// Each operation, as `POST /orders`.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation)
        })
    })
}

#[test]
fn describes_every_route_and_no_other() {
    let document = document();
    let described: BTreeSet<String> = operations(&document).map(|(name, _)| name).collect();
    let routes = ROUTES.iter().map(|it| format!("{} {}", it.method, it.path));
    assert_eq!(described, routes.collect());
}

#[test]
fn every_kind_of_problem_is_explained() {
    let text = include_str!("../README.md");
    let explained = text.split("\n#### ").skip(1).map(|entry| {
        let (name, explanation) = entry.split_once('\n').unwrap();
        (name, explanation[..3].parse().unwrap())
    });
    let kinds = kinds::ALL.iter().map(|it| (it.name, it.status.as_u16()));
    assert_eq!(explained.collect::<BTreeSet<_>>(), kinds.collect());
}

/// A request and the status of its answer: operation, the name in its path, idempotency key,
/// body, status.
type Exchange = (&'static str, &'static str, &'static str, &'static str, u16);

/// In sequence, for `a` with 10 units and `b` with 1: every answer that is described.
const EXCHANGES: &[Exchange] = &[
    (
        "POST /orders",
        "",
        "k",
        r#"{"lines":[{"sku":"a","units":2}],"hold_minutes":1}"#,
        201,
    ),
    (
        "POST /orders",
        "",
        "k",
        r#"{"lines":[{"sku":"a","units":2}],"hold_minutes":1}"#,
        200,
    ),
    (
        "POST /orders",
        "",
        "k",
        r#"{"lines":[{"sku":"a","units":3}]}"#,
        422,
    ),
    (
        "POST /orders",
        "",
        "l",
        r#"{"lines":[{"sku":"x","units":1}]}"#,
        422,
    ),
    (
        "POST /orders",
        "",
        "l",
        r#"{"lines":[{"sku":"b","units":2}]}"#,
        409,
    ),
    (
        "POST /orders",
        "",
        "l",
        r#"{"lines":[{"sku":"b","units":1}],"hold_minutes":9}"#,
        201,
    ),
    (
        "POST /orders",
        "",
        "",
        r#"{"lines":[{"sku":"b","units":1}]}"#,
        400,
    ),
    ("POST /orders", "", "m", "{", 400),
    ("GET /orders/{id}", "k", "", "", 200),
    ("GET /orders/{id}", "none", "", "", 404),
    ("GET /orders/{id}", "%ff", "", "", 400),
    ("POST /orders/{id}/pay", "k", "", "", 200),
    ("POST /orders/{id}/pay", "none", "", "", 404),
    ("POST /orders/{id}/pay", "%ff", "", "", 400),
    ("DELETE /orders/{id}", "k", "", "", 409),
    ("DELETE /orders/{id}", "none", "", "", 404),
    ("DELETE /orders/{id}", "%ff", "", "", 400),
    ("DELETE /orders/{id}", "l", "", "", 204),
    ("POST /orders/{id}/pay", "l", "", "", 410),
    (
        "POST /orders",
        "",
        "l",
        r#"{"lines":[{"sku":"b","units":1}],"hold_minutes":9}"#,
        410,
    ),
    ("GET /orders/{id}", "l", "", "", 200),
    ("GET /stock/{sku}", "a", "", "", 200),
    ("GET /stock/{sku}", "x", "", "", 404),
    ("GET /stock/{sku}", "%ff", "", "", 400),
    ("PUT /stock/{sku}", "c", "", r#"{"units":5}"#, 201),
    ("PUT /stock/{sku}", "c", "", r#"{"units":4}"#, 200),
    ("PUT /stock/{sku}", "c", "", r#"{"units":-4}"#, 422),
    ("PUT /stock/{sku}", "c", "", "{", 400),
    (
        "POST /orders",
        "",
        "n",
        r#"{"lines":[{"sku":"c","units":4}]}"#,
        201,
    ),
    ("PUT /stock/{sku}", "c", "", r#"{"units":3}"#, 409),
    ("POST /stock/{sku}/restock", "c", "", r#"{"units":1}"#, 200),
    ("POST /stock/{sku}/restock", "x", "", r#"{"units":1}"#, 404),
    ("POST /stock/{sku}/restock", "c", "", r#"{"units":-1}"#, 422),
    ("POST /stock/{sku}/restock", "c", "", "", 400),
    ("GET /healthz", "", "", "", 200),
    ("GET /metrics", "", "", "", 200),
    ("GET /openapi.json", "", "", "", 200),
];

/// Operations that read a body.
const WITH_BODY: [&str; 3] = [
    "POST /orders",
    "PUT /stock/{sku}",
    "POST /stock/{sku}/restock",
];

/// Whatever changes something: refused once the shop is closed.
const CHANGES: &[(&str, &str, &str)] = &[
    ("POST /orders", "", r#"{"lines":[{"sku":"a","units":1}]}"#),
    ("POST /orders/{id}/pay", "k", ""),
    ("DELETE /orders/{id}", "k", ""),
    ("PUT /stock/{sku}", "c", r#"{"units":5}"#),
    ("POST /stock/{sku}/restock", "c", r#"{"units":5}"#),
];

/// The method, and the path with its name filled in.
fn request(operation: &str, name: &str) -> (String, String) {
    let (method, path) = operation.split_once(' ').unwrap();
    let path = path.replace("{id}", name).replace("{sku}", name);
    (method.to_owned(), path)
}

/// The answers that were seen, each as it is described.
struct Seen<'a> {
    document: &'a Value,
    answers: BTreeSet<(String, String)>,
}

impl Seen<'_> {
    #[track_caller]
    fn note(&mut self, operation: &str, status: u16, kind: &str, text: &str) {
        let status = status.to_string();
        let (_, described) = operations(self.document)
            .find(|(name, _)| name == operation)
            .unwrap();
        let answer = &described["responses"][&status];
        assert!(answer.is_object(), "{operation} answers {status}: {text}");
        if let Some(content) = answer["content"].as_object() {
            let kind = kind.split(';').next().unwrap();
            let content = content
                .get(kind)
                .unwrap_or_else(|| panic!("{operation}: {kind}"));
            let value = serde_json::from_str(text).unwrap_or(Value::String(text.to_owned()));
            assert_matches(self.document, &content["schema"], &value);
        } else {
            assert_eq!((kind, text), ("", ""));
        }
        self.answers.insert((operation.to_owned(), status));
    }
}

#[test]
fn every_answer_is_as_described_and_every_described_answer_is_given() {
    let document = document();
    let mut seen = Seen {
        document: &document,
        answers: BTreeSet::new(),
    };
    let shop = Server::start(&[("a", 10), ("b", 1)]);
    let json = ("content-type", "application/json");
    let send = |seen: &mut Seen<'_>, operation: &str, name, headers: &[_], body: &str, status| {
        let (method, path) = request(operation, name);
        let answer = shop.client.send(&method, &path, headers, body);
        assert_eq!(answer.status, status, "{operation} {name}: {answer:?}");
        seen.note(operation, status, &answer.kind, &answer.text);
    };
    for &(operation, name, key, body, status) in EXCHANGES {
        let headers = [json, ("idempotency-key", key)];
        let headers = &headers[..1 + usize::from(!key.is_empty())];
        send(&mut seen, operation, name, headers, body, status);
    }
    shop.clock.advance(Duration::from_secs(60 * 60));
    send(&mut seen, "DELETE /orders/{id}", "n", &[], "", 410);
    let large = " ".repeat(70_000);
    for operation in WITH_BODY {
        let key = ("idempotency-key", "z");
        send(&mut seen, operation, "c", &[json, key], &large, 413);
        send(&mut seen, operation, "c", &[key], "{}", 415);
        let (kind, text) = stalled(operation);
        seen.note(operation, 408, &kind, &text);
    }
    let line = ("a".into(), 1);
    let minute = Duration::from_secs(60);
    let send_409 = |operation: &str| {
        let (method, path) = request(operation, "busy");
        let answer = shop.client.send(&method, &path, &[], "");
        answer.problem(409, "in-progress");
        (answer.kind, answer.text)
    };
    let busy = ["GET /orders/{id}", "POST /orders/{id}/pay"];
    let place = |meanwhile: &dyn Fn()| {
        let placed = shop
            .shop
            .place_while("busy".into(), vec![line], minute, meanwhile);
        placed.unwrap();
    };
    let answers = RefCell::new(Vec::new());
    place(&|| *answers.borrow_mut() = busy.map(send_409).into());
    for (operation, (kind, text)) in busy.into_iter().zip(answers.take()) {
        seen.note(operation, 409, &kind, &text);
    }
    _ = shop.shop.close();
    for &(operation, name, body) in CHANGES {
        let headers = [json, ("idempotency-key", "late")];
        send(&mut seen, operation, name, &headers, body, 503);
    }
    let described = operations(&document).flat_map(|(name, operation)| {
        let answers = operation["responses"].as_object().unwrap().keys();
        answers.map(move |status| (name.clone(), status.clone()))
    });
    assert_eq!(seen.answers, described.collect());
}

/// The numbers at the edges of what is described at `pointer`, on both sides.
fn edges(document: &Value, pointer: &str) -> Vec<Value> {
    let described = document.pointer(pointer).unwrap();
    let least = described["minimum"].as_i64().unwrap();
    let most = described["maximum"].as_i64().unwrap();
    [least - 1, least, most, most + 1].map(Value::from).into()
}

/// Bodies at the edges of what is described, by the name of their schema and where they go.
fn bodies_at_the_edges(document: &Value) -> Vec<(&'static str, &'static str, Value)> {
    let of_units = edges(document, "/components/schemas/Units/properties/units");
    let of_line = edges(document, "/components/schemas/Line/properties/units");
    let properties = "/components/schemas/NewOrder/properties";
    let of_minutes = edges(document, &format!("{properties}/hold_minutes"));
    let mut bodies = Vec::new();
    for units in of_units {
        bodies.push(("Units", "PUT /stock/{sku}", json!({"units": units})));
        bodies.push((
            "Units",
            "POST /stock/{sku}/restock",
            json!({"units": units}),
        ));
    }
    let mut order = |body: Value| bodies.push(("NewOrder", "POST /orders", body));
    for units in of_line {
        order(json!({"lines": [{"sku": "full", "units": units}]}));
    }
    let line = json!({"sku": "full", "units": 1});
    for minutes in of_minutes {
        order(json!({"lines": [line], "hold_minutes": minutes}));
    }
    order(json!({"lines": []}));
    order(json!({"lines": [line]}));
    bodies
}

#[test]
fn what_is_described_is_accepted_and_nothing_else() {
    let document = document();
    let mut seen = BTreeSet::new();
    for (schema, operation, body) in bodies_at_the_edges(&document) {
        let described = &document["components"]["schemas"][schema];
        let described = matches(&document, described, &body);
        // A shop each: no body is refused for what another did.
        let shop = Server::start(&[("full", MAX_UNITS), ("empty", 0)]);
        let (method, path) = request(operation, "empty");
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "k"),
        ];
        let answer = shop
            .client
            .send(&method, &path, &headers, &body.to_string());
        let expected: &[u16] = if described { &[200, 201] } else { &[422] };
        assert!(
            expected.contains(&answer.status),
            "{operation} {body}: {answer:?}"
        );
        seen.insert((operation, described));
    }
    assert_eq!(seen.len(), 2 * WITH_BODY.len(), "on both sides of each");
}

/// What a request is answered whose body does not arrive: the kind, and the text.
fn stalled(operation: &str) -> (String, String) {
    let limits = Limits {
        request: Duration::from_millis(20),
        ..Limits::default()
    };
    let shop = Server::limited(&[], limits);
    let (method, path) = request(operation, "c");
    let mut stream = TcpStream::connect(shop.client.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: shop\r\nidempotency-key: a\r\n\
         content-type: application/json\r\ncontent-length: 50\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    let kind = head
        .lines()
        .find_map(|it| it.strip_prefix("content-type: "));
    (kind.unwrap().to_owned(), text.to_owned())
}
