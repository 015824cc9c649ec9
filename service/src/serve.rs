//! [`Service`]: start, timers, stop.

use crate::address::reachable;
use crate::app::App;
use crate::background::Background;
use crate::backups::Maker;
use crate::config::Config;
use crate::connections::{Door, files, shares};
use crate::description;
use crate::opening;
use crate::requests;
use crate::routes::{customers_router, shop_router};
use crate::telemetry::{self, LISTENERS, Telemetry, limit_connections};
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal;
use tokio::sync::watch;
use tokio::task;
use tokio::time::{Instant, sleep, timeout_at};

/// How much longer than a request may take the service waits for those under way when it stops.
const GRACE: Duration = Duration::from_secs(1);

/// The service was asked to stop before it had started.
#[derive(Debug)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped before it had started")
    }
}

impl Error for Stopped {}

/// A service that is open for requests as soon as it runs.
#[derive(Debug)]
pub struct Service {
    customers: Door,
    shop: Door,
    app: App,
    drain: Duration,
    backups: Maker,
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
    /// cannot be opened, a SKU of too many units. [`Away`](crate::waiting::Away), if a database did not answer; [`Stopped`].
    pub async fn start(config: Config) -> Result<Self, Box<dyn Error>> {
        if config.idle {
            tracing::warn!("nothing is done: every request is answered without any work (--idle)");
        }
        let mut signals = Signals::new()?;
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
        let no_backup = || tracing::warn!("no backup: the ledger is not open yet");
        let opened = tokio::select! {
            opened = opening::open(&config) => opened?,
            () = signals.stop(no_backup) => return Err(Stopped.into()),
        };
        let telemetry = Telemetry::install()?.with_skus(&config.metrics_skus);
        requests::begin();
        if config.node.is_some() {
            telemetry::begin_node();
        }
        telemetry.limit(config.most());
        let token = config.token.as_ref();
        let app = App {
            token: token.map(|token| token.text().into()),
            customer_header: config.customer_header.clone(),
            idle: config.idle,
            description: description::text(&config.limits).into(),
            page: description::page(),
            ..App::new(opened.shop, config.limits.clone(), telemetry)
        };
        let (of_customers, of_shop) = shares(config.max_connections, files());
        let (header_time, answer_time) = (config.header_timeout, config.answer_timeout);
        let door = |name, listener, connections| {
            limit_connections(name, connections);
            Door {
                name,
                listener,
                connections,
                header_time,
                answer_time,
            }
        };
        Ok(Self {
            customers: door(LISTENERS[0], customers, of_customers),
            shop: door(LISTENERS[1], shop, of_shop),
            app,
            drain: config.drain,
            backups: Maker::new(config.keep_backups),
            found: opened.found,
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

    /// Serves until it is asked to stop, until the requests under way are answered, and until all is in the ledger.
    ///
    /// # Errors
    ///
    /// If the ledger failed, or does not answer: not all that was asked for is in it. If the node serves no calls any more,
    /// though nobody asked it to stop; or could not hand its units back.
    pub async fn run(mut self) -> Result<(), Box<dyn Error>> {
        let (stop, stopped) = watch::channel(false);
        let grace = self.app.limits.request + GRACE;
        let background = Background::of(&self.app.shop, self.app.telemetry.clone());
        let customers = customers_router(self.app.clone());
        let shop = shop_router(self.app.clone());
        let doors = [
            task::spawn(self.customers.serve(customers, stopped.clone())),
            task::spawn(self.shop.serve(shop, stopped)),
        ];
        let over = tokio::select! {
            () = self.signals.stop(|| self.backups.begin(&self.app.shop)) => None,
            // It cannot go on: nothing is waited for.
            over = self.app.shop.over() => Some(over),
        };
        self.app.stopping.store(true, Ordering::Relaxed);
        if over.is_none() && !self.drain.is_zero() {
            tracing::info!("stopping in {:?}: not ready from now on", self.drain);
            tokio::select! {
                () = sleep(self.drain) => {}
                () = self.signals.stop(|| self.backups.begin(&self.app.shop)) => {}
            }
        }
        tracing::info!("stopping: requests under way may finish");
        _ = stop.send(true);
        // For all that is under way: requests, and what is on its way to the ledger.
        let end = Instant::now() + grace;
        let all = async {
            for door in doors {
                _ = door.await;
            }
        };
        if timeout_at(end, all).await.is_err() {
            tracing::warn!("requests are still under way after {grace:?}");
        }
        drop(background);
        match over {
            Some(over) => Err(over.into()),
            None => self.app.shop.close(end.max(Instant::now() + GRACE)).await,
        }
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
    #[cfg(unix)]
    user: signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "other systems may refuse")]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for SIGTERM or Ctrl-C. SIGHUP, which a terminal sends when it is closed, ends nothing: there is nothing to
    /// read again. SIGUSR1 asks for a backup.
    #[cfg(unix)]
    async fn stop(&mut self, back_up: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.user.recv() => back_up(),
                _ = self.hangup.recv() => tracing::info!("SIGHUP changes nothing: settings are read at the start"),
            }
        }
    }

    /// Waits for Ctrl-C.
    #[cfg(not(unix))]
    async fn stop(&mut self, _: impl Fn()) {
        _ = signal::ctrl_c().await;
    }
}
