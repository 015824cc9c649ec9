//! Mixed load for a long time: orders that are paid for, shipped, returned, cancelled at once or left to expire; restocks and
//! write-offs; lists, and all stock as a list. With a short retention its memory stays what it is after some time.

use crate::client::Client;
use crate::process::Service;
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const CUSTOMERS: usize = 16;
const SKUS: usize = 200;
/// Between two orders of a customer: 400 orders a second in all, so that as many are known on a fast machine as on a slow one.
const PACE: Duration = Duration::from_millis(40);
/// Orders of a customer between an order's payment and its shipment: twenty seconds.
const PACKED: usize = 500;
/// Samples of a run.
const SAMPLES: u64 = 40;
/// Samples of its beginning, in which memory may grow: a quarter, five minutes of twenty.
const BEGINNING: usize = 10;
/// How much more the rest of the run may have than its first half.
const MORE: f64 = 1.1;

pub fn run(seconds: u64, retention: u64) -> Result<(), Box<dyn Error>> {
    let (kept, hold) = (retention.to_string(), (retention / 2).max(1).to_string());
    // What is kept of events has its limit, too; this many come soon.
    let service = Service::start(&[
        "--events",
        "10000",
        "--retention",
        &kept,
        "--hold",
        &hold,
        "--longest-hold",
        &kept,
        // And so have orders that are kept for returns: they are as many soon.
        "--max-returnable",
        "10000",
    ])?;
    service.stock(SKUS)?;
    let (stop, sent, failed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let samples = thread::scope(|scope| {
        for customer in 0..CUSTOMERS {
            let (service, stop, sent, failed) = (&service, &stop, &sent, &failed);
            scope.spawn(move || customer_of(service, customer, stop, sent, failed));
        }
        let samples = watch(&service, seconds, &sent, &failed);
        stop.store(true, Ordering::Relaxed);
        samples
    })?;
    let (beginning, rest) = samples.split_at(BEGINNING);
    let (middle, end) = rest.split_at(rest.len() / 2);
    let most = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
    let (beginning, middle, end) = (most(beginning), most(middle), most(end));
    println!(
        "memory: up to {beginning:.0} MB in the first quarter, {middle:.0} MB until the middle of the rest, {end:.0} MB to the end"
    );
    let failed = failed.load(Ordering::Relaxed);
    if failed > 0 {
        return Err(format!("{failed} requests were answered by 5xx, or not at all").into());
    }
    if end > MORE * middle {
        return Err("memory grows".into());
    }
    Ok(())
}

/// Prints what the system says of the service, and returns its memory.
fn watch(
    service: &Service,
    seconds: u64,
    sent: &AtomicU64,
    failed: &AtomicU64,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let (mut shop, began) = (Client::new(service.shop), Instant::now());
    let mut samples = Vec::new();
    for sample in 1..=SAMPLES {
        let at = Duration::from_millis(1_000 * seconds * sample / SAMPLES);
        thread::sleep(at.saturating_sub(began.elapsed()));
        let (_, metrics) = shop.get("/metrics")?;
        let orders = metrics
            .lines()
            .find_map(|line| line.strip_prefix("segstock_orders "));
        let (memory, ledger) = (service.memory()?, service.ledger()?);
        let (took, sent) = (began.elapsed().as_secs(), sent.load(Ordering::Relaxed));
        let (orders, failed) = (orders.unwrap_or("?"), failed.load(Ordering::Relaxed));
        println!(
            "{took} s: {memory:.0} MB, {orders} orders known, {sent} requests, {failed} failed, a ledger of {ledger:.0} MB"
        );
        samples.push(memory);
    }
    Ok(samples)
}

fn customer_of(
    service: &Service,
    customer: usize,
    stop: &AtomicBool,
    sent: &AtomicU64,
    failed: &AtomicU64,
) {
    let mut client = Client::new(service.shop);
    let (mut number, mut next) = (0, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        next += PACE;
        thread::sleep(next.saturating_duration_since(Instant::now()));
        for (method, path, key, body) in requests(customer, number) {
            let answer = client.send(method, &path, &key, &body);
            sent.fetch_add(1, Ordering::Relaxed);
            if !answer.is_ok_and(|(status, _)| status < 500) && !stop.load(Ordering::Relaxed) {
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

type Request = (&'static str, String, String, String);

/// An order, and what happens to it; now and then something for the shop.
fn requests(customer: usize, number: usize) -> Vec<Request> {
    let id = format!("{customer}-{number}");
    let (one, other) = ((customer + 7 * number) % SKUS, number % SKUS);
    let lines =
        format!(r#"{{"lines":[{{"sku":"{one}","units":1}},{{"sku":"{other}","units":2}}]}}"#);
    let none = String::new;
    let deed_on = |id: &str, deed| ("POST", format!("/v1/orders/{id}/{deed}"), none(), none());
    let deed = |deed| deed_on(&id, deed);
    let mut requests = vec![("POST", "/v1/orders".into(), id.clone(), lines)];
    match number % 10 {
        // A flood of orders that are cancelled at once.
        0..=4 => requests.push(deed("cancel")),
        5 | 6 => requests.extend([deed("pay"), deed("ship")]),
        7 => requests.extend([deed("pay"), deed("ship"), deed("return")]),
        // Shipped when it has been packed: an order that is never shipped is never forgotten.
        8 => {
            requests.push(deed("pay"));
            if let Some(before) = number.checked_sub(PACKED) {
                requests.push(deed_on(&format!("{customer}-{before}"), "ship"));
            }
        }
        _ => {}
    }
    let of_shop = |path: String, body: &str| ("POST", path, id.clone(), body.to_owned());
    match number % 200 {
        50 => requests.push(of_shop(
            format!("/v1/stock/{one}/restock"),
            r#"{"units":5}"#,
        )),
        100 => requests.push(of_shop(
            format!("/v1/stock/{one}/write-off"),
            r#"{"units":1}"#,
        )),
        150 => requests.push((
            "GET",
            "/v1/orders?state=held&limit=50".into(),
            none(),
            none(),
        )),
        199 => requests.push(("GET", "/v1/bulk/stock".into(), none(), none())),
        _ => {}
    }
    requests
}
