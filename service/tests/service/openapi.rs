//! The description of the interface, held against what is answered.

mod followed;
mod provoked;

use crate::operations::Full;
use crate::support::described::{check, document, operations, validator};
use crate::support::{JSON, Reply, Server, Setting, key};
use provoked::{
    arrivals, backups, dead, first_event, in_bulk, pages, stalled, unauthorized, unavailable,
    unnamed,
};
use segstock_orders::{Entry, Journal, Lost, NoPlace, Position};
use segstock_service::book::Limits;
use segstock_service::kinds;
use segstock_service::routes::{Audience, ROUTES};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn describes_every_route_and_no_other() {
    let document = document();
    let described: BTreeSet<String> = operations(&document).map(|(name, _)| name).collect();
    let routes = ROUTES.iter().map(|it| format!("{} {}", it.method, it.path));
    assert_eq!(described, routes.collect());
}

#[test]
fn every_kind_of_problem_is_explained() {
    let text = include_str!("../../README.md");
    let explained = text.split("\n#### ").skip(1).map(|entry| {
        let (name, explanation) = entry.split_once('\n').unwrap();
        (name, explanation[..3].parse().unwrap())
    });
    let kinds = kinds::ALL.iter().map(|it| (it.name, it.status.as_u16()));
    assert_eq!(explained.collect::<BTreeSet<_>>(), kinds.collect());
}

/// The answers that were seen, each as it is described, and the links that could be followed from them.
struct Seen {
    document: Value,
    answers: BTreeSet<(String, String)>,
    links: BTreeSet<(String, String)>,
}

impl Seen {
    #[track_caller]
    fn note(&mut self, operation: &str, status: u16, kind: &str, text: &str) {
        let value = check(&self.document, operation, status, kind, text);
        let status = status.to_string();
        let (_, described) = operations(&self.document)
            .find(|(name, _)| name == operation)
            .unwrap();
        let answer = &described["responses"][&status];
        for (name, link) in answer["links"].as_object().into_iter().flatten() {
            if followed::is_served_by(link, &value) {
                self.links.insert((operation.to_owned(), name.clone()));
            }
        }
        self.answers.insert((operation.to_owned(), status));
    }
}

/// The method, and the path with its name filled in.
fn request(operation: &str, name: &str) -> (String, String) {
    let (method, path) = operation.split_once(' ').unwrap();
    let path = path.replace("{id}", name).replace("{sku}", name);
    (method.to_owned(), path)
}

const PLACE: &str = "POST /v1/orders";
const SHOW: &str = "GET /v1/orders/{id}";
const LIST: &str = "GET /v1/orders";
const AMEND: &str = "POST /v1/orders/{id}/amend";
const EXTEND: &str = "POST /v1/orders/{id}/extend";
const PAY: &str = "POST /v1/orders/{id}/pay";
const CANCEL: &str = "POST /v1/orders/{id}/cancel";
const SHIP: &str = "POST /v1/orders/{id}/ship";
const RETURN: &str = "POST /v1/orders/{id}/return";
const STOCK: &str = "GET /v1/stock/{sku}";
const OPEN: &str = "PUT /v1/stock/{sku}";
const RESTOCK: &str = "POST /v1/stock/{sku}/restock";
const COUNT: &str = "POST /v1/stock/{sku}/count";
const WRITE_OFF: &str = "POST /v1/stock/{sku}/write-off";
const STOCKS: &str = "GET /v1/stock";
const EXPORT: &str = "GET /v1/bulk/stock";
const IMPORT: &str = "POST /v1/bulk/stock";
const EVENTS: &str = "GET /v1/events";
const BACKUPS: &str = "GET /v1/backups";
const OVERVIEW: &str = "GET /v1/overview";
const MOVE: &str = "POST /v1/stock/{sku}/move";
const SEND: &str = "POST /v1/stock/{sku}/send";
const ARRIVE: &str = "POST /v1/stock/{sku}/arrive";
const SENDINGS: &str = "GET /v1/sendings";
const LIMIT: &str = "PUT /v1/stock/{sku}/limits";

const ONE_A: &str = r#"{"lines":[{"sku":"a","units":1}]}"#;
const ONE_X: &str = r#"{"lines":[{"sku":"x","units":1}]}"#;
const MANY_A: &str = r#"{"lines":[{"sku":"a","units":99}]}"#;
const TWO_A: &str = r#"{"lines":[{"sku":"a","units":2}],"hold_minutes":1,"customer":"ann"}"#;
const TO_B: &str = r#"{"to":"b","units":1}"#;
const MANY_TO_B: &str = r#"{"to":"b","units":99}"#;
const SCRAPPED: &str = r#"{"lines":[{"sku":"a","units":1}],"to":"written_off"}"#;

/// A request and the status of its answer: operation, the name in its path, key, body, status.
type Exchange<'a> = (&'a str, &'a str, &'a str, &'a str, u16);

/// In sequence, for `a` with 10 units.
const EXCHANGES: &[Exchange<'_>] = &[
    (PLACE, "", "k", TWO_A, 201),
    (PLACE, "", "k", TWO_A, 200),
    (PLACE, "", "k", ONE_A, 422),
    (PLACE, "", "l", ONE_X, 422),
    (PLACE, "", "l", MANY_A, 409),
    (PLACE, "", "l", ONE_A, 201),
    (PLACE, "", "", ONE_A, 400),
    (PLACE, "", "m", "{", 400),
    (SHOW, "k", "", "", 200),
    (SHOW, "none", "", "", 404),
    (SHOW, "%ff", "", "", 400),
    (LIST, "", "", "", 200),
    (AMEND, "l", "a1", TWO_A, 422),
    (AMEND, "l", "a1", ONE_A, 200),
    (AMEND, "l", "a1", ONE_A, 200),
    (AMEND, "l", "a2", MANY_A, 409),
    (AMEND, "none", "a2", ONE_A, 404),
    (AMEND, "l", "", ONE_A, 400),
    (EXTEND, "l", "e1", r#"{"hold_minutes":30}"#, 200),
    (EXTEND, "l", "e2", r#"{"hold_minutes":0}"#, 422),
    (EXTEND, "none", "e1", r#"{"hold_minutes":30}"#, 404),
    (EXTEND, "l", "e2", "{", 400),
    (EXTEND, "l", "", r#"{"hold_minutes":30}"#, 400),
    (SHIP, "k", "", "", 409),
    (RETURN, "k", "", "", 409),
    (PAY, "k", "p1", ONE_A, 200),
    (PAY, "k", "p2", ONE_X, 422),
    (PAY, "k", "p2", MANY_A, 409),
    (PAY, "k", "", "", 200),
    (PAY, "none", "", "", 404),
    (PAY, "k", "", ONE_A, 400),
    (SHIP, "k", "s1", ONE_A, 200),
    (SHIP, "k", "s1", MANY_A, 422),
    (SHIP, "k", "", "", 200),
    (SHIP, "none", "", "", 404),
    (SHIP, "k", "", ONE_A, 400),
    (CANCEL, "k", "", "", 409),
    (EXTEND, "k", "e1", r#"{"hold_minutes":30}"#, 409),
    (RETURN, "k", "r1", SCRAPPED, 200),
    (RETURN, "k", "r1", ONE_A, 422),
    (RETURN, "k", "", "", 200),
    (RETURN, "none", "", "", 404),
    (RETURN, "k", "", ONE_A, 400),
    (CANCEL, "l", "c1", ONE_A, 200),
    (CANCEL, "l", "c1", MANY_A, 422),
    (CANCEL, "none", "", "", 404),
    (CANCEL, "l", "", ONE_A, 400),
    (STOCK, "a", "", "", 200),
    (STOCK, "none", "", "", 404),
    (STOCK, "%ff", "", "", 400),
    (OPEN, "b", "", "", 201),
    (OPEN, "b", "", "", 200),
    (OPEN, "a%0Ab", "", "", 422),
    (OPEN, "%ff", "", "", 400),
    (RESTOCK, "b", "k", r#"{"units":5}"#, 200),
    (RESTOCK, "b", "k", r#"{"units":6}"#, 422),
    (RESTOCK, "none", "k", r#"{"units":6}"#, 404),
    (RESTOCK, "b", "", r#"{"units":6}"#, 400),
    (COUNT, "b", "c", r#"{"units":4}"#, 200),
    (COUNT, "b", "c", r#"{"units":3}"#, 422),
    (COUNT, "none", "c", r#"{"units":3}"#, 404),
    (COUNT, "b", "", r#"{"units":3}"#, 400),
    (WRITE_OFF, "b", "w", r#"{"units":1}"#, 200),
    (WRITE_OFF, "b", "w", r#"{"units":2}"#, 422),
    (WRITE_OFF, "b", "v", r#"{"units":9}"#, 409),
    (WRITE_OFF, "none", "v", r#"{"units":9}"#, 404),
    (WRITE_OFF, "b", "", r#"{"units":1}"#, 400),
    (MOVE, "a", "m", TO_B, 200),
    (MOVE, "a", "m", MANY_TO_B, 422),
    (MOVE, "a", "n", MANY_TO_B, 409),
    (MOVE, "none", "n", TO_B, 404),
    (MOVE, "a", "", TO_B, 400),
    (SEND, "a", "s", TO_B, 200),
    (SEND, "a", "s", TO_B, 200),
    (SEND, "a", "s", MANY_TO_B, 422),
    (SEND, "a", "n", MANY_TO_B, 409),
    (SEND, "none", "n", TO_B, 404),
    (SEND, "a", "", TO_B, 400),
    (SENDINGS, "", "", "", 200),
    (EXPORT, "", "", "", 200),
    (OVERVIEW, "", "", "", 200),
    ("GET /", "", "", "", 200),
    ("GET /page.css", "", "", "", 200),
    ("GET /page.js", "", "", "", 200),
    (STOCKS, "", "", "", 200),
    (LIMIT, "b", "", r#"{"safety":1,"waiting":5,"low":3}"#, 200),
    (LIMIT, "b", "", r#"{"safety":-1}"#, 422),
    (LIMIT, "none", "", "{}", 404),
    (LIMIT, "b", "", "{", 400),
    (STOCK, "b", "", "", 200),
    (STOCKS, "", "", "", 200),
    ("GET /livez", "", "", "", 200),
    ("GET /readyz", "", "", "", 200),
    ("GET /metrics", "", "", "", 200),
    ("GET /openapi.json", "", "", "", 200),
    ("GET /api", "", "", "", 200),
    ("GET /api.css", "", "", "", 200),
];

/// Operations that read a body.
const WITH_BODY: [&str; 14] = [
    LIMIT, PLACE, AMEND, EXTEND, PAY, CANCEL, SHIP, RETURN, RESTOCK, COUNT, WRITE_OFF, MOVE, SEND,
    ARRIVE,
];

/// Whatever changes something, for an order and a SKU that are there: refused when nothing can be written.
const CHANGES: &[(&str, &str, &str)] = &[
    (PLACE, "", ONE_A),
    (AMEND, "held", TWO_A_LINES),
    (EXTEND, "held", r#"{"hold_minutes":30}"#),
    (PAY, "held", ""),
    (CANCEL, "held", ""),
    (SHIP, "paid", ""),
    (RETURN, "shipped", ""),
    (OPEN, "new", ""),
    (RESTOCK, "a", r#"{"units":5}"#),
    (COUNT, "a", r#"{"units":5}"#),
    (WRITE_OFF, "a", r#"{"units":1}"#),
    (LIMIT, "a", r#"{"safety":1}"#),
    (MOVE, "a", TO_B),
    (SEND, "a", TO_B),
    (ARRIVE, "b", r#"{"sending":1,"units":1}"#),
];
const TWO_A_LINES: &str = r#"{"lines":[{"sku":"a","units":2}]}"#;

fn send(seen: &mut Seen, shop: &Server, exchange: Exchange<'_>, headers: &[(&str, &str)]) {
    let (operation, name, _, body, status) = exchange;
    let (method, path) = request(operation, name);
    let answer = shop.client.send(&method, &path, headers, body);
    assert_eq!(
        answer.status, status,
        "{operation} {name} {body}: {answer:?}"
    );
    seen.note(operation, status, &answer.kind, &answer.text);
}

#[test]
fn every_answer_is_as_described_and_every_described_answer_is_given() {
    let document = document();
    let (answers, links) = Default::default();
    let mut seen = Seen {
        document,
        answers,
        links,
    };
    let shop = Server::start(&[("a", 10)]);
    for &exchange in EXCHANGES {
        let (operation, _, with_key, ..) = exchange;
        let mut headers = Vec::new();
        if WITH_BODY.contains(&operation) && !exchange.3.is_empty() {
            headers.push(JSON);
        }
        if !with_key.is_empty() {
            headers.push(key(with_key));
        }
        send(&mut seen, &shop, exchange, &headers);
    }
    let large = " ".repeat(140_000);
    for operation in WITH_BODY {
        let refused = (operation, "a", "", large.as_str(), 413);
        send(&mut seen, &shop, refused, &[JSON, key("z")]);
        let undeclared = (operation, "a", "", "{}", 415);
        send(&mut seen, &shop, undeclared, &[key("z")]);
        let (method, path) = request(operation, "c");
        let (kind, text) = stalled(&method, &path, "application/json");
        seen.note(operation, 408, &kind, &text);
    }
    pages(&mut seen);
    for list in [LIST, STOCKS, SENDINGS, EXPORT, EVENTS, OVERVIEW] {
        let (_, path) = request(list, "");
        let page = shop.client.get(&format!("{path}?limit=0"));
        page.problem(422, "invalid-request");
        seen.note(list, page.status, &page.kind, &page.text);
    }
    arrivals(&mut seen, &shop);
    backups(&mut seen);
    in_bulk(&mut seen);
    let (kind, text) = first_event(&shop);
    seen.note(EVENTS, 200, &kind, &text);
    unavailable(&mut seen);
    dead(&mut seen);
    unauthorized(&mut seen);
    unnamed(&mut seen);
    let described = operations(&seen.document).flat_map(|(name, operation)| {
        let answers = operation["responses"].as_object().unwrap().keys();
        answers.map(move |status| (name.clone(), status.clone()))
    });
    let described: BTreeSet<_> = described.collect();
    let is_of_nodes = |(name, status): &&(String, String)| {
        (status == "501" && name == EVENTS)
            || (status == "503" && [EVENTS, LIST, OVERVIEW].contains(&&**name))
    };
    let never_given = described.difference(&seen.answers);
    // Several nodes alone answer so: their tests do.
    let never_given: Vec<_> = never_given.filter(|answer| !is_of_nodes(answer)).collect();
    assert!(never_given.is_empty(), "{never_given:?}");
    let linked = followed::links(&seen.document);
    let never_served: Vec<_> = linked.difference(&seen.links).collect();
    assert!(never_served.is_empty(), "{never_served:?}");
}

/// The numbers at the edges of what is described, on both sides.
fn edges(schema: &Value) -> Vec<Value> {
    let bound = |name: &str| schema[name].as_i64();
    let least = bound("minimum")
        .into_iter()
        .flat_map(|least| [least - 1, least]);
    let most = bound("maximum")
        .into_iter()
        .flat_map(|most| [most, most + 1]);
    least.chain(most).map(Value::from).collect()
}

#[test]
fn what_is_described_is_accepted_and_nothing_else() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    let mut bodies = Vec::new();
    for (schema, operation) in [("Units", RESTOCK), ("Counted", COUNT)] {
        for units in edges(&schemas[schema]["properties"]["units"]) {
            bodies.push((schema, operation, json!({"units": units})));
        }
        bodies.push((schema, operation, json!({"units": null})));
        bodies.push((schema, operation, json!({"units": 1.0})));
        bodies.push((schema, operation, json!({"units": 1, "more": 1})));
    }
    let limits = schemas["Limits"]["properties"].as_object().unwrap();
    for (name, schema) in limits {
        let odd = [json!(true), json!(null), json!(1), json!("1")];
        for value in edges(schema).into_iter().chain(odd) {
            bodies.push(("Limits", LIMIT, json!({name.clone(): value})));
        }
    }
    bodies.push(("Limits", LIMIT, json!({"more": 1})));
    let mut order = |body: Value| bodies.push(("NewOrder", PLACE, body));
    for units in edges(&schemas["Line"]["properties"]["units"]) {
        order(json!({"lines": [{"sku": "full", "units": units}]}));
    }
    let line = json!({"sku": "full", "units": 1});
    for minutes in edges(&schemas["NewOrder"]["properties"]["hold_minutes"]) {
        order(json!({"lines": [line], "hold_minutes": minutes}));
    }
    order(json!({"lines": [line], "hold_minutes": null}));
    order(json!({"lines": [line], "customer": null}));
    order(json!({"lines": [line], "customer": ""}));
    order(json!({"lines": [line], "customer": "ann"}));
    for wait in [json!(false), json!(null), json!(1)] {
        order(json!({"lines": [line], "wait": wait}));
    }
    order(json!({"lines": []}));
    order(json!({"lines": [line]}));
    let mut seen = BTreeSet::new();
    for (schema, operation, body) in bodies {
        let described = validator(&document, &schemas[schema]).is_valid(&body);
        // A shop each: no body is refused for what another did.
        let shop = Server::start(&[("full", segstock::MAX_UNITS), ("empty", 0)]);
        let (method, path) = request(operation, "empty");
        let headers = [JSON, key("k")];
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
    assert_eq!(seen.len(), 2 * 4, "on both sides of each");
}
