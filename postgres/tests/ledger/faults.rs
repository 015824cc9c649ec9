//! The ledger while its connection is cut, its server is killed, and its server stands still: nothing that was answered is
//! lost, and nothing is sold twice.

use crate::shop::{TTL, Tests, hurried, name, phone, recover};
use segstock_orders::ledger::Recovered;
use segstock_orders::{OrderState, Refusal};
use segstock_remote::servers::{Faults, OwnServer, PostgresServer, Proxy, Server};
use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

const UNITS: u64 = 1_000_000;
const CUSTOMERS: usize = 16;

pub fn add(tests: &Tests) {
    let start = PostgresServer::find;
    tests.add_with_own(
        "faults::a_server_that_is_killed_loses_no_answer",
        start,
        killed,
    );
    tests.add_with_own(
        "faults::a_server_that_stands_still_loses_no_answer",
        start,
        still,
    );
    tests.add_with_own(
        "faults::a_connection_that_is_cut_loses_no_answer",
        start,
        cut,
    );
}

/// What customers were told.
#[derive(Default)]
struct Told {
    paid: Vec<String>,
    busy: u64,
    unknown: u64,
}

/// Customers place orders and pay for them while something happens to the server. Then all of it is audited by a new
/// process.
fn sells(shop: &Recovered<String>, happens: impl FnOnce()) -> Told {
    shop.book.open(phone(), UNITS).expect("a new SKU");
    let (told, is_over) = (Mutex::new(Told::default()), AtomicBool::new(false));
    let customer = |customer: usize| {
        for number in 0.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let order = format!("order-{customer}-{number}");
            let placed = shop.book.place(&order, None, [(phone(), 1)], TTL);
            let paid = placed.and_then(|_| shop.book.pay(&order));
            let mut told = told.lock().expect("no customer panics");
            match paid {
                Ok(_) => told.paid.push(order),
                Err(Refusal::Busy) => told.busy += 1,
                Err(Refusal::Unknown) => told.unknown += 1,
                Err(refusal) => panic!("{refusal:?}"),
            }
            drop(told);
            thread::sleep(Duration::from_micros(200));
        }
    };
    thread::scope(|scope| {
        for number in 0..CUSTOMERS {
            let customer = &customer;
            scope.spawn(move || customer(number));
        }
        thread::sleep(Duration::from_millis(500));
        happens();
        // All is well again: customers are answered.
        let paid = || told.lock().expect("no customer panics").paid.len();
        let (before, until) = (paid(), Instant::now() + Duration::from_secs(60));
        while paid() < before + 100 {
            assert!(
                Instant::now() < until,
                "the connection comes back by itself"
            );
            thread::sleep(Duration::from_millis(10));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    told.into_inner().expect("no customer panics")
}

/// A new process finds each order that was paid for, and each unit once.
fn audit(url: &str, name: &str, told: &Told) {
    let shop = recover(url, name).expect("the server is there");
    for order in &told.paid {
        let state = shop.book.get(order).map(|order| order.state);
        assert_eq!(state, Ok(OrderState::Paid), "{order} was answered");
        assert!(
            shop.book.pay(order).is_ok_and(|again| again.before),
            "{order}"
        );
    }
    let stock = shop.book.stock(&phone()).expect("it is open");
    let orders = shop.book.orders() as u64;
    assert_eq!((stock.on_hand, stock.available + orders), (UNITS, UNITS));
    let Told {
        paid,
        busy,
        unknown,
    } = told;
    println!("{} paid, {busy} busy, {unknown} unknown", paid.len());
    assert_eq!(*unknown, 0, "the writer's patience was longer");
}

fn url(server: &OwnServer<PostgresServer>) -> String {
    server.lock().expect("no test failed").url().to_owned()
}

/// Makes a ledger, and opens it. Opening has no patience: a fault is told at once.
fn begin(direct: &str, through: &str, name: &str) -> Recovered<String> {
    recover(direct, name).expect("a new ledger");
    let shop = (0..100).find_map(|_| hurried(through, name).ok());
    shop.expect("it is opened at last")
}

fn killed(server: &OwnServer<PostgresServer>, _: &Handle) {
    let (url, name) = (url(server), name());
    let shop = begin(&url, &url, &name);
    let told = sells(&shop, || {
        for _ in 0..3 {
            let mut server = server.lock().expect("no test failed");
            server.kill_and_start().expect("it starts again");
            drop(server);
            thread::sleep(Duration::from_millis(300));
        }
    });
    drop(shop);
    audit(&url, &name, &told);
}

/// The server and all its processes.
fn processes(server: &OwnServer<PostgresServer>) -> Vec<String> {
    let id = server.lock().expect("no test failed").process_id();
    let id = id.expect("it runs");
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let children = children.unwrap_or_default();
    let all = children.split_whitespace().map(str::to_owned);
    all.chain([id.to_string()]).collect()
}

fn signal(signal: &str, processes: &[String]) {
    let sent = Command::new("kill").arg(signal).args(processes).status();
    // One of them may have ended meanwhile.
    _ = sent.expect("there is a kill");
}

fn still(server: &OwnServer<PostgresServer>, _: &Handle) {
    let (url, name) = (url(server), name());
    let shop = begin(&url, &url, &name);
    let told = sells(&shop, || {
        let processes = processes(server);
        signal("-STOP", &processes);
        // Longer than the time-outs: the ledger gives the connection up, and cannot get another.
        thread::sleep(Duration::from_secs(4));
        let status = shop.writer.status();
        let new = shop.book.place("new", None, [(phone(), 1)], TTL);
        signal("-CONT", &processes);
        assert!(
            status.unsettled.is_some() && status.dead.is_none(),
            "{status:?}"
        );
        assert_eq!(new, Err(Refusal::Busy), "new orders are not kept waiting");
    });
    drop(shop);
    audit(&url, &name, &told);
}

fn cut(server: &OwnServer<PostgresServer>, runtime: &Handle) {
    let (direct, name) = (url(server), name());
    let upstream = server.lock().expect("no test failed").upstream();
    let upstream = upstream.expect("it is a private server");
    let proxy = runtime.block_on(Proxy::start(upstream, Faults::ALL, 11));
    let proxy = proxy.expect("an address is free");
    let address = proxy.address();
    let through = format!(
        "host={} port={} user=postgres dbname=postgres",
        address.ip(),
        address.port()
    );
    let shop = begin(&direct, &through, &name);
    let told = sells(&shop, || thread::sleep(Duration::from_secs(8)));
    assert!(proxy.faults_made() > 5, "{} faults", proxy.faults_made());
    drop(shop);
    audit(&direct, &name, &told);
}
