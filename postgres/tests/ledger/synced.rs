//! Nothing is answered before it is durable: what the server asks the operating system for, by strace. The entry of each
//! answer is written to the server's log, and that is synced, before the answer is given.
//!
//! Each answer is followed by a query that names it, on another connection: so the server's trace has the answers, too.
//! Without strace, or where it may not trace, the tests are shown as ignored.

use crate::calm::{connect, run};
use crate::shop::{TTL, Tests, name, phone};
use segstock_orders::OrderBook;
use segstock_orders::ledger::WriterSettings;
use segstock_orders::ledger::trace::{Trace, Wanted};
use segstock_postgres::PostgresLedger;
use segstock_remote::servers::{NoServer, OwnServer, PostgresServer, Server};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::runtime::Handle;

/// The kinds of the entries, in the sequence of the calls.
const ENTRIES: [&str; 4] = ["opened", "placed", "paid", "shipped"];

pub fn add(tests: &Tests) {
    tests.add_with_own(
        "synced::each_answer_is_given_after_its_entry_is_synced",
        start,
        |server, runtime| {
            let trace = traced(server, runtime, in_time);
            for entry in ENTRIES {
                println!("{}", judged(&trace, entry).expect("it is durable before"));
            }
        },
    );
    tests.add_with_own(
        "synced::an_answer_before_that_is_found",
        start,
        |server, runtime| {
            let trace = traced(server, runtime, hasty);
            for entry in ENTRIES {
                assert!(judged(&trace, entry).is_err(), "{entry} is not found");
            }
        },
    );
}

/// A server that may be traced.
fn start() -> Result<PostgresServer, NoServer> {
    let server = PostgresServer::find()?;
    if let Some(id) = server.process_id() {
        let folder = tempfile::tempdir().map_err(|error| NoServer::new(error.to_string()))?;
        let tracing = Tracing::of(id, &folder.path().join("trace"));
        tracing.map_err(NoServer::new)?.end();
    }
    Ok(server)
}

fn judged(trace: &Trace, entry: &str) -> Result<String, String> {
    let log = "/pg_wal/";
    let answered = answered(entry);
    trace.judged(&Wanted { entry, log }, |line| {
        line.contains(" recvfrom(") && line.contains(&answered)
    })
}

/// The query that says that a call was answered.
fn answered(entry: &str) -> String {
    format!("SELECT 'answered {entry}'")
}

/// Sells at this server, and says of each entry that its call is answered.
type Sells = fn(&str, &dyn Fn(&str));

/// What the server does while a shop `sells`.
fn traced(server: &OwnServer<PostgresServer>, runtime: &Handle, sells: Sells) -> Trace {
    let server = server.lock().expect("no test failed");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("trace");
    let id = server.process_id().expect("it runs");
    let tracing = Tracing::of(id, &file).expect("it was traced before");
    let client = connect(server.url(), runtime);
    sells(server.url(), &|entry| {
        run(&client, runtime, &answered(entry));
    });
    tracing.end();
    Trace::new(&fs::read(&file).expect("the trace is there"))
}

fn in_time(url: &str, answered: &dyn Fn(&str)) {
    let ledger = PostgresLedger::at(url, &name()).expect("a name");
    let shop = OrderBook::builder().recover(ledger).expect("a new ledger");
    for (number, entry) in ENTRIES.into_iter().enumerate() {
        assert!(call(&shop.book, number), "{entry}");
        answered(entry);
    }
}

/// Answers, and writes only then.
fn hasty(url: &str, answered: &dyn Fn(&str)) {
    let ledger = PostgresLedger::at(url, &name()).expect("a name");
    let by_hand = OrderBook::builder().recover_by_hand(ledger, WriterSettings::new());
    let (shop, mut driver) = by_hand.expect("a new ledger");
    for (number, entry) in ENTRIES.into_iter().enumerate() {
        let decided = shop.writer.decide(|| call(&shop.book, number));
        assert!(decided.answer, "{entry}");
        answered(entry);
        driver.step();
    }
}

fn call(book: &OrderBook<String>, number: usize) -> bool {
    match number {
        0 => book.open(phone(), 5).is_ok(),
        1 => book.place("order", None, [(phone(), 2)], TTL).is_ok(),
        2 => book.pay("order").is_ok(),
        _ => book.ship("order").is_ok(),
    }
}

/// strace, of a server and all its processes.
struct Tracing(Child);

impl Tracing {
    /// Says why not, if it may not trace.
    fn of(server: u32, file: &Path) -> Result<Self, String> {
        let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
        let children = children.unwrap_or_default();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-s", "100000", "-o"]).arg(file);
        strace.args(["-e", "trace=pwrite64,fsync,fdatasync,recvfrom"]);
        for process in [&*server.to_string()]
            .into_iter()
            .chain(children.split_whitespace())
        {
            strace.args(["-p", process]);
        }
        strace.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut strace = strace
            .spawn()
            .map_err(|error| format!("no strace: {error}"))?;
        // It says of each process that it is attached, or why not.
        let says = strace.stderr.take().ok_or("no words of strace")?;
        let mut says = BufReader::new(says).lines();
        let first = says.next().and_then(Result::ok).unwrap_or_default();
        if !first.contains("attached") {
            _ = strace.kill();
            _ = strace.wait();
            return Err(first);
        }
        for _ in children.split_whitespace() {
            _ = says.next();
        }
        // What it says later is for nobody; it must not wait for that.
        std::thread::spawn(move || says.for_each(drop));
        Ok(Self(strace))
    }

    /// Lets go of the processes, and waits until all is in the file.
    fn end(mut self) {
        let id = self.0.id().to_string();
        let ended = Command::new("kill").args(["-INT", &id]).status();
        assert!(ended.is_ok_and(|status| status.success()));
        self.0.wait().expect("it runs");
    }
}
