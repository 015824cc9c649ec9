//! [`Service`]: start, timers, stop.

use crate::address::reachable;
use crate::app::App;
use crate::book::{Book, Sku};
use crate::config::Config;
use crate::connections::{Door, files, shares};
use crate::description;
use crate::input::check_sku;
use crate::ledger::{self, Kept};
use crate::requests;
use crate::routes::{customers_router, shop_router};
use crate::snapshot;
use crate::telemetry::{LISTENERS, Telemetry, limit_connections};
use crate::watch::{EVERY, Watch};
use segstock_orders::{Journal, Position, Refusal};
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal;
use tokio::sync::watch;
use tokio::task;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// How often expired orders give their units back, and latencies are folded.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// The most orders that expire in one step of the sweep: no worker should be busy with more.
const SWEEP_LIMIT: usize = 1_000;
/// How much longer than a request may take the service waits for those under way when it stops.
const GRACE: Duration = Duration::from_secs(1);

/// A service that is open for requests as soon as it runs.
#[derive(Debug)]
pub struct Service {
    customers: Door,
    shop: Door,
    app: App,
    drain: Duration,
    found: String,
    signals: Signals,
}

/// Where a service can be reached from this machine.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Where customers' programs are listened to.
    pub customers: SocketAddr,
    /// Where the shop is listened to.
    pub shop: SocketAddr,
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { customers, shop } = self;
        write!(
            f,
            "orders at http://{customers}/v1/orders, the shop at http://{shop}: look at http://{shop}/, /readyz, /metrics and /openapi.json"
        )
    }
}

impl Service {
    /// Opens the book and binds the addresses.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from starting: an address in use, a shop's listener that everybody could reach, a ledger that
    /// cannot be opened, a SKU of too many units.
    pub async fn start(config: Config) -> Result<Self, Box<dyn Error>> {
        if config.idle {
            tracing::warn!("nothing is done: every request is answered without any work (--idle)");
        }
        let signals = Signals::new()?;
        let customers = config.listen.bind().await?;
        let shop = config.shop_listen.bind().await?;
        if config.token.is_none() && !shop.local_addr()?.ip().is_loopback() {
            let shop = &config.shop_listen;
            return Err(format!(
                "the shop's listener {shop} is not on loopback and has no token: set SEGSTOCK_TOKEN"
            )
            .into());
        }
        // A second service on the same addresses never comes here: it leaves the ledger alone.
        let Kept {
            book,
            writer,
            found,
        } = open(&config)?;
        let telemetry = Telemetry::install()?.with_skus(&config.metrics_skus);
        requests::begin();
        telemetry.limit_orders(config.max_orders, config.max_all_lines, config.max_keys);
        let token = config.token.as_ref();
        let app = App {
            token: token.map(|token| token.text().into()),
            customer_header: config.customer_header.clone(),
            idle: config.idle,
            description: description::text(&config.limits).into(),
            page: description::page(),
            ..App::new(book, writer, config.limits.clone(), telemetry)
        };
        let (of_customers, of_shop) = shares(config.max_connections, files());
        let header_time = config.header_timeout;
        let door = |name, listener, connections| {
            limit_connections(name, connections);
            Door {
                name,
                listener,
                connections,
                header_time,
            }
        };
        Ok(Self {
            customers: door(LISTENERS[0], customers, of_customers),
            shop: door(LISTENERS[1], shop, of_shop),
            app,
            drain: config.drain,
            found,
            signals,
        })
    }

    /// What it found in its ledger, in one line.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }

    /// Where it can be reached from this machine.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn addresses(&self) -> std::io::Result<Addresses> {
        Ok(Addresses {
            customers: self.customers.listener.local_addr().map(reachable)?,
            shop: self.shop.listener.local_addr().map(reachable)?,
        })
    }

    /// Serves until it is told to stop, until the requests under way are answered, and until all is in the ledger.
    ///
    /// # Errors
    ///
    /// If the ledger failed: not all that was asked for is in it.
    pub async fn run(mut self) -> Result<(), Box<dyn Error>> {
        let (stop, stopped) = watch::channel(false);
        let grace = self.app.limits.request + GRACE;
        let sweep = task::spawn(sweep(self.app.clone()));
        let watching = task::spawn(watch_ledger(self.app.clone()));
        let customers = customers_router(self.app.clone());
        let shop = shop_router(self.app.clone());
        let doors = [
            task::spawn(self.customers.serve(customers, stopped.clone())),
            task::spawn(self.shop.serve(shop, stopped)),
        ];
        self.signals.stop().await;
        self.app.stopping.store(true, Ordering::Relaxed);
        if !self.drain.is_zero() {
            tracing::info!("stopping in {:?}: not ready from now on", self.drain);
            sleep(self.drain).await;
        }
        tracing::info!("stopping: requests under way may finish");
        _ = stop.send(true);
        let all = async {
            for door in doors {
                _ = door.await;
            }
        };
        if timeout(grace, all).await.is_err() {
            tracing::warn!("requests are still under way after {grace:?}");
        }
        sweep.abort();
        watching.abort();
        let writer = self.app.writer;
        let failed = writer.status().dead;
        let closing = Arc::clone(&writer);
        task::spawn_blocking(move || closing.close()).await?;
        // A ledger that is closed counts as dead, for that reason if there is no other.
        let status = writer.status();
        let unwritten = status.dead.filter(|_| status.durable < status.appended);
        match failed.or(unwritten) {
            None => Ok(()),
            Some(error) => Err(format!("the ledger failed: {error}").into()),
        }
    }
}

/// The book as its ledger has it, and the SKUs of the configuration.
fn open(config: &Config) -> Result<Kept, Box<dyn Error>> {
    let mut builder = Book::builder()
        .retention(config.retention)
        .longest_hold(config.limits.longest_hold)
        .max_lines(config.max_lines)
        .max_units(config.max_units)
        .unpaid(config.unpaid)
        .max_orders(config.max_orders)
        .max_all_lines(config.max_all_lines)
        .max_all_requests(config.max_keys)
        .max_skus(config.limits.skus)
        .max_customers(config.max_customers)
        .events(config.events);
    if config.ships_at_once {
        builder = builder.ships_at_once();
    }
    let mut kept = ledger::open(builder, &config.ledger)?;
    if let Some(file) = &config.snapshot {
        let read = snapshot::read(&kept, file, config.limits.longest_hold)?;
        kept.found = format!("{}; {read}", kept.found);
    }
    let mut rests_on = Position::default();
    for (sku, units) in config.stock(kept.book.skus()) {
        let refused = |error: &dyn Error| format!("cannot open SKU {sku:?}: {error}");
        check_sku(&sku).map_err(|error| refused(&error))?;
        let open = || kept.book.open(sku.clone(), units);
        // Not one after another: each would wait for the disk.
        match kept.writer.decide(open).answer {
            Ok(position) => rests_on = position,
            Err(Refusal::AlreadyOpen) => {}
            Err(error) => return Err(refused(&error).into()),
        }
    }
    Journal::<Sku>::wait(&*kept.writer, rests_on)?;
    Ok(kept)
}

/// Gives the units of expired orders back where no request comes that would.
async fn sweep(app: App) {
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let swept = app.clone();
        // Both may wait until what they did is durable.
        let swept = task::spawn_blocking(move || {
            swept.expiring.step(&swept.book);
            swept.book.sweep(SWEEP_LIMIT)
        });
        let swept = swept.await;
        app.telemetry.tidy();
        match swept {
            Ok(Ok(SWEEP_LIMIT)) => ticks.reset_immediately(),
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => tracing::warn!("expired orders stay: {refusal}"),
            Err(_) => tracing::error!("the sweep panicked; it goes on"),
        }
    }
}

async fn watch_ledger(app: App) {
    let mut watch = Watch::new(&app);
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        watch.look(&app);
    }
}

/// What tells the service to stop. It listens from its making on: nothing that comes before the service runs ends it.
#[derive(Debug)]
struct Signals {
    #[cfg(unix)]
    terminate: signal::unix::Signal,
    #[cfg(unix)]
    interrupt: signal::unix::Signal,
    #[cfg(unix)]
    hangup: signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "other systems may refuse")]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for SIGTERM or Ctrl-C. SIGHUP, which a terminal sends when it is closed, ends nothing: there is nothing to
    /// read again.
    #[cfg(unix)]
    async fn stop(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => tracing::info!("SIGHUP changes nothing: settings are read at the start"),
            }
        }
    }

    /// Waits for Ctrl-C.
    #[cfg(not(unix))]
    async fn stop(&mut self) {
        _ = signal::ctrl_c().await;
    }
}
