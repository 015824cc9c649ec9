//! The log, and the ids by which it knows requests.

use crate::support::Server;
use crate::support::process::{PORTS, Process, WITHOUT_LEDGER, command};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn an_answer_has_the_id_of_its_request() {
    let shop = Server::start(&[]);
    let id = |headers: &[(&str, &str)]| {
        let answer = shop.client.send("GET", "/livez", headers, "");
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id(&[("x-request-id", "proxy-17")]), "proxy-17");
    let (one, other) = (id(&[]), id(&[]));
    assert!(!one.is_empty() && one != other);
    let refused = shop.client.get("/nowhere");
    assert!(refused.headers.contains_key("x-request-id"));
}

#[test]
fn the_log_can_be_lines_of_json_with_request_and_trace() {
    let mut command = command(&WITHOUT_LEDGER);
    command.args(["--log", "debug,json"]);
    let mut service = Process::spawn(command.stderr(Stdio::piped()));
    let headers = [
        ("x-request-id", "proxy-17"),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
    ];
    service
        .client
        .send("GET", "/v1/stock/phone", &headers, "")
        .expect(200);
    let mut lines = BufReader::new(service.stderr()).lines();
    let line = lines.find_map(|line| {
        let line: Value = serde_json::from_str(&line.unwrap()).expect("each line is JSON");
        (line["request_id"] == "proxy-17").then_some(line)
    });
    let line = line.unwrap();
    assert_eq!(line["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(line["path"], "/v1/stock/{sku}");
    assert_eq!(
        (&line["method"], &line["status"]),
        (&json!("GET"), &json!(200))
    );
    assert_eq!(line["level"], "DEBUG");
}

/// What reads the log reads both streams, from the first line to the last.
#[test]
fn where_the_log_is_lines_of_json_the_first_and_the_last_lines_are_too() {
    let mut started = command(&WITHOUT_LEDGER);
    let child = started.args(["--log", "json"]).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<_> = lines.take(2).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let lines = lines.into_iter().map(|line| line.unwrap());
    let lines = lines.map(|line| serde_json::from_str(&line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let message = |line: &Value| line["message"].as_str().unwrap().to_owned();
    assert!(message(&lines[0]).contains("http://127.0.0.1:"));
    assert!(message(&lines[1]).contains("no ledger"));
    assert!(lines.iter().all(|line| line["level"] == "INFO"));
    assert!(lines.iter().all(|line| line["timestamp"].is_string()));

    let arguments = [
        PORTS,
        &["--log", "json", "--ledger", "sqlite:/nowhere/at/all.db"],
    ]
    .concat();
    let refused = command(&arguments).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let log = String::from_utf8(refused.stderr).unwrap();
    let last = log.lines().last().unwrap();
    let line: Value = serde_json::from_str(last).expect("each line is JSON");
    assert_eq!(line["level"], "ERROR");
    assert!(message(&line).contains("/nowhere/at/all.db"), "{line}");
}

/// When all requests fail, some of each second are logged, and how many were not.
#[cfg(unix)]
#[test]
fn of_many_requests_that_fail_few_are_logged_and_the_others_counted() {
    const FAILED: usize = 400;
    let mut command = command(&WITHOUT_LEDGER);
    command.args(["--log", "json", "--max-orders", "1"]);
    let mut service = Process::spawn(command.stderr(Stdio::piped()));
    let stderr = service.stderr();
    service.customers.order("a", &[("phone", 1)]).expect(201);
    let fail = |number: usize| {
        let full = service
            .customers
            .order(&format!("b-{number}"), &[("phone", 1)]);
        full.problem(503, "full");
    };
    let began = Instant::now();
    // From some threads, so that more than 20 come in a second.
    thread::scope(|scope| {
        for first in 0..8 {
            scope.spawn(move || (first..FAILED).step_by(8).for_each(fail));
        }
    });
    let seconds = began.elapsed().as_secs() as usize + 1;
    // The first of the next second says what was left out before.
    thread::sleep(Duration::from_millis(1_100));
    fail(FAILED);
    assert_eq!(service.terminate(), Some(0));
    let lines = BufReader::new(stderr).lines();
    let lines = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let lines: Vec<Value> = lines.filter(|line| line["status"] == 503).collect();
    assert!(
        lines
            .iter()
            .all(|line| line["level"] == "WARN" && line["path"] == "/v1/orders")
    );
    let left_out = |line: &Value| line["left_out"].as_u64().unwrap() as usize;
    let all: usize = lines.iter().map(left_out).sum();
    assert!(
        (20..=20 * seconds + 1).contains(&lines.len()),
        "{} in {seconds} s",
        lines.len()
    );
    assert!(all > 0, "more than 20 came in a second");
    assert_eq!(lines.len() + all, FAILED + 1);
    assert_eq!(left_out(&lines[0]), 0);
}
