//! [`Tests`]: tests that share a server, and are shown as ignored where there is none.

use super::{NoServer, Upstream, demanded};
use libtest_mimic::{Arguments, Completion, Trial};
use std::cell::RefCell;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::runtime::{Handle, Runtime};

/// A server for tests.
pub trait Server: Send + Sync + Sized + 'static {
    /// The server that the environment names, or a private one.
    ///
    /// # Errors
    ///
    /// [`NoServer`] if there is none.
    fn find() -> Result<Self, NoServer>;

    /// Where it is, as its client library reads it.
    fn url(&self) -> &str;

    /// Where a [`Proxy`](super::Proxy) finds it; `None` if it is not a private one.
    fn upstream(&self) -> Option<Upstream>;

    /// Kills a private server as `kill -9` does, and starts it again on what it had written.
    ///
    /// # Errors
    ///
    /// [`NoServer`] if it is not a private one, or does not start again.
    fn kill_and_start(&mut self) -> Result<(), NoServer>;
}

/// Tests that share a server, which the first of them starts and which ends with them.
///
/// Where there is no server, each test is shown as ignored with the reason; if servers are [`demanded`], it fails.
///
/// # Examples
///
/// ```no_run
/// use segstock_remote::servers::{RedisServer, Server, Tests};
///
/// // A test target with `harness = false`.
/// fn main() -> std::process::ExitCode {
///     let tests = Tests::<RedisServer>::new();
///     tests.add("the_server_has_a_url", |site| assert!(!site.server.url().is_empty()));
///     tests.run()
/// }
/// ```
#[derive(Debug)]
pub struct Tests<S> {
    trials: RefCell<Vec<Trial>>,
    server: Arc<OnceLock<Result<S, NoServer>>>,
    runtime: Arc<Runtime>,
}

/// What a test has.
#[derive(Debug)]
pub struct Site<'a, S> {
    /// The server that all tests share.
    pub server: &'a S,
    /// The runtime of the tests; they run outside of it.
    pub runtime: &'a Handle,
}

/// A server that a test has for itself, and may kill.
pub type OwnServer<S> = Arc<Mutex<S>>;

impl<S: Server> Default for Tests<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Server> Tests<S> {
    /// No tests yet.
    ///
    /// # Panics
    ///
    /// If no thread can be started.
    #[must_use]
    pub fn new() -> Self {
        Self {
            trials: RefCell::default(),
            server: Arc::default(),
            runtime: Arc::new(Runtime::new().expect("threads can be started")),
        }
    }

    /// Adds a test on the shared server.
    pub fn add(&self, name: &str, test: impl FnOnce(&Site<'_, S>) + Send + 'static) {
        let (server, runtime) = (Arc::clone(&self.server), Arc::clone(&self.runtime));
        self.ignorable(name, move || {
            let server = server.get_or_init(S::find).as_ref();
            let server = server.map_err(Clone::clone)?;
            let runtime = runtime.handle();
            test(&Site { server, runtime });
            Ok(())
        });
    }

    /// Adds a test with a server of its own, which `start` starts. It is ignored if that is not a private one.
    pub fn add_with_own(
        &self,
        name: &str,
        start: fn() -> Result<S, NoServer>,
        test: impl FnOnce(&OwnServer<S>, &Handle) + Send + 'static,
    ) {
        let runtime = Arc::clone(&self.runtime);
        self.ignorable(name, move || {
            let server = start()?;
            if server.upstream().is_none() {
                return Err(Absent::OfOthers);
            }
            test(&Arc::new(Mutex::new(server)), runtime.handle());
            Ok(())
        });
    }

    fn ignorable(&self, name: &str, test: impl FnOnce() -> Result<(), Absent> + Send + 'static) {
        let test = move || match test() {
            Ok(()) => Ok(Completion::Completed),
            Err(Absent::No(reason)) if demanded() => Err(reason.to_string().into()),
            Err(Absent::No(reason)) => Ok(Completion::ignored_with(reason)),
            Err(Absent::OfOthers) => Ok(Completion::ignored_with(
                "it needs a private server, and the environment names one of others",
            )),
        };
        let trial = Trial::ignorable_test(name, test);
        self.trials.borrow_mut().push(trial);
    }

    /// Runs the tests that the command line names.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let arguments = Arguments::from_args();
        libtest_mimic::run(&arguments, self.trials.into_inner()).exit_code()
    }
}

/// Why a test does not run.
enum Absent {
    No(NoServer),
    OfOthers,
}

impl From<NoServer> for Absent {
    fn from(reason: NoServer) -> Self {
        Self::No(reason)
    }
}
