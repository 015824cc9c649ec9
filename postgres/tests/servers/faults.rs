//! The designs behind a proxy that makes faults, on a server that is killed in the middle; and mistakes that the judge
//! must find there.

use crate::designs::PARTS;
use crate::support::{Site, Tests, connect, hurried, name, postgres};
use segstock_conformance::{Answer as Judgement, Options, Promise, Report, Subject};
use segstock_postgres::{Batched, OpenError, Postgres, Row, Rows};
use segstock_remote::RemoteStock;
use segstock_remote::servers::mistakes::{LostIsRefused, RetriesWithoutKey};
use segstock_remote::servers::{
    OwnServer, PostgresServer, Scene, Seen, Server, attempts_unanswered,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    kept("row", tests, Row::unanswered, open);
    kept("rows", tests, Rows::unanswered, open_rows);
    kept("batched", tests, Batched::unanswered, open_batched);
    broken("a_retry_without_a_key", tests, |site| {
        RetriesWithoutKey::new(open(site))
    });
    broken("a_lost_reply_taken_for_a_refusal", tests, |site| {
        LostIsRefused(open(site))
    });
    tests.add("mistakes::read_then_write_is_found", |site| {
        breaks(
            site,
            "read then write",
            Promise::NeverOversold,
            |clients, units| ReadThenWrite(Table::new(clients, site.runtime, units, 1)),
        );
    });
    tests.add("mistakes::skip_locked_on_rows_of_units_is_found", |site| {
        breaks(
            site,
            "skip locked",
            Promise::ExactRefusal,
            |clients, units| SkipsLocked(Table::new(clients, site.runtime, units, 1)),
        );
    });
}

/// Where a stock is to be opened.
struct Place<'a> {
    /// Of the server itself.
    url: String,
    /// The server behind the proxy.
    through: Postgres,
    units: u64,
    runtime: &'a Handle,
}

/// Creates a stock on the server itself, and opens it behind the proxy.
fn open_by<S>(
    place: &Place<'_>,
    create: impl AsyncFn(&Postgres, &str) -> Result<(), OpenError>,
    open: impl AsyncFn(&Postgres, &str) -> Result<S, OpenError>,
) -> S {
    let (direct, name) = (postgres(&place.url), name());
    place.runtime.block_on(async {
        // The server may be killed meanwhile, and an attempt without an answer may have made the stock.
        while direct.install().await.is_err() {}
        while let Err(error) = create(&direct, &name).await {
            if error == OpenError::Exists {
                break;
            }
        }
        loop {
            if let Ok(stock) = open(&place.through, &name).await {
                return stock;
            }
        }
    })
}

fn open(place: &Place<'_>) -> Row {
    let create = async |server: &Postgres, name: &str| {
        Row::create(server, name, place.units).await.map(drop)
    };
    open_by(place, create, Row::open)
}

fn open_rows(place: &Place<'_>) -> Rows {
    let create = async |server: &Postgres, name: &str| {
        Rows::create(server, name, place.units, PARTS)
            .await
            .map(drop)
    };
    open_by(place, create, Rows::open)
}

fn open_batched(place: &Place<'_>) -> Batched {
    let create = async |server: &Postgres, name: &str| {
        Row::create(server, name, place.units).await.map(drop)
    };
    open_by(place, create, Batched::open)
}

/// The judge says kept, though the server was killed again and again and many attempts had no answer.
fn kept<S: RemoteStock + 'static>(
    what: &'static str,
    tests: &Tests,
    unanswered: fn(&S) -> u64,
    open: impl Fn(&Place<'_>) -> S + Send + 'static,
) {
    let test = format!("faults::{what}_is_kept");
    tests.add_with_own(&test, PostgresServer::find, move |server, runtime| {
        let options = Options::new().name(format!("{what} under faults"));
        let enough = attempts_unanswered();
        let scene = Scene::new(options.rounds(15))
            .with_kills(Duration::from_secs(4))
            .until_unanswered(enough);
        let seen = judge(&scene, server, runtime, 6, open, unanswered);
        for report in &seen.reports {
            println!("{report}");
            report.assert_kept();
        }
        let (unanswered, kills) = (seen.unanswered, seen.kills);
        println!("{unanswered} attempts unanswered, {kills} kills");
        assert!(unanswered >= enough, "{unanswered} unanswered");
        assert!(kills >= 3, "{kills} kills");
    });
}

/// The judge finds that units are lost.
fn broken<S: RemoteStock + 'static>(
    what: &'static str,
    tests: &Tests,
    open: impl Fn(&Place<'_>) -> S + Send + 'static,
) {
    let test = format!("mistakes::{what}_is_found");
    tests.add_with_own(&test, PostgresServer::find, move |server, runtime| {
        let promise = Promise::Conservation;
        let options = Options::new().rounds(300).name(what);
        let scene = Scene::new(options.stop_when_broken([promise]));
        let seen = judge(&scene, server, runtime, 1, open, |_| 0);
        assert_breaks(&seen.reports[0], promise);
    });
}

fn judge<S: RemoteStock + 'static>(
    scene: &Scene,
    server: &OwnServer<PostgresServer>,
    runtime: &Handle,
    attempts: u32,
    open: impl Fn(&Place<'_>) -> S,
    unanswered: fn(&S) -> u64,
) -> Seen {
    let url = server.lock().unwrap().url().to_owned();
    let open = |units, through: SocketAddr| {
        open(&Place {
            url: url.clone(),
            through: hurried(
                &format!(
                    "host={} port={} user=postgres dbname=postgres",
                    through.ip(),
                    through.port()
                ),
                attempts,
            ),
            units,
            runtime,
        })
    };
    scene.judge(server, runtime, open, unanswered)
}

fn assert_breaks(report: &Report, promise: Promise) {
    println!("{report}");
    assert!(
        report.broken().contains(&promise),
        "the judge did not find it"
    );
}

/// What `SkipsLocked` and `ReadThenWrite` change: rows of units in a table of their own.
const TABLE: &str = "create table if not exists mistakes (name text, part int, units bigint, primary key (name, part))";

/// N rows of units. An order takes the first row with enough that nobody has locked; if there is none, it is refused.
struct SkipsLocked(Table);

/// Reads what is left, and writes what is left after that.
struct ReadThenWrite(Table);

struct Table {
    clients: Vec<Arc<Client>>,
    turn: AtomicUsize,
    name: String,
    runtime: Handle,
}

impl Table {
    fn new(clients: &[Arc<Client>], runtime: &Handle, units: u64, parts: i32) -> Self {
        let name = name();
        let insert = "insert into mistakes select $1, part, $2 from generate_series(1, $3) as part";
        let each = i64::try_from(units).unwrap() / i64::from(parts);
        runtime
            .block_on(clients[0].execute(insert, &[&name, &each, &parts]))
            .unwrap();
        Self {
            clients: clients.to_vec(),
            turn: AtomicUsize::new(0),
            name,
            runtime: runtime.clone(),
        }
    }

    /// Rows that a statement changed.
    fn change(&self, sql: &str, units: u64) -> u64 {
        let client = &self.clients[self.turn.fetch_add(1, Ordering::Relaxed) % self.clients.len()];
        let units = i64::try_from(units).unwrap();
        self.runtime
            .block_on(client.execute(sql, &[&self.name, &units]))
            .unwrap()
    }

    fn sum(&self) -> u64 {
        let sum = "select sum(units)::bigint from mistakes where name = $1";
        let row = self
            .runtime
            .block_on(self.clients[0].query_one(sum, &[&self.name]));
        u64::try_from(row.unwrap().get::<_, i64>(0)).unwrap()
    }
}

const PUT: &str = "update mistakes set units = units + $2 where name = $1 and part = 1";

impl Subject for SkipsLocked {
    fn deduct(&self, units: u64) -> Judgement {
        let take = "
            update mistakes set units = units - $2
            where name = $1 and part = (
              select part from mistakes where name = $1 and units >= $2 limit 1 for update skip locked)";
        (self.0.change(take, units) == 1).into()
    }

    fn restock(&self, units: u64) -> Judgement {
        self.0.change(PUT, units);
        Judgement::Done(())
    }

    fn available(&self) -> Judgement<u64> {
        Judgement::Done(self.0.sum())
    }
}

impl Subject for ReadThenWrite {
    fn deduct(&self, units: u64) -> Judgement {
        let left = self.0.sum().checked_sub(units);
        let Some(left) = left else {
            return Judgement::SHORT;
        };
        self.0
            .change("update mistakes set units = $2 where name = $1", left);
        Judgement::Done(())
    }

    fn restock(&self, units: u64) -> Judgement {
        self.0.change(PUT, units);
        Judgement::Done(())
    }

    fn available(&self) -> Judgement<u64> {
        Judgement::Done(self.0.sum())
    }
}

/// Judges a mistake that needs no faults.
fn breaks<S: Subject + 'static>(
    site: &Site<'_>,
    name: &str,
    promise: Promise,
    open: impl Fn(&[Arc<Client>], u64) -> S,
) {
    let clients: Vec<_> = (0..8)
        .map(|_| connect(site.server.url(), site.runtime))
        .collect();
    site.runtime
        .block_on(clients[0].batch_execute(TABLE))
        .unwrap();
    let options = Options::new().rounds(300).name(name).most_units(1_000);
    let report = options
        .stop_when_broken([promise])
        .check(|units, _| open(&clients, units));
    assert_breaks(&report, promise);
}
