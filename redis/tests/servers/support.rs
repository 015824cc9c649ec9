//! The server that the tests share, and how they are shown.

use libtest_mimic::{Arguments, Completion, Conclusion, Trial};
use segstock_redis::{Redis, Restarts};
use segstock_remote::servers::{Faults, NoServer, Proxy, RedisServer, demanded};
use segstock_remote::{Judged, Patience, RemoteStock};
use std::cell::RefCell;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};

/// The tests, and the server that all of them use, started by the first that runs.
pub struct Tests {
    trials: RefCell<Vec<Trial>>,
    server: Arc<OnceLock<Result<RedisServer, NoServer>>>,
    runtime: Arc<Runtime>,
}

/// What a test has.
pub struct Site<'a> {
    pub server: &'a RedisServer,
    pub runtime: &'a Handle,
}

impl Tests {
    pub fn new(_: &Arguments) -> Self {
        Self {
            trials: RefCell::default(),
            server: Arc::default(),
            runtime: Arc::new(Runtime::new().expect("threads can be started")),
        }
    }

    /// A test on the shared server.
    pub fn add(&self, name: &str, test: impl FnOnce(&Site<'_>) + Send + 'static) {
        let (server, runtime) = (Arc::clone(&self.server), Arc::clone(&self.runtime));
        self.ignorable(name, move || {
            let server = server.get_or_init(RedisServer::find);
            let server = server.as_ref().map_err(Clone::clone)?;
            let runtime = runtime.handle();
            test(&Site { server, runtime });
            Ok(())
        });
    }

    /// A test that kills its server, and so has one of its own.
    pub fn add_with_own_server(
        &self,
        name: &str,
        start: fn() -> Result<RedisServer, NoServer>,
        test: impl FnOnce(Arc<Mutex<RedisServer>>, &Handle) + Send + 'static,
    ) {
        let runtime = Arc::clone(&self.runtime);
        self.ignorable(name, move || {
            let server = start()?;
            if server.process_id().is_none() {
                return Err(Absent::Named);
            }
            test(Arc::new(Mutex::new(server)), runtime.handle());
            Ok(())
        });
    }

    fn ignorable(&self, name: &str, test: impl FnOnce() -> Result<(), Absent> + Send + 'static) {
        let test = move || match test() {
            Ok(()) => Ok(Completion::Completed),
            Err(Absent::No(reason)) if demanded() => Err(reason.to_string().into()),
            Err(Absent::No(reason)) => Ok(Completion::ignored_with(reason)),
            Err(Absent::Named) => Ok(Completion::ignored_with(
                "it kills its server, and SEGSTOCK_REDIS_URL names one that others may use",
            )),
        };
        self.trials
            .borrow_mut()
            .push(Trial::ignorable_test(name, test));
    }

    pub fn run(self, arguments: &Arguments) -> ExitCode {
        let conclusion: Conclusion = libtest_mimic::run(arguments, self.trials.into_inner());
        // The server ends with its value.
        drop(self.server);
        conclusion.exit_code()
    }
}

/// Why a test does not run.
enum Absent {
    No(NoServer),
    Named,
}

impl From<NoServer> for Absent {
    fn from(reason: NoServer) -> Self {
        Self::No(reason)
    }
}

/// The server at `url`, asked with little patience, as tests have it.
pub fn redis(url: &str) -> Redis {
    let patience = Patience::new(Duration::from_millis(500), Duration::from_secs(5));
    Redis::new(url)
        .expect("the server's URL is one")
        .patience(patience.expect("it is valid"))
        .remembered(Duration::from_secs(600))
        .restarts(Restarts::Keep)
}

/// A name that no other stock has, here and in other runs on the same server.
pub fn name() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let run = std::process::id();
    let number = NAMES.fetch_add(1, Ordering::Relaxed);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("test-{}-{run}-{number}", since.as_secs())
}

/// A stock as the suite calls it.
pub fn judged<S: RemoteStock>(stock: S, runtime: &Handle) -> Judged<S> {
    Judged::new(stock, runtime.clone(), "order:")
}

/// A proxy before the server, and its URL.
pub fn proxy(site: &Site<'_>, faults: Faults, seed: u64) -> Option<(Proxy, String)> {
    let upstream = site.server.upstream()?;
    let proxy = site.runtime.block_on(Proxy::start(upstream, faults, seed));
    let proxy = proxy.expect("an address is free");
    let url = format!("redis://{}", proxy.address());
    Some((proxy, url))
}
