//! The orders of the service over Redis or `PostgreSQL`, as people write them: what its CPU time is compared with.
//!
//! ```text
//! cargo run --release -p segstock-service --example peers -- redis|postgres
//! ```
//!
//! Each starts a private server, and prints its own address and the process of that server. `.ci/load peers` measures
//! both. Redis keeps a counter for each SKU and a hash for each order, changed by one script, and syncs once a second, as
//! its handbook advises. `PostgreSQL` keeps a row for each SKU, order and line, changed in one transaction with its defaults:
//! a commit is synced before it is answered. Neither expires orders.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use redis::Script;
use redis::aio::MultiplexedConnection;
use segstock_remote::servers::{PostgresServer, RedisServer, Server};
use serde::Deserialize;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls, Statement};

type Anything<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// As many as `.ci/load` has connections: nobody waits for one.
const CLIENTS: usize = 32;
const UNITS: i64 = 1_000_000_000_000;

#[derive(Deserialize)]
struct Line {
    sku: String,
    units: i64,
}

#[derive(Deserialize)]
struct NewOrder {
    lines: Vec<Line>,
}

const PLACE: &str = r"
    if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
    for i = 2, #KEYS do
        if tonumber(redis.call('GET', KEYS[i]) or '0') < tonumber(ARGV[i - 1]) then return 0 end
    end
    redis.call('HSET', KEYS[1], 'state', 'held')
    for i = 2, #KEYS do
        redis.call('DECRBY', KEYS[i], ARGV[i - 1])
        redis.call('HSET', KEYS[1], KEYS[i], ARGV[i - 1])
    end
    return 1";
const PAY: &str = r"
    if redis.call('HGET', KEYS[1], 'state') == false then return 0 end
    redis.call('HSET', KEYS[1], 'state', 'paid')
    return 1";

const TABLES: &str = "
    CREATE TABLE stock (sku text PRIMARY KEY, units bigint NOT NULL CHECK (units >= 0));
    CREATE TABLE orders (id text PRIMARY KEY, state text NOT NULL, placed timestamptz NOT NULL DEFAULT now());
    CREATE TABLE line (id text NOT NULL REFERENCES orders, sku text NOT NULL REFERENCES stock, units bigint NOT NULL,
        PRIMARY KEY (id, sku));";
const STATEMENTS: [&str; 4] = [
    "INSERT INTO orders (id, state) VALUES ($1, 'held') ON CONFLICT DO NOTHING",
    "UPDATE stock SET units = units - $2 WHERE sku = $1 AND units >= $2",
    "INSERT INTO line (id, sku, units) VALUES ($1, $2, $3)",
    "UPDATE orders SET state = 'paid' WHERE id = $1 AND state IN ('held', 'paid')",
];

enum Store {
    Redis {
        connection: MultiplexedConnection,
        place: Script,
        pay: Script,
    },
    Postgres {
        clients: Vec<Mutex<(Client, Vec<Statement>)>>,
        next: AtomicUsize,
    },
}

impl Store {
    async fn redis(url: &str) -> Anything<Self> {
        let client = redis::Client::open(url)?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        for sku in ["a", "b"] {
            let set = redis::cmd("SET").arg(sku).arg(UNITS).to_owned();
            set.exec_async(&mut connection).await?;
        }
        Ok(Self::Redis {
            connection,
            place: Script::new(PLACE),
            pay: Script::new(PAY),
        })
    }

    async fn postgres(url: &str) -> Anything<Self> {
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            if number == 0 {
                client.batch_execute(TABLES).await?;
                let open = "INSERT INTO stock VALUES ('a', $1), ('b', $1)";
                client.execute(open, &[&UNITS]).await?;
            }
            let mut statements = Vec::new();
            for statement in STATEMENTS {
                statements.push(client.prepare(statement).await?);
            }
            clients.push(Mutex::new((client, statements)));
        }
        let next = AtomicUsize::new(0);
        Ok(Self::Postgres { clients, next })
    }

    /// Whether the units of all lines were in stock.
    async fn place(&self, id: &str, order: &NewOrder) -> Anything<bool> {
        match self {
            Self::Redis {
                connection, place, ..
            } => {
                let mut call = place.key(id);
                for line in &order.lines {
                    call.key(&line.sku).arg(line.units);
                }
                Ok(call.invoke_async(&mut connection.clone()).await?)
            }
            Self::Postgres { clients, next } => {
                let next = next.fetch_add(1, Ordering::Relaxed) % CLIENTS;
                let (client, statements) = &mut *clients[next].lock().await;
                let transaction = client.transaction().await?;
                if transaction.execute(&statements[0], &[&id]).await? == 0 {
                    return Ok(true);
                }
                for Line { sku, units } in &order.lines {
                    if transaction.execute(&statements[1], &[sku, units]).await? == 0 {
                        return Ok(false);
                    }
                    transaction
                        .execute(&statements[2], &[&id, sku, units])
                        .await?;
                }
                transaction.commit().await?;
                Ok(true)
            }
        }
    }

    /// Whether there is such an order.
    async fn pay(&self, id: &str) -> Anything<bool> {
        match self {
            Self::Redis {
                connection, pay, ..
            } => {
                let paid = pay.key(id).invoke_async(&mut connection.clone()).await?;
                Ok(paid)
            }
            Self::Postgres { clients, next } => {
                let next = next.fetch_add(1, Ordering::Relaxed) % CLIENTS;
                let (client, statements) = &*clients[next].lock().await;
                Ok(client.execute(&statements[3], &[&id]).await? == 1)
            }
        }
    }
}

type Answer = (StatusCode, Json<serde_json::Value>);

fn answer(id: &str, done: Anything<bool>, status: StatusCode, state: &str) -> Answer {
    let (status, state) = match done {
        Ok(true) => (status, state),
        Ok(false) => (StatusCode::CONFLICT, "refused"),
        Err(error) => {
            eprintln!("{error}");
            (StatusCode::SERVICE_UNAVAILABLE, "unknown")
        }
    };
    (status, Json(serde_json::json!({"id": id, "state": state})))
}

async fn place(
    State(store): State<Arc<Store>>,
    headers: HeaderMap,
    Json(order): Json<NewOrder>,
) -> Answer {
    let id = headers.get("idempotency-key");
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    let done = store.place(id, &order).await;
    answer(id, done, StatusCode::CREATED, "held")
}

async fn pay(State(store): State<Arc<Store>>, Path(id): Path<String>) -> Answer {
    let done = store.pay(&id).await;
    answer(&id, done, StatusCode::OK, "paid")
}

async fn serve(store: Store, server: Option<u32>) -> Anything<()> {
    let router = Router::new()
        .route("/v1/orders", post(place))
        .route("/v1/orders/{id}/pay", post(pay))
        .with_state(Arc::new(store));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = server.ok_or("only a private server is measured")?;
    println!(
        "orders at http://{}, beside process {server}",
        listener.local_addr()?
    );
    Ok(axum::serve(listener, router).await?)
}

#[tokio::main]
async fn main() -> Anything<()> {
    match std::env::args().nth(1).as_deref() {
        Some("redis") => {
            let server = RedisServer::every_second()?;
            serve(Store::redis(server.url()).await?, server.process_id()).await
        }
        Some("postgres") => {
            let server = PostgresServer::find()?;
            serve(Store::postgres(server.url()).await?, server.process_id()).await
        }
        _ => Err("peers: redis or postgres".into()),
    }
}
