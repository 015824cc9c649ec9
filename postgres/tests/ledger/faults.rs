//! The ledger while its connection is cut, its server is killed, and its server stands still: nothing that was answered is
//! lost, and nothing is sold twice.

use crate::calm::{connect, number, run};
use crate::shop::{TTL, Tests, hurried, name, phone, recover};
use segstock_orders::ledger::{
    Batch, Ledger, LedgerError, Opened, Recovered, Standing, WriteError, WriterSettings,
};
use segstock_orders::{Entry, OrderBook, OrderState, Position, Refusal};
use segstock_postgres::PostgresLedger;
use segstock_remote::servers::{Faults, OwnServer, PostgresServer, Proxy, Server};
use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio_postgres::Client;

const UNITS: u64 = 1_000_000;
const CUSTOMERS: usize = 64;

pub fn add(tests: &Tests) {
    let start = PostgresServer::find;
    tests.add_with_own(
        "faults::a_server_that_is_killed_loses_no_answer",
        start,
        killed,
    );
    tests.add_with_own(
        "faults::a_server_that_stands_still_loses_no_answer",
        start,
        still,
    );
    tests.add_with_own(
        "faults::answers_before_they_are_durable_are_found",
        start,
        early,
    );
    tests.add_with_own(
        "faults::a_server_that_keeps_no_commit_when_its_machine_stops_is_refused",
        start,
        not_durable,
    );
    tests.add_with_own(
        "faults::what_was_committed_while_a_server_lost_commits_is_not_answered",
        start,
        durable_again,
    );
    tests.add_with_own(
        "faults::a_batch_that_its_standby_lacks_is_not_answered",
        start,
        not_at_the_standby,
    );
    tests.add_with_own(
        "faults::a_connection_that_is_cut_loses_no_answer",
        start,
        cut,
    );
}

/// What customers were answered.
#[derive(Default)]
struct Answers {
    paid: Vec<String>,
    busy: u64,
    unknown: u64,
}

/// Customers place orders and pay for them while something happens to the server. Then all of it is audited by a new
/// process.
fn sells(shop: &Recovered<String>, happens: impl FnOnce()) -> Answers {
    shop.book.open(phone(), UNITS).expect("a new SKU");
    let (answers, is_over) = (Mutex::new(Answers::default()), AtomicBool::new(false));
    let customer = |customer: usize| {
        for number in 0.. {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let order = format!("order-{customer}-{number}");
            let placed = shop.book.place(&order, None, [(phone(), 1)], TTL);
            let paid = placed.and_then(|_| shop.book.pay(&order));
            let mut answers = answers.lock().expect("no customer panics");
            match paid {
                Ok(_) => answers.paid.push(order),
                Err(Refusal::Busy) => answers.busy += 1,
                Err(Refusal::Unknown) => answers.unknown += 1,
                Err(refusal) => panic!("{refusal:?}: {:?}", shop.writer.status()),
            }
            drop(answers);
            thread::sleep(Duration::from_micros(200));
        }
    };
    thread::scope(|scope| {
        for number in 0..CUSTOMERS {
            let customer = &customer;
            scope.spawn(move || customer(number));
        }
        thread::sleep(Duration::from_millis(500));
        happens();
        // All is well again: customers are answered.
        let paid = || answers.lock().expect("no customer panics").paid.len();
        let (before, until) = (paid(), Instant::now() + Duration::from_secs(60));
        while paid() < before + 100 {
            assert!(
                Instant::now() < until,
                "the connection comes back by itself"
            );
            thread::sleep(Duration::from_millis(10));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    answers.into_inner().expect("no customer panics")
}

/// A new process finds each unit once. Returns the orders that were paid for by what customers were answered, and are not.
fn audit<'a>(url: &str, name: &str, answers: &'a Answers) -> Vec<&'a String> {
    let shop = recover(url, name).expect("the server is there");
    let is_lost = |order: &&String| {
        let state = shop.book.get(order).map(|order| order.state);
        state != Ok(OrderState::Paid) || shop.book.pay(order).is_ok_and(|again| !again.before)
    };
    let lost: Vec<_> = answers.paid.iter().filter(is_lost).collect();
    let stock = shop.book.stock(&phone()).expect("it is open");
    let orders = shop.book.orders() as u64;
    assert_eq!((stock.on_hand, stock.available + orders), (UNITS, UNITS));
    let Answers {
        paid,
        busy,
        unknown,
    } = answers;
    println!(
        "{} paid, {busy} busy, {unknown} unknown, {} lost",
        paid.len(),
        lost.len()
    );
    assert_eq!(*unknown, 0, "the writer's patience was longer");
    lost
}

fn url(server: &OwnServer<PostgresServer>) -> String {
    server.lock().expect("no test failed").url().to_owned()
}

/// Makes a ledger, and opens it. Opening has no patience: a fault is an error at once.
fn begin(direct: &str, through: &str, name: &str) -> Recovered<String> {
    recover(direct, name).expect("a new ledger");
    let shop = (0..100).find_map(|_| hurried(through, name).ok());
    shop.expect("it is opened at last")
}

/// How often the server is killed, and how often it stands still: `SEGSTOCK_LEDGER_KILLS`, or 5.
fn kills() -> u32 {
    let kills = std::env::var("SEGSTOCK_LEDGER_KILLS");
    kills.map_or(5, |kills| {
        kills.parse().expect("SEGSTOCK_LEDGER_KILLS is a number")
    })
}

/// A mistake: a batch is answered before it is written.
struct AnswersEarly {
    inner: PostgresLedger<String>,
    answered: Option<Batch<String>>,
}

impl Ledger<String> for AnswersEarly {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        self.inner.open()
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<String>)>, LedgerError> {
        self.inner.load(after, limit)
    }

    fn write(&mut self, batch: &Batch<String>) -> Result<(), WriteError> {
        let before = self.answered.replace(batch.clone());
        before.map_or(Ok(()), |before| self.inner.write(&before))
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        self.inner.ask(epoch, number)
    }
}

/// The control: the audit finds out who answers before it is durable.
fn early(server: &OwnServer<PostgresServer>, _: &Handle) {
    let (url, name) = (url(server), name());
    let ledger = AnswersEarly {
        inner: PostgresLedger::at(&url, &name).expect("a name"),
        answered: None,
    };
    let shop = OrderBook::builder().recover(ledger).expect("a new ledger");
    let answers = sells(&shop, || {});
    drop(shop);
    assert!(
        !audit(&url, &name, &answers).is_empty(),
        "the last answers are lost"
    );
}

fn killed(server: &OwnServer<PostgresServer>, _: &Handle) {
    let (url, name) = (url(server), name());
    let shop = begin(&url, &url, &name);
    let answers = sells(&shop, || {
        for _ in 0..kills() {
            let mut server = server.lock().expect("no test failed");
            server.kill_and_start().expect("it starts again");
            drop(server);
            thread::sleep(Duration::from_millis(300));
        }
    });
    drop(shop);
    assert_eq!(audit(&url, &name, &answers), Vec::<&String>::new());
}

/// The server and all its processes.
fn processes(server: &OwnServer<PostgresServer>) -> Vec<String> {
    let id = server.lock().expect("no test failed").process_id();
    let id = id.expect("it runs");
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let children = children.unwrap_or_default();
    let all = children.split_whitespace().map(str::to_owned);
    all.chain([id.to_string()]).collect()
}

fn signal(signal: &str, processes: &[String]) {
    let sent = Command::new("kill").arg(signal).args(processes).status();
    // One of them may have ended meanwhile.
    _ = sent.expect("there is a kill");
}

/// Waits until all that the server did not answer is written, and customers call again.
fn settle(shop: &Recovered<String>) {
    let until = Instant::now() + Duration::from_secs(60);
    while shop.writer.status().unsettled.is_some() {
        assert!(Instant::now() < until, "{:?}", shop.writer.status());
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(300));
}

fn still(server: &OwnServer<PostgresServer>, _: &Handle) {
    let (url, name) = (url(server), name());
    let shop = begin(&url, &url, &name);
    let answers = sells(&shop, || {
        for _ in 0..kills() {
            let processes = processes(server);
            signal("-STOP", &processes);
            // Longer than the time-outs: the ledger gives the connection up, and cannot get another.
            thread::sleep(Duration::from_secs(4));
            let status = shop.writer.status();
            let new = shop.book.place("new", None, [(phone(), 1)], TTL);
            signal("-CONT", &processes);
            assert!(
                status.unsettled.is_some() && status.dead.is_none(),
                "{status:?}"
            );
            assert_eq!(new, Err(Refusal::Busy), "new orders are not kept waiting");
            settle(&shop);
        }
    });
    drop(shop);
    assert_eq!(audit(&url, &name, &answers), Vec::<&String>::new());
}

/// Switches a setting of the server on or off while it runs.
fn set(client: &Client, runtime: &Handle, setting: &str) {
    run(client, runtime, &format!("ALTER SYSTEM {setting}"));
    run(client, runtime, "SELECT pg_reload_conf(), pg_sleep(0.5)");
}

/// Somebody switches off what commits need, for longer than the writer has patience. Later somebody switches it on again.
fn not_durable(server: &OwnServer<PostgresServer>, runtime: &Handle) {
    let (url, name) = (url(server), name());
    let client = connect(&url, runtime);
    let set = |setting: &str| set(&client, runtime, setting);
    let epoch = || {
        let epoch = format!("SELECT epoch FROM {name}.owner");
        let row = runtime.block_on(client.query_one(&epoch, &[]));
        row.expect("it is there").get::<_, i64>(0)
    };
    for (number, off) in ["fsync", "full_page_writes"].into_iter().enumerate() {
        let ledger = PostgresLedger::at(&url, &name).expect("a name");
        let settings = WriterSettings::new()
            .tries(5)
            .patience(Duration::from_secs(1));
        let shop = OrderBook::builder().recover_with(ledger, settings);
        let shop = shop.expect("all is on");
        shop.book.open(off.to_owned(), 1).expect("a new SKU");
        set(&format!("SET {off} = off"));
        if off == "fsync" {
            // A new connection sees it at once,
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
            run(&client, runtime, end);
        } else {
            // and one that is open within five seconds.
            thread::sleep(Duration::from_secs(5));
        }
        let order = format!("order-{number}");
        let lost = shop.book.place(&order, None, [(off.to_owned(), 1)], TTL);
        // Or it has looked before.
        assert!(matches!(lost, Err(Refusal::Unknown | Refusal::Unavailable)));
        let line = format!("the server has {off} off");
        let dead = shop.writer.status().dead.expect("it writes no more");
        assert!(dead.to_string().contains(&line), "{dead}");
        let before = epoch();
        let refused = recover(&url, &name).expect_err("commits are not safe");
        let refused = refused.to_string();
        assert!(
            refused.contains(&line) && refused.lines().count() == 1,
            "{refused}"
        );
        assert_eq!(epoch(), before, "nothing is changed");
        set(&format!("RESET {off}"));
    }
    let shop = recover(&url, &name).expect("all is on again");
    assert_eq!(shop.found.skus, 2);
}

/// Somebody switches off what commits need while a batch is under way, whose connection is lost, and switches it on again: what
/// was committed meanwhile need not be on disk, so it is not answered.
fn durable_again(server: &OwnServer<PostgresServer>, runtime: &Handle) {
    let (url, name) = (url(server), name());
    let client = connect(&url, runtime);
    let ledger = PostgresLedger::at(&url, &name).expect("a name");
    let settings = WriterSettings::new().patience(Duration::from_secs(3));
    let shop = OrderBook::builder().recover_with(ledger, settings);
    let shop = shop.expect("all is on");
    shop.book.open(phone(), 1).expect("a new SKU");
    run(
        &client,
        runtime,
        &format!("BEGIN; SELECT FROM {name}.owner FOR UPDATE"),
    );
    thread::scope(|scope| {
        let placed = scope.spawn(|| shop.book.place("order", None, [(phone(), 1)], TTL));
        thread::sleep(Duration::from_millis(300));
        let other = connect(&url, runtime);
        set(&other, runtime, "SET full_page_writes = off");
        let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted";
        run(&other, runtime, end);
        let unsettled = || shop.writer.status().unsettled.map(|it| it.to_string());
        let began = Instant::now();
        while !unsettled().is_some_and(|line| line.contains("full_page_writes off")) {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{:?}",
                unsettled()
            );
            thread::sleep(Duration::from_millis(10));
        }
        set(&other, runtime, "RESET full_page_writes");
        run(&client, runtime, "COMMIT");
        let placed = placed.join().expect("no panic");
        assert_eq!(placed.map(drop), Err(Refusal::Unknown));
    });
    let dead = shop.writer.status().dead.expect("it writes no more");
    assert!(dead.to_string().contains("full_page_writes off"), "{dead}");
    drop(shop);
    // Whoever opens it again has seen to it.
    recover(&url, &name).expect("all is on");
}

/// A batch waits for a standby that is away, and the server is killed. Then the batch is there, and no standby has it: if one
/// took over now, it would be lost.
fn not_at_the_standby(server: &OwnServer<PostgresServer>, runtime: &Handle) {
    let (url, name) = (url(server), name());
    let shop = begin(&url, &url, &name);
    shop.book.open(phone(), 1).expect("a new SKU");
    let client = connect(&url, runtime);
    set(&client, runtime, "SET synchronous_standby_names = 'nobody'");
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    thread::scope(|scope| {
        let placed = scope.spawn(|| shop.book.place("order", None, [(phone(), 1)], TTL));
        while number(&client, runtime, waits) == 0 {
            assert!(!placed.is_finished(), "it waits for the standby");
            thread::sleep(Duration::from_millis(10));
        }
        let mut server = server.lock().expect("no test failed");
        server.kill_and_start().expect("it starts again");
        drop(server);
        let client = connect(&url, runtime);
        let there = format!("SELECT count(*) FROM {name}.entries WHERE kind = 'placed'");
        assert_eq!(number(&client, runtime, &there), 1);
        // The ledger asks again and again.
        thread::sleep(Duration::from_secs(3));
        assert!(!placed.is_finished(), "no standby has it");
        set(&client, runtime, "RESET synchronous_standby_names");
        let placed = placed.join().expect("no panic");
        assert!(placed.is_ok(), "{placed:?}");
    });
}

fn cut(server: &OwnServer<PostgresServer>, runtime: &Handle) {
    let (direct, name) = (url(server), name());
    let upstream = server.lock().expect("no test failed").upstream();
    let upstream = upstream.expect("it is a private server");
    let proxy = runtime.block_on(Proxy::start(upstream, Faults::ALL, 11));
    let proxy = proxy.expect("an address is free");
    let address = proxy.address();
    let through = format!(
        "host={} port={} user=postgres dbname=postgres",
        address.ip(),
        address.port()
    );
    let shop = begin(&direct, &through, &name);
    let answers = sells(&shop, || thread::sleep(Duration::from_secs(8)));
    assert!(proxy.faults_made() > 5, "{} faults", proxy.faults_made());
    drop(shop);
    assert_eq!(audit(&direct, &name, &answers), Vec::<&String>::new());
}
