//! Durable orders a second over `PostgreSQL`: in one run, by turns.
//!
//! ```sh
//! cargo bench -p segstock-postgres --features ledger --bench durable
//! ```
//!
//! Three candidates take turns, each for a window, on a private server whose settings are the defaults, or on that of
//! `SEGSTOCK_POSTGRES_URL`: raw syncs of a file that grows by a page each time, in the folder for temporary files; the order
//! book with its ledger there; and, as it is usually done, one statement for each order that takes the units from one row
//! if they are there (`UPDATE … WHERE units >= n`) and inserts the order. Customers are tasks on a thread for each core, as a
//! server has them, and each of the statements has a connection.

use clap::Parser;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use segstock_orders::OrderBook;
use segstock_postgres::PostgresLedger;
use segstock_remote::servers::{PostgresServer, Server};
use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::Write;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

const UNITS: u64 = 1 << 39;
const TTL: Duration = Duration::from_secs(3600);
const TABLES: &str = "
    CREATE TABLE stock (sku integer PRIMARY KEY, units bigint NOT NULL CHECK (units >= 0));
    CREATE TABLE orders (id text PRIMARY KEY, sku integer NOT NULL, units bigint NOT NULL);
    INSERT INTO stock VALUES (0, 1000000000)";
const ORDER: &str = "
    WITH taken AS (UPDATE stock SET units = units - 1 WHERE sku = 0 AND units >= 1 RETURNING sku)
    INSERT INTO orders (id, sku, units) SELECT $1, sku, 1 FROM taken";

#[derive(Parser)]
struct Arguments {
    /// Customers that order at the same time.
    #[arg(long, default_value_t = 64)]
    customers: u64,
    /// Turns of each candidate.
    #[arg(long, default_value_t = 9)]
    turns: u64,
    /// How long a turn is, in milliseconds.
    #[arg(long, default_value_t = 500)]
    window_ms: u64,
    /// Fail if a promise is missed.
    #[arg(long)]
    demand: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let window = Duration::from_millis(arguments.window_ms);
    let server = PostgresServer::find()?;
    let runtime = Runtime::new()?;
    let name = format!("durable_{}", std::process::id());
    let connect = || runtime.block_on(connect(server.url(), &name));
    let tables = format!("CREATE SCHEMA {name}_rows; {TABLES}");
    let first = connect()?;
    runtime.block_on(first.batch_execute(&tables))?;
    let ready = || {
        let client = connect()?;
        let order = runtime.block_on(client.prepare(ORDER))?;
        Ok::<_, tokio_postgres::Error>((client, order))
    };
    let clients: Result<Vec<_>, _> = (0..arguments.customers).map(|_| ready()).collect();
    let clients = clients?;
    let shop = OrderBook::builder().recover(PostgresLedger::at(server.url(), &name)?)?;
    let (book, writer) = (&shop.book, &shop.writer);
    book.open("phone".to_owned(), UNITS)?;
    let mut raw = tempfile::tempfile()?;

    let mut turns: [Vec<Vec<Duration>>; 3] = Default::default();
    for turn in 0..arguments.turns {
        turns[0].push(syncs(&mut raw, window)?);
        turns[1].push(customers(arguments.customers, window, async |id| {
            let id = format!("{turn}-{id}");
            let lines = [("phone".to_owned(), 1)];
            let decided = writer.decide(|| book.place(&id, None, lines, TTL));
            writer.durable(decided.rests_on).await.is_ok() && decided.answer.is_ok()
        })?);
        let client = |customer: u64| &clients[usize::try_from(customer).unwrap_or_default()];
        turns[2].push(customers(arguments.customers, window, async |id| {
            let (client, order) = client(id.customer);
            let placed = client.execute(order, &[&format!("{turn}-{id}")]).await;
            placed.is_ok_and(|rows| rows == 1)
        })?);
    }
    let names = [
        "raw syncs of a growing file",
        "order book over PostgreSQL",
        "UPDATE ... WHERE units >= n",
    ];
    let rate = |calls: &[Duration]| calls.len() as f64 / window.as_secs_f64();
    let p99 = |calls: &[Duration]| {
        let slowest = calls.get(calls.len() * 99 / 100);
        slowest.map_or(0.0, Duration::as_secs_f64)
    };
    let rates = turns.each_ref().map(|turns| median(turns, rate));
    let slow = turns.each_ref().map(|turns| median(turns, p99));
    for ((name, rate), p99) in names.iter().zip(rates).zip(slow) {
        let p99 = p99 * 1e3;
        println!("{name:<28} {rate:>8.0} a second   p99 {p99:>9.3} ms");
    }
    let sync = 1e3 / rates[0];
    println!("a sync takes {sync:.2} ms");
    drop(shop);
    let drop = format!("DROP SCHEMA {name} CASCADE; DROP SCHEMA {name}_rows CASCADE");
    runtime.block_on(first.batch_execute(&drop))?;
    let times = rates[1] / rates[2];
    let least = if sync >= 0.3 { 4.0 } else { 10.0 };
    println!("order book / UPDATE: {times:.1}, at least {least}");
    let slower = slow[1] / slow[0];
    println!("p99 of the book / p99 of a sync: {slower:.2}, at most 5");
    if arguments.demand && (times < least || slower > 5.0) {
        return Err("a promise is missed".into());
    }
    Ok(())
}

/// A connection that finds the tables of this run.
async fn connect(url: &str, name: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    let path = format!("SET search_path = {name}_rows");
    client.batch_execute(&path).await?;
    Ok(client)
}

/// Which call it is.
#[derive(Clone, Copy)]
struct Id {
    customer: u64,
    number: u64,
}

impl Display for Id {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.customer, self.number)
    }
}

/// Customers call for a time. They are tasks on a thread for each core. Returns how long the calls took, the shortest first.
fn customers(
    customers: u64,
    window: Duration,
    call: impl AsyncFn(Id) -> bool + Sync,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let is_over = AtomicBool::new(false);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let customer = async |customer: u64| {
        let mut times = Vec::new();
        for number in 0.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let began = Instant::now();
            assert!(call(Id { customer, number }).await, "an order is refused");
            times.push(began.elapsed());
        }
        times
    };
    let runtimes = (0..threads).map(|_| Builder::new_current_thread().build());
    let runtimes = runtimes.collect::<Result<Vec<_>, _>>()?;
    let mut times: Vec<_> = thread::scope(|scope| {
        let threads = runtimes.iter().zip(0..).map(|(runtime, first)| {
            let customer = &customer;
            scope.spawn(move || {
                let tasks = (first..customers).step_by(threads).map(customer);
                let tasks: FuturesUnordered<_> = tasks.collect();
                runtime.block_on(tasks.collect::<Vec<Vec<Duration>>>())
            })
        });
        let threads: Vec<_> = threads.collect();
        thread::sleep(window);
        is_over.store(true, Ordering::Relaxed);
        // A customer who was refused makes the figures worthless.
        let times = threads.into_iter().flat_map(|thread| {
            let times = thread.join();
            times.unwrap_or_else(|panic| resume_unwind(panic))
        });
        times.flatten().collect()
    });
    times.sort_unstable();
    Ok(times)
}

/// A page is appended and synced, again and again.
fn syncs(file: &mut File, window: Duration) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < window {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn median(turns: &[Vec<Duration>], figure: impl Fn(&[Duration]) -> f64) -> f64 {
    let mut figures: Vec<f64> = turns.iter().map(|turn| figure(turn)).collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
