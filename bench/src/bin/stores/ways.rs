//! The ways that are measured, and the servers that they are measured on.

use segstock_postgres::{Postgres, Row, Rows};
use segstock_redis::{Atomic, Redis, Restarts};
use segstock_remote::servers::{NoServer, PostgresServer, RedisServer, Server};
use segstock_remote::{Answer, OrderId, Patience, RemoteStock, Units};
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// An order: whether it was sold, if that is known.
type Order = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<bool>> + Send>> + Send + Sync>;

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

    pub async fn ways(&self) -> Result<Vec<Way>, String> {
        let mut ways = Vec::new();
        if let Ok(server) = &self.redis {
            on_redis(server, "Redis", "a second may be lost", &mut ways).await?;
        }
        if let Ok(server) = &self.redis_durable {
            on_redis(server, "Redis, always synced", "yes", &mut ways).await?;
        }
        if let Ok(server) = &self.postgres {
            on_postgres(server, &mut ways).await?;
        }
        Ok(ways)
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

async fn on_redis(
    server: &RedisServer,
    store: &str,
    durable: &'static str,
    ways: &mut Vec<Way>,
) -> Result<(), String> {
    let redis = Redis::new(server.url()).map_err(words)?;
    let redis = redis.restarts(Restarts::Keep).patience(patience()?);
    let process = server.process_id();
    let mut add = |what: &str, exact, sold_out, order| {
        ways.push(Way {
            name: format!("{store}, {what}"),
            exact,
            durable,
            sold_out,
            process,
            order,
        });
    };
    let client = redis::Client::open(server.url()).map_err(words)?;
    let bare = async |command: &'static str, key: String| -> Result<Order, String> {
        let connection = client
            .get_multiplexed_async_connection()
            .await
            .map_err(words)?;
        let mut set = redis::cmd("SET");
        let set = set.arg(&key).arg(PLENTY);
        let () = set
            .query_async(&mut connection.clone())
            .await
            .map_err(words)?;
        let order: Order = Arc::new(move || {
            let (mut connection, key) = (connection.clone(), key.clone());
            Box::pin(async move {
                let mut command = redis::cmd(command);
                let left = command.arg(key).query_async::<u64>(&mut connection).await;
                left.ok().map(|_| true)
            })
        });
        Ok(order)
    };
    add(
        "bare decrement",
        "no retry is safe",
        false,
        bare("DECR", name("decrement")).await?,
    );
    let atomic = Atomic::create(&redis, &name("atomic"), PLENTY)
        .await
        .map_err(words)?;
    add("one key", "yes", false, of(atomic));
    let stock = name("batched");
    let batched = segstock_redis::Batched::create(&redis, &stock, PLENTY).await;
    add("batched", "yes", false, of(batched.map_err(words)?));
    add("bare read", "-", false, bare("GET", name("read")).await?);
    let atomic = Atomic::create(&redis, &name("sold-out"), 0)
        .await
        .map_err(words)?;
    add("one key, sold out", "yes", true, of(atomic));
    Ok(())
}

async fn on_postgres(server: &PostgresServer, ways: &mut Vec<Way>) -> Result<(), String> {
    let postgres = Postgres::new(server.url()).map_err(words)?;
    let postgres = postgres.connections(16).patience(patience()?);
    postgres.install().await.map_err(words)?;
    let process = server.process_id();
    let mut add = |what: &str, exact, sold_out, order| {
        ways.push(Way {
            name: format!("PostgreSQL, {what}"),
            exact,
            durable: "yes",
            sold_out,
            process,
            order,
        });
    };
    let stock = name("bare");
    Row::create(&postgres, &stock, PLENTY)
        .await
        .map_err(words)?;
    let update = "update segstock_stock set units = units - 1 where name = $1 and units >= 1";
    let read = "select units from segstock_stock where name = $1";
    add(
        "bare update",
        "no retry is safe",
        false,
        bare(server, update, &stock).await?,
    );
    let row = Row::create(&postgres, &name("row"), PLENTY)
        .await
        .map_err(words)?;
    add("one row", "yes", false, of(row));
    let rows = Rows::create(&postgres, &name("rows"), PLENTY, 20)
        .await
        .map_err(words)?;
    add("20 rows", "yes", false, of(rows));
    let stock_batched = name("batched");
    let batched = segstock_postgres::Batched::create(&postgres, &stock_batched, PLENTY).await;
    add("batched", "yes", false, of(batched.map_err(words)?));
    add("bare read", "-", false, bare(server, read, &stock).await?);
    let row = Row::create(&postgres, &name("sold-out"), 0)
        .await
        .map_err(words)?;
    add("one row, sold out", "yes", true, of(row));
    Ok(())
}

/// A bare statement on one row, over as many connections as the designs have.
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
