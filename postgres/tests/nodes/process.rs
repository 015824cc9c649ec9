//! [`Process`]: a node in a process of its own, which is this test program, run again.
//!
//! It listens on a socket and serves each connection a line at a time: `place ID TTL SKU:UNITS …`, `pay ID`, `cancel ID`,
//! `get ID`, `restock ID SKU UNITS`, `status`. It ends when its input does, which is at the latest when the test ends.

use super::support::Tests;
use segstock_postgres::nodes::{Node, OrderState, Refusal, Sale};
use segstock_remote::OrderId;
use segstock_remote::servers::id;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;

const CLIENT: &str = "SEGSTOCK_TEST_CLIENT";
const SALE: &str = "SEGSTOCK_TEST_SALE";
const URL: &str = "SEGSTOCK_TEST_URL";
const NODE: &str = "SEGSTOCK_TEST_NODE";
const SOCKET: &str = "SEGSTOCK_TEST_SOCKET";

/// The sale as nodes under faults have it.
pub fn hurried(url: &str, name: &str) -> Sale {
    let sale = Sale::at(url, name).expect("it is a name");
    sale.timeout(Duration::from_millis(400))
        .patience(Duration::from_secs(2))
        .lease(Duration::from_millis(1_500))
        .heartbeat(Duration::from_millis(150))
}

pub fn add(tests: &Tests) {
    tests.add_client("node", serve);
}

/// A process that a test started.
pub struct Process {
    child: Child,
    socket: PathBuf,
    idle: Mutex<Vec<BufReader<UnixStream>>>,
}

impl Process {
    /// Starts a node. It joins once the database lets it.
    pub fn start(folder: &Path, url: &str, sale: &str, node: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let number = std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |since| since.as_nanos());
        let socket = folder.join(format!("{node}-{number}"));
        let mut command = Command::new(program);
        command
            .env(CLIENT, "node")
            .env(URL, url)
            .env(SALE, sale)
            .env(NODE, node)
            .env(SOCKET, &socket);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program can run again");
        let out = child.stdout.as_mut().expect("it is piped");
        out.read_exact(&mut [0]).expect("the node joins");
        let idle = Mutex::default();
        Self {
            child,
            socket,
            idle,
        }
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|sent| sent.success()), "it runs");
    }

    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it runs");
    }

    /// What it answers; nothing if it does not within the time.
    pub async fn ask(&self, line: &str, time: Duration) -> Option<String> {
        let asked = async {
            let idle = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => BufReader::new(UnixStream::connect(&self.socket).await.ok()?),
            };
            let mut answer = String::new();
            connection
                .write_all(format!("{line}\n").as_bytes())
                .await
                .ok()?;
            let length = connection.read_line(&mut answer).await.ok()?;
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            (length > 0).then(|| answer.trim_end().to_owned())
        };
        tokio::time::timeout(time, asked).await.ok().flatten()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn serve(runtime: &Handle) -> ExitCode {
    std::thread::spawn(|| {
        _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime.block_on(async {
        let sale = hurried(&variable(URL), &variable(SALE));
        let node = loop {
            match sale.join(&variable(NODE)).await {
                Ok(node) => break node,
                Err(error) => eprintln!("{}: {error}", variable(NODE)),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let listener = UnixListener::bind(variable(SOCKET)).expect("nobody else has the socket");
        print!(".");
        std::io::stdout().flush().expect("the test reads");
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(lines(node.clone(), stream));
        }
    });
    ExitCode::SUCCESS
}

async fn lines(node: Node, stream: UnixStream) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while matches!(stream.read_line(&mut line).await, Ok(1..)) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = format!("{}\n", answer(&node, &words).await);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
    }
}

async fn answer(node: &Node, words: &[&str]) -> String {
    let order = |text: &str| -> OrderId { id(text) };
    match *words {
        ["place", of, ttl, ref lines @ ..] => {
            let lines = lines.iter().filter_map(|line| line.split_once(':'));
            let lines = lines.map(|(sku, units)| (sku, units.parse().expect("a number")));
            let ttl = ttl.parse().ok().map(Duration::from_millis);
            let lines = lines.collect::<Vec<(&str, u64)>>();
            let placed = node.place(&order(of), lines, ttl).await;
            as_text(placed.map(|order| order.state))
        }
        ["pay", of] => as_text(node.pay(&order(of)).await.map(|order| order.state)),
        ["cancel", of] => match node.cancel(&order(of)).await {
            Ok(None) => "before".to_owned(),
            Ok(Some(order)) => order.state.to_string(),
            Err(refusal) => as_text(Err(refusal)),
        },
        ["get", of] => as_text(node.get(&order(of)).await.map(|order| order.state)),
        ["restock", of, sku, units] => {
            let units = units.parse().expect("a number");
            let restocked = node.restock(&order(of), sku, units).await;
            restocked.map_or_else(|refusal| as_text(Err(refusal)), |_| "restocked".to_owned())
        }
        ["status"] => {
            let status = node.status();
            let blocks = status.blocks.iter().filter(|block| block.free > 0);
            let blocks: BTreeMap<i64, u64> =
                blocks.map(|block| (block.epoch, block.free)).collect();
            let works = if status.is_writing || status.calls > 0 {
                "works"
            } else {
                "rests"
            };
            format!(
                "{works} {} {blocks:?} {}",
                status.session,
                status.over.unwrap_or_default()
            )
        }
        _ => panic!("no node knows this: {words:?}"),
    }
}

fn as_text(answer: Result<OrderState, Refusal>) -> String {
    match answer {
        Ok(state) => state.to_string(),
        Err(Refusal::Is(order)) => order.state.to_string(),
        Err(Refusal::Short(lines)) => format!("short {}", lines[0].sku),
        Err(Refusal::SoldOut { sku }) => format!("refused {sku}"),
        Err(Refusal::CancelledBefore) => "before".to_owned(),
        Err(Refusal::NoOrder) => "missing".to_owned(),
        Err(refusal) if refusal.is_temporary() => "again".to_owned(),
        Err(refusal) => panic!("{refusal}"),
    }
}
