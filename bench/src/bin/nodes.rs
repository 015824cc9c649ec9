//! Several nodes on one `PostgreSQL`, beside one node and beside one row: every order durable before its answer.
//!
//! ```text
//! cargo run --release -p segstock-bench --bin nodes
//! ```
//!
//! It starts a private server, or takes the one that `SEGSTOCK_POSTGRES_URL` names. All nodes are in this process, so they share
//! its cores with the server. All ways take turns, and the median of the turns counts. The ratios are of one run.

use clap::Parser;
use segstock_harness::percentile;
use segstock_postgres::nodes::{Node, Refusal, Sale, SkuSettings};
use segstock_postgres::{Postgres, Row};
use segstock_remote::{Answer, OrderId, Patience, RemoteStock, Units};
use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};
use tokio::task::JoinSet;

/// Measures nodes on `PostgreSQL`.
#[derive(Debug, Clone, Copy, Parser)]
struct Arguments {
    /// Customers who order at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    customers: u16,
    /// Customers who order at once where a commit takes long.
    #[arg(long, default_value_t = 192, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    crowd: u16,
    /// Milliseconds that a commit takes there.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=50))]
    commit_ms: u64,
    /// Milliseconds that each way is measured in each turn.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    window_ms: u64,
    /// Turns of all ways.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    turns: u8,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nodes: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(unix))]
fn run(_: Arguments) -> Result<(), String> {
    Err("private servers are started on Unix only".to_owned())
}

#[cfg(unix)]
fn run(arguments: Arguments) -> Result<(), String> {
    use segstock_remote::servers::{PostgresServer, Server};
    let server = PostgresServer::find().map_err(words)?;
    let runtime = tokio::runtime::Runtime::new().map_err(words)?;
    runtime.block_on(measure(server.url(), arguments))
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// One row, a statement for each order.
    Row,
    /// Nodes that sell from blocks.
    Blocks,
    /// The same, and each order is paid for before the customer orders again.
    Paid,
    /// Nodes that sell from the pool's row alone.
    Pool,
    /// Nodes that are asked for what is sold out.
    SoldOut,
    /// The last units, in orders of one to three: units a second until nothing is left.
    Tail,
}
use What::{Blocks, Paid, Pool, Row as OneRow, SoldOut, Tail};

/// A way: its name, what is measured, by how many nodes, and whether commits are slow.
type Way = (&'static str, What, usize, bool);

const WAYS: [Way; 11] = [
    ("one row", OneRow, 0, false),
    ("one node, blocks", Blocks, 1, false),
    ("three nodes, blocks", Blocks, 3, false),
    ("three nodes, pool alone", Pool, 3, false),
    ("slow commits: three nodes, blocks", Blocks, 3, true),
    ("slow commits: three nodes, pool alone", Pool, 3, true),
    ("placed and paid for: three nodes", Paid, 3, false),
    (
        "slow commits: placed and paid for, three nodes",
        Paid,
        3,
        true,
    ),
    ("sold out: three nodes", SoldOut, 3, false),
    ("the last units: one node", Tail, 1, false),
    ("the last units: three nodes", Tail, 3, false),
];

/// Units of a tail.
const TAIL: u64 = 1_000;
/// More units than any run sells.
const PLENTY: u64 = segstock_remote::MAX_UNITS / 2;

/// What one turn of a way did.
struct Measured {
    a_second: f64,
    /// In milliseconds.
    latencies: Vec<f64>,
    /// Orders that were answered as they must not be.
    wrong: u64,
}

async fn measure(url: &str, arguments: Arguments) -> Result<(), String> {
    let mut turns: Vec<Vec<Measured>> = WAYS.iter().map(|_| Vec::new()).collect();
    for turn in 0..arguments.turns {
        for (way, turns) in WAYS.iter().zip(&mut turns) {
            eprintln!("turn {} of {}: {}", turn + 1, arguments.turns, way.0);
            turns.push(once(url, way, arguments).await?);
        }
    }
    println!("| way | orders a second | p50 ms | p99 ms | wrong |\n|---|---:|---:|---:|---:|");
    let mut rates = Vec::new();
    for ((name, ..), turns) in WAYS.iter().zip(&turns) {
        let of = |figure: &dyn Fn(&Measured) -> Option<f64>| {
            percentile(turns.iter().filter_map(figure).collect(), 0.5).unwrap_or(f64::NAN)
        };
        let within = |part| of(&|turn| percentile(turn.latencies.clone(), part));
        let wrong: u64 = turns.iter().map(|turn| turn.wrong).sum();
        let (rate, p50, p99) = (of(&|turn| Some(turn.a_second)), within(0.5), within(0.99));
        println!("| {name} | {rate:.0} | {p50:.2} | {p99:.2} | {wrong} |");
        rates.push(rate);
    }
    println!("\nthe last units are units a second\n");
    for (words, upper, lower, least) in [
        (
            "three nodes with blocks / one row (4 where a sync takes 0.3 ms or more, else 10)",
            2,
            0,
            4.0,
        ),
        ("three nodes with blocks / one node", 2, 1, 0.0),
        ("slow commits: blocks / pool alone", 4, 5, 1.5),
        ("the last units: three nodes / one node", 10, 9, 0.5),
    ] {
        println!(
            "{words}: {:.2} (at least {least})",
            rates[upper] / rates[lower]
        );
    }
    Ok(())
}

/// An order of this many units by a node of this number: whether it was sold, if that is known.
#[derive(Clone)]
enum Seller {
    Row(Arc<Row>),
    /// Nodes, and whether orders are paid for.
    Nodes(Arc<Vec<Node>>, bool),
}

impl Seller {
    async fn sell(&self, number: u64, units: u64) -> Option<bool> {
        let order = OrderId::new(format!("order:{number}")).ok()?;
        match self {
            Self::Row(row) => match row.deduct(&order, Units::new(units).ok()?).await {
                Answer::Done(()) => Some(true),
                Answer::Refused(_) => Some(false),
                Answer::Unknown(_) => None,
            },
            Self::Nodes(nodes, pays) => {
                let node = &nodes[usize::try_from(number).unwrap_or(0) % nodes.len()];
                match node.place(&order, [("phone", units)], None).await {
                    Ok(_) if *pays => node.pay(&order).await.ok().map(|_| true),
                    Ok(_) => Some(true),
                    Err(Refusal::SoldOut { .. }) => Some(false),
                    Err(_) => None,
                }
            }
        }
    }

    async fn end(self) {
        if let Self::Nodes(nodes, _) = self {
            for node in nodes.iter() {
                // The sale is measured; what it leaves is of no use.
                _ = node.leave().await;
            }
        }
    }
}

async fn once(url: &str, way: &Way, arguments: Arguments) -> Result<Measured, String> {
    let seller = open(url, way, arguments).await?;
    let (_, what, _, slow) = *way;
    let customers = [arguments.customers, arguments.crowd][usize::from(slow)];
    let measured = match what {
        Tail => tail(&seller, customers).await,
        what => window(&seller, customers, arguments.window_ms, what != SoldOut).await,
    };
    seller.end().await;
    Ok(measured)
}

/// A stock that no other turn has.
async fn open(url: &str, way: &Way, arguments: Arguments) -> Result<Seller, String> {
    let since = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let name = format!("bench_{since}");
    let (_, what, nodes, slow) = *way;
    let (timeout, patience) = (Duration::from_secs(10), Duration::from_secs(30));
    let settings = match what {
        OneRow => {
            let patience = Patience::new(timeout, patience).map_err(words)?;
            let postgres = Postgres::new(url).map_err(words)?;
            let postgres = postgres.patience(patience).connections(32);
            postgres.install().await.map_err(words)?;
            let row = Row::create(&postgres, &name, PLENTY).await.map_err(words)?;
            return Ok(Seller::Row(Arc::new(row)));
        }
        Blocks | Paid => SkuSettings::new(PLENTY).narrow(0).most_lent(100_000),
        Pool => SkuSettings::new(PLENTY).narrow(PLENTY * 2),
        SoldOut => SkuSettings::new(0),
        Tail => SkuSettings::new(TAIL),
    };
    let mut url = url.to_owned();
    if slow {
        // The server waits before each commit.
        let delay = arguments.commit_ms * 1_000;
        url += &format!(" options='-c commit_delay={delay} -c commit_siblings=0'");
    }
    let sale = Sale::at(&url, &name).map_err(words)?;
    let sale = sale.timeout(timeout).patience(patience);
    sale.install().await.map_err(words)?;
    sale.open_sku("phone", settings).await.map_err(words)?;
    let mut joined = Vec::new();
    for node in 0..nodes {
        joined.push(sale.join(&format!("n{node}")).await.map_err(words)?);
    }
    Ok(Seller::Nodes(Arc::new(joined), what == Paid))
}

/// This many customers at once: the latencies of all their orders, in milliseconds.
async fn all<F>(customers: u16, customer: impl Fn() -> F) -> Vec<f64>
where
    F: Future<Output = Vec<f64>> + Send + 'static,
{
    let customers: JoinSet<Vec<f64>> = (0..customers).map(|_| customer()).collect();
    customers.join_all().await.concat()
}

/// Customers who order one unit, again as soon as they are answered.
async fn window(seller: &Seller, customers: u16, window_ms: u64, sold: bool) -> Measured {
    let window = Duration::from_millis(window_ms);
    let (began, warm) = (Instant::now(), window / 5);
    let (numbers, wrong) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let latencies = all(customers, || {
        let (seller, numbers, wrong) = (seller.clone(), Arc::clone(&numbers), Arc::clone(&wrong));
        async move {
            let mut latencies = Vec::new();
            while began.elapsed() < warm + window {
                let (ordered, number) = (Instant::now(), numbers.fetch_add(1, Ordering::Relaxed));
                if seller.sell(number, 1).await != Some(sold) {
                    wrong.fetch_add(1, Ordering::Relaxed);
                }
                if (warm..warm + window).contains(&began.elapsed()) {
                    latencies.push(ordered.elapsed().as_secs_f64() * 1e3);
                }
            }
            latencies
        }
    });
    let latencies = latencies.await;
    Measured {
        a_second: latencies.len() as f64 / window.as_secs_f64(),
        latencies,
        wrong: wrong.load(Ordering::Relaxed),
    }
}

/// Customers who order one to three units until nothing is left.
async fn tail(seller: &Seller, customers: u16) -> Measured {
    let (numbers, sold) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let latencies = all(customers, || {
        let (seller, numbers, sold) = (seller.clone(), Arc::clone(&numbers), Arc::clone(&sold));
        async move {
            let mut latencies = Vec::new();
            loop {
                let (ordered, number) = (Instant::now(), numbers.fetch_add(1, Ordering::Relaxed));
                let units = number % 3 + 1;
                let answer = seller.sell(number, units).await;
                latencies.push(ordered.elapsed().as_secs_f64() * 1e3);
                match answer {
                    Some(true) => sold.fetch_add(units, Ordering::Relaxed),
                    // Smaller orders may still be served.
                    Some(false) if units > 1 => 0,
                    _ => return latencies,
                };
            }
        }
    });
    let latencies = latencies.await;
    Measured {
        a_second: TAIL as f64 / began.elapsed().as_secs_f64(),
        latencies,
        wrong: TAIL.abs_diff(sold.load(Ordering::Relaxed)),
    }
}

fn words(error: impl Display) -> String {
    error.to_string()
}
