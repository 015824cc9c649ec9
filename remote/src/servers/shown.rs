//! [`Tests`]: tests that share a server, and are shown as ignored where there is none.

use super::{NoServer, Upstream, demanded, variable};
use libtest_mimic::{Arguments, Completion, Trial};
use std::cell::RefCell;
use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};

/// A server for tests.
///
/// The trait grows by provided methods only.
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

    /// The id of its process, if it is a private one that runs.
    fn process_id(&self) -> Option<u32>;

    /// Where it is behind a [`Proxy`](super::Proxy) at this address, as its client library reads it.
    fn url_behind(proxy: SocketAddr) -> String;

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
pub struct Tests<S> {
    trials: RefCell<Vec<Trial>>,
    clients: RefCell<Vec<(String, Client)>>,
    server: Arc<OnceLock<Result<S, NoServer>>>,
    runtime: Arc<Runtime>,
}

/// What this program does as a client of a test in another process.
type Client = Box<dyn FnOnce(&Handle) -> ExitCode>;

impl<S: fmt::Debug> fmt::Debug for Tests<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tests = self.trials.borrow().len();
        f.debug_struct("Tests")
            .field("tests", &tests)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Tests that run at once. They wait for servers for most of their time, so there are more than cores.
const AT_ONCE: usize = 8;

/// In the environment of this program where it is the client of a test: of which one.
pub(super) const CLIENT: &str = "SEGSTOCK_TEST_CLIENT";

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
            clients: RefCell::default(),
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

    /// Adds a test that calls the shared server through a proxy. It is ignored if that is not a private one.
    pub fn add_behind_proxy(
        &self,
        name: &str,
        test: impl FnOnce(&Site<'_, S>, Upstream) + Send + 'static,
    ) {
        let (server, runtime) = (Arc::clone(&self.server), Arc::clone(&self.runtime));
        self.ignorable(name, move || {
            let server = server.get_or_init(S::find).as_ref();
            let server = server.map_err(Clone::clone)?;
            let upstream = server.upstream().ok_or(Absent::OfOthers)?;
            let runtime = runtime.handle();
            test(&Site { server, runtime }, upstream);
            Ok(())
        });
    }

    /// Adds what this program does when a test runs it again, as the client `name`.
    pub fn add_client(&self, name: &str, client: impl FnOnce(&Handle) -> ExitCode + 'static) {
        let client: Client = Box::new(client);
        self.clients.borrow_mut().push((name.to_owned(), client));
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

    /// Adds the test that a private server ends, and its folder with it, when the process that started it is killed.
    ///
    /// # Panics
    ///
    /// The test, if one of them is left.
    pub fn add_orphan(&self) {
        self.add_client("orphan", |_| {
            let server = S::find().expect("there is one");
            if let Some(Upstream::Unix(socket)) = server.upstream() {
                println!("{}", socket.display());
            }
            loop {
                std::thread::park();
            }
        });
        self.add_with_own(
            "server::a_server_ends_when_its_test_is_killed",
            S::find,
            |_, _| {
                let this = std::env::current_exe().expect("this program has a path");
                let mut test = Command::new(this);
                test.env(CLIENT, "orphan").stdout(Stdio::piped());
                let mut test = test.spawn().expect("this program can run again");
                let mut socket = String::new();
                let out = test.stdout.as_mut().expect("it is piped");
                let read = BufReader::new(out).read_line(&mut socket);
                read.expect("the server starts");
                let socket = Path::new(socket.trim_end());
                let mut connection = UnixStream::connect(socket).expect("the server is there");
                test.kill().expect("it runs");
                test.wait().expect("it runs");
                // The connection ends with the server.
                let patience = Some(Duration::from_secs(20));
                connection.set_read_timeout(patience).expect("it is valid");
                let ended = connection.read_to_end(&mut Vec::new());
                let waits = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
                assert!(
                    !ended.is_err_and(|error| waits(&error)),
                    "the server runs on"
                );
                let until = Instant::now() + Duration::from_secs(10);
                while socket.parent().is_some_and(Path::exists) {
                    assert!(Instant::now() < until, "{} is left", socket.display());
                    std::thread::sleep(Duration::from_millis(20));
                }
            },
        );
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

    /// Runs the tests that the command line names; or, in a process that such a test started, is its client.
    #[must_use]
    pub fn run(self) -> ExitCode {
        if let Some(wanted) = variable(CLIENT) {
            let mut clients = self.clients.into_inner().into_iter();
            let client = clients.rfind(|(name, _)| *name == wanted);
            return match client {
                Some((_, client)) => client(self.runtime.handle()),
                None => ExitCode::FAILURE,
            };
        }
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(AT_ONCE);
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
