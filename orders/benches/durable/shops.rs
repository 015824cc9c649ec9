//! The shops that are measured, and their customers.

use segstock_orders::ledger::Recovered;
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{OrderBook, OrderBookBuilder};
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub const TTL: Duration = Duration::from_secs(3600);
const UNITS: u64 = 1 << 39;

/// The times of the calls of a turn, and how long it was.
pub struct Turn {
    times: Vec<Duration>,
    time: Duration,
}

impl Turn {
    pub fn new(mut times: Vec<Duration>, time: Duration) -> Self {
        times.sort_unstable();
        Self { times, time }
    }

    /// Calls a second.
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.time.as_secs_f64()
    }

    /// What so many of 1,000 calls took at most, in seconds.
    pub fn slowest(&self, of_1000: usize) -> f64 {
        let index = self.times.len() * of_1000 / 1000;
        self.times.get(index).map_or(0.0, Duration::as_secs_f64)
    }
}

pub fn median(turns: &[Turn], figure: impl Fn(&Turn) -> f64) -> f64 {
    let mut figures: Vec<f64> = turns.iter().map(figure).collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// A shop over SQLite with so many SKUs, and orders that are paid for already. `each` is called before each order.
pub fn filled(
    builder: OrderBookBuilder<String>,
    file: &Path,
    (skus, orders): (u64, u64),
    mut each: impl FnMut(u64),
) -> Result<Recovered<String>, Box<dyn Error>> {
    let shop = builder.recover(SqliteLedger::at(file))?;
    // Without waiting for each: the queue's places are the limit.
    let writer = &shop.writer;
    let mut last = Default::default();
    let wait = |number: u64, last| match number % 4096 {
        0 => pollster::block_on(writer.durable(last)),
        _ => Ok(()),
    };
    for sku in 0..skus {
        wait(sku, last)?;
        let open = || shop.book.open(format!("sku-{sku}"), UNITS);
        last = writer.decide(open).rests_on;
    }
    for number in 0..orders {
        wait(number, last)?;
        each(number);
        let id = format!("before-{number}");
        let place = || shop.book.place(&id, None, lines(number, skus), TTL);
        writer.decide(place).answer?;
        last = writer.decide(|| shop.book.pay(&id)).rests_on;
    }
    pollster::block_on(writer.durable(last))?;
    Ok(shop)
}

pub fn open_all(book: &OrderBook<String>, skus: u64) -> Result<(), Box<dyn Error>> {
    for sku in 0..skus {
        book.open(format!("sku-{sku}"), UNITS)?;
    }
    Ok(())
}

/// Two lines of an order.
fn lines(number: u64, skus: u64) -> [(String, u64); 2] {
    let first = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % skus;
    let second = (first + 1 + number % (skus - 1)) % skus;
    [(format!("sku-{first}"), 1), (format!("sku-{second}"), 1)]
}

/// Customers place and pay for a time, each on a thread.
pub fn sells(
    book: &OrderBook<String>,
    turn: &str,
    (customers, skus): (u64, u64),
    window: Duration,
) -> Turn {
    let is_over = AtomicBool::new(false);
    let began = Instant::now();
    let times = thread::scope(|scope| {
        let customer = |customer: u64| {
            let is_over = &is_over;
            move || {
                let mut times = Vec::new();
                for number in 0_u64.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = format!("{turn}-{customer}-{number}");
                    for pays in [false, true] {
                        let lines = lines(number * 64 + customer, skus);
                        let began = Instant::now();
                        let answer = match pays {
                            false => book.place(&id, None, lines, TTL),
                            true => book.pay(&id),
                        };
                        times.push(began.elapsed());
                        assert!(answer.is_ok(), "{answer:?}");
                    }
                }
                times
            }
        };
        let threads: Vec<_> = (0..customers)
            .map(|number| scope.spawn(customer(number)))
            .collect();
        thread::sleep(window);
        is_over.store(true, Ordering::Relaxed);
        let times = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_default());
        times.collect()
    });
    Turn::new(times, began.elapsed())
}

/// Calls for a time, one after another.
pub fn timed(
    window: Duration,
    mut call: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Turn, Box<dyn Error>> {
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < window {
        let began = Instant::now();
        call()?;
        times.push(began.elapsed());
    }
    Ok(Turn::new(times, began.elapsed()))
}
