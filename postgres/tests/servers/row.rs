//! `Row`: what its calls answer, and what the judge says of it.

use crate::support::{Site, Tests, connect, database, postgres};
use segstock_conformance::Options;
use segstock_postgres::{Batched, Locked, OpenError, Pool, Postgres, Row, Rows};
use segstock_remote::servers::{Clocked, PostgresServer, Server, contract, fresh_name, id, units};
use segstock_remote::{
    Answer, HoldAnswer, MAX_UNITS, Patience, RemoteHolds, RemoteStock, Resolved,
};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

pub fn add(tests: &Tests) {
    tests.add("row::the_suite_says_kept_of_holds", of_holds);
    tests.add("row::calls_on_holds_are_answered", |site| {
        let postgres = database(site);
        let open = async |held| Row::create(&postgres, &fresh_name(), held).await.unwrap();
        site.runtime.block_on(contract::of_holds(open));
    });
    tests.add("row::old_ids_are_forgotten_and_holds_are_not", |site| {
        forgets(site);
    });
    tests.add("row::many_old_ids_are_forgotten_within_patience", |site| {
        forgets_many(site);
    });
    tests.add("row::long_times_are_no_mistake", |site| {
        let _tables = database(site);
        site.runtime.block_on(for_ever(site));
    });
    tests.add("row::holds_that_expire_do_not_pile_up", |site| {
        abandoned(site);
    });
    tests.add("row::a_hold_has_its_time_from_the_update_on", |site| {
        busy_rows(site);
    });
    tests.add("row::a_backlog_of_expired_holds_is_no_hindrance", |site| {
        backlog(site);
    });
    tests.add("row::the_strict_way_remembers_every_refusal", |site| {
        let _tables = database(site);
        site.runtime.block_on(strict(site));
    });
    tests.add(
        "row::sold_out_it_serves_what_is_known_or_comes_back",
        |site| {
            let postgres = database(site);
            site.runtime.block_on(async {
                let [stock, other] = twice(&postgres).await;
                contract::of_sold_out(&stock, &other).await;
                let [stock, other] = twice(&postgres).await;
                contract::of_sold_out_by_holds(&stock, &other).await;
                let name = fresh_name();
                let stock = Rows::create(&postgres, &name, 1, 4).await.unwrap();
                let other = Rows::open(&postgres, &name).await.unwrap();
                contract::of_sold_out(&stock, &other).await;
            });
        },
    );
    tests.add_behind_proxy("row::no_way_in_is_an_error_at_once", |site, _| {
        for (url, says) in site.server.no_ways_in() {
            let began = Instant::now();
            let patience = Patience::new(Duration::from_secs(10), Duration::from_secs(60));
            let postgres = Postgres::new(&url).expect("a URL");
            let postgres = postgres.patience(patience.expect("it is valid"));
            let error = site.runtime.block_on(postgres.install()).expect_err(says);
            let line = error.to_string();
            assert!(
                line.contains("after 1 attempt") && line.contains(says),
                "{line}"
            );
            assert!(began.elapsed() < Duration::from_secs(10), "{line}");
        }
    });
    tests.add_with_own(
        "row::what_the_standby_lacks_is_not_answered",
        PostgresServer::find,
        |server, runtime| {
            let url = server.lock().expect("no test failed").url().to_owned();
            let client = connect(&url, runtime);
            runtime.block_on(not_at_the_standby(&url, &client));
        },
    );
    tests.add(
        "row::a_hold_stays_in_its_place_when_it_is_asked_for",
        |site| {
            let (postgres, name) = (database(site), fresh_name());
            let client = connect(site.server.url(), site.runtime);
            site.runtime.block_on(async {
                let stock = Row::create(&postgres, &name, 1).await.unwrap();
                let ttl = Duration::from_secs(600);
                assert_eq!(
                    stock.reserve(&id("a"), units(1), ttl).await,
                    HoldAnswer::Done
                );
                // Who expires holds finds those that it has locked by their places.
                let place = async || -> String {
                    let place = "select ctid::text from segstock_order where stock = $1";
                    client.query_one(place, &[&name]).await.unwrap().get(0)
                };
                let before = place().await;
                assert_eq!(stock.outcome(&id("a")).await, Answer::Done(()));
                assert_eq!(place().await, before);
            });
        },
    );
    tests.add("row::a_stock_is_created_once", |site| {
        let _tables = database(site);
        site.runtime.block_on(creates(site));
    });
}

/// A stock of one unit, opened twice.
async fn twice(postgres: &Postgres) -> [Row; 2] {
    let name = fresh_name();
    let stock = Row::create(postgres, &name, 1).await.unwrap();
    [stock, Row::open(postgres, &name).await.unwrap()]
}

fn of_holds(site: &Site<'_>) {
    let postgres = database(site);
    let client = Arc::new(connect(site.server.url(), site.runtime));
    let options = Options::new().rounds(30).name("row with holds");
    let report = options.check(|held, _| {
        let name = fresh_name();
        let stock = site.runtime.block_on(Row::create(&postgres, &name, held));
        let (client, runtime) = (Arc::clone(&client), site.runtime.clone());
        Clocked::new(stock.unwrap(), site.runtime.clone(), move |by: Duration| {
            let seconds = by.as_secs_f64();
            let ahead = "update segstock_stock set ahead = ahead + make_interval(secs => $1) where name = $2";
            let parameters: [&(dyn ToSql + Sync); 2] = [&seconds, &name];
            let ahead = client.execute(ahead, &parameters);
            runtime.block_on(ahead).unwrap();
        })
    });
    println!("{report}");
    report.assert_kept();
}

async fn strict(site: &Site<'_>) {
    let strict = postgres(site.server.url()).strict();
    let stock = Row::create(&strict, &fresh_name(), 1).await.unwrap();
    let refused = stock.deduct(&id("a"), units(2)).await;
    assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
    assert_eq!(stock.restock(&id("b"), units(1)).await, Answer::Done(()));
    let refused = stock.deduct(&id("a"), units(2)).await;
    assert!(matches!(refused, Answer::Refused(_)), "{refused:?}");
}

/// A call waits for a standby that is away, and its session ends. Then what it did is there, and no standby has it: if one took
/// over now, it would be lost.
async fn not_at_the_standby(url: &str, client: &Client) {
    let postgres = postgres(url);
    postgres.install().await.unwrap();
    let (one, many) = (fresh_name(), fresh_name());
    let row = Arc::new(Row::create(&postgres, &one, 9).await.unwrap());
    let rows = Arc::new(Rows::create(&postgres, &many, 9, 1).await.unwrap());
    let locked = Locked::create(&postgres, &fresh_name(), 9, 1).await;
    let pool = Pool::create(&postgres, &fresh_name(), 9).await;
    let (locked, pool) = (Arc::new(locked.unwrap()), Arc::new(pool.unwrap()));
    let ttl = Duration::from_secs(600);
    let reserved = row.reserve(&id("hold"), units(1), ttl).await;
    assert_eq!(reserved, HoldAnswer::Done);
    for call in [
        "deduct",
        "restock",
        "outcome",
        "extend",
        "confirm",
        "deduct of rows",
        "restock of rows",
        "deduct of locked",
        "restock of a pool",
    ] {
        set(client, "set synchronous_standby_names = 'nobody'").await;
        let (row, rows) = (Arc::clone(&row), Arc::clone(&rows));
        let (locked, pool) = (Arc::clone(&locked), Arc::clone(&pool));
        let called = tokio::spawn(async move {
            match call {
                "deduct" => row.deduct(&id("a"), units(1)).await == Answer::Done(()),
                "restock" => row.restock(&id("b"), units(1)).await == Answer::Done(()),
                "outcome" => row.outcome(&id("c")).await == Answer::REFUSED,
                "extend" => row.extend(&id("hold"), ttl).await == HoldAnswer::Done,
                "confirm" => row.confirm(&id("hold")).await == HoldAnswer::Done,
                "deduct of rows" => rows.deduct(&id("a"), units(1)).await == Answer::Done(()),
                "restock of rows" => rows.restock(&id("b"), units(1)).await == Answer::Done(()),
                "deduct of locked" => locked.deduct(&id("a"), units(1)).await == Answer::Done(()),
                _ => pool.restock(&id("b"), units(1)).await == Answer::Done(()),
            }
        });
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'";
        while client.query_one(end, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            assert!(!called.is_finished(), "{call}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The call is made again.
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(!called.is_finished(), "{call}: no standby has it");
        set(client, "reset synchronous_standby_names").await;
        assert!(called.await.unwrap(), "{call}");
    }
}

async fn set(client: &Client, setting: &str) {
    let set = format!("alter system {setting}");
    for sql in [&*set, "select pg_reload_conf(), pg_sleep(0.3)"] {
        client.batch_execute(sql).await.unwrap();
    }
}

async fn creates(site: &Site<'_>) {
    let (postgres, name) = (postgres(site.server.url()), fresh_name());
    let missing = Row::open(&postgres, &name).await;
    assert!(matches!(missing, Err(OpenError::NoStock)), "{missing:?}");
    Row::create(&postgres, &name, 3).await.unwrap();
    let twice = Row::create(&postgres, &name, 9).await;
    assert!(matches!(twice, Err(OpenError::Exists)), "{twice:?}");
    let opened = Row::open(&postgres, &name).await.unwrap();
    assert_eq!(opened.available().await, Ok(3));
    let invalid = Row::create(&postgres, "two words", 1).await;
    assert!(matches!(invalid, Err(OpenError::Name(_))), "{invalid:?}");
    let too_many = Row::create(&postgres, &name, MAX_UNITS + 1).await;
    assert!(matches!(too_many, Err(OpenError::Units(_))), "{too_many:?}");
    let short = postgres.remembered(Duration::from_secs(1));
    let forgets = Row::open(&short, &name).await;
    assert!(
        matches!(forgets, Err(OpenError::Patience(_))),
        "{forgets:?}"
    );
}

fn forgets(site: &Site<'_>) {
    let (postgres, name) = (database(site), fresh_name());
    let client = connect(site.server.url(), site.runtime);
    site.runtime.block_on(async {
        let stock = Row::create(&postgres, &name, 5).await.unwrap();
        let hour = Duration::from_secs(3_600);
        assert_eq!(stock.deduct(&id("old"), units(1)).await, Answer::Done(()));
        assert_eq!(
            stock.reserve(&id("held"), units(1), hour).await,
            HoldAnswer::Done
        );
        let older = "update segstock_order set at = at - interval '1 hour' where stock = $1";
        client.execute(older, &[&name]).await.unwrap();
        assert_eq!(stock.deduct(&id("new"), units(1)).await, Answer::Done(()));
        assert!(postgres.forget().await.unwrap() >= 1);
        // The old id is as new, the others are known.
        assert_eq!(stock.deduct(&id("old"), units(1)).await, Answer::Done(()));
        assert_eq!(stock.deduct(&id("new"), units(1)).await, Answer::Done(()));
        assert_eq!(stock.confirm(&id("held")).await, HoldAnswer::Done);
        assert_eq!(stock.available().await, Ok(1));
    });
}

/// More ids than one statement deletes within an attempt.
fn forgets_many(site: &Site<'_>) {
    let (_tables, name) = (database(site), fresh_name());
    let client = connect(site.server.url(), site.runtime);
    let patience = Patience::new(Duration::from_millis(300), Duration::from_secs(2)).unwrap();
    let postgres = Postgres::new(site.server.url()).unwrap().patience(patience);
    site.runtime.block_on(async {
        let old = "insert into segstock_order (stock, id, units, state, at)
            select $1, 'old:' || n, 1, 'sold', now() - interval '2 days' from generate_series(1, 200000) n";
        client.execute(old, &[&name]).await.unwrap();
        postgres.forget().await.unwrap();
        // Other tests may have called it meanwhile.
        let left = "select count(*) from segstock_order where stock = $1";
        let left: i64 = client.query_one(left, &[&name]).await.unwrap().get(0);
        assert_eq!(left, 0);
    });
}

async fn for_ever(site: &Site<'_>) {
    let postgres = postgres(site.server.url()).remembered(Duration::MAX);
    let stock = Row::create(&postgres, &fresh_name(), 3).await.unwrap();
    assert_eq!(stock.deduct(&id("a"), units(1)).await, Answer::Done(()));
    assert_eq!(
        stock.reserve(&id("b"), units(1), Duration::MAX).await,
        HoldAnswer::Done
    );
    assert_eq!(postgres.forget().await, Ok(0));
    let too_long = postgres.longest_under_way(Duration::MAX);
    let opened = Row::create(&too_long, &fresh_name(), 1).await;
    assert!(matches!(opened, Err(OpenError::Patience(_))), "{opened:?}");
}

/// However long a row was busy before: the units come, and the time of the hold begins. Meanwhile an hour may pass.
fn busy_rows(site: &Site<'_>) {
    let (_tables, name) = (database(site), fresh_name());
    let mut other = connect(site.server.url(), site.runtime);
    let patience = Patience::new(Duration::from_secs(10), Duration::from_secs(30)).unwrap();
    let postgres = Postgres::new(site.server.url()).unwrap().patience(patience);
    let (order, time) = (id("a"), Duration::from_secs(60));
    let hour = "update segstock_stock set ahead = ahead + interval '1 hour' where name = $1";
    let order_changes = "update segstock_order set units = units where stock = $1";
    site.runtime.block_on(async {
        let stock = Row::create(&postgres, &name, 1).await.unwrap();
        let whole = "select until >= $2::timestamptz + interval '1 minute' from segstock_order where stock = $1";
        let has_a_minute = async |client: &Client, from: SystemTime| -> bool {
            let whole = client.query_one(whole, &[&name, &from]).await.unwrap();
            whole.get(0)
        };
        let reserved = stock.reserve(&order, units(1), time);
        let (answer, then) = behind(&mut other, &name, hour, Duration::ZERO, reserved).await;
        assert_eq!(answer, HoldAnswer::Done);
        assert!(has_a_minute(&other, then).await, "from before it had its units");
        let extended = stock.extend(&order, time);
        let (answer, then) = behind(&mut other, &name, order_changes, Duration::ZERO, extended).await;
        assert_eq!(answer, HoldAnswer::Done);
        assert!(has_a_minute(&other, then).await, "from before it was extended");
        // Of a hold that expires while its row is busy nothing is confirmed.
        let second = Duration::from_secs(1);
        assert_eq!(stock.extend(&order, second).await, HoldAnswer::Done);
        let confirmed = stock.confirm(&order);
        let (answer, _) = behind(&mut other, &name, order_changes, second, confirmed).await;
        assert_eq!(answer, HoldAnswer::Resolved(Resolved::Expired));
    });
}

/// The answer of a call that waits for a row while another transaction changes it, and for so long more; and when that ended, by
/// the stock's clock.
async fn behind(
    other: &mut Client,
    name: &str,
    change: &str,
    more: Duration,
    call: impl Future<Output = HoldAnswer>,
) -> (HoldAnswer, SystemTime) {
    let transaction = other.transaction().await.unwrap();
    transaction.execute(change, &[&name]).await.unwrap();
    let changed = async {
        let waits = "select exists (
            select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid)))";
        let (mut is_waiting, began) = (false, Instant::now());
        while !is_waiting {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody waits");
            is_waiting = transaction.query_one(waits, &[]).await.unwrap().get(0);
        }
        tokio::time::sleep(more).await;
        let now = "select clock_timestamp() + ahead from segstock_stock where name = $1";
        let now = transaction.query_one(now, &[&name]).await.unwrap().get(0);
        transaction.commit().await.unwrap();
        now
    };
    tokio::join!(call, changed)
}

/// Baskets that nobody pays, in a stock that never runs short.
fn abandoned(site: &Site<'_>) {
    let (postgres, name) = (database(site), fresh_name());
    let client = connect(site.server.url(), site.runtime);
    site.runtime.block_on(async {
        let stock = Row::create(&postgres, &name, 1_000_000).await.unwrap();
        let soon = Duration::from_secs(1);
        for number in 0..50 {
            let order = id(&format!("basket:{number}"));
            let held = stock.reserve(&order, units(1), soon).await;
            assert_eq!(held, HoldAnswer::Done);
        }
        // Nobody runs short of units and frees them.
        tokio::time::sleep(soon).await;
        postgres.forget().await.unwrap();
        assert_eq!(stock.available().await, Ok(1_000_000));
        let kept = "select count(*) from segstock_order where stock = $1 and state = 'held'";
        let kept: i64 = client.query_one(kept, &[&name]).await.unwrap().get(0);
        assert_eq!(kept, 0, "holds that expired");
    });
}

/// More expired holds than one statement ends within an attempt.
fn backlog(site: &Site<'_>) {
    let (_tables, name) = (database(site), fresh_name());
    let client = connect(site.server.url(), site.runtime);
    let patience = Patience::new(Duration::from_secs(1), Duration::from_secs(120)).unwrap();
    let postgres = Postgres::new(site.server.url()).unwrap().patience(patience);
    site.runtime.block_on(async {
        let stock = Row::create(&postgres, &name, 1).await.unwrap();
        let held = "insert into segstock_order (stock, id, units, state, until)
            select $1, 'held:' || n, 1, 'held', now() - n * interval '1 ms' from generate_series(1, 30000) n";
        client.execute(held, &[&name]).await.unwrap();
        let batched = Batched::open(&postgres, &name).await.unwrap();
        assert_eq!(batched.deduct(&id("b"), units(2)).await, Answer::Done(()));
        assert_eq!(stock.deduct(&id("a"), units(2)).await, Answer::Done(()));
    });
}
