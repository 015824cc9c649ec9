//! [`Designs`]: what every design is tested for.

use super::killer::Killer;
use super::processes::{Processes, Shared, serve};
use super::store::fresh_name;
use super::{Faults, OwnServer, Proxy, Server, Site, Store, Tests, attempts_unanswered, contract};
use crate::judged::Judged;
use crate::stock::RemoteStock;
use segstock_conformance::{Answer, Options, Promise, Report, Subject};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Adds the tests that the designs of a crate have in common.
///
/// A test's `create` creates a stock with a name and a number of units, and its `open` opens one that is there. A method adds a
/// test. Where its documentation says *panics*, that test panics.
#[derive(Debug)]
pub struct Designs<'a, T: Store> {
    tests: &'a Tests<T::Server>,
    store: PhantomData<T>,
}

/// Processes that call a design under faults.
const CLIENTS: usize = 4;

/// How often the suite judges a design under faults, at most, until it had enough attempts without an answer.
const MOST_CHECKS: u64 = 100;

/// How often a server is killed under faults, at least.
const LEAST_KILLS: u32 = 3;

impl<'a, T: Store> Designs<'a, T> {
    /// Adds to these tests.
    #[must_use]
    pub const fn of(tests: &'a Tests<T::Server>) -> Self {
        let store = PhantomData;
        Self { tests, store }
    }

    /// Retries take nothing, outcomes stay, numbers are exact: [`contract::of_stock`].
    ///
    /// # Panics
    ///
    /// The test, if a call is answered otherwise.
    pub fn answers<S: RemoteStock + 'static>(
        &self,
        what: &str,
        create: impl AsyncFn(&T::Asked, &str, u64) -> Result<S, T::Error> + Send + 'static,
    ) {
        let test = move |site: &Site<'_, T::Server>| {
            let asked = prepared::<T>(site.server.url(), site.runtime);
            let open = async |units| {
                let created = create(&asked, &fresh_name(), units).await;
                created.expect("the server is there")
            };
            site.runtime.block_on(contract::of_stock(open));
        };
        self.tests.add(&format!("{what}::calls_are_answered"), test);
    }

    /// The suite finds nothing, without faults.
    pub fn keeps<S: RemoteStock + 'static>(
        &self,
        what: &str,
        options: Options,
        create: impl AsyncFn(&T::Asked, &str, u64) -> Result<S, T::Error> + Send + 'static,
    ) {
        let options = options.name(what);
        let test = move |site: &Site<'_, T::Server>| {
            let report = check::<T, S>(site, &options, create);
            println!("{report}");
            report.assert_kept();
        };
        self.tests
            .add(&format!("{what}::the_suite_says_kept"), test);
    }

    /// The suite finds that a design breaks a promise, without faults.
    pub fn breaks<S: RemoteStock + 'static>(
        &self,
        mistake: &str,
        promise: Promise,
        create: impl AsyncFn(&T::Asked, &str, u64) -> Result<S, T::Error> + Send + 'static,
    ) {
        let options = Options::new().rounds(300).name(mistake);
        let options = options.stop_when_broken([promise]);
        let test = move |site: &Site<'_, T::Server>| {
            assert_breaks(&check::<T, S>(site, &options, create), promise);
        };
        self.tests
            .add(&format!("mistakes::{mistake}_is_found"), test);
    }

    /// The suite finds nothing, though four processes call through a proxy that makes faults and the server is killed
    /// every `kills`, and enough [attempts had no answer](attempts_unanswered).
    ///
    /// # Panics
    ///
    /// The test, if a promise is broken, or too few attempts had no answer.
    pub fn keeps_under_faults<S: RemoteStock + 'static>(
        &self,
        what: &'static str,
        options: Options,
        kills: Duration,
        create: impl AsyncFn(&T::Asked, &str, u64) -> Result<S, T::Error> + Send + 'static,
        open: impl AsyncFn(&T::Asked, &str) -> Result<S, T::Error> + Clone + Send + Sync + 'static,
    ) {
        self.tests.add_client(what, {
            let open = open.clone();
            move |runtime| {
                let patient = |url: &str, name: &str| {
                    let asked = T::hurried(url, 6);
                    runtime.block_on(until_open::<T, S>(&asked, name, &open))
                };
                serve(runtime, patient)
            }
        });
        // A round of many calls, each of which may wait for several time-outs.
        let options = options.patience(Duration::from_secs(90)).budget(3_000_000);
        let options = options.name(format!("{what} under faults"));
        let test = move |server: &OwnServer<T::Server>, runtime: &Handle| {
            let (direct, upstream) = {
                let server = server.lock().expect("no test failed");
                (prepared::<T>(server.url(), runtime), server.upstream())
            };
            let upstream = upstream.expect("it is a private server");
            let proxy = runtime.block_on(Proxy::start(upstream, Faults::ALL, 7));
            let proxy = proxy.expect("an address is free");
            let url = T::Server::url_behind(proxy.address());
            let clients = Arc::new(Processes::start(CLIENTS, what, &url));
            let killer = Killer::start(Arc::clone(server), kills);
            let total = Arc::new(AtomicU64::new(0));
            let began = Instant::now();
            let enough = attempts_unanswered();
            for seed in 1..=MOST_CHECKS {
                let report = options.clone().seed(seed).check(|units, _| {
                    let name = until_created::<T, S>(&direct, units, &create);
                    let name = runtime.block_on(name);
                    let stock = runtime.block_on(Shared::open(Arc::clone(&clients), name));
                    Watched {
                        judged: Judged::new(stock, runtime.clone(), "order:"),
                        runtime: runtime.clone(),
                        total: Arc::clone(&total),
                    }
                });
                println!("{report}");
                report.assert_kept();
                let is_enough = total.load(Ordering::Relaxed) >= enough;
                if is_enough && began.elapsed() > kills * (LEAST_KILLS + 1) {
                    break;
                }
            }
            let (unanswered, kills) = (total.load(Ordering::Relaxed), killer.end());
            println!("{unanswered} attempts unanswered, {kills} kills, {CLIENTS} processes");
            assert!(unanswered >= enough, "{unanswered} unanswered");
            assert!(kills >= LEAST_KILLS, "{kills} kills");
        };
        let name = format!("faults::{what}_is_kept");
        self.tests.add_with_own(&name, T::Server::find, test);
    }

    /// The suite finds that units are lost behind a proxy that makes faults, by a design that makes a mistake: `wrong`
    /// makes it with a stock of this name that is opened with the patience of one attempt.
    ///
    /// # Panics
    ///
    /// The test, if no units are lost.
    pub fn loses_under_faults<S: RemoteStock + 'static, W: RemoteStock + 'static>(
        &self,
        mistake: &str,
        create: impl AsyncFn(&T::Asked, &str, u64) -> Result<S, T::Error> + Send + 'static,
        open: impl AsyncFn(&T::Asked, &str) -> Result<S, T::Error> + Send + 'static,
        wrong: impl Fn(S, &Site<'_, T::Server>) -> W + Send + 'static,
    ) {
        let promise = Promise::Conservation;
        let options = Options::new().rounds(300).name(mistake);
        let options = options.stop_when_broken([promise]);
        self.tests.add_behind_proxy(
            &format!("mistakes::{mistake}_is_found"),
            move |site, upstream| {
                let runtime = site.runtime;
                let direct = prepared::<T>(site.server.url(), runtime);
                let proxy = runtime.block_on(Proxy::start(upstream, Faults::ALL, 7));
                let proxy = proxy.expect("an address is free");
                let through = T::hurried(&T::Server::url_behind(proxy.address()), 1);
                let report = options.check(|units, _| {
                    let stock = runtime.block_on(async {
                        let name = until_created::<T, S>(&direct, units, &create).await;
                        until_open::<T, S>(&through, &name, &open).await
                    });
                    Judged::new(wrong(stock, site), runtime.clone(), "order:")
                });
                assert_breaks(&report, promise);
            },
        );
    }
}

/// The server, with what stocks need there.
fn prepared<T: Store>(url: &str, runtime: &Handle) -> T::Asked {
    let asked = T::patient(url);
    let prepared = runtime.block_on(T::prepare(&asked));
    prepared.expect("the server is there");
    asked
}

fn check<T: Store, S: RemoteStock + 'static>(
    site: &Site<'_, T::Server>,
    options: &Options,
    create: impl AsyncFn(&T::Asked, &str, u64) -> Result<S, T::Error>,
) -> Report {
    let asked = prepared::<T>(site.server.url(), site.runtime);
    options.check(|units, _| {
        let name = fresh_name();
        let created = site.runtime.block_on(create(&asked, &name, units));
        let stock = created.expect("the server is there");
        Judged::new(stock, site.runtime.clone(), "order:")
    })
}

/// Panics unless the report says that the promise is broken.
///
/// # Panics
///
/// If it is kept.
pub fn assert_breaks(report: &Report, promise: Promise) {
    println!("{report}");
    let found = report.broken().contains(&promise);
    assert!(found, "the judge did not find it");
}

/// Creates a stock on a server that may be killed meanwhile, and says its name.
async fn until_created<T: Store, S>(
    asked: &T::Asked,
    units: u64,
    create: &impl AsyncFn(&T::Asked, &str, u64) -> Result<S, T::Error>,
) -> String {
    loop {
        // What an attempt without an answer has made is nobody's.
        let name = fresh_name();
        if create(asked, &name, units).await.is_ok() {
            return name;
        }
    }
}

/// Opens a stock through faults.
async fn until_open<T: Store, S>(
    asked: &T::Asked,
    name: &str,
    open: &impl AsyncFn(&T::Asked, &str) -> Result<S, T::Error>,
) -> S {
    // Not a time: somebody may stop this process for longer than any.
    let mut tries = 1;
    loop {
        match open(asked, name).await {
            Ok(stock) => return stock,
            Err(error) => assert!(tries < 100, "{name} cannot be opened: {error:?}"),
        }
        tries += 1;
    }
}

/// A stock of several processes, which adds their unanswered attempts to a total when the suite closes it.
struct Watched {
    judged: Judged<Shared>,
    runtime: Handle,
    total: Arc<AtomicU64>,
}

impl Subject for Watched {
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
        let stock = self.judged.stock();
        self.runtime.block_on(stock.close());
        self.total.fetch_add(stock.unanswered(), Ordering::Relaxed);
    }
}
