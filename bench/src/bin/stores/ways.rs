//! The ways that are measured, and the servers that they are measured on.

use segstock_postgres::{Postgres, Row, Rows};
use segstock_redis::{Atomic, Growing, Redis, Restarts};
use segstock_remote::servers::{NoServer, Nodes, PostgresServer, RedisServer, Server};
use segstock_remote::{Answer, OrderId, Patience, RemoteStock, Units};
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// An order: whether it was sold, if that is known.
pub type Order = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<bool>> + Send>> + Send + Sync>;

/// A way to count stock.
pub struct Way {
    pub name: String,
    pub exact: &'static str,
    pub durable: &'static str,
    /// Whether every order must be refused.
    pub sold_out: bool,
    /// The server's process, if it is a private one.
    pub process: Option<u32>,
    pub order: Order,
    /// An order with its work under a lock; if none, the work comes after the sale.
    pub with_flow: Option<Order>,
    /// Who order at once.
    pub customers: usize,
    /// Orders a second with their work, as the page *distributed* of `segstock-sim` has them; its test `throughput` sees to
    /// it that they are so.
    pub simulated: Option<u64>,
}

/// The servers that there are.
pub struct Stores {
    /// It syncs its log once a second.
    redis: Result<RedisServer, NoServer>,
    /// It syncs its log before each answer.
    redis_durable: Result<RedisServer, NoServer>,
    postgres: Result<PostgresServer, NoServer>,
}

/// More units than any run sells.
const PLENTY: u64 = segstock_remote::MAX_UNITS / 2;

/// The work of an order.
pub const FLOW: Duration = Duration::from_millis(20);

impl Stores {
    pub fn start() -> Self {
        Self {
            redis: RedisServer::every_second(),
            redis_durable: RedisServer::find(),
            postgres: PostgresServer::find(),
        }
    }

    /// What is not measured, and why.
    pub fn absent(&self) -> Vec<String> {
        let redis = self.redis.as_ref().err();
        let durable = self.redis_durable.as_ref().err();
        let postgres = self.postgres.as_ref().err();
        let absent = [redis, durable, postgres].into_iter().flatten();
        absent.map(ToString::to_string).collect()
    }

    /// All ways for `customers`, and those with locks once more for the `crowd`.
    pub async fn ways(&self, [customers, crowd]: [usize; 2]) -> Result<Vec<Way>, String> {
        let mut ways = Ways {
            ways: Vec::new(),
            customers,
            crowd,
            store: "",
            durable: "",
            process: None,
        };
        if let Ok(server) = &self.redis {
            ways.begin("Redis", "a second may be lost", server.process_id());
            let redis = on_redis(server, &mut ways).await?;
            locks_on_redis(&redis, &mut ways).await?;
            let what = "Redis, a connection each";
            ways.begin(what, "a second may be lost", server.process_id());
            one_key(server, &redis.connections(customers), customers, &mut ways).await?;
        }
        if let Ok(server) = &self.redis_durable {
            ways.begin("Redis, always synced", "yes", server.process_id());
            _ = on_redis(server, &mut ways).await?;
        }
        if let Ok(server) = &self.postgres {
            ways.begin("PostgreSQL", "yes", server.process_id());
            let postgres = on_postgres(server, &mut ways).await?;
            locks_on_postgres(&postgres, &mut ways).await?;
        }
        Ok(ways.ways)
    }
}

/// Ways, as they are added.
struct Ways {
    ways: Vec<Way>,
    customers: usize,
    crowd: usize,
    store: &'static str,
    durable: &'static str,
    process: Option<u32>,
}

impl Ways {
    /// What follows is on this store.
    fn begin(&mut self, store: &'static str, durable: &'static str, process: Option<u32>) {
        (self.store, self.durable, self.process) = (store, durable, process);
    }

    fn add(&mut self, what: &str, exact: &'static str, simulated: Option<u64>, order: Order) {
        self.ways.push(Way {
            name: format!("{}, {what}", self.store),
            exact,
            durable: self.durable,
            sold_out: false,
            process: self.process,
            order,
            with_flow: None,
            customers: self.customers,
            simulated,
        });
    }

    fn add_sold_out(&mut self, what: &str, order: Order) {
        self.add(what, "yes", None, order);
        self.ways
            .iter_mut()
            .next_back()
            .expect("it was added")
            .sold_out = true;
    }

    /// Adds a way with locks: for the customers, and for the crowd.
    fn add_locks(&mut self, what: &str, simulated: u64, order: &Order, with_flow: &Order) {
        let exact = if simulated > 50 { "no" } else { "yes" };
        for customers in [self.customers, self.crowd] {
            self.add(what, exact, Some(simulated), Arc::clone(order));
            let way = self.ways.iter_mut().next_back().expect("it was added");
            way.with_flow = Some(Arc::clone(with_flow));
            way.customers = customers;
        }
    }
}

fn words(error: impl Display) -> String {
    error.to_string()
}

/// A stock's name that no other run has.
fn name(what: &str) -> String {
    let since = UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    format!("bench-{since}-{what}")
}

fn patience() -> Result<Patience, String> {
    Patience::new(Duration::from_secs(10), Duration::from_secs(30)).map_err(words)
}

/// Orders of one unit from a stock.
fn of<S: RemoteStock + 'static>(stock: S) -> Order {
    let (stock, number) = (Arc::new(stock), Arc::new(AtomicU64::new(0)));
    Arc::new(move || {
        let (stock, number) = (Arc::clone(&stock), Arc::clone(&number));
        Box::pin(async move {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let order = OrderId::new(format!("order:{number}")).ok()?;
            match stock.deduct(&order, Units::new(1).ok()?).await {
                Answer::Done(()) => Some(true),
                Answer::Refused(_) => Some(false),
                Answer::Unknown(_) => None,
            }
        })
    })
}

/// Connections of each stock on Redis, and of what it is compared with.
const CONNECTIONS: usize = 2;

/// Adds the ways on Redis without locks.
async fn on_redis(server: &RedisServer, ways: &mut Ways) -> Result<Redis, String> {
    let redis = Redis::new(server.url()).map_err(words)?;
    let redis = redis.restarts(Restarts::Keep).connections(CONNECTIONS);
    let redis = redis.patience(patience()?);
    one_key(server, &redis, CONNECTIONS, ways).await?;
    let stock = name("batched");
    let batched = segstock_redis::Batched::create(&redis, &stock, PLENTY).await;
    ways.add("batched", "yes", Some(194_000), of(batched.map_err(words)?));
    let servers = std::slice::from_ref(&redis);
    let growing = Growing::create(servers, &name("growing"), PLENTY, 20).await;
    ways.add(
        "20 growing keys",
        "yes",
        Some(47_600),
        of(growing.map_err(words)?),
    );
    let stock = name("pool");
    let pool = segstock_redis::Pool::create(servers, &stock, PLENTY).await;
    ways.add("a pool's blocks", "no", None, of(pool.map_err(words)?));
    Ok(redis)
}

/// Adds the way with one key, and bare commands over as many connections.
async fn one_key(
    server: &RedisServer,
    redis: &Redis,
    connections: usize,
    ways: &mut Ways,
) -> Result<(), String> {
    let client = redis::Client::open(server.url()).map_err(words)?;
    let decrement = bare_command(&client, connections, "DECR").await?;
    ways.add("bare decrement", "no retry is safe", None, decrement);
    let atomic = Atomic::create(redis, &name("atomic"), PLENTY).await;
    ways.add("one key", "yes", Some(47_600), of(atomic.map_err(words)?));
    let read = bare_command(&client, connections, "GET").await?;
    ways.add("bare read", "-", None, read);
    let atomic = Atomic::create(redis, &name("sold-out"), 0).await;
    ways.add_sold_out("one key, sold out", of(atomic.map_err(words)?));
    Ok(())
}

async fn locks_on_redis(redis: &Redis, ways: &mut Ways) -> Result<(), String> {
    use segstock_redis::Locked;
    for (what, segments, simulated) in LOCKS {
        // Each a stock of its own: an order that was served is answered at once when it comes again.
        let bare = Locked::create(redis, &name(what), PLENTY, segments).await;
        let works = name(&format!("{what}-with-flow"));
        let works = Locked::create(redis, &works, PLENTY, segments).await;
        let works = works.map_err(words)?.flow(FLOW);
        let (bare, works) = (of(bare.map_err(words)?), of(works));
        ways.add_locks(what, simulated, &bare, &works);
    }
    Ok(())
}

/// The ways with locks: their name, their segments, orders a second in the simulation.
const LOCKS: [(&str, usize, u64); 2] = [("one-lock", 1, 50), ("20-segment-locks", 20, 1_000)];

/// A bare command on one key, over this many connections by turns.
async fn bare_command(
    client: &redis::Client,
    connections: usize,
    command: &'static str,
) -> Result<Order, String> {
    let key = name(command);
    let mut open = Vec::new();
    for _ in 0..connections {
        let connection = client.get_multiplexed_async_connection().await;
        open.push(connection.map_err(words)?);
    }
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(PLENTY);
    () = set.query_async(&mut open[0]).await.map_err(words)?;
    let turn = AtomicU64::new(0);
    Ok(Arc::new(move || {
        let turn = turn.fetch_add(1, Ordering::Relaxed) as usize % open.len();
        let (mut connection, key) = (open[turn].clone(), key.clone());
        Box::pin(async move {
            let mut command = redis::cmd(command);
            let left = command.arg(key).query_async::<u64>(&mut connection).await;
            left.ok().map(|_| true)
        })
    }))
}

/// Adds the ways on `PostgreSQL` without locks.
async fn on_postgres(server: &PostgresServer, ways: &mut Ways) -> Result<Postgres, String> {
    let postgres = Postgres::new(server.url()).map_err(words)?;
    let postgres = postgres.connections(16).patience(patience()?);
    postgres.install().await.map_err(words)?;
    let stock = name("bare");
    Row::create(&postgres, &stock, PLENTY)
        .await
        .map_err(words)?;
    let update = "update segstock_stock set units = units - 1 where name = $1 and units >= 1";
    let read = "select units from segstock_stock where name = $1";
    let bare_update = bare(server, update, &stock).await?;
    ways.add("bare update", "no retry is safe", None, bare_update);
    let row = Row::create(&postgres, &name("row"), PLENTY).await;
    ways.add("one row", "yes", Some(3_300), of(row.map_err(words)?));
    let rows = Rows::create(&postgres, &name("rows"), PLENTY, 20).await;
    ways.add("20 rows", "yes", Some(11_800), of(rows.map_err(words)?));
    // A writer has one batch under way; the server has 200 connections in all.
    let few = postgres.clone().connections(2);
    let stock_batched = name("batched");
    let batched = segstock_postgres::Batched::create(&few, &stock_batched, PLENTY).await;
    ways.add("batched", "yes", Some(194_000), of(batched.map_err(words)?));
    let stock_pool = name("pool");
    let mut nodes = Vec::new();
    let first = segstock_postgres::Pool::create(&few, &stock_pool, PLENTY).await;
    nodes.push(first.map_err(words)?);
    for _ in 1..4 {
        let node = segstock_postgres::Pool::open(&few, &stock_pool).await;
        nodes.push(node.map_err(words)?);
    }
    ways.add("a pool and 4 nodes", "yes", None, of(Nodes::new(nodes)));
    ways.add("bare read", "-", None, bare(server, read, &stock).await?);
    let row = Row::create(&postgres, &name("sold-out"), 0).await;
    ways.add_sold_out("one row, sold out", of(row.map_err(words)?));
    Ok(postgres)
}

async fn locks_on_postgres(postgres: &Postgres, ways: &mut Ways) -> Result<(), String> {
    use segstock_postgres::Locked;
    // An order has a connection for itself.
    let postgres = postgres.clone().connections(20);
    for (what, segments, simulated) in LOCKS {
        let bare = Locked::create(&postgres, &name(what), PLENTY, segments).await;
        let works = name(&format!("{what}-with-flow"));
        let works = Locked::create(&postgres, &works, PLENTY, segments).await;
        let works = works.map_err(words)?.flow(FLOW);
        let (bare, works) = (of(bare.map_err(words)?), of(works));
        ways.add_locks(what, simulated, &bare, &works);
    }
    Ok(())
}

/// A bare statement on one row, over 16 connections like the designs.
async fn bare(server: &PostgresServer, sql: &'static str, stock: &str) -> Result<Order, String> {
    let mut sessions = Vec::new();
    for _ in 0..16 {
        let connected = tokio_postgres::connect(server.url(), tokio_postgres::NoTls).await;
        let (client, connection) = connected.map_err(words)?;
        tokio::spawn(connection);
        let statement = client.prepare(sql).await.map_err(words)?;
        sessions.push(Arc::new((client, statement)));
    }
    let (stock, turn) = (Arc::new(stock.to_owned()), AtomicU64::new(0));
    Ok(Arc::new(move || {
        let turn = turn.fetch_add(1, Ordering::Relaxed) as usize % sessions.len();
        let (session, stock) = (Arc::clone(&sessions[turn]), Arc::clone(&stock));
        Box::pin(async move {
            let (client, statement) = &*session;
            client
                .execute(statement, &[&*stock])
                .await
                .ok()
                .map(|_| true)
        })
    }))
}
