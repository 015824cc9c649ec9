//! [`Scene`]: a design behind a proxy that makes faults, on a server that is killed in the middle.

use super::{Faults, OwnServer, Proxy, Server};
use crate::{Judged, RemoteStock};
use segstock_conformance::{Answer, Options, Report, Subject};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;

/// Judges a design behind a proxy that makes faults.
#[derive(Debug, Clone)]
#[must_use]
pub struct Scene {
    options: Options,
    faults: Faults,
    kills: Option<Duration>,
    unanswered: u64,
}

/// How often a scene is judged at most.
const MOST_CHECKS: u64 = 100;

/// What a scene found.
#[derive(Debug)]
#[must_use]
pub struct Seen {
    /// The judge's reports.
    pub reports: Vec<Report>,
    /// Attempts that may have happened though no answer came.
    pub unanswered: u64,
    /// How often the server was killed.
    pub kills: u32,
}

impl Scene {
    /// All faults, and no kills.
    pub const fn new(options: Options) -> Self {
        Self {
            options,
            faults: Faults::ALL,
            kills: None,
            unanswered: 0,
        }
    }

    /// Kills the server again and again, at this distance.
    pub const fn with_kills(mut self, every: Duration) -> Self {
        self.kills = Some(every);
        self
    }

    /// Judges again, with other calls, until so many attempts had no answer; 100 times at most.
    pub const fn until_unanswered(mut self, attempts: u64) -> Self {
        self.unanswered = attempts;
        self
    }

    /// Judges the stocks that `open` opens: created on the server itself, with so many units, and called through the
    /// proxy at the address. `unanswered` says of a stock how many attempts may have happened though no answer came.
    ///
    /// # Panics
    ///
    /// If the server is not a private one, or does not start again.
    pub fn judge<S: RemoteStock + 'static>(
        &self,
        server: &OwnServer<impl Server>,
        runtime: &Handle,
        open: impl Fn(u64, SocketAddr) -> S,
        unanswered: fn(&S) -> u64,
    ) -> Seen {
        let upstream = server.lock().expect("no test failed").upstream();
        let upstream = upstream.expect("it is a private server");
        let proxy = runtime.block_on(Proxy::start(upstream, self.faults, 7));
        let proxy = proxy.expect("an address is free");
        let (ends, total) = (AtomicBool::new(false), Arc::new(AtomicU64::new(0)));
        let watched = |units, _segments| Watched {
            judged: Judged::new(open(units, proxy.address()), runtime.clone(), "order:"),
            unanswered,
            total: Arc::clone(&total),
        };
        let (reports, kills) = thread::scope(|scope| {
            let killer = scope.spawn(|| self.kill(server, &ends));
            let mut reports = Vec::new();
            for seed in 1..=MOST_CHECKS {
                let options = self.options.clone().seed(seed);
                reports.push(options.check(watched));
                if total.load(Ordering::Relaxed) >= self.unanswered {
                    break;
                }
            }
            ends.store(true, Ordering::Relaxed);
            (reports, killer.join().expect("the server starts again"))
        });
        Seen {
            reports,
            unanswered: total.load(Ordering::Relaxed),
            kills,
        }
    }

    fn kill(&self, server: &OwnServer<impl Server>, ends: &AtomicBool) -> u32 {
        let Some(every) = self.kills else { return 0 };
        let (mut kills, step) = (0, Duration::from_millis(50));
        loop {
            let mut waited = Duration::ZERO;
            while waited < every {
                if ends.load(Ordering::Relaxed) {
                    return kills;
                }
                thread::sleep(step);
                waited += step;
            }
            let mut server = server.lock().expect("no test failed");
            server.kill_and_start().expect("it starts again");
            kills += 1;
        }
    }
}

/// A stock that adds its unanswered attempts to a total when the suite closes it.
struct Watched<S> {
    judged: Judged<S>,
    unanswered: fn(&S) -> u64,
    total: Arc<AtomicU64>,
}

impl<S: RemoteStock> Subject for Watched<S> {
    fn deduct(&self, units: u64) -> Answer {
        self.judged.deduct(units)
    }

    fn restock(&self, units: u64) -> Answer {
        self.judged.restock(units)
    }

    fn available(&self) -> Answer<u64> {
        self.judged.available()
    }

    fn close(&self) {
        let unanswered = (self.unanswered)(self.judged.stock());
        self.total.fetch_add(unanswered, Ordering::Relaxed);
    }
}
