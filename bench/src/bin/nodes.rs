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
    Blocks { nodes: usize, slow: bool },
    /// Nodes that sell from the pool's row alone.
    Pool { nodes: usize, slow: bool },
    /// Nodes that are asked for what is sold out.
    SoldOut { nodes: usize },
    /// The last units, in orders of one to three: units a second until nothing is left.
    Tail { nodes: usize },
}

const WAYS: [(&str, What); 9] = [
    ("one row", What::Row),
    (
        "one node, blocks",
        What::Blocks {
            nodes: 1,
            slow: false,
        },
    ),
    (
        "three nodes, blocks",
        What::Blocks {
            nodes: 3,
            slow: false,
        },
    ),
    (
        "three nodes, pool alone",
        What::Pool {
            nodes: 3,
            slow: false,
        },
    ),
    (
        "slow commits: three nodes, blocks",
        What::Blocks {
            nodes: 3,
            slow: true,
        },
    ),
    (
        "slow commits: three nodes, pool alone",
        What::Pool {
            nodes: 3,
            slow: true,
        },
    ),
    ("sold out: three nodes", What::SoldOut { nodes: 3 }),
    ("the last units: one node", What::Tail { nodes: 1 }),
    ("the last units: three nodes", What::Tail { nodes: 3 }),
];

/// Units of a tail.
const TAIL: u64 = 1_000;
/// More units than any run sells.
const PLENTY: u64 = segstock_remote::MAX_UNITS / 2;

/// What one turn of a way did.
struct Measured {
    a_second: f64,
    /// In milliseconds.
    p50: f64,
    p99: f64,
    /// Orders that were answered as they must not be.
    wrong: u64,
}

async fn measure(url: &str, arguments: Arguments) -> Result<(), String> {
    let mut turns: Vec<Vec<Measured>> = WAYS.iter().map(|_| Vec::new()).collect();
    for turn in 0..arguments.turns {
        for ((name, what), turns) in WAYS.iter().zip(&mut turns) {
            eprintln!("turn {} of {}: {name}", turn + 1, arguments.turns);
            turns.push(once(url, *what, arguments).await?);
        }
    }
    println!("| way | orders a second | p50 ms | p99 ms | wrong |\n|---|---:|---:|---:|---:|");
    let mut rates = Vec::new();
    for ((name, _), turns) in WAYS.iter().zip(&turns) {
        let of = |figure: fn(&Measured) -> f64| {
            percentile(turns.iter().map(figure).collect(), 0.5).unwrap_or(f64::NAN)
        };
        let wrong: u64 = turns.iter().map(|turn| turn.wrong).sum();
        let (rate, p50, p99) = (
            of(|turn| turn.a_second),
            of(|turn| turn.p50),
            of(|turn| turn.p99),
        );
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
        ("the last units: three nodes / one node", 8, 7, 0.5),
    ] {
        println!(
            "{words}: {:.2} (at least {least})",
            rates[upper] / rates[lower]
        );
    }
    Ok(())
}

/// An order of so many units by a node of this number: whether it was sold, if that is known.
#[derive(Clone)]
enum Seller {
    Row(Arc<Row>),
    Nodes(Arc<Vec<Node>>),
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
            Self::Nodes(nodes) => {
                let node = &nodes[usize::try_from(number).unwrap_or(0) % nodes.len()];
                match node.place(&order, [("phone", units)], None).await {
                    Ok(_) => Some(true),
                    Err(Refusal::SoldOut { .. }) => Some(false),
                    Err(_) => None,
                }
            }
        }
    }

    async fn end(self) {
        if let Self::Nodes(nodes) = self {
            for node in nodes.iter() {
                // The sale is measured; what it leaves is of no use.
                _ = node.leave().await;
            }
        }
    }
}

async fn once(url: &str, what: What, arguments: Arguments) -> Result<Measured, String> {
    let seller = open(url, what, arguments).await?;
    let measured = match what {
        What::Tail { .. } => tail(&seller, arguments.customers).await,
        What::Blocks { slow: true, .. } | What::Pool { slow: true, .. } => {
            window(&seller, arguments.crowd, arguments.window_ms, true).await
        }
        _ => {
            let sold = !matches!(what, What::SoldOut { .. });
            window(&seller, arguments.customers, arguments.window_ms, sold).await
        }
    };
    seller.end().await;
    Ok(measured)
}

/// A stock that no other turn has.
async fn open(url: &str, what: What, arguments: Arguments) -> Result<Seller, String> {
    let since = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let name = format!("bench_{since}");
    let (nodes, slow, settings) = match what {
        What::Row => {
            let patience =
                Patience::new(Duration::from_secs(10), Duration::from_secs(30)).map_err(words)?;
            let postgres = Postgres::new(url)
                .map_err(words)?
                .patience(patience)
                .connections(32);
            postgres.install().await.map_err(words)?;
            let row = Row::create(&postgres, &name, PLENTY).await.map_err(words)?;
            return Ok(Seller::Row(Arc::new(row)));
        }
        What::Blocks { nodes, slow } => (
            nodes,
            slow,
            SkuSettings::new(PLENTY).narrow(0).most_lent(100_000),
        ),
        What::Pool { nodes, slow } => (nodes, slow, SkuSettings::new(PLENTY).narrow(PLENTY * 2)),
        What::SoldOut { nodes } => (nodes, false, SkuSettings::new(0)),
        What::Tail { nodes } => (nodes, false, SkuSettings::new(TAIL)),
    };
    let url = match slow {
        // The server waits before each commit.
        true => format!(
            "{url} options='-c commit_delay={} -c commit_siblings=0'",
            arguments.commit_ms * 1_000
        ),
        false => url.to_owned(),
    };
    let sale = Sale::at(&url, &name).map_err(words)?;
    let sale = sale
        .timeout(Duration::from_secs(10))
        .patience(Duration::from_secs(30));
    sale.install().await.map_err(words)?;
    sale.open_sku("phone", settings).await.map_err(words)?;
    let mut joined = Vec::new();
    for node in 0..nodes {
        joined.push(sale.join(&format!("n{node}")).await.map_err(words)?);
    }
    Ok(Seller::Nodes(Arc::new(joined)))
}

/// Customers who order one unit, again as soon as they are answered.
async fn window(seller: &Seller, customers: u16, window_ms: u64, sold: bool) -> Measured {
    let window = Duration::from_millis(window_ms);
    let (began, warm) = (Instant::now(), window / 5);
    let (numbers, wrong) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let customers = (0..customers).map(|_| {
        let (seller, numbers, wrong) = (seller.clone(), Arc::clone(&numbers), Arc::clone(&wrong));
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while began.elapsed() < warm + window {
                let ordered = Instant::now();
                let answer = seller
                    .sell(numbers.fetch_add(1, Ordering::Relaxed), 1)
                    .await;
                if answer != Some(sold) {
                    wrong.fetch_add(1, Ordering::Relaxed);
                }
                if (warm..warm + window).contains(&began.elapsed()) {
                    latencies.push(ordered.elapsed().as_secs_f64() * 1e3);
                }
            }
            latencies
        })
    });
    let customers: Vec<_> = customers.collect();
    let mut latencies = Vec::new();
    for customer in customers {
        latencies.extend(customer.await.unwrap_or_default());
    }
    Measured {
        a_second: latencies.len() as f64 / window.as_secs_f64(),
        p50: percentile(latencies.clone(), 0.5).unwrap_or(f64::NAN),
        p99: percentile(latencies, 0.99).unwrap_or(f64::NAN),
        wrong: wrong.load(Ordering::Relaxed),
    }
}

/// Customers who order one to three units until nothing is left.
async fn tail(seller: &Seller, customers: u16) -> Measured {
    let (numbers, sold) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let customers = (0..customers).map(|_| {
        let (seller, numbers, sold) = (seller.clone(), Arc::clone(&numbers), Arc::clone(&sold));
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let (ordered, units) = (Instant::now(), number % 3 + 1);
                let answer = seller.sell(number, units).await;
                latencies.push(ordered.elapsed().as_secs_f64() * 1e3);
                match answer {
                    Some(true) => sold.fetch_add(units, Ordering::Relaxed),
                    // Smaller orders may still be served.
                    Some(false) if units > 1 => 0,
                    _ => return latencies,
                };
            }
        })
    });
    let customers: Vec<_> = customers.collect();
    let mut latencies = Vec::new();
    for customer in customers {
        latencies.extend(customer.await.unwrap_or_default());
    }
    Measured {
        a_second: TAIL as f64 / began.elapsed().as_secs_f64(),
        p50: percentile(latencies.clone(), 0.5).unwrap_or(f64::NAN),
        p99: percentile(latencies, 0.99).unwrap_or(f64::NAN),
        wrong: TAIL.abs_diff(sold.load(Ordering::Relaxed)),
    }
}

fn words(error: impl Display) -> String {
    error.to_string()
}
