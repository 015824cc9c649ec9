//! Several services as nodes that sell from one `PostgreSQL`, a server of the test's own.

use crate::postgres::{trial, url};
use crate::support::described::{check, document};
use crate::support::figures::{Figures, wait_for_figures};
use crate::support::process::{PORTS, Process, command, refusal};
use crate::support::{JSON, Reply, key};
use libtest_mimic::Trial;
use segstock_remote::servers::{Faults, PostgresServer, Proxy, Server};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("nodes::an_order_lives_at_any_of_three", life),
        trial("nodes::many_customers_hear_what_they_did", crowd),
        trial("nodes::events_of_all_are_sent_by_each", events),
        trial("nodes::one_is_killed_and_the_others_go_on", killed),
        trial("nodes::one_that_stops_hands_its_units_back", stopped),
        trial("nodes::the_older_of_two_with_one_name_ends", same_name),
        trial("nodes::without_the_database_one_is_not_ready", away),
        trial("nodes::a_sale_and_a_ledger_refuse_each_other", mixed),
    ]
}

pub fn arguments<'a>(url: &'a str, name: &'a str) -> Vec<&'a str> {
    // Of one process alone: the database has the SKUs of a node.
    let of_a_process = ["--max-skus", "1"];
    [PORTS, &["--ledger", url, "--node", name], &of_a_process].concat()
}

pub fn start(url: &str, name: &str) -> Process {
    Process::spawn(&mut command(&arguments(url, name)))
}

/// Nodes, asked by turns, whose answers are all held against the description of the interface.
pub struct Nodes {
    pub nodes: Vec<Process>,
    document: Value,
}

impl Nodes {
    pub fn start(url: &str) -> Self {
        let nodes = ["one", "two", "three"].map(|name| start(url, name));
        Self {
            nodes: nodes.into(),
            document: document(),
        }
    }

    /// Asks a node. `operation` is a method and a path with a name in braces, as it is described.
    #[track_caller]
    pub fn ask(
        &self,
        at: usize,
        operation: &str,
        name: &str,
        with_key: &str,
        body: &Value,
    ) -> Reply {
        let (method, path) = operation.split_once(' ').unwrap();
        let path = path.replace("{id}", name).replace("{sku}", name);
        let mut headers = vec![JSON, key(with_key)];
        headers.truncate(if with_key.is_empty() { 1 } else { 2 });
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        if body.is_empty() {
            headers.remove(0);
        }
        let reply = self.nodes[at].client.send(method, &path, &headers, &body);
        let of = operation.split('?').next().unwrap();
        check(&self.document, of, reply.status, &reply.kind, &reply.text);
        reply
    }

    #[track_caller]
    pub fn place(&self, at: usize, id: &str, sku: &str, units: u64) -> Reply {
        let body = json!({"lines": [{"sku": sku, "units": units}], "hold_minutes": 10});
        self.ask(at, "POST /v1/orders", "", id, &body)
    }

    #[track_caller]
    pub fn deed(&self, at: usize, deed: &str, id: &str) -> Reply {
        let operation = format!("POST /v1/orders/{{id}}/{deed}");
        self.ask(at, &operation, id, "", &Value::Null)
    }

    /// Units of a SKU: available, and on hand.
    #[track_caller]
    pub fn units(&self, at: usize, sku: &str) -> (u64, u64) {
        let stock = self.ask(at, "GET /v1/stock/{sku}", sku, "", &Value::Null);
        let stock = stock.expect(200);
        let units = |name: &str| stock[name].as_u64().unwrap();
        (units("available"), units("on_hand"))
    }
}

fn life(server: PostgresServer) {
    let nodes = Nodes::start(&url(&server));
    let found = |at: usize| nodes.nodes[at].found.clone();
    assert!(
        found(0).contains("begins a sale in postgres://"),
        "{}",
        found(0)
    );
    assert!(found(2).contains("joined the sale"), "{}", found(2));

    let placed = nodes.place(0, "a", "phone", 3);
    assert!(!placed.is_replayed());
    let placed = placed.expect(201);
    assert_eq!(placed["state"], "held");
    assert_eq!(
        placed["lines"],
        json!([{"sku": "phone", "units": 3, "held": 3}])
    );
    assert_eq!(placed["changed"]["units"], 3);
    assert!((590..=600).contains(&placed["expires_in"].as_u64().unwrap()));
    let again = nodes.place(1, "a", "phone", 3);
    assert!(again.is_replayed());
    assert_eq!(again.expect(200)["number"], placed["number"]);
    nodes
        .place(2, "a", "phone", 4)
        .problem(422, "other-request");

    let amend = json!({"lines": [{"sku": "phone", "units": 2}, {"sku": "case", "units": 1}]});
    let amended = |at| nodes.ask(at, "POST /v1/orders/{id}/amend", "a", "m", &amend);
    assert_eq!(amended(1).expect(200)["changed"]["units"], 2);
    assert!(amended(2).is_replayed());
    let longer = json!({"hold_minutes": 30});
    let extended = nodes.ask(2, "POST /v1/orders/{id}/extend", "a", "e", &longer);
    assert!(extended.expect(200)["expires_in"].as_u64() > Some(1_700));

    assert_eq!(nodes.deed(1, "pay", "a").expect(200)["state"], "paid");
    assert!(nodes.deed(2, "pay", "a").is_replayed());
    let parcel = json!({"lines": [{"sku": "case", "units": 1}]});
    let shipped = |at| nodes.ask(at, "POST /v1/orders/{id}/ship", "a", "s", &parcel);
    assert!(!shipped(2).is_replayed());
    assert!(shipped(0).is_replayed());
    nodes.deed(0, "ship", "a").expect(200);
    let scrapped = json!({"lines": [{"sku": "phone", "units": 1}], "to": "written_off"});
    nodes
        .ask(1, "POST /v1/orders/{id}/return", "a", "r", &scrapped)
        .expect(200);
    for at in 0..3 {
        let order = nodes.ask(at, "GET /v1/orders/{id}", "a", "", &Value::Null);
        let expected = json!([
            {"sku": "case", "units": 1, "shipped": 1},
            {"sku": "phone", "units": 2, "shipped": 1, "written_off": 1},
        ]);
        assert_eq!(order.expect(200)["lines"], expected);
        assert_eq!(nodes.units(at, "phone"), (998, 998));
    }
    nodes.deed(0, "cancel", "a").problem(409, "wrong-state");

    // The last one: refused at all nodes, and the id stays refused.
    nodes.place(0, "last", "last-one", 1).expect(201);
    let refused = nodes.place(1, "late", "last-one", 1);
    let refused = refused.problem(409, "out-of-stock");
    assert_eq!(refused["skus"], json!(["last-one"]));
    nodes.deed(2, "cancel", "last").expect(200);
    assert!(nodes.deed(0, "cancel", "last").is_replayed());
    nodes
        .place(2, "late", "last-one", 1)
        .problem(409, "out-of-stock");
    nodes.place(2, "later", "last-one", 1).expect(201);

    // Who waits is served by whichever node brings a unit.
    let waits = json!({"lines": [{"sku": "last-one", "units": 1}], "wait": true});
    let wait = |at| nodes.ask(at, "POST /v1/orders", "", "waits", &waits);
    wait(0).problem(409, "queue-full");
    let list = json!({"waiting": 5});
    nodes
        .ask(1, "PUT /v1/stock/{sku}/limits", "last-one", "", &list)
        .expect(200);
    assert_eq!(wait(2).expect(201)["state"], "waiting");
    assert!(wait(1).is_replayed());
    nodes.deed(1, "cancel", "later").expect(200);
    let began = Instant::now();
    while nodes
        .ask(0, "GET /v1/orders/{id}", "waits", "", &Value::Null)
        .json()["state"]
        != "held"
    {
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    nodes
        .place(0, "b", "nothing", 1)
        .problem(422, "unknown-skus");
    let none = nodes.ask(1, "GET /v1/orders/{id}", "none", "", &Value::Null);
    none.problem(404, "unknown-order");
    nodes.deed(2, "pay", "none").problem(404, "unknown-order");
    nodes
        .deed(2, "cancel", "none")
        .problem(404, "unknown-order");
    nodes
        .place(0, &"x".repeat(65), "phone", 1)
        .problem(400, "idempotency-key");
    let refused = nodes.ask(1, "GET /v1/orders/{id}", "late", "", &Value::Null);
    let refused = refused.problem(404, "unknown-order");
    assert!(
        refused["detail"].as_str().unwrap().contains("last-one"),
        "{refused}"
    );
}

/// Each step at another node than the one before, beside many others: nobody is shown what was before.
fn crowd(server: PostgresServer) {
    let nodes = Nodes::start(&url(&server));
    thread::scope(|scope| {
        for customer in 0..16 {
            let nodes = &nodes;
            scope.spawn(move || {
                for number in 0..20 {
                    let id = format!("{customer}:{number}");
                    let at = |step: usize| (customer + number + step) % 3;
                    assert_eq!(
                        nodes.place(at(0), &id, "case", 3).expect(201)["state"],
                        "held"
                    );
                    assert_eq!(nodes.deed(at(1), "pay", &id).expect(200)["state"], "paid");
                    let shown = nodes.ask(at(2), "GET /v1/orders/{id}", &id, "", &Value::Null);
                    assert_eq!(shown.expect(200)["state"], "paid");
                    assert_eq!(
                        nodes.deed(at(0), "ship", &id).expect(200)["state"],
                        "shipped"
                    );
                    assert!(nodes.deed(at(1), "ship", &id).is_replayed());
                }
            });
        }
    });
    assert_eq!(
        nodes.units(0, "case"),
        (5_000 - 16 * 20 * 3, 5_000 - 16 * 20 * 3)
    );
}

/// The next event of a stream: its name, its id and its data.
fn next_event(stream: &mut BufReader<TcpStream>) -> (String, Option<String>, Value) {
    let (mut name, mut id, mut data) = (String::new(), None, Value::Null);
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "it ended");
        match line.trim_end().split_once(": ") {
            Some(("event", it)) => it.clone_into(&mut name),
            Some(("id", it)) => id = Some(it.to_owned()),
            Some(("data", it)) => data = serde_json::from_str(it).unwrap(),
            None if line.trim().is_empty() && !name.is_empty() => return (name, id, data),
            _ => {}
        }
    }
}

fn follow(node: &Process, after: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(node.client.address).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    write!(
        stream,
        "GET /v1/events?after={after} HTTP/1.1\r\nhost: localhost\r\n\r\n"
    )
    .unwrap();
    BufReader::new(stream)
}

fn events(server: PostgresServer) {
    let url = url(&server);
    let nodes = Nodes::start(&url);
    nodes.place(0, "a", "last-one", 1).expect(201);
    nodes.deed(1, "pay", "a").expect(200);
    nodes.deed(2, "ship", "a").expect(200);
    // Events of an order come in its sequence; and one of a SKU says that it is sold out.
    let mut stream = follow(&nodes.nodes[1], "0");
    let (mut names, mut last) = (Vec::new(), None);
    while names.len() < 4 {
        let (name, id, data) = next_event(&mut stream);
        assert!(
            data["order"] == "a" || data["sku"] == "last-one",
            "{name} {data}"
        );
        names.push(name);
        last = id.or(last);
    }
    let of_order = names.iter().filter(|name| *name != "sold_out");
    assert_eq!(of_order.collect::<Vec<_>>(), ["placed", "paid", "shipped"]);
    // It goes on at another node.
    let returned = nodes.deed(0, "return", "a").expect(200);
    assert_eq!(returned["state"], "returned");
    let mut stream = follow(&nodes.nodes[2], &last.unwrap());
    let mut names: Vec<_> = (0..2).map(|_| next_event(&mut stream).0).collect();
    names.sort();
    assert_eq!(names, ["back_in_stock", "returned"]);
    let wrong = nodes.ask(0, "GET /v1/events?after=x", "", "", &Value::Null);
    wrong.problem(422, "invalid-request");
    // A node that keeps none ends it for all.
    let mut without = command(&arguments(&url, "four"));
    let without = Process::spawn(without.args(["--events", "0"]));
    let none = without.client.get("/v1/events");
    let (kind, text) = (&none.kind, &none.text);
    check(&nodes.document, "GET /v1/events", none.status, kind, text);
    none.problem(501, "not-on-nodes");
}

fn killed(mut server: PostgresServer) {
    let url = url(&server);
    let mut nodes = Nodes::start(&url);
    for at in 0..3 {
        nodes.place(at, &format!("a:{at}"), "phone", 1).expect(201);
    }
    nodes.nodes.remove(0).kill();
    // What it answered is known, and goes on elsewhere.
    assert!(nodes.place(0, "a:0", "phone", 1).is_replayed());
    nodes.deed(1, "pay", "a:0").expect(200);
    // Its units are others' after its lease; until then nobody hears that they are sold out.
    let began = Instant::now();
    loop {
        let all = nodes.place(0, "all", "phone", 997);
        // What was not known when the time was over may have been done: then this is its answer.
        if all.status == 201 || all.is_replayed() {
            break;
        }
        all.problem(503, "try-again");
        assert_eq!(all.headers["retry-after"], "1");
        assert!(began.elapsed() < Duration::from_secs(30));
    }
    nodes
        .place(1, "more", "phone", 1)
        .problem(409, "out-of-stock");
    // The database dies, and everybody goes on.
    server.kill_and_start().unwrap();
    let began = Instant::now();
    while nodes.place(1, "b", "case", 1).status == 503 {
        assert!(began.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(100));
    }
    assert!(nodes.place(0, "b", "case", 1).is_replayed());
    // It starts again under its name.
    let again = start(&url, "one");
    assert!(
        again.found.contains("start 2 of this name"),
        "{}",
        again.found
    );
    assert!(again.client.order("b", &[("case", 1)]).is_replayed());
}

fn stopped(server: PostgresServer) {
    let url = url(&server);
    let (leaves, stays) = (start(&url, "leaves"), start(&url, "stays"));
    leaves.customers.order("a", &[("phone", 1)]).expect(201);
    let health = leaves.client.get("/livez").expect(200);
    assert!(health["node"]["units"].as_u64() > Some(0), "{health}");
    assert_eq!(leaves.terminate(), Some(0));
    // Before its lease would be over.
    let began = Instant::now();
    stays.customers.order("rest", &[("phone", 999)]).expect(201);
    assert!(began.elapsed() < Duration::from_secs(2));
    stays.client.deed("pay", "a").expect(200);
}

fn same_name(server: PostgresServer) {
    let url = url(&server);
    let mut older = command(&arguments(&url, "one"));
    older.env("SEGSTOCK_LOG", "error").stderr(Stdio::piped());
    let mut older = Process::spawn(&mut older);
    let mut stderr = older.stderr();
    older.customers.order("a", &[("phone", 1)]).expect(201);
    let newer = start(&url, "one");
    assert_eq!(older.ended(), Some(1));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    let expected = "segstock-service: the node one serves no calls any more: another node of its name has joined\n";
    assert_eq!(said, expected);
    newer.client.deed("pay", "a").expect(200);
    newer.customers.order("rest", &[("phone", 999)]).expect(201);
}

fn away(server: PostgresServer) {
    let runtime = Runtime::new().unwrap();
    let upstream = server.upstream().unwrap();
    let proxy = runtime
        .block_on(Proxy::start(upstream, Faults::NONE, 0))
        .unwrap();
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let figures = ["--metrics-skus", "phone,case,last-one"];
    let node = Process::spawn(&mut command(
        &[&arguments(&url, "one")[..], &figures].concat(),
    ));
    let figures = || Figures::of(&node.client);
    let of_node = ["node_blocks", "node_units", "node_calls"];
    let free = figures();
    assert_eq!(
        of_node.map(|name| free.get(name)),
        [0.0; 3],
        "it has no block yet"
    );
    node.customers.order("a", &[("phone", 1)]).expect(201);
    let lent = wait_for_figures(&node.client, |now| now.get("node_calls") == 0.0);
    let health = node.client.get("/livez").expect(200)["node"].clone();
    assert_eq!(lent.get("node_blocks"), 1.0, "of phones alone");
    assert_eq!(lent.get("node_units"), health["units"]);
    assert!(lent.get("node_units") > 0.0, "{health}");
    let lease = lent.get("node_lease_seconds");
    assert!((1.0..60.0).contains(&lease), "{lease}");
    node.client.get("/readyz").expect(200);
    // Both its port and its connections.
    drop(proxy);
    runtime.shutdown_background();
    thread::scope(|scope| {
        let order = scope.spawn(|| node.customers.order("waits", &[("phone", 1)]));
        // It waits for the database, also once the customer is answered 503.
        wait_for_figures(&node.client, |now| now.get("node_calls") == 1.0);
        assert_eq!(order.join().unwrap().status, 503);
    });
    let began = Instant::now();
    while node.client.get("/readyz").status == 200 {
        assert!(began.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(100));
    }
    let ready = node.client.get("/readyz").problem(503, "unavailable");
    let detail = ready["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("the database has not answered for "),
        "{detail}"
    );
    node.client.get("/livez").expect(200);
    let began = Instant::now();
    let metrics = node.client.get("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "a scrape waits for no database"
    );
    let away = figures();
    assert!(away.get("node_lease_seconds") < lease - 1.0, "{away:?}");
    // What it answers from its database alone.
    thread::scope(|scope| {
        for path in ["/v1/orders", "/v1/overview", "/v1/events"] {
            let client = &node.client;
            scope.spawn(move || {
                let none = client.get(path);
                let (of, kind, text) = (format!("GET {path}"), &none.kind, &none.text);
                check(&document(), &of, none.status, kind, text);
                none.problem(503, "try-again");
            });
        }
    });
    let order = node.customers.order("b", &[("phone", 1)]);
    order.problem(503, "try-again");
    assert_eq!(order.headers["retry-after"], "1");
    // It says that its units could not be handed back.
    assert_eq!(node.terminate(), Some(1));
}

fn mixed(server: PostgresServer) {
    let url = url(&server);
    let refused = |arguments: &[&str], expected: &str| {
        let (code, said) = refusal(arguments);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.lines().count() == 1 && said.contains(expected),
            "{said}"
        );
    };
    let node = start(&url, "one");
    node.customers.order("a", &[("phone", 1)]).expect(201);
    let ledger = [PORTS, &["--ledger", &url]].concat();
    refused(&ledger, "is started with --node");
    node.client.deed("pay", "a").expect(200);
    drop(node);
    drop(server);

    let server = PostgresServer::find().unwrap();
    let url = crate::postgres::url(&server);
    let ledger = [PORTS, &["--ledger", &url]].concat();
    let alone = Process::spawn(&mut command(&ledger));
    alone.customers.order("a", &[("phone", 1)]).expect(201);
    refused(&arguments(&url, "one"), "is started without --node");
    alone.client.deed("pay", "a").expect(200);
}
