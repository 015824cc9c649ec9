//! A shop of one process becomes one of several nodes, with its open orders.

mod at_once;
mod edges;
mod keys;
mod old;

use crate::nodes::arguments;
use crate::postgres::{trial, url};
use crate::support::Client;
use crate::support::process::{PORTS, Process, command, refusal};
use libtest_mimic::Trial;
use old::{ORDERS, limit, on_shelf, place, said};
use segstock_orders::OrderBook;
use segstock_orders::sqlite::SqliteLedger;
use segstock_postgres::nodes::Sale;
use segstock_remote::servers::PostgresServer;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("moving::orders_in_every_state_go_on_at_nodes", goes_on),
        trial(
            "moving::edges::a_key_that_was_used_again_is_that_of_the_later_request",
            edges::forgotten_keys,
        ),
        trial(
            "moving::edges::a_key_that_was_forgotten_is_a_new_one",
            edges::forgotten_before,
        ),
        trial(
            "moving::edges::a_payment_that_shipped_at_once_is_known",
            edges::ships_at_once,
        ),
        trial(
            "moving::edges::restocks_of_more_than_can_be_on_hand_are_known",
            edges::much,
        ),
        trial(
            "moving::edges::a_name_that_is_taken_is_found_before_the_end",
            edges::closed_there,
        ),
        trial(
            "moving::edges::a_schema_of_another_role_is_found_before_the_end",
            edges::others_schema,
        ),
        trial(
            "moving::edges::orders_that_were_cancelled_and_then_expired",
            edges::cancelled_then_expired,
        ),
        trial("moving::a_shop_stays_in_its_database", in_place),
        trial(
            "moving::a_request_on_stock_is_known_by_its_key",
            keys::known,
        ),
        trial(
            "moving::a_call_on_lines_is_known_by_its_key",
            keys::known_by_line,
        ),
        trial("moving::killed_anywhere_it_is_done_again", killed),
        trial(
            "moving::killed_at_its_end_it_is_ended",
            at_once::killed_at_its_end,
        ),
        trial(
            "moving::one_that_stood_still_touches_nothing_of_another",
            at_once::stood_still,
        ),
        trial("moving::of_two_at_once_one_is_moved", at_once::two),
        trial(
            "moving::another_sale_is_not_taken_for_the_shop",
            at_once::another_sale,
        ),
        trial(
            "moving::what_the_old_shop_sold_meanwhile_is_not_lost",
            at_once::opened_meanwhile,
        ),
        trial(
            "moving::what_it_sold_meanwhile_in_its_place_is_not_lost",
            at_once::opened_in_place,
        ),
        trial(
            "moving::killed_while_it_closes_the_old_shop_goes_on",
            at_once::killed_while_it_closes,
        ),
        trial(
            "moving::a_shop_that_is_served_goes_on_where_there_is_a_sale",
            at_once::served,
        ),
        trial("moving::what_a_node_cannot_have_is_refused", refused),
        trial(
            "moving::only_a_shop_is_moved_where_no_sale_is",
            nothing_there,
        ),
    ]
}

fn moving(url: &str, from: &str) -> Command {
    command(&[&arguments(url, "one")[..], &["--move-from", from]].concat())
}

/// Statements of the test's own.
pub struct Database {
    runtime: Runtime,
    client: tokio_postgres::Client,
}

impl Database {
    pub fn at(url: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }

    pub fn run(&self, sql: &str) {
        let run = self.client.batch_execute(sql);
        self.runtime.block_on(run).unwrap();
    }

    /// The numbers that a statement finds; none if its tables are not there.
    fn numbers(&self, sql: &str) -> Vec<u32> {
        let rows = self.runtime.block_on(self.client.query(sql, &[]));
        rows.unwrap_or_default()
            .iter()
            .map(|row| row.get(0))
            .collect()
    }

    /// The sale that is made aside, if there is one: then its name is kept for it, and nothing else is there.
    #[track_caller]
    fn aside(&self) -> Option<String> {
        let schemas = self.schemas();
        let of = |schema: &&String| schema.starts_with("segstock_moving_");
        let aside = schemas.iter().find(of).cloned()?;
        assert_eq!(schemas, ["segstock", &aside]);
        Some(aside)
    }

    /// The schemas of ledgers and sales.
    fn schemas(&self) -> Vec<String> {
        let sql =
            "select nspname::text from pg_namespace where nspname like 'segstock%' order by 1";
        let rows = self.runtime.block_on(self.client.query(sql, &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// A folder with the file of a ledger, and its place.
fn file() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("sqlite:{}", folder.path().join("shop.db").display());
    (folder, place)
}

/// The one line of what does not start.
#[track_caller]
fn assert_refused(arguments: &[&str], what: &[&str]) {
    let (code, line) = refusal(arguments);
    assert_eq!(code, Some(2), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    for what in what {
        assert!(line.contains(what), "{what:?} in {line}");
    }
}

/// Moves a shop that was filled, and sees that nothing of it is different.
#[track_caller]
fn moved(old: Process, url: &str, from: &str) -> Process {
    let (before, left) = said(&old.client, &ORDERS);
    assert_eq!(old.terminate(), Some(0));
    let node = Process::spawn(&mut moving(url, from));
    let counts = "moved 10 SKUs and 34 orders (9 held, 3 waiting, ";
    assert!(node.found.contains(counts), "{}", node.found);
    let (after, left_after) = said(&node.client, &ORDERS);
    for (id, order) in &before.orders {
        assert_eq!(&after.orders[id], order, "{id}");
    }
    assert_eq!(after, before);
    // Their deadlines, and no new ones.
    assert_eq!(
        left.keys().collect::<Vec<_>>(),
        left_after.keys().collect::<Vec<_>>()
    );
    for (id, left) in left {
        let after = left_after[&id];
        assert!(
            after <= left + 1 && left < after + 60,
            "{id}: {left} {after}"
        );
    }
    node
}

fn goes_on(server: PostgresServer) {
    let (url, (_folder, from)) = (url(&server), file());
    let old = old::start(&from);
    old::fill(&old.client);
    let node = moved(old, &url, &from);
    // The old one, started by accident.
    let by_accident = [PORTS, &["--ledger", &from]].concat();
    let says = [
        "is closed for good",
        "was moved to the nodes of postgres://",
    ];
    assert_refused(&by_accident, &says);
    // Again: it changes nothing.
    let (before, _) = said(&node.client, &ORDERS);
    assert_eq!(node.terminate(), Some(0));
    let node = Process::spawn(&mut moving(&url, &from));
    assert!(
        node.found.contains("was moved before; the node one joined"),
        "{}",
        node.found
    );
    assert_eq!(said(&node.client, &ORDERS).0, before);
    // A node that knows nothing of the move.
    let other = Process::spawn(&mut command(&arguments(&url, "two")));
    go_on(&node.client, &other.client);
    assert_eq!(node.terminate(), Some(0));
    assert_eq!(other.terminate(), Some(0));
    let sale = Sale::at(&url, "segstock").unwrap();
    Runtime::new().unwrap().block_on(sale.end()).unwrap();
}

/// Each order goes on from where it is.
#[track_caller]
fn go_on(one: &Client, two: &Client) {
    // What was done is done, and said so.
    assert!(place(two, "held", &[("a", 2), ("b", 1)]).is_replayed());
    assert!(one.deed("pay", "paid").is_replayed());
    assert!(two.deed("ship", "shipped").is_replayed());
    assert!(one.deed("return", "returned").is_replayed());
    assert!(two.deed("cancel", "cancelled").is_replayed());
    assert!(two.deed("cancel", "refunded").is_replayed());
    place(one, "cancelled", &[("a", 2), ("b", 1)]).problem(409, "wrong-state");
    one.deed("pay", "cancelled").problem(409, "wrong-state");
    one.deed("ship", "held").problem(409, "wrong-state");
    // What was not is done now, at either node.
    let done = |client: &Client, deed: &str, id: &str, state: &str| {
        let order = client.deed(deed, id);
        assert!(!order.is_replayed(), "{deed} {id}");
        assert_eq!(order.expect(200)["state"], state, "{deed} {id}");
    };
    for id in ["held", "extended", "amended", "less"] {
        done(one, "pay", id, "paid");
        done(two, "ship", id, "shipped");
        done(one, "return", id, "returned");
    }
    for id in [
        "paid:in-part",
        "shipped:beside-held",
        "of-everything",
        "refunded:beside-held",
    ] {
        done(two, "pay", id, "paid");
        done(one, "ship", id, "shipped");
        done(two, "return", id, "returned");
    }
    for id in [
        "paid",
        "paid:less",
        "refunded:in-part",
        "parcels",
        "late",
        "late:in-part",
    ] {
        done(one, "ship", id, "shipped");
    }
    for id in ["shipped", "parcels:all", "back:some"] {
        done(two, "return", id, "returned");
    }
    done(one, "pay", "expired", "paid");
    done(two, "cancel", "expired", "cancelled");
    done(one, "pay", "expired:less", "paid");
    done(one, "pay", "expired:beside-paid", "paid");
    one.deed("ship", "short").problem(409, "not-on-hand");
    limits_go_on(one, two);
    // One more for the first who waits, and then for the next.
    for (id, units) in [("waiting:1", 1), ("waiting:2", 1), ("waiting:less", 3)] {
        let key = format!("for:{id}");
        on_shelf(two, "scarce", "restock", &key, &json!({"units": units}));
        let began = Instant::now();
        loop {
            let order = one.get(&format!("/v1/orders/{id}")).expect(200);
            if order["state"] == "held" {
                let left = order["expires_in"].as_u64().unwrap();
                assert!((1_190..=1_200).contains(&left), "its own hold: {left}");
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{order}");
        }
        done(one, "pay", id, "paid");
    }
}

fn limits_go_on(one: &Client, two: &Client) {
    // Ann has 3 of 4.
    place(one, "new", &[("limited", 2)]).problem(409, "per-customer");
    place(two, "new:1", &[("limited", 1)]).expect(201);
    place(one, "shut", &[("shut", 1)]).problem(409, "closed-skus");
    place(one, "safe", &[("safe", 93)]).problem(409, "out-of-stock");
    place(two, "safe:1", &[("safe", 92)]).expect(201);
    limit(one, "safe", &json!({}));
    let sending = &one.get("/v1/sendings").expect(200)["sendings"][0];
    let rest = json!({"sending": sending["sending"], "units": 18});
    let arrived = on_shelf(two, "south", "arrive", "rest", &rest);
    assert_eq!(
        (&arrived["on_hand"], &arrived["coming"]),
        (&json!(33), &Value::Null)
    );
}

fn in_place(server: PostgresServer) {
    let url = url(&server);
    let old = old::start(&url);
    old::fill(&old.client);
    let node = moved(old, &url, &url);
    let database = Database::at(&url);
    assert_eq!(database.schemas(), ["segstock", "segstock_closed"]);
    let by_accident = [PORTS, &["--ledger", &url]].concat();
    assert_refused(&by_accident, &["is started with --node"]);
    node.client.deed("pay", "held").expect(200);
    assert_eq!(node.terminate(), Some(0));
    let node = Process::spawn(&mut moving(&url, &url));
    assert!(node.found.contains("was moved before"), "{}", node.found);
    assert!(node.client.deed("pay", "held").is_replayed());
    // Its schema, if somebody names it back.
    assert_eq!(node.terminate(), Some(0));
    database.run(
        "alter schema segstock rename to sale; alter schema segstock_closed rename to segstock",
    );
    assert_refused(
        &by_accident,
        &["is closed for good", "was moved to the nodes of"],
    );
}

/// A shop with this many orders, which are held, paid for or shipped by turns.
fn fill_file(file: &Path, orders: usize) {
    let shop = OrderBook::builder()
        .recover(SqliteLedger::at(file))
        .unwrap();
    let (book, writer) = (&shop.book, &shop.writer);
    let skus = ["a", "b", "c"].map(str::to_owned);
    for sku in &skus {
        book.open(sku.clone(), orders as u64 * 2).unwrap();
    }
    for number in 0..orders {
        let id = format!("order:{number}");
        let lines = [number % 3, (number + 1) % 3].map(|sku| (skus[sku].clone(), 1));
        let hour = Duration::from_secs(3_600);
        let placed = writer.decide(|| book.place(&id, None, lines, hour));
        placed.answer.unwrap();
        if number % 3 > 0 {
            writer.decide(|| book.pay(&id)).answer.unwrap();
        }
        if number % 3 > 1 {
            writer.decide(|| book.ship(&id)).answer.unwrap();
        }
        if number % 500 == 0 {
            while writer.status().used > 1_000 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Moves a shop, and is killed once this many orders and this many counts of SKUs are written.
fn killed_after(database: &Database, (url, from): (&str, &str), orders: usize, counts: usize) {
    let old = database.aside();
    let mut child = moving(url, from).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < Duration::from_secs(60));
        if let Some(new) = database.aside()
            && Some(&new) != old.as_ref()
        {
            let written = |table| database.numbers(&format!("select 1::oid from {new}.{table}"));
            if written("orders").len() >= orders && written("shelf").len() >= counts {
                break;
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(database.aside().is_some(), "nobody sells from it");
}

fn killed(server: PostgresServer) {
    const ORDERS: usize = 3_000;
    let (url, (folder, from)) = (url(&server), file());
    fill_file(&folder.path().join("shop.db"), ORDERS);
    let database = Database::at(&url);
    for (orders, counts) in [(0, 0), (1, 0), (2_000, 0)] {
        killed_after(&database, (&url, &from), orders, counts);
    }
    // The old shop goes on meanwhile, with orders that were moved.
    let old = old::start(&from);
    assert_eq!(old.client.stock("a").0, ORDERS as u64 * 2 - 2_000);
    old.client.deed("pay", "order:0").expect(200);
    old.client.deed("cancel", "order:3").expect(200);
    assert_eq!(old.terminate(), Some(0));
    for (orders, counts) in [(2_000, 0), (ORDERS, 3)] {
        killed_after(&database, (&url, &from), orders, counts);
    }
    let node = Process::spawn(&mut moving(&url, &from));
    let counts = "moved 3 SKUs and 3000 orders (998 held, ";
    assert!(node.found.contains(counts), "{}", node.found);
    assert_eq!(database.schemas(), ["segstock"]);
    let state =
        |id: &str| node.client.get(&format!("/v1/orders/{id}")).expect(200)["state"].clone();
    assert_eq!(state("order:0"), "paid");
    assert_eq!(state("order:3"), "cancelled");
    assert_eq!(state("order:6"), "held");
    assert_eq!(state("order:2999"), "shipped");
    assert_eq!(node.client.stock("a"), (4_001, 5_000));
    assert_eq!(node.terminate(), Some(0));
    let sale = Sale::at(&url, "segstock").unwrap();
    Runtime::new().unwrap().block_on(sale.end()).unwrap();
}

fn refused(server: PostgresServer) {
    let (url, (_folder, from)) = (url(&server), file());
    let old = old::start(&from);
    old.client.open("a", 100);
    old.client.open("b", 100);
    let long = "x".repeat(65);
    place(&old.client, &long, &[("a", 1)]).expect(201);
    place(&old.client, "also:held", &[("a", 1), ("b", 1)]).expect(201);
    old.client
        .part("pay", "also:held", "p", &[("a", 1)])
        .expect(200);
    old.client
        .part("cancel", "also:held", "c", &[("a", 1)])
        .expect(200);
    let lines = json!({"lines": [{"sku": "a", "units": 1}, {"sku": "b", "units": 1}]});
    old.client
        .post("/v1/orders/also:held/amend", "m", &lines)
        .expect(200);
    let (before, _) = said(&old.client, &[&long, "also:held"]);
    assert_eq!(old.terminate(), Some(0));
    let arguments = [&arguments(&url, "one")[..], &["--move-from", &from]].concat();
    let says = [
        "cannot be moved: the order ",
        "in all 2 orders and 0 SKUs cannot be at a node",
    ];
    assert_refused(&arguments, &says);
    let database = Database::at(&url);
    assert_eq!(database.schemas(), [""; 0], "nothing was changed");
    // The old shop goes on, and once these are over it is moved.
    let old = old::start(&from);
    assert_eq!(said(&old.client, &[&long, "also:held"]).0, before);
    old.client.deed("pay", "also:held").expect(200);
    assert_eq!(old.terminate(), Some(0));
    assert_refused(&arguments, &["has 65", "in all 1 order and 0 SKUs"]);
    let forgets = [&arguments[..], &["--retention", "1"]].concat();
    let old = old::start(&from);
    old.client.deed("cancel", &long).expect(200);
    assert_eq!(old.terminate(), Some(0));
    thread::sleep(Duration::from_millis(1_100));
    let node = Process::spawn(&mut command(&forgets));
    assert!(
        node.found.contains("moved 2 SKUs and 1 order (1 paid)"),
        "{}",
        node.found
    );
}

fn nothing_there(server: PostgresServer) {
    let (url, (folder, from)) = (url(&server), file());
    let arguments = |from| [&arguments(&url, "one")[..], &["--move-from", from]].concat();
    assert_refused(&arguments(&from), &["cannot open the ledger"]);
    assert_eq!(
        folder.path().read_dir().unwrap().count(),
        0,
        "no file is made"
    );
    assert_refused(
        &arguments(&url),
        &["cannot open the ledger", "is not there"],
    );
    let database = Database::at(&url);
    assert_eq!(database.schemas(), [""; 0]);
    // A ledger of somebody else's is where the sale would be.
    let ledger = Process::spawn(&mut command(&[PORTS, &["--ledger", &url]].concat()));
    fill_file(&folder.path().join("shop.db"), 3);
    assert_refused(&arguments(&from), &["tables that are not a sale's"]);
    assert_eq!(ledger.client.stock("phone"), (1_000, 1_000));
    // A shop that runs.
    let old = old::start(&from);
    assert_refused(&arguments(&from), &["tables that are not a sale's"]);
    database.run("drop schema segstock cascade");
    assert_refused(&arguments(&from), &["is in use by another process"]);
    assert_eq!(
        old.client.deed("pay", "order:0").expect(200)["state"],
        "paid"
    );
    assert_eq!(database.schemas(), [""; 0]);
}
