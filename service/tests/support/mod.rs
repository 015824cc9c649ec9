//! A service of the test's own on a free port, with a clock that the test moves, and its client.
#![allow(dead_code, reason = "each test file uses its part of it")]

pub mod process;
pub mod schema;

use segstock::ManualClock;
use segstock_service::routes::{App, Limits, router};
use segstock_service::shop::{Opening, Shop};
use segstock_service::telemetry::Telemetry;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use ureq::Agent;
use ureq::http::{Request, Response};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
/// One recorder in a process.
static TELEMETRY: LazyLock<Telemetry> = LazyLock::new(|| Telemetry::install().unwrap());

pub struct Server {
    pub client: Client,
    pub clock: Arc<ManualClock>,
    pub shop: Arc<Shop>,
}

impl Server {
    pub fn start(stock: &[(&str, u64)]) -> Self {
        Self::limited(stock, Limits::default())
    }

    pub fn limited(stock: &[(&str, u64)], limits: Limits) -> Self {
        let clock = Arc::new(ManualClock::new());
        let shop = Shop::new(opening(&clock));
        for &(sku, units) in stock {
            shop.open(sku.to_owned(), units).unwrap();
        }
        Self::serve(shop, clock, limits)
    }

    pub fn serve(shop: Shop, clock: Arc<ManualClock>, limits: Limits) -> Self {
        let shop = Arc::new(shop);
        let app = App {
            shop: Arc::clone(&shop),
            limits: Arc::new(limits),
            telemetry: TELEMETRY.clone(),
        };
        let address = RUNTIME.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            RUNTIME.spawn(async { axum::serve(listener, router(app)).await.unwrap() });
            address
        });
        let client = Client::new(address);
        Self {
            client,
            clock,
            shop,
        }
    }
}

pub fn opening(clock: &Arc<ManualClock>) -> Opening {
    Opening {
        clock: Arc::clone(clock) as _,
        ..Opening::default()
    }
}

/// Requests over connections that are kept; clones share them.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    agent: Agent,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub kind: String,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Reply {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of an answer of that status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The problem, of that status and kind.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.kind, "application/problem+json", "{self:?}");
        let named = problem["type"]
            .as_str()
            .and_then(|it| it.rsplit('#').next());
        assert_eq!(named, Some(kind), "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
        problem
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let agent = Agent::config_builder()
            // Who answers before it has read all of a request closes the connection, and the next
            // request would find it closed.
            .max_idle_connections(0)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        Self { address, agent }
    }

    /// Any request; an error is one of the connection.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Reply, ureq::Error> {
        let uri = format!("http://{}{path}", self.address);
        let mut request = Request::builder().method(method).uri(uri);
        for &(name, value) in headers {
            request = request.header(name, value);
        }
        // ureq would not let a GET have a body, not even none.
        let mut response: Response<ureq::Body> = if matches!(method, "GET" | "DELETE") {
            self.agent.run(request.body(()).unwrap())?
        } else {
            self.agent.run(request.body(body).unwrap())?
        };
        let kind = response.headers().get("content-type");
        let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        Ok(Reply {
            status: response.status().as_u16(),
            kind,
            headers: response.headers().clone(),
            text: response.body_mut().read_to_string()?,
        })
    }

    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.try_send(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "")
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], "")
    }

    #[track_caller]
    pub fn json(&self, method: &str, path: &str, body: &Value) -> Reply {
        let headers = [("content-type", "application/json")];
        self.send(method, path, &headers, &body.to_string())
    }

    /// An order that is held for ten minutes.
    pub fn try_order(&self, key: &str, lines: &[(&str, u64)]) -> Result<Reply, ureq::Error> {
        let lines = lines
            .iter()
            .map(|(sku, units)| json!({"sku": sku, "units": units}));
        let body = json!({"lines": lines.collect::<Vec<_>>(), "hold_minutes": 10});
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        self.try_send("POST", "/orders", &headers, &body.to_string())
    }

    #[track_caller]
    pub fn order(&self, key: &str, lines: &[(&str, u64)]) -> Reply {
        self.try_order(key, lines).unwrap()
    }

    pub fn try_pay(&self, key: &str) -> Result<Reply, ureq::Error> {
        self.try_send("POST", &format!("/orders/{key}/pay"), &[], "")
    }

    #[track_caller]
    pub fn pay(&self, key: &str) -> Reply {
        self.try_pay(key).unwrap()
    }

    /// Units of a SKU: available, reserved and sold.
    #[track_caller]
    pub fn stock(&self, sku: &str) -> (u64, u64, u64) {
        let books = self.get(&format!("/stock/{sku}")).expect(200);
        let units = |name: &str| books[name].as_u64().unwrap();
        (units("available"), units("reserved"), units("sold"))
    }
}
