//! Where a move could fail for good, or have the nodes know too much or too little.

use super::{Database, assert_refused, file, moving, old};
use crate::nodes::arguments;
use crate::postgres::url;
use crate::support::process::{PORTS, Process, command};
use crate::support::{Client, Reply};
use segstock_orders::OrderBook;
use segstock_orders::sqlite::SqliteLedger;
use segstock_remote::servers::PostgresServer;
use serde_json::json;
use std::thread::sleep;
use std::time::Duration;

fn shop(ledger: &str, more: &[&str]) -> Process {
    let arguments = ["--ledger", ledger, "--demo", "false"];
    Process::spawn(&mut command(&[PORTS, &arguments, more].concat()))
}

fn on_stock(client: &Client, deed: &str, key: &str, units: u64) -> Reply {
    let path = format!("/v1/stock/a/{deed}");
    client.post(&path, key, &json!({"units": units}))
}

/// A key that the old service had forgotten is a new one, also if it was used again there.
pub fn forgotten_keys(server: PostgresServer) {
    const FORGETS: [&str; 2] = ["--retention", "2"];
    let (url, (_folder, from)) = (url(&server), file());
    let old = shop(&from, &FORGETS);
    old.client.open("a", 100);
    on_stock(&old.client, "restock", "monday", 5).expect(200);
    on_stock(&old.client, "count", "night", 99).expect(200);
    sleep(Duration::from_millis(2_200));
    let again = on_stock(&old.client, "count", "night", 98);
    assert!(!again.is_replayed());
    again.expect(200);
    assert_eq!(old.terminate(), Some(0));
    let node = Process::spawn(moving(&url, &from).args(["--retention", "600"]));
    assert!(on_stock(&node.client, "count", "night", 98).is_replayed());
    assert!(!on_stock(&node.client, "restock", "tuesday", 5).is_replayed());
    assert_eq!(node.client.stock("a"), (103, 103));
    assert_eq!(node.terminate(), Some(0));
}

/// A key that was forgotten before the move is not known after it.
pub fn forgotten_before(server: PostgresServer) {
    let (url, (_folder, from)) = (url(&server), file());
    let old = shop(&from, &["--retention", "2"]);
    old.client.open("a", 100);
    on_stock(&old.client, "restock", "monday", 5).expect(200);
    assert_eq!(old.terminate(), Some(0));
    sleep(Duration::from_millis(2_200));
    let node = Process::spawn(moving(&url, &from).args(["--retention", "2"]));
    assert!(!on_stock(&node.client, "restock", "monday", 5).is_replayed());
}

pub fn ships_at_once(server: PostgresServer) {
    let (url, (_folder, from)) = (url(&server), file());
    let old = shop(&from, &["--ships-at-once"]);
    old.client.open("a", 100);
    old::place(&old.client, "o", &[("a", 5)]).expect(201);
    let pay = |client: &Client| client.part("pay", "o", "p", &[("a", 2)]);
    pay(&old.client).expect(200);
    assert!(pay(&old.client).is_replayed());
    assert_eq!(old.terminate(), Some(0));
    let node = Process::spawn(&mut moving(&url, &from));
    assert!(pay(&node.client).is_replayed(), "it is paid for twice");
}

/// Restocks that together are more than can be on hand.
pub fn much(server: PostgresServer) {
    const HALF: u64 = (1 << 39) + 1;
    let (url, (_folder, from)) = (url(&server), file());
    let old = shop(&from, &[]);
    for sku in ["a", "b"] {
        let path = format!("/v1/stock/{sku}");
        old.client.send("PUT", &path, &[], "").expect(201);
    }
    on_stock(&old.client, "restock", "r:1", HALF).expect(200);
    let there = json!({"to": "b", "units": HALF});
    old::on_shelf(&old.client, "a", "move", "m", &there);
    on_stock(&old.client, "restock", "r:2", HALF).expect(200);
    assert_eq!(old.terminate(), Some(0));
    let node = Process::spawn(&mut moving(&url, &from));
    for key in ["r:1", "r:2"] {
        assert!(on_stock(&node.client, "restock", key, HALF).is_replayed());
    }
}

/// What would be refused once the old ledger is closed is refused before.
#[track_caller]
fn assert_not_closed(url: &str, from: &str, what: &str) {
    let arguments = [&arguments(url, "one")[..], &["--move-from", from]].concat();
    assert_refused(&arguments, &["cannot move", what]);
    assert_eq!(old::start(from).terminate(), Some(0));
}

pub fn closed_there(server: PostgresServer) {
    let url = url(&server);
    let old = old::start(&url);
    old.client.open("a", 100);
    assert_eq!(old.terminate(), Some(0));
    Database::at(&url).run("create schema segstock_closed");
    assert_not_closed(&url, &url, "there is a schema segstock_closed already");
}

pub fn others_schema(server: PostgresServer) {
    let (url, (_folder, from)) = (url(&server), file());
    let old = old::start(&from);
    old.client.open("a", 100);
    assert_eq!(old.terminate(), Some(0));
    let roles = "create role shop login; grant create on database postgres to shop;
        create schema segstock; grant all on schema segstock to shop";
    Database::at(&url).run(roles);
    let theirs = url.replacen("postgres@", "shop@", 1);
    assert_ne!(theirs, url);
    assert_not_closed(&theirs, &from, "the schema segstock is another role's");
}

/// Many orders of which units were cancelled one by one before the rest expired.
pub fn cancelled_then_expired(server: PostgresServer) {
    const ORDERS: usize = 60;
    let (url, (folder, from)) = (url(&server), file());
    let ledger = SqliteLedger::at(folder.path().join("shop.db"));
    let shop = OrderBook::builder().recover(ledger).unwrap();
    let (book, writer) = (&shop.book, &shop.writer);
    let units = |units| [("a".to_owned(), units)];
    book.open("a".to_owned(), 1_000_000).unwrap();
    for number in 0..ORDERS {
        let id = format!("order:{number}");
        let place = || book.place(&id, None, units(100), Duration::from_secs(2));
        writer.decide(place).answer.unwrap();
        for key in ["c:1", "c:2", "c:3", "c:4"] {
            let cancel = || book.cancel_part(&id, key, units(1));
            writer.decide(cancel).answer.unwrap();
        }
    }
    sleep(Duration::from_millis(2_500));
    drop(shop);
    let node = Process::spawn(&mut moving(&url, &from));
    let moved = format!("moved 1 SKU and {ORDERS} orders ({ORDERS} expired)");
    assert!(node.found.contains(&moved), "{}", node.found);
}
