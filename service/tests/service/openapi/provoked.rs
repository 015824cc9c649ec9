//! Answers that come only when something is wrong: a dead ledger, a service that stops, a body that stalls.

use super::*;

/// Sends lists of stock.
pub(super) fn in_bulk(seen: &mut Seen) {
    let limits = || Limits {
        list: 50,
        ..Limits::default()
    };
    let setting = Setting {
        limits: limits(),
        ..Setting::default()
    };
    let shop = Server::set(&[("a", 10)], setting);
    let setting = Setting {
        ledger: Box::new(Full(1)),
        limits: limits(),
        ..Setting::default()
    };
    let full = Server::set(&[("a", 10)], setting);
    let list = "sku,units\na,1\n";
    let long = " ".repeat(51);
    let path = "/v1/bulk/stock?do=restock";
    for (shop, with_key, kind, body, status) in [
        (&shop, "k", "text/csv", list, 200),
        (&shop, "", "text/csv", list, 400),
        (&shop, "k", "text/csv", &long, 413),
        (&shop, "k", "text/plain", list, 415),
        (&shop, "k", "text/csv", "sku,units\nx,1\n", 422),
        (&full, "k", "text/csv", list, 503),
    ] {
        let headers = [("content-type", kind), key(with_key)];
        let headers = &headers[..1 + usize::from(!with_key.is_empty())];
        let answer = shop.client.send("POST", path, headers, body);
        assert_eq!(answer.status, status, "{answer:?}");
        seen.note(IMPORT, status, &answer.kind, &answer.text);
    }
    let (kind, text) = stalled("POST", path, "text/csv");
    seen.note(IMPORT, 408, &kind, &text);
}

/// Has units arrive, of a sending whose number only an answer tells.
pub(super) fn arrivals(seen: &mut Seen, shop: &Server) {
    let sent = shop
        .client
        .post("/v1/stock/a/send", "lorry", &json!({"to": "b", "units": 2}));
    let number = sent.expect(200)["changed"]["sending"].clone();
    let arrived = |units: u64| json!({"sending": number, "units": units}).to_string();
    let (one, many, none) = (arrived(1), arrived(99), arrived(0));
    for (name, with_key, body, status) in [
        ("b", "one", one.as_str(), 200),
        ("b", "one", many.as_str(), 422),
        ("b", "two", many.as_str(), 409),
        ("a", "two", one.as_str(), 404),
        ("b", "two", none.as_str(), 422),
        ("b", "", one.as_str(), 400),
    ] {
        let headers = [JSON, key(with_key)];
        let headers = &headers[..1 + usize::from(!with_key.is_empty())];
        let exchange = (ARRIVE, name, with_key, body, status);
        send(seen, shop, exchange, headers);
    }
}

/// Looks for backups: there is one, there is no directory, and the ledger is no file.
pub(super) fn backups(seen: &mut Seen) {
    let directory = tempfile::tempdir().unwrap();
    let [there, nowhere] = ["shop.db", "no/shop.db"].map(|name| directory.path().join(name));
    std::fs::write(directory.path().join("shop.db.2026-11-26T15-00-00Z"), "").unwrap();
    for (file, status) in [(Some(there), 200), (Some(nowhere), 503), (None, 501)] {
        let shop = Server::set(
            &[],
            Setting {
                file,
                ..Setting::default()
            },
        );
        send(seen, &shop, (BACKUPS, "", "", "", status), &[]);
    }
}

/// Looks at lists of more than one page.
pub(super) fn pages(seen: &mut Seen) {
    let skus: Vec<String> = (0..60).map(|number| format!("sku-{number}")).collect();
    let stock: Vec<_> = skus.iter().map(|sku| (sku.as_str(), 5)).collect();
    let shop = Server::set(&stock, Setting::default());
    for id in ["one", "two"] {
        shop.client.order(id, &[("sku-0", 1)]).expect(201);
        let body = json!({"to": "sku-1", "units": 1});
        shop.client
            .post("/v1/stock/sku-0/send", id, &body)
            .expect(200);
    }
    for (list, query) in [
        (LIST, "?limit=1"),
        (STOCKS, "?limit=1"),
        (SENDINGS, "?limit=1"),
        (OVERVIEW, ""),
    ] {
        let (_, path) = request(list, "");
        let page = shop.client.get(&format!("{path}{query}"));
        seen.note(list, page.status, &page.kind, &page.text);
    }
}

/// The kind of the stream of events, and its first event.
pub(super) fn first_event(shop: &Server) -> (String, String) {
    let mut stream = TcpStream::connect(shop.client.address).unwrap();
    let head = b"GET /v1/events?after=0 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(head).unwrap();
    let mut answer = String::new();
    while !answer.contains("\ndata: ") {
        let mut more = [0; 1_000];
        let length = stream.read(&mut more).unwrap();
        answer.push_str(str::from_utf8(&more[..length]).unwrap());
    }
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("\r\ncontent-type: text/event-stream"),
        "{head}"
    );
    ("text/event-stream".to_owned(), text.to_owned())
}

/// Looks at what a ledger lost.
pub(super) fn dead(seen: &mut Seen) {
    let setting = Setting {
        ledger: Box::new(Full(1)),
        ..Setting::default()
    };
    let shop = Server::set(&[("a", 10)], setting);
    shop.client
        .order("lost", &[("a", 1)])
        .problem(503, "outcome-unknown");
    for (operation, name) in [
        (SHOW, "lost"),
        (STOCK, "a"),
        (STOCKS, ""),
        (EXPORT, ""),
        (SENDINGS, ""),
        ("GET /readyz", ""),
    ] {
        send(seen, &shop, (operation, name, "", "", 503), &[]);
    }
    // A list has what is durable, and nothing else.
    send(seen, &shop, (LIST, "", "", "", 200), &[]);
}

/// Asks as a customer whom the proxy does not name.
pub(super) fn unnamed(seen: &mut Seen) {
    let setting = Setting {
        customer_header: Some("x-customer"),
        ..Setting::default()
    };
    let shop = Server::set(&[], setting);
    let document = seen.document.clone();
    for (operation, described) in operations(&document) {
        if described["responses"].get("403").is_some() {
            let (method, path) = request(&operation, "a");
            let answer: Reply = shop.customers.send(&method, &path, &[key("a")], "");
            answer.problem(403, "no-customer");
            seen.note(&operation, 403, &answer.kind, &answer.text);
        }
    }
}

/// Takes entries until it is asked to fail.
#[derive(Debug, Default)]
struct Failing {
    last: std::sync::atomic::AtomicU64,
}

/// Entries that it takes.
const TAKEN: u64 = 8;

impl<K> Journal<K> for Failing {
    fn permit(&self) -> Result<(), NoPlace> {
        let last = self.last.load(std::sync::atomic::Ordering::Relaxed);
        if last < TAKEN {
            Ok(())
        } else {
            Err(NoPlace::Unavailable)
        }
    }

    fn give_back(&self) {}

    fn append(&self, _: &Entry<K>) -> Position {
        let last = self.last.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Position::new(last + 1)
    }

    fn wait(&self, _: Position) -> Result<(), Lost> {
        Ok(())
    }
}

pub(super) fn unavailable(seen: &mut Seen) {
    let setting = Setting {
        journal: Some(Arc::new(Failing::default())),
        ..Setting::default()
    };
    // An entry for each SKU, and for each of these calls: those that it takes.
    let shop = Server::set(&[("a", 10), ("b", 0)], setting);
    for id in ["held", "paid", "shipped"] {
        shop.client.order(id, &[("a", 1)]).expect(201);
    }
    for (deed, id) in [("pay", "paid"), ("pay", "shipped"), ("ship", "shipped")] {
        shop.client.deed(deed, id).expect(200);
    }
    for &(operation, name, body) in CHANGES {
        let headers = [key("late"), JSON];
        let headers = &headers[..1 + usize::from(!body.is_empty())];
        let exchange = (operation, name, "", body, 503);
        send(seen, &shop, exchange, headers);
    }
    assert_eq!(shop.client.stock("a"), (7, 9), "nothing was changed");
    // Only what is written is shown: without an entry of its expiry, the order is held.
    shop.clock.advance(Duration::from_secs(3_600));
    send(seen, &shop, (SHOW, "held", "", "", 200), &[]);
}

pub(super) fn unauthorized(seen: &mut Seen) {
    let setting = Setting {
        token: Some("0123456789abcdef"),
        ..Setting::default()
    };
    let shop = Server::set(&[], setting);
    let document = seen.document.clone();
    for (operation, described) in operations(&document) {
        if described["responses"].get("401").is_some() {
            let (method, path) = request(&operation, "a");
            let answer: Reply = shop.client.send(&method, &path, &[], "");
            answer.problem(401, "no-token");
            seen.note(&operation, 401, &answer.kind, &answer.text);
        }
    }
}

/// What a request is answered whose body does not arrive: the kind, and the text.
pub(super) fn stalled(method: &str, path: &str, declared: &str) -> (String, String) {
    let setting = Setting {
        limits: Limits {
            request: Duration::from_millis(20),
            ..Limits::default()
        },
        ..Setting::default()
    };
    let shop = Server::set(&[], setting);
    let mut stream = TcpStream::connect(shop.client.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nidempotency-key: a\r\n\
         content-type: {declared}\r\ncontent-length: 50\r\n\r\n{{"
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
