//! The slowest requests of a service that remembers many orders, and forgets some of them all the time, beside those of one
//! that is empty: by turns, with the same customers.

use crate::client::Client;
use crate::process::Service;
use std::error::Error;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const CUSTOMERS: usize = 64;
const TURNS: usize = 9;
const TURN: Duration = Duration::from_secs(2);
/// SKUs of the service that is empty.
const FEW: usize = 1_000;
/// Orders a second while the large one is filled, about: they are remembered so long that nearly all are there in the end.
const FILLED: usize = 8_000;
/// What is promised: this many times the time that it takes when it is empty, or so much more.
const TIMES: f64 = 2.0;
const MORE: Duration = Duration::from_millis(20);

pub fn run(orders: usize, skus: usize) -> Result<(), Box<dyn Error>> {
    let retention = Duration::from_secs((orders / FILLED).max(10) as u64);
    let large = start(retention, skus)?;
    let small = start(retention, FEW)?;
    let began = Instant::now();
    let number = AtomicUsize::new(0);
    sell(&large, "before", skus, |_| {
        number.fetch_add(1, Ordering::Relaxed) < orders
    })?;
    let (known, took) = (large.figure("segstock_orders ")?, began.elapsed());
    println!("{known} orders after {took:.0?}; they are forgotten after {retention:.0?}");
    // From now on the first of them are forgotten.
    thread::sleep(retention.saturating_sub(took));
    let (known, mut sold) = (large.figure("segstock_orders ")?, 0);
    let mut slowest = [Vec::new(), Vec::new()];
    for turn in 0..TURNS {
        let order = [turn % 2, 1 - turn % 2];
        for index in order {
            let (service, skus) = [(&large, skus), (&small, FEW)][index];
            let mut times = sell(service, &format!("turn-{turn}"), skus, |began| {
                began.elapsed() < TURN
            })?;
            times.sort_unstable();
            sold += [times.len() / 2, 0][index];
            slowest[index].push(times[times.len() * 999 / 1000]);
        }
    }
    let left = large.figure("segstock_orders ")?;
    let [large, small] = slowest.map(|mut of_turns| {
        of_turns.sort_unstable();
        of_turns[TURNS / 2]
    });
    println!(
        "p99.9 of a request, the median of {TURNS}: {large:.1?} with {known} orders at first and {skus} SKUs, of which {} were \
         forgotten meanwhile, and {sold} came; {small:.1?} where there is nothing: {:.2} times",
        known + sold - left,
        large.as_secs_f64() / small.as_secs_f64()
    );
    if large > small.mul_f64(TIMES) && large > small + MORE {
        return Err(format!("more than {TIMES} times, and more than {MORE:?} more").into());
    }
    Ok(())
}

fn start(retention: Duration, skus: usize) -> Result<Service, Box<dyn Error>> {
    let retention = retention.as_secs().to_string();
    let service = Service::start(&[
        "--ships-at-once",
        "--max-returnable",
        "0",
        "--retention",
        &retention,
    ])?;
    let mut list = "sku,units\n".to_owned();
    for sku in 0..skus {
        writeln!(list, "{sku},1000000000")?;
    }
    let path = "/v1/bulk/stock?do=restock&open=true";
    let (status, text) = Client::new(service.shop).send("POST", path, "first", &list)?;
    match status {
        200 => Ok(service),
        _ => Err(format!("the stock was answered by {status}: {text}").into()),
    }
}

/// Customers who order and pay while `goes_on` says so; it gets the instant when they began. Returns how long each request took.
fn sell(
    service: &Service,
    name: &str,
    skus: usize,
    goes_on: impl Fn(Instant) -> bool + Sync,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let began = Instant::now();
    let goes_on = || goes_on(began);
    thread::scope(|scope| {
        let customers: Vec<_> = (0..CUSTOMERS)
            .map(|customer| {
                let name = format!("{name}-{customer}");
                let first = customer * skus / CUSTOMERS;
                let goes_on = &goes_on;
                scope.spawn(move || customer_of(service.shop, &name, (first, skus), goes_on))
            })
            .collect();
        let mut all = Vec::new();
        for customer in customers {
            all.extend(customer.join().map_err(|_| "a customer panicked")??);
        }
        Ok(all)
    })
}

fn customer_of(
    shop: SocketAddr,
    name: &str,
    (first, skus): (usize, usize),
    goes_on: &(dyn Fn() -> bool + Sync),
) -> io::Result<Vec<Duration>> {
    let (mut client, mut times) = (Client::new(shop), Vec::new());
    for number in 0_usize.. {
        if !goes_on() {
            break;
        }
        let one = (first + number.wrapping_mul(0x9E37_79B9)) % skus;
        let other = (one + 1) % skus;
        let order =
            format!(r#"{{"lines":[{{"sku":"{one}","units":1}},{{"sku":"{other}","units":2}}]}}"#);
        let key = format!("{name}-{number}");
        let payment = format!("/v1/orders/{key}/pay");
        for (path, key, body) in [("/v1/orders", &*key, &*order), (&*payment, "", "")] {
            let began = Instant::now();
            let (status, text) = client.send("POST", path, key, body)?;
            times.push(began.elapsed());
            if status >= 400 {
                let line = format!("{path} was answered by {status}: {text}");
                return Err(io::Error::other(line));
            }
        }
    }
    Ok(times)
}
