//! Reserve, pay, commit or give back: a checkout whose payments are slow, fail, time out, come late
//! or twice, and whose customers go away.
//!
//! `cargo run --release --example checkout`
//!
//! Two ways, on one [`Stock`]:
//!
//! - **at the till**: one async task from reserve to commit. The reservation is a guard: an error, a
//!   time-out or a task that is cancelled drops it, and the units are back.
//! - **online**: several requests. [`Holds`] keep the reservation under the order's key, until it
//!   is paid, given back, or its deadline has passed.
//!
//! In the end an audit: what was opened is sold to somebody who knows it, or in stock.

#[path = "support/mod.rs"]
mod support;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segstock::{Holds, MAX_UNITS, Placed, Reservation, RetakeError, Settled, Snapshot, Stock};
use serde_json::json;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;
use support::cli::{self, Report};
use support::figures::{grouped, table};
use support::progress::announced;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a payment may take at the till.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long an online order is held: minutes in a shop.
const TTL: Duration = Duration::from_millis(300);
/// In what time the customers come.
const OPEN: Duration = Duration::from_millis(600);
/// A task each.
const MAX_CUSTOMERS: u64 = 100_000;

/// Checks customers out, whatever their payments do.
#[derive(Debug, Parser)]
struct Arguments {
    /// Units in stock at first
    #[arg(long, default_value_t = 600, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<u64>::new().range(0..=MAX_UNITS))]
    units: u64,
    /// Customers, half of them online
    #[arg(long, default_value_t = 2_000, allow_negative_numbers = true,
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=MAX_CUSTOMERS))]
    customers: u64,
    /// Which customers come
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What a customer does.
#[derive(Debug, Clone, Copy)]
enum Story {
    Pays,
    IsDeclined,
    /// The bank does not answer.
    Waits,
    /// Closes the page.
    Leaves,
    /// Sends every request twice.
    Repeats,
    /// Changes their mind.
    GivesBack,
    PaysLate,
}

const AT_THE_TILL: [Story; 4] = [Story::Pays, Story::IsDeclined, Story::Waits, Story::Leaves];
const ONLINE: [Story; 6] = [
    Story::Pays,
    Story::IsDeclined,
    Story::Leaves,
    Story::Repeats,
    Story::GivesBack,
    Story::PaysLate,
];

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Sold,
    SoldAfterTheDeadline,
    Refused,
    Declined,
    TimedOut,
    Cancelled,
    GivenBack,
    Expired,
    RefundedTooLate,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Sold => "sold",
            Self::SoldAfterTheDeadline => "sold after the deadline",
            Self::Refused => "refused: out of stock",
            Self::Declined => "payment declined",
            Self::TimedOut => "payment timed out",
            Self::Cancelled => "task cancelled",
            Self::GivenBack => "given back",
            Self::Expired => "never paid, expired",
            Self::RefundedTooLate => "paid too late, refunded",
        }
    }

    const fn is_sale(self) -> bool {
        matches!(self, Self::Sold | Self::SoldAfterTheDeadline)
    }
}

/// An order number, and what is held under it.
type Orders = Holds<u64, Reservation<&'static Stock>>;

async fn pay(story: Story, takes: Duration) -> Result<(), &'static str> {
    match story {
        Story::Waits => sleep(PATIENCE * 100).await,
        Story::PaysLate => sleep(TTL + takes).await,
        _ => sleep(takes).await,
    }
    match story {
        Story::IsDeclined => Err("declined"),
        _ => Ok(()),
    }
}

/// One task from reserve to commit: every way out but the commit drops the reservation.
async fn at_the_till(stock: &'static Stock, units: u64, story: Story, takes: Duration) -> Outcome {
    let Ok(reservation) = stock.reserve(units) else {
        return Outcome::Refused;
    };
    match timeout(PATIENCE, pay(story, takes)).await {
        Ok(Ok(())) => {
            reservation.commit();
            Outcome::Sold
        }
        Ok(Err(_)) => Outcome::Declined,
        Err(_) => Outcome::TimedOut,
    }
}

/// Requests that know of each other only by the order's key.
async fn online(
    stock: &'static Stock,
    orders: &'static Orders,
    key: u64,
    units: u64,
    story: Story,
    takes: Duration,
) -> Outcome {
    let place = || orders.place(key, units, TTL, |&units| stock.reserve(units));
    let Ok(placed) = place() else {
        return Outcome::Refused;
    };
    assert_eq!(placed.held().units, units);
    if matches!(story, Story::Repeats) {
        // The answer was lost, so the request comes again. It reserves nothing: at most it finds that
        // the hold has expired.
        assert!(!matches!(place(), Ok(Placed::Now(_))));
    }
    if matches!(story, Story::Leaves) {
        return Outcome::Expired;
    }
    if pay(story, takes).await.is_err() {
        _ = orders.release(&key);
        return Outcome::Declined;
    }
    if matches!(story, Story::GivesBack) {
        return orders
            .release(&key)
            .map_or(Outcome::Expired, |_| Outcome::GivenBack);
    }
    let outcome = confirm(stock, orders, key);
    if matches!(story, Story::Repeats) && outcome.is_sale() {
        // The bank reports it twice. The answer is success, and nothing is sold again.
        assert_eq!(orders.confirm(&key), Ok(Settled::Before));
    }
    outcome
}

/// The money has come: sell what is held, or other units of that number if the hold has expired.
fn confirm(stock: &'static Stock, orders: &Orders, key: u64) -> Outcome {
    match orders.confirm(&key) {
        Ok(_) => Outcome::Sold,
        Err(_) => match orders.confirm_or_retake(&key, |_, units| stock.reserve(units)) {
            Ok(_) => Outcome::SoldAfterTheDeadline,
            Err(RetakeError::Refused(_)) => Outcome::RefundedTooLate,
            Err(_) => Outcome::Expired,
        },
    }
}

/// Orders and units of each outcome.
type Tally = BTreeMap<Outcome, (u64, u64)>;

/// Lets all customers in, and waits for the last.
async fn check_out(arguments: &Arguments, stock: &'static Stock, orders: &'static Orders) -> Tally {
    let mut chance = SmallRng::seed_from_u64(arguments.seed);
    let mut tasks = JoinSet::new();
    let mut who = BTreeMap::new();
    for key in 0..arguments.customers {
        let units = chance.random_range(1..=3);
        let takes = Duration::from_millis(chance.random_range(1..=20));
        let comes = OPEN.mul_f64(chance.random());
        let task = if key % 2 == 0 {
            let story = AT_THE_TILL[chance.random_range(0..AT_THE_TILL.len())];
            let task = tasks.spawn(async move {
                sleep(comes).await;
                at_the_till(stock, units, story, takes).await
            });
            if matches!(story, Story::Leaves) {
                let cancelled = task.clone();
                tokio::spawn(async move {
                    sleep(comes + takes / 2).await;
                    cancelled.abort();
                });
            }
            task
        } else {
            let story = ONLINE[chance.random_range(0..ONLINE.len())];
            tasks.spawn(async move {
                sleep(comes).await;
                online(stock, orders, key, units, story, takes).await
            })
        };
        who.insert(task.id(), units);
    }
    let mut tally = Tally::new();
    while let Some(ended) = tasks.join_next_with_id().await {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), Outcome::Cancelled),
        };
        let (count, units) = tally.entry(outcome).or_default();
        *count += 1;
        *units += who[&id];
    }
    tally
}

/// What is wrong with the figures, if anything is.
fn audit(snapshot: &Snapshot, tally: &Tally) -> Result<(), String> {
    let sales = tally.iter().filter(|(outcome, _)| outcome.is_sale());
    let known: u64 = sales.map(|(_, (_, units))| units).sum();
    if snapshot.reserved != 0 {
        return Err(format!("{} units are still reserved", snapshot.reserved));
    }
    if snapshot.sold != known {
        let sold = snapshot.sold;
        return Err(format!(
            "{sold} units are sold, of which customers know {known}"
        ));
    }
    if snapshot.available + snapshot.sold != snapshot.initial {
        return Err(format!("units were lost or made: {snapshot:?}"));
    }
    Ok(())
}

fn main() -> ExitCode {
    cli::run(|arguments: &Arguments| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_time()
            .build()
            .map_err(|error| format!("cannot start the runtime: {error}"))?;
        // For tasks a `static` is the fast owner, and a leaked box is one, too.
        let stock: &'static Stock = Box::leak(Box::new(Stock::new(arguments.units)));
        let orders: &'static Orders = Box::leak(Box::default());
        let progress = announced(format!("{} customers check out", arguments.customers));
        let tally = runtime.block_on(async {
            let tally = check_out(arguments, stock, orders).await;
            // Who never paid holds units until the deadline; a service sweeps on a timer, and
            // places that lack units do it by themselves.
            while !orders.is_empty() {
                sleep(TTL / 10).await;
            }
            orders.sweep(usize::MAX);
            tally
        });
        drop(progress);
        let snapshot = stock.snapshot();
        let verdict = audit(&snapshot, &tally);
        let text = if arguments.json {
            as_json(&tally, &snapshot, &verdict)
        } else {
            as_text(&tally, &snapshot, &verdict)
        };
        let correct = verdict.is_ok();
        Ok(Report { text, correct })
    })
}

fn as_text(tally: &Tally, snapshot: &Snapshot, verdict: &Result<(), String>) -> String {
    let rows = tally
        .iter()
        .map(|(outcome, (orders, units))| [outcome.name().into(), grouped(orders), grouped(units)]);
    let orders = table(["outcome", "orders", "units"], rows);
    let verdict = match verdict {
        Ok(()) => "passed: opened = in stock + sold, nothing reserved, every sale known".into(),
        Err(wrong) => format!("FAILED: {wrong}"),
    };
    format!(
        "{orders}\nopened {}, in stock {}, reserved {}, sold {}\naudit {verdict}",
        grouped(snapshot.initial),
        grouped(snapshot.available),
        grouped(snapshot.reserved),
        grouped(snapshot.sold),
    )
}

fn as_json(tally: &Tally, snapshot: &Snapshot, verdict: &Result<(), String>) -> String {
    let outcomes: BTreeMap<_, _> = tally
        .iter()
        .map(|(outcome, (orders, units))| {
            (outcome.name(), json!({ "orders": orders, "units": units }))
        })
        .collect();
    json!({
        "outcomes": outcomes,
        "opened": snapshot.initial,
        "available": snapshot.available,
        "reserved": snapshot.reserved,
        "sold": snapshot.sold,
        "audit": verdict.as_ref().err().map_or("passed", String::as_str),
    })
    .to_string()
}
