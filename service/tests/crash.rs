//! The command killed and stopped under load, and started again from its snapshot.

mod support;

use segstock_service::keeping::SnapshotFile;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use support::Client;
use support::process::Process;

const UNITS: u64 = 1_000_000;
const OPTIONS: [&str; 2] = ["--snapshot-every", "0.02"];

/// Orders and pays, key by key, until the service is gone; notes what was confirmed.
fn buy(client: &Client, customer: usize, confirmed: &Mutex<Vec<String>>) {
    for number in 0.. {
        let key = format!("{customer}-{number}");
        let Ok(placed) = client.try_order(&key, &[("a", 1)]) else {
            return;
        };
        // Stopped, it may still say that it is.
        if placed.status == 503 {
            return;
        }
        placed.expect(201);
        // Every fifth is left unpaid.
        if number % 5 == 0 {
            continue;
        }
        match client.try_pay(&key) {
            Ok(paid) if paid.status == 503 => return,
            Ok(paid) => _ = paid.expect(200),
            Err(_) => return,
        }
        confirmed.lock().unwrap().push(key);
    }
}

/// Snapshots that were written.
fn snapshots(client: &Client) -> u64 {
    let metrics = client.get("/metrics").text;
    let line = "snapshots_total{result=\"written\"} ";
    let written = metrics.lines().find_map(|it| it.strip_prefix(line));
    written.map_or(0, |written| written.parse().unwrap())
}

#[track_caller]
fn wait_for(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(5));
    }
}

/// Has customers buy from a new service until `end` has ended it; returns what `end` returns and
/// all that was confirmed.
fn under_load<T>(
    file: &Path,
    end: impl FnOnce(Process, &Mutex<Vec<String>>) -> T,
) -> (T, Vec<String>) {
    let service = Process::kept(file, &OPTIONS);
    let opened = serde_json::json!({"units": UNITS});
    service.client.json("PUT", "/stock/a", &opened).expect(201);
    let confirmed = Mutex::new(Vec::new());
    let ended = thread::scope(|scope| {
        for customer in 0..4 {
            let (client, confirmed) = (service.client.clone(), &confirmed);
            scope.spawn(move || buy(&client, customer, confirmed));
        }
        end(service, &confirmed)
    });
    (ended, confirmed.into_inner().unwrap())
}

/// Opens the snapshot again: each of `confirmed` is known as sold and is not sold once more, and the
/// units that are sold are those of orders that are known.
#[track_caller]
fn assert_sold_once(file: &Path, confirmed: &[String]) {
    let kept = SnapshotFile::new(file.to_owned()).read().unwrap().unwrap();
    let known = kept.sold.iter().flat_map(|order| &order.lines);
    let known: u64 = known.map(|(_, units)| units).sum();

    let service = Process::kept(file, &[]);
    let client = &service.client;
    let (available, reserved, sold) = client.stock("a");
    assert_eq!(sold, known);
    assert_eq!(available + reserved + sold, UNITS);
    for key in confirmed {
        assert_eq!(client.pay(key).expect(200)["status"], "sold");
        assert_eq!(client.order(key, &[("a", 1)]).expect(200)["status"], "sold");
    }
    assert_eq!(client.stock("a"), (available, reserved, sold));
    client
        .order("more", &[("a", available + 1)])
        .problem(409, "out-of-stock");
    client.order("rest", &[("a", available)]).expect(201);
    assert_eq!(client.stock("a").0, 0);
}

#[test]
fn killed_under_load_it_sells_nothing_twice_that_a_snapshot_has() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.json");
    let (before, all) = under_load(&file, |service, confirmed| {
        wait_for(|| confirmed.lock().unwrap().len() > 100);
        let before = confirmed.lock().unwrap().clone();
        // The first may have begun too early.
        let enough = snapshots(&service.client) + 2;
        wait_for(|| snapshots(&service.client) >= enough);
        service.kill();
        before
    });
    assert!(all.len() > before.len(), "the load went on");
    assert_sold_once(&file, &before);
}

#[cfg(unix)]
#[test]
fn stopped_under_load_it_loses_nothing_that_it_confirmed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.json");
    let (code, confirmed) = under_load(&file, |service, confirmed| {
        wait_for(|| confirmed.lock().unwrap().len() > 100);
        service.terminate()
    });
    assert_eq!(code, Some(0));
    assert_sold_once(&file, &confirmed);
}
