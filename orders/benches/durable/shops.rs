//! The shops that are measured, and their customers.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use segstock_orders::ledger::{Recovered, Writer};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{OrderBook, OrderBookBuilder, Refusal};
use std::error::Error;
use std::num::NonZero;
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

    /// How long it was.
    pub fn seconds(&self) -> f64 {
        self.time.as_secs_f64()
    }

    /// What this many of 1,000 calls took at most, in seconds.
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

/// The median of the ratios of turns that stood beside each other, of their seconds.
pub fn ratio(turns: &[Turn], others: &[Turn]) -> f64 {
    let both = turns.iter().zip(others);
    let mut ratios: Vec<f64> = both
        .map(|(one, other)| one.seconds() / other.seconds())
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}

/// A shop over SQLite with this many SKUs, and orders that are paid for already. `each` is called before each order.
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

/// Customers place and pay for a time. They are tasks on a thread for each core, as a server has them: a thread that waits
/// is woken once for all its customers.
pub fn sells(
    book: &OrderBook<String>,
    writer: Option<&Writer<String>>,
    turn: &str,
    (customers, skus): (u64, u64),
    window: Duration,
) -> Turn {
    let is_over = AtomicBool::new(false);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let began = Instant::now();
    let customer = async |customer: u64| {
        let mut times = Vec::new();
        let mut number = 0;
        while !is_over.load(Ordering::Relaxed) {
            let id = format!("{turn}-{customer}-{number}");
            for pays in [false, true] {
                let lines = lines(number * 64 + customer, skus);
                let began = Instant::now();
                let call = || match pays {
                    false => book.place(&id, None, lines, TTL),
                    true => book.pay(&id),
                };
                let answer = match writer {
                    Some(writer) => {
                        let decided = writer.decide(call);
                        let durable = writer.durable(decided.rests_on).await;
                        durable.map_err(|_| Refusal::Unknown).and(decided.answer)
                    }
                    None => call(),
                };
                times.push(began.elapsed());
                assert!(answer.is_ok(), "{answer:?}");
            }
            number += 1;
        }
        times
    };
    let times = thread::scope(|scope| {
        let thread = |first: usize| {
            let (customer, numbers) = (&customer, first as u64..customers);
            move || {
                let tasks = numbers.step_by(threads).map(customer);
                let tasks: FuturesUnordered<_> = tasks.collect();
                pollster::block_on(tasks.collect::<Vec<Vec<Duration>>>())
            }
        };
        let running: Vec<_> = (0..threads)
            .map(|first| scope.spawn(thread(first)))
            .collect();
        thread::sleep(window);
        is_over.store(true, Ordering::Relaxed);
        let times = running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_default());
        times.flatten().flatten().collect()
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

/// One call.
pub fn once(call: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<Turn, Box<dyn Error>> {
    let began = Instant::now();
    call()?;
    Ok(Turn::new(Vec::new(), began.elapsed()))
}
