//! The stream of events: what is sent, when, and how it goes on.

use crate::support::process::{PORTS, Process, command};
use crate::support::{Client, JSON, Server, Setting, key, wait_for};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is read line by line.
struct Stream(BufReader<TcpStream>);

/// An event: its name, its id if it has one, and its data.
type Event = (String, Option<u64>, Value);

impl Stream {
    fn open(client: &Client, query: &str, last: Option<u64>) -> Self {
        let mut stream = TcpStream::connect(client.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = last.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
        let head = format!("GET /v1/events{query} HTTP/1.1\r\nhost: localhost\r\n{last}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut stream = Self(BufReader::new(stream));
        assert!(stream.line().starts_with("HTTP/1.1 200"));
        let mut kind = String::new();
        loop {
            match stream.line() {
                line if line.is_empty() => break,
                line if line.starts_with("content-type: ") => kind = line,
                _ => {}
            }
        }
        assert_eq!(kind, "content-type: text/event-stream");
        stream
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn next(&mut self) -> Event {
        let (mut name, mut id, mut data) = (String::new(), None, Value::Null);
        let began = Instant::now();
        loop {
            // The stream itself never falls silent.
            assert!(began.elapsed() < PATIENCE, "no event came");
            let line = self.line();
            if let Some(text) = line.strip_prefix("event: ") {
                name = text.to_owned();
            } else if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.parse().unwrap());
            } else if let Some(text) = line.strip_prefix("data: ") {
                data = serde_json::from_str(text).unwrap();
            } else if line.is_empty() && !name.is_empty() {
                return (name, id, data);
            }
        }
    }

    fn names(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next().0).collect()
    }
}

#[test]
fn a_sale_is_in_the_stream_from_its_first_order_to_the_last_return() {
    let shop = Server::start(&[("phone", 5)]);
    let client = &shop.client;
    let limits = json!({"low": 3}).to_string();
    client
        .send("PUT", "/v1/stock/phone/limits", &[JSON], &limits)
        .expect(200);
    let mut stream = Stream::open(client, "", None);
    client.order("a", &[("phone", 3)]).expect(201);
    let (name, id, data) = stream.next();
    assert_eq!(
        (&*name, id),
        ("placed", None),
        "the change has one more event"
    );
    assert_eq!(data["order"], "a");
    let (name, id, data) = stream.next();
    assert_eq!(
        (&*name, &data["sku"], &data["left"]),
        ("low", &json!("phone"), &json!(2))
    );
    assert_eq!(id, data["number"].as_u64());
    client.order("b", &[("phone", 2)]).expect(201);
    assert_eq!(stream.names(2), ["placed", "sold_out"]);
    for deed in ["pay", "ship"] {
        client.deed(deed, "a").expect(200);
    }
    client.deed("return", "a").expect(200);
    let names = stream.names(5);
    assert_eq!(
        names,
        ["paid", "shipped", "returned", "back_in_stock", "enough"]
    );
    shop.clock.advance(Duration::from_secs(3_600));
    client.get("/v1/orders/b").expect(200);
    assert_eq!(stream.names(1), ["expired"]);
}

#[test]
fn a_stream_tells_what_is_wanted_and_goes_on_where_it_was() {
    let shop = Server::start(&[("phone", 1), ("case", 9)]);
    let client = &shop.client;
    for id in ["a", "b", "c"] {
        client.order(id, &[("case", 1)]).expect(201);
    }
    client.order("d", &[("phone", 1)]).expect(201);
    let mut all = Stream::open(client, "?after=0", None);
    let events: Vec<_> = (0..5).map(|_| all.next()).collect();
    let orders: Vec<_> = events[..4].iter().map(|it| &it.2["order"]).collect();
    assert_eq!(orders, ["a", "b", "c", "d"]);
    let mut rest = Stream::open(client, "", events[1].1);
    assert_eq!(rest.next().2["order"], "c");
    let mut some = Stream::open(client, "?after=0&events=low,sold_out", None);
    let (name, id, _) = some.next();
    assert_eq!((&*name, id), ("sold_out", events[4].1));
    client
        .get("/v1/events?events=sold")
        .problem(422, "invalid-request");
    let wrong = [("last-event-id", "x")];
    let problem = client.send("GET", "/v1/events", &wrong, "");
    let problem = problem.problem(422, "invalid-request");
    assert_eq!(problem["detail"], "there is no event with such an id");
    // An id of another ledger.
    let mut other = Stream::open(client, "", Some(1_000));
    let (name, id, data) = other.next();
    assert_eq!((&*name, id), ("missed", data["up_to"].as_u64()));
    client.order("e", &[("case", 1)]).expect(201);
    assert_eq!(other.next().2["order"], "e");
}

#[test]
fn a_reader_that_is_too_slow_learns_what_it_missed() {
    let setting = Setting {
        book: |book| book.events(2),
        ..Setting::default()
    };
    let shop = Server::set(&[("case", 9)], setting);
    for id in ["a", "b", "c", "d"] {
        shop.client.order(id, &[("case", 1)]).expect(201);
    }
    let mut stream = Stream::open(&shop.client, "?after=0", None);
    let (name, _, data) = stream.next();
    let third = stream.next();
    assert_eq!(name, "missed");
    assert_eq!(data["up_to"].as_u64().map(|it| it + 1), third.1);
    assert_eq!(third.2["order"], "c");
}

#[test]
fn a_stream_goes_on_after_a_restart_and_ends_when_the_service_stops() {
    let directory = tempfile::tempdir().unwrap();
    let start = || Process::spawn(command(PORTS).current_dir(directory.path()));
    let service = start();
    let mut stream = Stream::open(&service.client, "", None);
    service.customers.order("a", &[("phone", 1)]).expect(201);
    let (_, id, _) = stream.next();
    service.client.deed("pay", "a").expect(200);
    service.kill();
    let service = start();
    let mut stream = Stream::open(&service.client, "", id);
    let (name, _, data) = stream.next();
    assert_eq!((&*name, &data["order"]), ("paid", &json!("a")));
    let headers = [JSON, key("s")];
    let lines = r#"{"lines":[{"sku":"phone","units":1}]}"#;
    service
        .client
        .send("POST", "/v1/orders/a/ship", &headers, lines)
        .expect(200);
    assert_eq!(stream.next().0, "shipped");
    #[cfg(unix)]
    {
        assert_eq!(service.terminate(), Some(0));
        let mut rest = String::new();
        stream.0.read_to_string(&mut rest).unwrap();
    }
}

#[test]
fn events_are_counted_though_few_are_kept() {
    let service = Process::start(&["--events", "1"]);
    for number in 0..30 {
        let id = format!("order-{number}");
        service.customers.order(&id, &[("phone", 1)]).expect(201);
    }
    service.customers.deed("cancel", "order-7").expect(200);
    wait_for(|| {
        let metrics = service.client.get("/metrics").text;
        let counted = |event: &str, count: u64| {
            let line = format!("segstock_events_total{{event=\"{event}\"}} {count}");
            metrics.lines().any(|it| it == line)
        };
        counted("placed", 30) && counted("cancelled", 1) && counted("paid", 0)
    });
}
