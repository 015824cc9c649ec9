//! What outlives a restart, and schemas that are not what they should be.

use crate::shop::{Clocks, TTL, Tests, name, phone, recover};
use segstock_orders::ledger::{Ledger, LedgerReason, RecoverError};
use segstock_orders::{OrderState, Refusal, Returned};
use segstock_postgres::PostgresLedger;
use segstock_remote::servers::{PostgresServer, Server};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio_postgres::{Client, NoTls};

/// Nobody has asked again for a time, or waited until an answer counted as lost.
pub const AT_ONCE: Duration = Duration::from_secs(3);

pub fn add(tests: &Tests) {
    tests.add("all_that_was_answered_is_there_after_a_restart", |site| {
        restart(site.server.url());
    });
    tests.add("deadlines_come_nearer_while_no_process_runs", |site| {
        deadlines(site.server.url());
    });
    tests.add("many_threads_are_answered_by_few_batches", |site| {
        many_threads(site.server.url());
    });
    tests.add("rows_go_and_what_they_stood_for_stays", |site| {
        let client = connect(site.server.url(), site.runtime);
        rows_go(site.server.url(), &client, site.runtime);
    });
    tests.add("a_book_that_is_idle_stops_once_it_is_taken_over", |site| {
        a_book_that_is_idle(site.server.url());
    });
    tests.add("the_older_of_two_nodes_with_one_name_stops", |site| {
        two_nodes(site.server.url());
    });
    tests.add(
        "it_is_opened_and_dropped_on_a_thread_of_a_runtime",
        |site| {
            let (url, name) = (site.server.url().to_owned(), name());
            let opened = site.runtime.block_on(async move {
                tokio::spawn(async move { recover(&url, &name).map(drop) }).await
            });
            assert!(opened.is_ok_and(|opened| opened.is_ok()));
        },
    );
    tests.add("a_schema_of_something_else_is_not_touched", |site| {
        let (client, name) = (connect(site.server.url(), site.runtime), name());
        let other = format!("CREATE SCHEMA {name}; CREATE TABLE {name}.owner (letter text)");
        run(&client, site.runtime, &other);
        let (reason, line) = refusal(site.server.url(), &name);
        assert_eq!(reason, LedgerReason::NotALedger);
        assert!(line.ends_with("is not a ledger of segstock"), "{line}");
    });
    tests.add_behind_proxy(
        "a_host_that_is_silent_leaves_time_for_the_next",
        |site, _| {
            // It takes connections, and says nothing.
            let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let port = silent.local_addr().expect("it has one").port();
            let url = site.server.url().replacen("host=", "host=127.0.0.1,", 1);
            let url = url.replacen("port=", &format!("port={port},"), 1);
            let name = name();
            for _ in 0..2 {
                recover(&url, &name).expect("the second host answers");
            }
        },
    );
    tests.add_behind_proxy("a_database_that_lacks_letters_is_refused", |site, _| {
        let (client, name) = (connect(site.server.url(), site.runtime), name());
        let make = format!(
            "CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        run(&client, site.runtime, &make);
        let url = format!("{} dbname={name}", site.server.url());
        let (reason, line) = refusal(&url, &name);
        assert_eq!(reason, LedgerReason::Failed);
        assert!(line.contains("encoding is LATIN1"), "{line}");
        let client = connect(&url, site.runtime);
        let there = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{name}'");
        assert_eq!(number(&client, site.runtime, &there), 0);
    });
    tests.add("one_that_is_not_there_can_be_left_so", |site| {
        let (client, name) = (connect(site.server.url(), site.runtime), name());
        let ledger = PostgresLedger::<String>::at(site.server.url(), &name);
        let opened = ledger.expect("a name").existing().open();
        let error = opened.expect_err("it is not there");
        assert_eq!(error.reason(), LedgerReason::NotALedger);
        let there = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{name}'");
        assert_eq!(number(&client, site.runtime, &there), 0);
        recover(site.server.url(), &name).expect("a new ledger");
        let ledger = PostgresLedger::<String>::at(site.server.url(), &name);
        let opened = ledger.expect("a name").existing().open();
        assert_eq!(opened.map(|opened| opened.epoch), Ok(2));
    });
    tests.add("no_index_is_by_what_callers_choose", |site| {
        let (client, name) = (connect(site.server.url(), site.runtime), name());
        recover(site.server.url(), &name).expect("a new ledger");
        let all = format!(
            "SELECT indexname || ' ' || substring(indexdef FROM '\\(.*') FROM pg_indexes
             WHERE schemaname = '{name}' ORDER BY 1"
        );
        let rows = site.runtime.block_on(client.query(&all, &[]));
        let rows = rows.expect("it can be read");
        let all: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let expected = [
            "entry_of_order (of_order) WHERE (of_order IS NOT NULL)",
            "entry_pkey (\"position\")",
            "owner_pkey (id)",
            "sku_pkey (id)",
        ];
        assert_eq!(all, expected);
    });
    tests.add("a_damaged_row_is_said", |site| {
        let (client, name) = (connect(site.server.url(), site.runtime), name());
        let shop = recover(site.server.url(), &name).expect("a new ledger");
        shop.book.open(phone(), 1).expect("a new SKU");
        drop(shop);
        let damage = format!("UPDATE {name}.entry SET change = 'xyz'");
        run(&client, site.runtime, &damage);
        let (reason, line) = refusal(site.server.url(), &name);
        assert_eq!(reason, LedgerReason::Damaged);
        assert_eq!(line.lines().count(), 1, "{line}");
    });
    tests.add("the_session_waits_for_the_disk_whatever_the_default_is", |site| {
        let (client, name) = (connect(site.server.url(), site.runtime), name());
        let url = format!("{} options='-c synchronous_commit=off'", site.server.url());
        drop(recover(&url, &name).expect("a new ledger"));
        // What is set where an entry is written.
        let watch = format!(
            "CREATE TABLE {name}.seen (mode text);
             CREATE FUNCTION {name}.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO {name}.seen VALUES (current_setting('synchronous_commit')); RETURN NEW;
             END $$;
             CREATE TRIGGER see BEFORE INSERT ON {name}.entry FOR EACH ROW EXECUTE FUNCTION {name}.see()"
        );
        run(&client, site.runtime, &watch);
        let shop = recover(&url, &name).expect("it is there");
        shop.book.open(phone(), 1).expect("a new SKU");
        let seen = format!("SELECT count(*) FROM {name}.seen WHERE mode = 'on'");
        assert_eq!(number(&client, site.runtime, &seen), 1);
    });
    tests.add_behind_proxy("no_way_in_is_an_error_at_once", |site, _| {
        for (url, says) in site.server.no_ways_in() {
            let began = Instant::now();
            let (reason, line) = refusal(&url, "shop");
            assert!(began.elapsed() < AT_ONCE, "{line}");
            assert_eq!((reason, line.lines().count()), (LedgerReason::Refused, 1));
            assert!(line.contains(says) && !line.contains("wrong"), "{line}");
        }
    });
    tests.add_behind_proxy("a_lost_way_in_is_an_error_at_once", |site, _| {
        role_goes(
            site.server,
            &connect(site.server.url(), site.runtime),
            site.runtime,
        );
    });
    tests.add("names_and_places_that_are_none_are_said", |site| {
        for wrong in [
            "",
            "Shop",
            "a b",
            "pg_shop",
            "1shop",
            &"x".repeat(64),
            "a\"b",
        ] {
            assert!(
                PostgresLedger::<String>::at(site.server.url(), wrong).is_err(),
                "{wrong}"
            );
        }
        assert!(PostgresLedger::<String>::at("nonsense", "shop").is_err());
        let (_, line) = refusal("host=/no/such/directory user=shop password=secret", "shop");
        assert!(
            line.starts_with("PostgreSQL: ") && !line.contains("secret"),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1, "{line}");
    });
}

/// A role that may make nothing at first, then may, and at last may not log in any more.
fn role_goes(server: &PostgresServer, client: &Client, runtime: &Handle) {
    let (role, name) = (name(), name());
    let url = server.url_of(&role);
    run(client, runtime, &format!("CREATE ROLE {role} LOGIN"));
    let (reason, line) = refusal(&url, &name);
    assert_eq!(reason, LedgerReason::Refused);
    assert!(line.contains("42501"), "{line}");

    let may = format!("GRANT CREATE ON DATABASE postgres TO {role}");
    run(client, runtime, &may);
    let shop = recover(&url, &name).expect("it may make a schema now");
    shop.book.open(phone(), 1).expect("a new SKU");
    let out = format!(
        "ALTER ROLE {role} NOLOGIN;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
    );
    run(client, runtime, &out);
    let began = Instant::now();
    let placed = shop.book.place("order", None, [(phone(), 1)], TTL);
    assert_eq!(placed, Err(Refusal::Unknown));
    assert!(began.elapsed() < AT_ONCE);
    let dead = shop.writer.status().dead.expect("a reason");
    assert_eq!(dead.reason(), LedgerReason::Refused);
    assert!(dead.to_string().contains("28000"), "{dead}");
}

fn restart(url: &str) {
    let (clocks, name) = (Clocks::new(), name());
    let first = clocks.recover(url, &name);
    assert_eq!(first.found.entries, 0);
    let book = &first.book;
    book.open(phone(), 10).expect("a new SKU");
    for order in ["held", "paid", "shipped", "returned", "cancelled"] {
        let placed = book.place(order, Some("customer \"\0é"), [(phone(), 1)], TTL);
        assert!(placed.is_ok(), "{placed:?}");
    }
    for order in ["paid", "shipped", "returned"] {
        assert!(book.pay(order).is_ok());
    }
    for order in ["shipped", "returned"] {
        assert!(book.ship(order).is_ok());
    }
    let parcel = || [(phone(), 1)];
    assert!(
        book.return_part("returned", "parcel", parcel(), Returned::OnSale)
            .is_ok()
    );
    assert!(book.cancel("cancelled").is_ok());
    assert!(book.count(phone(), "count-1", 12).is_ok());
    let stock = book.stock(&phone());
    drop(first);

    let second = clocks.recover(url, &name);
    let book = &second.book;
    assert_eq!(book.stock(&phone()), stock);
    let states = [
        ("held", OrderState::Held),
        ("paid", OrderState::Paid),
        ("shipped", OrderState::Shipped),
        ("returned", OrderState::Returned),
        ("cancelled", OrderState::Cancelled),
    ];
    for (order, state) in states {
        assert_eq!(
            book.get(order).map(|order| order.state),
            Ok(state),
            "{order}"
        );
    }
    let again = book.return_part("returned", "parcel", parcel(), Returned::OnSale);
    assert!(again.is_ok_and(|answer| answer.before));
    assert_eq!(book.count(phone(), "count-1", 13), Err(Refusal::Conflict));
    assert_eq!(
        (second.found.orders, second.found.skus, second.found.epoch),
        (5, 1, 2)
    );
}

fn deadlines(url: &str) {
    let (clocks, name) = (Clocks::new(), name());
    let first = clocks.recover(url, &name);
    first.book.open(phone(), 1).expect("a new SKU");
    assert!(first.book.place("order", None, [(phone(), 1)], TTL).is_ok());
    drop(first);
    clocks.wall.advance(TTL / 3);
    let second = clocks.recover(url, &name);
    let order = second.book.get("order").expect("it is known");
    assert_eq!(order.remaining, Some(TTL - TTL / 3));
}

fn many_threads(url: &str) {
    let name = name();
    let shop = recover(url, &name).expect("a new ledger");
    let book = &shop.book;
    book.open(phone(), 1000).expect("a new SKU");
    thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                for number in 0..25 {
                    let order = format!("order-{thread}-{number}");
                    let placed = book.place(&order, None, [(phone(), 1)], TTL);
                    assert!(placed.is_ok_and(|placed| !placed.before));
                    assert!(book.pay(&order).is_ok());
                }
            });
        }
    });
    let status = shop.writer.status();
    assert_eq!((status.durable, status.used), (status.appended, 0));
    assert!(status.batches < status.durable.number() / 2, "{status:?}");
    drop(shop);
    let again = recover(url, &name).expect("it is there");
    assert_eq!((again.found.orders, again.found.entries), (400, 801));
    assert_eq!(again.book.available(&phone()), Some(600));
}

fn rows_go(url: &str, client: &Client, runtime: &Handle) {
    let (clocks, name) = (Clocks::new(), name());
    let first = clocks.recover(url, &name);
    let book = &first.book;
    book.open(phone(), 100).expect("a new SKU");
    for number in 0..20 {
        let order = format!("old-{number}");
        assert!(book.place(&order, None, [(phone(), 3)], TTL).is_ok());
        assert!(book.pay(&order).is_ok() && book.ship(&order).is_ok());
        assert!(book.restock(phone(), &order, 2).is_ok());
    }
    clocks.pass(Duration::from_secs(601));
    for number in 0..100 {
        let order = format!("new-{number}");
        assert!(book.place(&order, None, [(phone(), 1)], TTL).is_ok());
        assert!(book.cancel(&order).is_ok());
    }
    first.writer.close();
    let (stock, known) = (book.stock(&phone()), book.orders());
    assert_eq!(stock.map(|stock| stock.on_hand), Some(80));
    drop(first);
    let count = |kind: &str| {
        let sql = format!("SELECT count(*) FROM {name}.entries WHERE kind IN ({kind})");
        number(client, runtime, &sql)
    };
    assert_eq!(
        count("'shipped'"),
        known as i64 - 100,
        "rows of forgotten orders are gone"
    );
    assert_eq!(
        count("'restocked', 'counted'"),
        1,
        "one row stands for twenty"
    );
    let second = clocks.recover(url, &name);
    assert_eq!(second.book.stock(&phone()), stock);
    assert_eq!(second.book.get("old-0"), Err(Refusal::UnknownOrder));
    let position = second.book.open("tablet".to_owned(), 1);
    assert!(position.is_ok_and(|position| position > second.found.last));
}

/// It has nothing to write, so no batch tells it.
fn a_book_that_is_idle(url: &str) {
    let name = name();
    let first = recover(url, &name).expect("a new ledger");
    first.book.open(phone(), 1).expect("a new SKU");
    let second = recover(url, &name).expect("the epoch is raised");
    let began = Instant::now();
    while first.writer.status().dead.is_none() {
        assert!(
            began.elapsed() < AT_ONCE * 10,
            "it goes on answering from memory"
        );
        thread::sleep(Duration::from_millis(10));
    }
    let dead = first.writer.status().dead;
    assert_eq!(
        dead.map(|dead| dead.reason()),
        Some(LedgerReason::Superseded)
    );
    second.book.open("tablet".to_owned(), 1).expect("a new SKU");
}

fn two_nodes(url: &str) {
    let name = name();
    let first = recover(url, &name).expect("a new ledger");
    let opened = first.book.open(phone(), 1);
    assert!(opened.is_ok(), "{:?}", first.writer.status());
    let second = recover(url, &name).expect("the epoch is raised");
    // Or it has looked before.
    let late = first.book.open("late".to_owned(), 1);
    assert!(matches!(late, Err(Refusal::Unknown | Refusal::Unavailable)));
    let dead = first.writer.status().dead;
    assert_eq!(
        dead.map(|dead| dead.reason()),
        Some(LedgerReason::Superseded)
    );
    assert_eq!(
        first.book.open("later".to_owned(), 1),
        Err(Refusal::Unavailable)
    );
    second.book.open("tablet".to_owned(), 1).expect("a new SKU");
    drop((first, second));
    let third = recover(url, &name).expect("it is there");
    assert_eq!((third.found.skus, third.found.epoch), (2, 3));
}

pub fn refusal(url: &str, name: &str) -> (LedgerReason, String) {
    match recover(url, name) {
        Err(RecoverError::Ledger(error)) => (error.reason(), error.to_string()),
        other => panic!("it is not refused: {other:?}"),
    }
}

/// A connection for what no ledger does.
pub fn connect(url: &str, runtime: &Handle) -> Client {
    let connected = runtime.block_on(tokio_postgres::connect(url, NoTls));
    let (client, connection) = connected.expect("the server is there");
    runtime.spawn(connection);
    client
}

pub fn run(client: &Client, runtime: &Handle, sql: &str) {
    runtime
        .block_on(client.batch_execute(sql))
        .expect("it is SQL");
}

pub fn number(client: &Client, runtime: &Handle, sql: &str) -> i64 {
    let row = runtime.block_on(client.query_one(sql, &[]));
    row.expect("a row").get(0)
}
