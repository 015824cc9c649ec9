//! What ten watchers of the page cost: CPU time of the service with and without them, by turns, while orders are placed.

use crate::client::Client;
use crate::process::Service;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const WATCHERS: usize = 10;
/// How often the page asks; so says `page.js`.
const EVERY: Duration = Duration::from_secs(1);
/// Between two orders of the sale that they watch.
const PACE: Duration = Duration::from_millis(5);
const ROUNDS: u32 = 3;
/// Of one core.
const MOST: f64 = 0.02;

pub fn run(seconds: u64) -> Result<(), Box<dyn Error>> {
    let service = Service::start(&[])?;
    service.stock(100)?;
    let time = Duration::from_secs(seconds);
    let mut shares = Vec::new();
    let mut number = 0;
    // Warm.
    sale(&service, &mut number, time / 4)?;
    for round in 1..=ROUNDS {
        let without = sale(&service, &mut number, time)?;
        let stop = AtomicBool::new(false);
        let with = thread::scope(|scope| {
            for _ in 0..WATCHERS {
                scope.spawn(|| watch(&service, &stop));
            }
            let with = sale(&service, &mut number, time);
            stop.store(true, Ordering::Relaxed);
            with
        })?;
        let share = with - without;
        println!(
            "round {round}: {:.2} % of one core without watchers, {:.2} % with {WATCHERS}: {:.2} % more",
            100.0 * without,
            100.0 * with,
            100.0 * share
        );
        shares.push(share);
    }
    shares.sort_by(f64::total_cmp);
    let median = shares[shares.len() / 2];
    println!("median: {:.2} % of one core", 100.0 * median);
    if median > MOST {
        return Err(format!("more than {:.0} % of one core", 100.0 * MOST).into());
    }
    Ok(())
}

/// Places orders at a steady pace. Returns the CPU time of the service, over the time.
fn sale(service: &Service, number: &mut u64, time: Duration) -> Result<f64, Box<dyn Error>> {
    let mut client = Client::new(service.customers);
    let (before, began) = (service.cpu()?, Instant::now());
    let mut next = began;
    while began.elapsed() < time {
        *number += 1;
        let sku = *number % 100;
        let body = format!(r#"{{"lines":[{{"sku":"{sku}","units":1}}]}}"#);
        client.send("POST", "/v1/orders", &format!("order-{number}"), &body)?;
        next += PACE;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let cpu = service.cpu()? - before;
    Ok(cpu.as_secs_f64() / began.elapsed().as_secs_f64())
}

fn watch(service: &Service, stop: &AtomicBool) {
    let mut client = Client::new(service.shop);
    while !stop.load(Ordering::Relaxed) {
        _ = client.get("/v1/overview?first=0&search=");
        thread::sleep(EVERY);
    }
}
