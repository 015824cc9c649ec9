//! Starting, running and stopping.

use crate::config::Config;
use crate::input::check_sku;
use crate::keeping::SnapshotFile;
use crate::routes::{App, router};
use crate::shop::{Opening, Shop};
use crate::telemetry::{self, Telemetry};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal;
use tokio::sync::{oneshot, watch};
use tokio::task::{self, JoinHandle};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// How often expired orders are taken back, and latencies folded.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// The most orders taken back at once: no request should wait behind more.
const SWEEP_LIMIT: usize = 10_000;
/// How much longer than a request may take those go on that are under way when it stops.
const GRACE: Duration = Duration::from_secs(1);

/// A service that is open for requests as soon as it runs.
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    app: App,
    file: Option<Arc<SnapshotFile>>,
    config: Config,
}

impl Service {
    /// Opens the shop, from its snapshot if there is one, and binds the address.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from starting: a snapshot that is refused or cannot be written, a SKU of
    /// too many units, an address in use.
    pub async fn start(config: Config) -> Result<Self, Box<dyn Error>> {
        if !config.counted {
            tracing::warn!("nothing is counted: orders are sold whatever there is (--uncounted)");
        }
        // First the address: who is second must not touch the other one's snapshot.
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
        let file = config.snapshot.clone().map(SnapshotFile::new).map(Arc::new);
        let shop = open(&config, file.as_deref())?;
        if let Some(file) = &file {
            // Now rather than in the first hour of sales.
            file.write(&shop.keep())?;
        }
        let app = App {
            shop: Arc::new(shop),
            limits: Arc::new(config.limits.clone()),
            telemetry: Telemetry::install()?,
        };
        Ok(Self {
            listener,
            app,
            file,
            config,
        })
    }

    /// Where it can be reached from this machine.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr().map(reachable)
    }

    /// Serves until it is told to stop: lets requests under way finish, then writes a last snapshot.
    ///
    /// # Errors
    ///
    /// If the last snapshot cannot be written.
    pub async fn run(self) -> Result<(), Box<dyn Error>> {
        let shop = Arc::clone(&self.app.shop);
        let (running, until) = watch::channel(());
        let timers = self.timers(&until);
        let grace = self.app.limits.request + GRACE;
        let (stopping, stopped) = oneshot::channel();
        let serving = axum::serve(self.listener, router(self.app)).with_graceful_shutdown(async {
            told_to_stop().await;
            tracing::info!("stopping: requests under way may finish");
            _ = stopping.send(());
        });
        let serving = task::spawn(async move { serving.await });
        _ = stopped.await;
        if timeout(grace, serving).await.is_err() {
            tracing::warn!("answers are still under way after {grace:?}");
        }
        // The last snapshot must not be overtaken by the one before.
        drop((running, until));
        for timer in timers {
            timer.await?;
        }
        if let Some(file) = self.file {
            // A request that is still under way, or whose connection is, is refused from now on:
            // confirmed after this, it would be lost.
            file.write(&shop.close())?;
            tracing::info!("the last snapshot is written");
        }
        Ok(())
    }

    fn timers(&self, until: &watch::Receiver<()>) -> Vec<JoinHandle<()>> {
        let (app, file) = (self.app.clone(), self.file.clone());
        let sweep = move || {
            app.shop.sweep(SWEEP_LIMIT);
            app.telemetry.tidy();
        };
        let mut timers = vec![task::spawn(each(SWEEP_EVERY, until.clone(), sweep))];
        // So often that what is remembered is at most a tenth more than it has to be.
        let (shop, period) = (Arc::clone(&self.app.shop), self.config.retention / 10);
        timers.push(task::spawn(each(period, until.clone(), move || {
            shop.forget();
        })));
        if let Some(file) = file {
            let (shop, period) = (Arc::clone(&self.app.shop), self.config.snapshot_every);
            let keep = move || keep(&shop, &file);
            timers.push(task::spawn(each(period, until.clone(), keep)));
        }
        timers
    }
}

/// The shop as it was kept, and the SKUs of the configuration that it does not have.
fn open(config: &Config, file: Option<&SnapshotFile>) -> Result<Shop, Box<dyn Error>> {
    let opening = Opening {
        retention: config.retention,
        counted: config.counted,
        ..Opening::default()
    };
    let kept = file.map(SnapshotFile::read).transpose()?.flatten();
    let shop = match kept {
        None => Shop::new(opening),
        Some(kept) => {
            let (shop, freed) = Shop::restore(kept, opening)
                .map_err(|error| format!("the snapshot is refused: {error}"))?;
            let (skus, held) = (shop.skus(), shop.held());
            tracing::info!(skus, held, freed, "opened from the snapshot");
            shop
        }
    };
    for (sku, &units) in &config.stock {
        let refused = |error: &dyn Error| format!("cannot open SKU {sku:?}: {error}");
        check_sku(sku).map_err(|error| refused(&error))?;
        shop.open(sku.as_str(), units)
            .map_err(|error| refused(&error))?;
    }
    Ok(shop)
}

/// An address to ask: who listens on all of them listens on none that is called so.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

async fn told_to_stop() {
    #[cfg(unix)]
    {
        use signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = signal::ctrl_c() => {}
            }
            return;
        }
    }
    _ = signal::ctrl_c().await;
}

/// Does it once every `period` until the other end of `until` is gone, where it may take its time.
async fn each(
    period: Duration,
    mut until: watch::Receiver<()>,
    act: impl Fn() + Send + Sync + 'static,
) {
    let act = Arc::new(act);
    // As short as the timer can tell.
    let period = period.max(Duration::from_millis(1));
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = until.changed() => return,
            _ = ticks.tick() => {}
        }
        let act = Arc::clone(&act);
        if task::spawn_blocking(move || act()).await.is_err() {
            tracing::error!("a timer panicked; it goes on");
        }
    }
}

fn keep(shop: &Shop, file: &SnapshotFile) {
    let written = file.write(&shop.keep());
    telemetry::kept(written.is_ok());
    if let Err(error) = written {
        tracing::error!("{error}");
    }
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn who_listens_everywhere_is_reached_here() {
        for (listening, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(listening.parse().unwrap()).to_string(), reached);
        }
    }
}
