//! [`Processes`]: several processes as the clients of one stock.
//!
//! A client is this test program, run again with [`CLIENT`] in its environment. It listens on a socket, and serves each
//! connection a line at a time: `open NAME`, `deduct NAME ORDER UNITS`, `restock NAME ORDER UNITS`, `available NAME`,
//! `outcome NAME ORDER`, `close NAME`. So the suite's threads call, and its one clock stamps, while the designs run in
//! processes that share nothing. A client ends when its input does, which is at the latest when the test ends.

use super::shown::CLIENT;
use super::store::{id, units};
use super::variable;
use crate::answer::{Answer, Unknown};
use crate::id::OrderId;
use crate::stock::RemoteStock;
use crate::units::Units;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::runtime::Handle;

const SOCKET: &str = "SEGSTOCK_TEST_SOCKET";
const URL: &str = "SEGSTOCK_TEST_URL";

type Connection = tokio::io::BufReader<tokio::net::UnixStream>;

/// Processes that are clients of the same stocks.
#[derive(Debug)]
pub(super) struct Processes {
    clients: Vec<Client>,
    turn: AtomicUsize,
    _folder: TempDir,
}

#[derive(Debug)]
struct Client {
    process: Child,
    socket: PathBuf,
    /// Connections that no call uses.
    idle: Mutex<Vec<Connection>>,
}

impl Processes {
    /// Starts `number` clients of a design, which ask the server at `url`.
    pub(super) fn start(number: usize, design: &str, url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let program = std::env::current_exe().expect("this program has a path");
        let client = |number| {
            let socket = folder.path().join(format!("client-{number}"));
            let mut command = Command::new(&program);
            command
                .env(CLIENT, design)
                .env(URL, url)
                .env(SOCKET, &socket);
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut process = command.spawn().expect("this program can run again");
            let mut ready = [0; 1];
            let out = process.stdout.as_mut().expect("it is piped");
            out.read_exact(&mut ready).expect("the client listens");
            let idle = Mutex::default();
            Client {
                process,
                socket,
                idle,
            }
        };
        Self {
            clients: (0..number).map(client).collect(),
            turn: AtomicUsize::new(0),
            _folder: folder,
        }
    }

    /// Asks all clients at once.
    async fn ask_all(self: &Arc<Self>, line: String) -> Vec<String> {
        let asks: Vec<_> = (0..self.clients.len())
            .map(|number| {
                let (processes, line) = (Arc::clone(self), line.clone());
                tokio::spawn(async move { processes.clients[number].ask(&line).await })
            })
            .collect();
        let mut answers = Vec::new();
        for ask in asks {
            answers.push(ask.await.expect("nobody panics here"));
        }
        answers
    }

    /// The next client.
    fn any(&self) -> &Client {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.clients[turn % self.clients.len()]
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for client in &mut self.clients {
            _ = client.process.kill();
            _ = client.process.wait();
        }
    }
}

impl Client {
    async fn ask(&self, line: &str) -> String {
        let idle = self.idle.lock().expect("nobody panics here").pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => {
                let stream = tokio::net::UnixStream::connect(&self.socket).await;
                tokio::io::BufReader::new(stream.expect("the client listens"))
            }
        };
        let (line, mut answer) = (format!("{line}\n"), String::new());
        let sent = connection.write_all(line.as_bytes()).await;
        sent.expect("the client runs");
        let read = connection.read_line(&mut answer).await;
        assert!(read.is_ok_and(|length| length > 0), "the client runs");
        self.idle
            .lock()
            .expect("nobody panics here")
            .push(connection);
        answer.trim_end().to_owned()
    }
}

/// A stock that several processes have opened: each call is made by one of them.
#[derive(Debug)]
pub(super) struct Shared {
    processes: Arc<Processes>,
    name: String,
    unanswered: Mutex<u64>,
}

impl Shared {
    /// Has all clients open the stock of this name.
    pub(super) async fn open(processes: Arc<Processes>, name: String) -> Self {
        processes.ask_all(format!("open {name}")).await;
        let unanswered = Mutex::new(0);
        Self {
            processes,
            name,
            unanswered,
        }
    }

    /// Has all clients forget it, and counts what they had no answer to.
    pub(super) async fn close(&self) {
        let closed = self.processes.ask_all(format!("close {}", self.name)).await;
        let unanswered = closed.iter().map(|unanswered| unanswered.parse::<u64>());
        let sum = unanswered
            .map(|number| number.expect("it is a number"))
            .sum();
        *self.unanswered.lock().expect("nobody panics here") = sum;
    }

    async fn ask(&self, what: &str, order: &OrderId, units: u64) -> Answer {
        let line = format!("{what} {} {order} {units}", self.name);
        match self.processes.any().ask(&line).await.as_str() {
            "done" => Answer::Done(()),
            "refused" => Answer::REFUSED,
            words => Answer::Unknown(Unknown::new(1, words)),
        }
    }
}

impl RemoteStock for Shared {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        self.ask("deduct", order, units.get()).await
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.ask("restock", order, units.get()).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        let said = self
            .processes
            .any()
            .ask(&format!("available {}", self.name))
            .await;
        said.parse().map_err(|_| Unknown::new(1, said))
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        self.ask("outcome", order, 0).await
    }

    fn unanswered(&self) -> u64 {
        *self.unanswered.lock().expect("nobody panics here")
    }
}

/// Serves as a client, until the input ends. `open` opens a stock of this name on the server at this URL.
pub(super) fn serve<S: RemoteStock + 'static>(
    runtime: &Handle,
    open: impl Fn(&str, &str) -> S + Send + Sync,
) -> ExitCode {
    let (Some(socket), Some(url)) = (variable(SOCKET), variable(URL)) else {
        eprintln!("{SOCKET} and {URL} are not set");
        return ExitCode::FAILURE;
    };
    let listener = UnixListener::bind(socket).expect("nobody else has the socket");
    println!(".");
    thread::spawn(|| {
        _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let stocks = Stocks {
        open: |name: &str| open(&url, name),
        opened: Mutex::default(),
        runtime,
    };
    thread::scope(|scope| {
        for stream in listener.incoming().flatten() {
            scope.spawn(|| stocks.serve(stream));
        }
    });
    ExitCode::SUCCESS
}

/// The stocks that a client has open.
struct Stocks<'a, S, O> {
    open: O,
    opened: Mutex<HashMap<String, Arc<S>>>,
    runtime: &'a Handle,
}

impl<S: RemoteStock, O: Fn(&str) -> S> Stocks<'_, S, O> {
    fn serve(&self, stream: UnixStream) {
        let mut writes = &stream;
        for line in BufReader::new(&stream).lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            let answer = self.answer(&words);
            if writes.write_all(format!("{answer}\n").as_bytes()).is_err() {
                return;
            }
        }
    }

    fn stocks(&self) -> MutexGuard<'_, HashMap<String, Arc<S>>> {
        self.opened.lock().expect("nobody panics here")
    }

    fn answer(&self, words: &[&str]) -> String {
        let name = words[1];
        if words[0] == "open" {
            // It takes its time.
            let stock = Arc::new((self.open)(name));
            self.stocks().insert(name.to_owned(), stock);
            return String::new();
        }
        let mut opened = self.stocks();
        let stock = Arc::clone(opened.get(name).expect("it was opened"));
        if words[0] == "close" {
            opened.remove(name);
            return stock.unanswered().to_string();
        }
        drop(opened);
        let answer = match *words {
            ["available", _] => {
                let left = self.runtime.block_on(stock.available());
                return left.map_or_else(|unknown| unknown.to_string(), |left| left.to_string());
            }
            ["deduct", _, order, number] => {
                let number = units(number.parse().expect("it is a number"));
                self.runtime.block_on(stock.deduct(&id(order), number))
            }
            ["restock", _, order, number] => {
                let number = units(number.parse().expect("it is a number"));
                self.runtime.block_on(stock.restock(&id(order), number))
            }
            ["outcome", _, order, _] => self.runtime.block_on(stock.outcome(&id(order))),
            _ => panic!("no client knows this: {words:?}"),
        };
        match answer {
            Answer::Done(()) => "done".to_owned(),
            Answer::Refused(_) => "refused".to_owned(),
            Answer::Unknown(unknown) => unknown.to_string().replace('\n', " "),
        }
    }
}
