//! A process from its start to its end: it waits for its database, works by itself, and stops when it is asked to.

use crate::support::process::{PORTS, Process, WITHOUT_LEDGER, command};
use crate::support::{Client, JSON, key, wait_for};
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A service whose database is not there, and the first line of its log.
fn without_database(more: &[&str]) -> (Child, BufReader<ChildStderr>, String) {
    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let url = format!("postgres://shop:secret@{}/shop", port.unwrap());
    let arguments = [PORTS, &["--ledger", &url], more].concat();
    let mut child = command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let began = Instant::now();
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    let at_once = began.elapsed() < Duration::from_secs(4);
    assert!(
        at_once && said.contains("waiting for the database"),
        "{said}"
    );
    assert!(
        said.contains("/shop: ") && !said.contains("secret"),
        "{said}"
    );
    (child, stderr, said)
}

#[test]
fn a_start_waits_for_its_database_and_says_so_at_once() {
    for node in [&[][..], &["--node", "one"]] {
        let more = [node, &["--wait-for-database", "1.5"]].concat();
        let (mut child, mut stderr, _) = without_database(&more);
        let mut end = String::new();
        stderr.read_to_string(&mut end).unwrap();
        // It may be there the next time: whoever starts services may start it again.
        assert_eq!(child.wait().unwrap().code(), Some(1), "{end}");
        assert_eq!(end.lines().count(), 1, "{end}");
        assert!(end.contains("was not ready within 1.5 s"), "{end}");
        assert!(!end.contains("secret"), "{end}");
    }
}

#[cfg(unix)]
#[test]
fn a_start_that_waits_can_be_stopped() {
    for node in [&[][..], &["--node", "one"]] {
        let (mut child, _stderr, _) = without_database(node);
        let began = Instant::now();
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn expired_orders_give_their_units_back_by_themselves() {
    let service = Process::start(&["--hold", "0.5"]);
    let order = |client: &Client, id: &str| {
        let body = json!({"lines": [{"sku": "phone", "units": 1}]}).to_string();
        client
            .send("POST", "/v1/orders", &[JSON, key(id)], &body)
            .expect(201);
    };
    for id in ["a", "b", "c", "d"] {
        order(&service.customers, id);
    }
    // To look at the stock touches no order.
    wait_for(|| service.client.stock("phone") == (1_000, 1_000));
}

#[cfg(unix)]
#[test]
fn a_hangup_ends_nothing_and_a_term_lets_it_drain() {
    let service = Process::start(&["--drain", "1.5"]);
    service.signal("-HUP");
    thread::sleep(Duration::from_millis(100));
    service.customers.order("a", &[("phone", 1)]).expect(201);
    service.signal("-TERM");
    // It goes on, and says that it does not want more.
    wait_for(|| service.customers.get("/readyz").status == 503);
    service.customers.get("/readyz").problem(503, "not-ready");
    service.customers.get("/livez").expect(200);
    service.customers.order("b", &[("phone", 1)]).expect(201);
    assert_eq!(service.ended(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_second_term_ends_the_drain() {
    let arguments = [&WITHOUT_LEDGER[..], &["--drain", "600"]].concat();
    let mut service = Process::spawn(command(&arguments).stderr(Stdio::piped()));
    let mut stderr = service.stderr();
    service.signal("-TERM");
    wait_for(|| service.customers.get("/readyz").status == 503);
    // Nothing else does.
    service.signal("-HUP");
    service.signal("-USR1");
    thread::sleep(Duration::from_millis(100));
    service.customers.order("a", &[("phone", 1)]).expect(201);
    let began = Instant::now();
    service.signal("-INT");
    assert_eq!(service.ended(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("not ready from now on"), "{said}");
    // Proxies ask each second: that is no failure.
    assert!(!said.contains("/readyz"), "{said}");
}

/// What requests are measured against: the same server, whose handlers do nothing.
#[test]
fn idle_handlers_do_nothing() {
    let service = Process::start(&["--idle"]);
    let order = service.client.order("a", &[("phone", 1)]);
    assert_eq!((order.status, &*order.text), (204, ""));
    assert_eq!(service.client.get("/v1/orders/a").status, 204);
    service.client.get("/nix").problem(404, "unknown-route");
}

#[cfg(unix)]
#[test]
fn it_stops_at_once_though_idle_connections_are_open() {
    let service = Process::start(&[]);
    let idle = std::net::TcpStream::connect(service.customers.address).unwrap();
    service.client.get("/livez").expect(200);
    let began = Instant::now();
    assert_eq!(service.terminate(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(idle);
}
