//! A sale: customers who order one unit after another, each order with a flow of its own.

use crate::support::progress;
use segstock::{LockedStock, OrderError, OutOfStock, Stock};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What all sales have in common.
#[derive(Debug)]
pub struct Terms {
    pub units: u64,
    pub segments: usize,
    pub customers: usize,
    /// What the flow of one order takes.
    pub flow: Duration,
    /// How long a sale is open at most.
    pub time: Duration,
}

/// How a sale went.
#[derive(Debug, Serialize)]
pub struct Sale {
    pub id: &'static str,
    pub name: String,
    pub orders_per_second: f64,
    /// Units that customers went home with.
    pub sold: u64,
    /// Orders refused: every customer goes home after the first.
    pub refused: u64,
    /// Units that the counter says are left.
    pub left: u64,
    /// Units sold that never were.
    pub oversold: u64,
}

/// The sale is over, sold out or not.
#[derive(Debug)]
pub struct Closed;

type Answer = Result<(), OrderError<Closed>>;

/// Payment, parcel, invoice: whatever an order is besides the count.
struct Flow {
    takes: Duration,
    closes: Instant,
}

impl Flow {
    /// To be asked before a unit is taken. An order may have queued until after the sale.
    fn open(&self) -> Result<(), Closed> {
        if Instant::now() < self.closes {
            Ok(())
        } else {
            Err(Closed)
        }
    }

    fn run(&self) {
        thread::sleep(self.takes);
    }
}

/// One sale after another.
pub fn all(terms: &Terms) -> Result<Vec<Sale>, String> {
    Ok(vec![
        naive(terms)?,
        locked(terms, "single", "one lock".into(), 1)?,
        locked(terms, "locked", segments_name(terms), terms.segments)?,
        stock(terms)?,
    ])
}

pub fn segments_name(terms: &Terms) -> String {
    match terms.segments {
        1 => "1 locked segment".into(),
        segments => format!("{segments} locked segments"),
    }
}

/// How it is done until somebody counts: every customer who reads before another has written sells
/// that unit again.
fn naive(terms: &Terms) -> Result<Sale, String> {
    let stock = AtomicU64::new(terms.units);
    let order = |flow: &Flow| {
        flow.open().map_err(OrderError::Order)?;
        let seen = stock.load(Ordering::SeqCst);
        if seen == 0 {
            return Err(OutOfStock::new(1, seen).into());
        }
        flow.run();
        stock.store(seen - 1, Ordering::SeqCst);
        Ok(())
    };
    let name = "read, check, write: no lock".into();
    hold(terms, "naive", name, order, || stock.load(Ordering::SeqCst))
}

/// The whole flow under a lock: of the stock, or of one of its segments.
fn locked(terms: &Terms, id: &'static str, name: String, segments: usize) -> Result<Sale, String> {
    let stock = LockedStock::new(terms.units, segments).map_err(|error| error.to_string())?;
    let order = |flow: &Flow| {
        stock.deduct_with(1, || {
            flow.open()?;
            flow.run();
            Ok(())
        })
    };
    hold(terms, id, name, order, || stock.available())
}

/// The deduct first, and the flow when the unit is the customer's own. A flow that fails would
/// restock.
fn stock(terms: &Terms) -> Result<Sale, String> {
    let stock = Stock::builder(terms.units)
        .build()
        .map_err(|error| error.to_string())?;
    let order = |flow: &Flow| {
        flow.open().map_err(OrderError::Order)?;
        stock.deduct(1)?;
        flow.run();
        Ok(())
    };
    let name = "Stock, flow outside".into();
    hold(terms, "stock", name, order, || stock.available())
}

/// Opens the doors, and counts what each customer took home.
fn hold(
    terms: &Terms,
    id: &'static str,
    name: String,
    order: impl Fn(&Flow) -> Answer + Sync,
    left: impl Fn() -> u64,
) -> Result<Sale, String> {
    let _spinner = progress::announced(format!(
        "sale: {name}, at most {:.1} s",
        terms.time.as_secs_f64()
    ));
    let start = Instant::now();
    let flow = Flow {
        takes: terms.flow,
        closes: start + terms.time,
    };
    let baskets = thread::scope(|scope| {
        let customer = || shop(|| order(&flow), start);
        let customers = (0..terms.customers)
            .map(|_| thread::Builder::new().spawn_scoped(scope, customer))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("cannot start {} threads: {error}", terms.customers))?;
        let baskets = customers.into_iter().map(|customer| customer.join());
        baskets
            .collect::<Result<Vec<Basket>, _>>()
            .map_err(|_| "a customer panicked".to_owned())
    })?;

    let sold = baskets.iter().map(|basket| basket.units).sum();
    let last = baskets.iter().map(|basket| basket.last).max();
    let took = last.unwrap_or(start) - start;
    Ok(Sale {
        id,
        name,
        orders_per_second: if sold == 0 {
            0.0
        } else {
            sold as f64 / took.as_secs_f64()
        },
        sold,
        refused: baskets.iter().filter(|basket| basket.refused).count() as u64,
        left: left(),
        oversold: sold.saturating_sub(terms.units),
    })
}

/// What a customer took home.
struct Basket {
    units: u64,
    refused: bool,
    /// When the last order was served.
    last: Instant,
}

/// Orders until refused, or until the sale closes.
fn shop(order: impl Fn() -> Answer, start: Instant) -> Basket {
    let (mut units, mut last) = (0, start);
    loop {
        match order() {
            Ok(()) => {
                units += 1;
                last = Instant::now();
            }
            Err(error) => {
                return Basket {
                    units,
                    refused: error.is_out_of_stock(),
                    last,
                };
            }
        }
    }
}
