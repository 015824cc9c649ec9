//! Two moves at once, and what is stopped near its end.

use super::{Database, assert_refused, file, fill_file, moving, old};
use crate::nodes::arguments;
use crate::postgres::url;
use crate::support::process::{PORTS, Process, command};
use segstock_remote::servers::PostgresServer;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(2);

/// Waits until a statement finds this many rows.
#[track_caller]
fn until(database: &Database, sql: &str, rows: usize) {
    let began = Instant::now();
    while database.numbers(sql).len() < rows {
        assert!(began.elapsed() < Duration::from_secs(60), "{sql}");
        sleep(PAUSE);
    }
}

/// Waits until a sale is made aside that is not this one.
#[track_caller]
fn until_other(database: &Database, before: Option<&str>) -> String {
    let began = Instant::now();
    loop {
        match database.aside() {
            Some(aside) if Some(&*aside) != before => return aside,
            _ => assert!(began.elapsed() < Duration::from_secs(60), "{before:?}"),
        }
        sleep(PAUSE);
    }
}

/// A move that is under way.
struct UnderWay(Child);

impl UnderWay {
    fn start(command: &mut Command) -> Self {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(piped.env("SEGSTOCK_LOG", "error").spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// It ends without having moved its shop.
    #[track_caller]
    fn assert_ended(mut self, what: &str) {
        let (mut started, mut line) = (String::new(), String::new());
        let mut stdout = BufReader::new(self.0.stdout.take().unwrap());
        stdout.read_line(&mut started).unwrap();
        assert_eq!(started, "", "it serves");
        let mut stderr = self.0.stderr.take().unwrap();
        stderr.read_to_string(&mut line).unwrap();
        let code = self.0.wait().unwrap().code();
        assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.contains(what), "{what:?} in {line}");
    }
}

/// Killed, as by a crash.
impl Drop for UnderWay {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

const CLAIMED: &str = "select 1::oid from segstock.segstock_claim";
const LOCKED: &str = "select 1::oid from pg_stat_activity where wait_event_type = 'Lock'";

/// A move that has claimed its name, of a ledger in a second database: the URLs of both, the first one, and the move.
fn from_second_database(server: &PostgresServer) -> (String, String, Database, UnderWay) {
    let url = url(server);
    let database = Database::at(&url);
    database.run("create database shop");
    let from = format!("{}/shop", url.strip_suffix("/postgres").unwrap());
    fill_ledger(&from);
    let first = UnderWay::start(&mut moving(&url, &from));
    until(&database, CLAIMED, 1);
    (url, from, database, first)
}

/// A shop in a ledger of `PostgreSQL`, which has an order.
fn fill_ledger(url: &str) {
    let shop = old::start(url);
    shop.client.open("a", 100);
    old::place(&shop.client, "before", &[("a", 1)]).expect(201);
    assert_eq!(shop.terminate(), Some(0));
}

/// Kills a move once the old ledger is closed, before the sale has its name.
fn kill_at_its_end(database: &Database, url: &str, from: &str) {
    let before = database.aside();
    let first = UnderWay::start(&mut moving(url, from));
    until_other(database, before.as_deref());
    // The claim can be changed, and not be removed.
    database.run("begin; lock table segstock.segstock_claim in access share mode");
    let other = Database::at(url);
    until(&other, LOCKED, 1);
    drop(first);
    other.run(
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'",
    );
    database.run("rollback");
}

/// The old ledger is closed, and the sale has not got its name yet.
pub fn killed_at_its_end(server: PostgresServer) {
    let (url, (folder, from)) = (url(&server), file());
    fill_file(&folder.path().join("shop.db"), 30);
    let database = Database::at(&url);
    kill_at_its_end(&database, &url, &from);
    assert!(database.aside().is_some());
    let by_accident = [PORTS, &["--ledger", &from]].concat();
    assert_refused(&by_accident, &["is closed for good"]);
    // What is whole is nobody else's.
    let (folder, elsewhere) = file();
    fill_file(&folder.path().join("shop.db"), 3);
    let two = arguments(&url, "two");
    let second = [&two[..], &["--move-from", &elsewhere]].concat();
    assert_refused(&second, &["is kept for", "is whole", &from]);
    assert_refused(&two, &["made of", &from, "--move-from"]);
    let node = Process::spawn(&mut moving(&url, &from));
    let found = format!("{from} is moved; ");
    assert!(node.found.contains(&found), "{}", node.found);
    assert_eq!(database.schemas(), ["segstock"]);
    node.client.deed("pay", "order:0").expect(200);
    assert!(node.client.deed("ship", "order:29").is_replayed());
    assert_refused(&second, &["there is a sale already"]);
    let second = old::start(&elsewhere);
    let paid = second.client.deed("pay", "order:0").expect(200);
    assert_eq!(paid["state"], "paid");
}

/// The later of two takes over what the other has not made whole, and nothing of either is lost.
pub fn two(server: PostgresServer) {
    let (url, (folder, one)) = (url(&server), file());
    fill_file(&folder.path().join("shop.db"), 3_000);
    let (folder, other) = file();
    fill_file(&folder.path().join("shop.db"), 30);
    let database = Database::at(&url);
    let first = UnderWay::start(&mut moving(&url, &one));
    let aside = until_other(&database, None);
    until(
        &database,
        &format!("select 1::oid from {aside}.orders"),
        100,
    );
    first.signal("STOP");
    // A node that knows nothing of it does not begin a sale of its own.
    let two = arguments(&url, "two");
    assert_refused(&two, &["made of", &one, "--move-from"]);
    let node = Process::spawn(&mut moving(&url, &other));
    let moved = "moved 3 SKUs and 30 orders";
    assert!(node.found.contains(moved), "{}", node.found);
    first.signal("CONT");
    first.assert_ended(&format!("cannot move {one}"));
    assert_eq!(database.schemas(), ["segstock"]);
    node.client.deed("pay", "order:0").expect(200);
    node.client
        .get("/v1/orders/order:30")
        .problem(404, "unknown-order");
    let first = old::start(&one);
    first.client.deed("pay", "order:0").expect(200);
    first.client.deed("pay", "order:30").expect(200);
}

/// One stands still, for so long that another is whole, has closed its ledger and is killed before its sale has its name.
pub fn stood_still(server: PostgresServer) {
    let (url, (folder, one)) = (url(&server), file());
    fill_file(&folder.path().join("shop.db"), 3_000);
    let (folder, other) = file();
    fill_file(&folder.path().join("shop.db"), 30);
    let database = Database::at(&url);
    let first = UnderWay::start(&mut moving(&url, &one));
    until(&database, CLAIMED, 1);
    first.signal("STOP");
    kill_at_its_end(&database, &url, &other);
    let whole = database.aside();
    first.signal("CONT");
    first.assert_ended(&format!("cannot move {one}"));
    assert_eq!(database.aside(), whole);
    let node = Process::spawn(&mut moving(&url, &other));
    assert!(node.found.contains("is moved"), "{}", node.found);
    assert_eq!(database.schemas(), ["segstock"]);
    node.client.deed("pay", "order:0").expect(200);
    assert!(node.client.deed("ship", "order:29").is_replayed());
    let first = old::start(&one);
    first.client.deed("pay", "order:30").expect(200);
}

/// Another service opens the old ledger once all its orders were compared.
pub fn opened_meanwhile(server: PostgresServer) {
    let (url, from, database, first) = from_second_database(&server);
    database.run("begin; select pg_advisory_xact_lock(hashtext('segstock nodes segstock'))");
    let other = Database::at(&url);
    until(&other, LOCKED, 1);
    let shop = old::start(&from);
    old::place(&shop.client, "meanwhile", &[("a", 2)]).expect(201);
    assert_eq!(shop.terminate(), Some(0));
    database.run("commit");
    first.assert_ended("was opened by another service meanwhile");
    // The name is free.
    assert_eq!(database.schemas(), [""; 0]);
    let node = Process::spawn(&mut moving(&url, &from));
    let moved = "moved 1 SKU and 2 orders (2 held)";
    assert!(node.found.contains(moved), "{}", node.found);
    node.client.deed("pay", "before").expect(200);
    node.client.deed("pay", "meanwhile").expect(200);
    assert_eq!(node.client.stock("a"), (97, 100));
}

/// The old service is started once more while its shop is moved in place.
pub fn opened_in_place(server: PostgresServer) {
    let url = url(&server);
    fill_ledger(&url);
    let database = Database::at(&url);
    let first = UnderWay::start(&mut moving(&url, &url));
    until_other(&database, None);
    first.signal("STOP");
    let shop = old::start(&url);
    old::place(&shop.client, "meanwhile", &[("a", 2)]).expect(201);
    assert_eq!(shop.terminate(), Some(0));
    first.signal("CONT");
    first.assert_ended("was opened by another service meanwhile");
    assert_eq!(database.schemas(), ["segstock"]);
    let node = Process::spawn(&mut moving(&url, &url));
    let moved = "moved 1 SKU and 2 orders (2 held)";
    assert!(node.found.contains(moved), "{}", node.found);
    assert_eq!(database.schemas(), ["segstock", "segstock_closed"]);
    assert_eq!(node.client.stock("a"), (97, 100));
}

/// The sale is whole, and the old ledger is not closed yet: nobody knows that but who opens it.
pub fn killed_while_it_closes(server: PostgresServer) {
    let (url, from, database, first) = from_second_database(&server);
    let ledger = Database::at(&from);
    ledger.run("begin; select 1 from segstock.owner for update");
    until(&database, LOCKED, 1);
    drop(first);
    database.run(
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'",
    );
    ledger.run("rollback");
    let arguments = [&arguments(&url, "one")[..], &["--move-from", &from]].concat();
    assert_refused(&arguments, &["is kept for", "is whole"]);
    let shop = old::start(&from);
    shop.client.deed("pay", "before").expect(200);
    assert_eq!(shop.terminate(), Some(0));
    database.run("drop schema segstock cascade");
    let node = Process::spawn(&mut moving(&url, &from));
    let moved = "moved 1 SKU and 1 order (1 paid)";
    assert!(node.found.contains(moved), "{}", node.found);
}

/// Whoever drops what was kept for a move gets an empty sale: it is not taken for the shop.
pub fn another_sale(server: PostgresServer) {
    let (url, (folder, from)) = (url(&server), file());
    fill_file(&folder.path().join("shop.db"), 30);
    let database = Database::at(&url);
    kill_at_its_end(&database, &url, &from);
    database.run("drop schema segstock cascade");
    let plain = arguments(&url, "two");
    let empty = Process::spawn(&mut command(&plain));
    assert_eq!(empty.terminate(), Some(0));
    let again = [&arguments(&url, "one")[..], &["--move-from", &from]].concat();
    assert_refused(&again, &["there is another sale", "beside it"]);
    database.run("drop schema segstock cascade");
    let node = Process::spawn(&mut moving(&url, &from));
    node.client.deed("pay", "order:0").expect(200);
}

/// Where there is a sale already nothing is moved, and the service of the old shop does not hear of it.
pub fn served(server: PostgresServer) {
    let url = url(&server);
    let database = Database::at(&url);
    database.run("create database shop");
    let from = format!("{}/shop", url.strip_suffix("/postgres").unwrap());
    let plain = arguments(&url, "two");
    let sale = Process::spawn(&mut command(&plain));
    let (folder, file) = file();
    for place in [from, file] {
        let shop = old::start(&place);
        shop.client.open("a", 100);
        old::place(&shop.client, "before", &[("a", 1)]).expect(201);
        let second = [&arguments(&url, "one")[..], &["--move-from", &place]].concat();
        assert_refused(&second, &["there is a sale already"]);
        shop.client.deed("pay", "before").expect(200);
        assert_eq!(shop.terminate(), Some(0));
    }
    assert_eq!(sale.terminate(), Some(0));
    drop(folder);
}
