//! A service of the test's own on free ports, with a clock that the test moves, and its client.
#![allow(dead_code, reason = "each test file uses its part of it")]

pub mod crowd;
pub mod described;
pub mod figures;
pub mod process;
pub mod receipt;
pub mod slow;
#[cfg(unix)]
pub mod still;

use segstock::ManualClock;
use segstock_orders::ledger::{Ledger, Recovered, WriterSettings};
use segstock_orders::{Journal, OrderBookBuilder};
use segstock_service::app::App;
use segstock_service::background::Background;
use segstock_service::book::{Book, Limits, Sku};
use segstock_service::connections::Door;
use segstock_service::ledger::Nowhere;
use segstock_service::list_room::ListRoom;
use segstock_service::routes::{customers_router, shop_router};
use segstock_service::shop::Shop;
use segstock_service::shop::alone::Alone;
use segstock_service::telemetry::Telemetry;
use segstock_service::{description, requests};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use ureq::http::{Request, Response};
use ureq::{Agent, AsSendBody};

pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
/// One recorder in a process.
static TELEMETRY: LazyLock<Telemetry> = LazyLock::new(|| {
    let telemetry = Telemetry::install().unwrap();
    requests::begin();
    telemetry
});

pub const JSON: (&str, &str) = ("content-type", "application/json");

/// The header of a key.
pub fn key(key: &str) -> (&str, &str) {
    ("idempotency-key", key)
}

pub struct Server {
    /// At the shop's listener, which answers everything.
    pub client: Client,
    /// At the customers' listener.
    pub customers: Client,
    pub clock: Arc<ManualClock>,
    pub alone: Arc<Alone>,
    pub list_room: Arc<ListRoom>,
    _stop: watch::Sender<bool>,
}

/// How a server differs from the usual one.
pub struct Setting {
    pub limits: Limits,
    pub book: fn(OrderBookBuilder<Sku>) -> OrderBookBuilder<Sku>,
    pub ledger: Box<dyn Ledger<Sku>>,
    pub writer: WriterSettings,
    /// Takes the writer's place.
    pub journal: Option<Arc<dyn Journal<Sku>>>,
    pub token: Option<&'static str>,
    pub customer_header: Option<&'static str>,
    pub connections: usize,
    pub header_time: Duration,
    pub answer_time: Duration,
    /// The file of the ledger, as it is said of it.
    pub file: Option<PathBuf>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            book: |book| book,
            ledger: Box::new(Nowhere),
            writer: WriterSettings::new(),
            journal: None,
            token: None,
            customer_header: None,
            connections: 100,
            header_time: Duration::from_secs(20),
            answer_time: Duration::from_secs(60),
            file: None,
        }
    }
}

impl Server {
    pub fn start(stock: &[(&str, u64)]) -> Self {
        Self::set(stock, Setting::default())
    }

    pub fn set(stock: &[(&str, u64)], setting: Setting) -> Self {
        let clock = Arc::new(ManualClock::new());
        let builder = Book::builder().clock(Arc::clone(&clock) as _);
        let builder = builder
            .longest_hold(setting.limits.longest_hold)
            .max_skus(setting.limits.skus)
            .events(1_000);
        let builder = (setting.book)(builder);
        let recovered = builder.recover_with(setting.ledger, setting.writer);
        let recovered = recovered.unwrap();
        let Recovered { book, writer, .. } = match setting.journal {
            Some(journal) => recovered.through(|_| journal),
            None => recovered,
        };
        for &(sku, units) in stock {
            book.open(sku.to_owned(), units).unwrap();
        }
        let description = description::text(&setting.limits).into();
        let mut alone = Alone::new(book, writer);
        alone.file = setting.file;
        let alone = Arc::new(alone);
        let shop = Shop::Alone(Arc::clone(&alone));
        let mut app = App::new(shop, setting.limits, TELEMETRY.clone());
        let list_room = Arc::clone(&app.list_room);
        (app.description, app.page) = (description, description::page());
        app.customer_header = setting.customer_header.map(|name| name.parse().unwrap());
        app.token = setting.token.map(Into::into);
        let (stop, stopped) = watch::channel(false);
        let serve = |name, router| {
            RUNTIME.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let door = Door {
                    name,
                    listener,
                    connections: setting.connections,
                    header_time: setting.header_time,
                    answer_time: setting.answer_time,
                };
                RUNTIME.spawn(door.serve(router, stopped.clone()));
                Client::new(address)
            })
        };
        Self {
            client: serve("shop", shop_router(app.clone())),
            customers: serve("customers", customers_router(app.clone())),
            clock,
            alone,
            list_room,
            _stop: stop,
        }
    }
}

impl Server {
    /// What goes on beside the requests, as long as it is kept.
    pub fn background(&self) -> Background {
        let shop = Shop::Alone(Arc::clone(&self.alone));
        RUNTIME.block_on(async { Background::of(&shop, TELEMETRY.clone()) })
    }
}

/// Requests over connections of their own.
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

    /// Whether it says that an earlier request did it.
    pub fn is_replayed(&self) -> bool {
        self.headers.contains_key("idempotent-replayed")
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self::with_time(address, Duration::from_secs(20))
    }

    /// One that waits for an answer for so long.
    pub fn waiting(&self, time: Duration) -> Self {
        Self::with_time(self.address, time)
    }

    fn with_time(address: SocketAddr, time: Duration) -> Self {
        let agent = Agent::config_builder()
            // A server that answers before it has read all of a request closes the connection, and the next request
            // would find it closed.
            .max_idle_connections(0)
            .http_status_as_error(false)
            .timeout_global(Some(time))
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
        // ureq would not let a GET have a body, not even none.
        if method == "GET" {
            return self.try_send_any(method, path, headers, ());
        }
        self.try_send_any(method, path, headers, body)
    }

    /// With a body of any type.
    pub fn try_send_any(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsSendBody,
    ) -> Result<Reply, ureq::Error> {
        let uri = format!("http://{}{path}", self.address);
        let mut request = Request::builder().method(method).uri(uri);
        for &(name, value) in headers {
            request = request.header(name, value);
        }
        let mut response: Response<ureq::Body> = self.agent.run(request.body(body).unwrap())?;
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

    /// A POST with a key and a body.
    #[track_caller]
    pub fn post(&self, path: &str, with_key: &str, body: &Value) -> Reply {
        self.send("POST", path, &[JSON, key(with_key)], &body.to_string())
    }

    /// What happens to a whole order.
    pub fn try_deed(&self, deed: &str, id: &str) -> Result<Reply, ureq::Error> {
        self.try_send("POST", &format!("/v1/orders/{id}/{deed}"), &[], "")
    }

    #[track_caller]
    pub fn deed(&self, deed: &str, id: &str) -> Reply {
        self.try_deed(deed, id).unwrap()
    }

    /// What happens to lines of an order.
    #[track_caller]
    pub fn part(&self, deed: &str, id: &str, with_key: &str, lines: &[(&str, u64)]) -> Reply {
        let body = json!({"lines": lines_of(lines)});
        self.post(&format!("/v1/orders/{id}/{deed}"), with_key, &body)
    }

    /// An order that is held for as long as the service says: ten minutes, if it was not told otherwise.
    pub fn try_order(&self, id: &str, lines: &[(&str, u64)]) -> Result<Reply, ureq::Error> {
        let body = json!({"lines": lines_of(lines)});
        let headers = [JSON, key(id)];
        self.try_send("POST", "/v1/orders", &headers, &body.to_string())
    }

    #[track_caller]
    pub fn order(&self, id: &str, lines: &[(&str, u64)]) -> Reply {
        self.try_order(id, lines).unwrap()
    }

    /// Opens a SKU, and restocks it.
    #[track_caller]
    pub fn open(&self, sku: &str, units: u64) {
        let path = format!("/v1/stock/{sku}");
        self.send("PUT", &path, &[], "").expect(201);
        let body = json!({"units": units});
        self.post(&format!("{path}/restock"), "first", &body)
            .expect(200);
    }

    /// Units of a SKU: available, and on hand.
    #[track_caller]
    pub fn stock(&self, sku: &str) -> (u64, u64) {
        let stock = self.get(&format!("/v1/stock/{sku}")).expect(200);
        let units = |name: &str| stock[name].as_u64().unwrap();
        (units("available"), units("on_hand"))
    }
}

fn lines_of(lines: &[(&str, u64)]) -> Vec<Value> {
    let line = |(sku, units): &(&str, u64)| json!({"sku": sku, "units": units});
    lines.iter().map(line).collect()
}

/// Waits until it is so, for 20 s at most.
#[track_caller]
pub fn wait_for(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(10));
    }
}

/// Says that all is over when it is dropped: after a panic, too, so that no thread goes on for ever.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
