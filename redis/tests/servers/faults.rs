//! The designs behind a proxy that makes faults, on a server that is killed in the middle; and mistakes that the judge
//! must find there.

use crate::support::{Site, Tests, connect, hurried, judged, name, redis};
use segstock_conformance::{Answer as Judgement, Options, Promise, Report, Subject};
use segstock_redis::{Atomic, Batched, Locked, OpenError, Redis};
use segstock_remote::servers::mistakes::{LostIsRefused, RetriesWithoutKey};
use segstock_remote::servers::{OwnServer, RedisServer, Scene, Seen, Server, attempts_unanswered};
use segstock_remote::{Answer, OrderId, RemoteStock, Units, Unknown};
use std::cell::Cell;
use std::time::Duration;
use tokio::runtime::Handle;

pub fn add(tests: &Tests) {
    kept("atomic", tests, Atomic::unanswered, open);
    kept("batched", tests, Batched::unanswered, |place| {
        open_by(place, created(place.units), Batched::open)
    });
    kept("locked", tests, Locked::unanswered, |place| {
        let create = async |server: &Redis, name: &str| {
            Locked::create(server, name, place.units, 1).await.map(drop)
        };
        let open = async |server: &Redis, name: &str| Locked::open(server, name, 1).await;
        open_by(place, create, open)
    });
    tests.add(
        "mistakes::a_lock_without_fencing_whose_lease_runs_out_is_found",
        without_fencing,
    );
    tests.add("mistakes::a_walk_that_refuses_is_found", walks);
    broken("a_retry_without_a_key", tests, |site| {
        RetriesWithoutKey::new(open(site))
    });
    broken("a_lost_reply_taken_for_a_refusal", tests, |site| {
        LostIsRefused(open(site))
    });
    broken("an_id_forgotten_before_the_last_retry", tests, |site| {
        Forgets {
            stock: open(site),
            connection: connect(&site.url, site.runtime),
        }
    });
    tests.add("mistakes::read_then_write_is_found", read_then_write);
}

/// Where a stock is to be opened.
struct Place<'a> {
    /// Of the server itself.
    url: String,
    /// The server behind the proxy.
    through: Redis,
    units: u64,
    runtime: &'a Handle,
}

/// Creates a stock on the server itself, and opens it behind the proxy.
fn open_by<S>(
    place: &Place<'_>,
    create: impl AsyncFn(&Redis, &str) -> Result<(), OpenError>,
    open: impl AsyncFn(&Redis, &str) -> Result<S, OpenError>,
) -> S {
    let (direct, name) = (redis(&place.url), name());
    place.runtime.block_on(async {
        // The server may be killed meanwhile, and an attempt without an answer may have made the stock.
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

fn open(place: &Place<'_>) -> Atomic {
    open_by(place, created(place.units), Atomic::open)
}

fn created(units: u64) -> impl AsyncFn(&Redis, &str) -> Result<(), OpenError> {
    async move |server: &Redis, name: &str| Atomic::create(server, name, units).await.map(drop)
}

/// The judge says kept, though the server was killed again and again and many attempts had no answer.
fn kept<S: RemoteStock + 'static>(
    what: &'static str,
    tests: &Tests,
    unanswered: fn(&S) -> u64,
    open: impl Fn(&Place<'_>) -> S + Send + 'static,
) {
    let test = format!("faults::{what}_is_kept");
    tests.add_with_own(&test, RedisServer::find, move |server, runtime| {
        let options = Options::new().name(format!("{what} under faults"));
        let enough = attempts_unanswered();
        let scene = Scene::new(options.rounds(15))
            .with_kills(Duration::from_secs(2))
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
    tests.add_with_own(&test, RedisServer::find, move |server, runtime| {
        let promise = Promise::Conservation;
        let options = Options::new().rounds(300).name(what);
        let scene = Scene::new(options.stop_when_broken([promise]));
        let seen = judge(&scene, server, runtime, 1, open, |_| 0);
        assert_breaks(&seen.reports[0], promise);
    });
}

fn judge<S: RemoteStock + 'static>(
    scene: &Scene,
    server: &OwnServer<RedisServer>,
    runtime: &Handle,
    attempts: u32,
    open: impl Fn(&Place<'_>) -> S,
    unanswered: fn(&S) -> u64,
) -> Seen {
    let url = server.lock().unwrap().url().to_owned();
    let open = |units, through| {
        open(&Place {
            url: url.clone(),
            through: hurried(&format!("redis://{through}"), attempts),
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

/// The server forgets an id before the last retry comes.
struct Forgets {
    stock: Atomic,
    connection: redis::aio::MultiplexedConnection,
}

impl RemoteStock for Forgets {
    async fn deduct(&self, order: &OrderId, units: Units) -> Answer {
        let mut answer = Answer::REFUSED;
        for _ in 0..5 {
            answer = self.stock.deduct(order, units).await;
            if answer.is_known() {
                break;
            }
            let mut forget = redis::cmd("DEL");
            forget.arg(format!("{}{order}", self.stock.records()));
            () = forget
                .query_async(&mut self.connection.clone())
                .await
                .unwrap();
        }
        answer
    }

    async fn restock(&self, order: &OrderId, units: Units) -> Answer {
        self.stock.restock(order, units).await
    }

    async fn available(&self) -> Result<u64, Unknown> {
        self.stock.available().await
    }

    async fn outcome(&self, order: &OrderId) -> Answer {
        self.stock.outcome(order).await
    }
}

/// Reads what is left, and writes what is left after that.
struct ReadThenWrite {
    connection: redis::aio::MultiplexedConnection,
    key: String,
    runtime: Handle,
}

impl ReadThenWrite {
    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
        self.runtime.block_on(async {
            let mut connection = self.connection.clone();
            let mut read = redis::cmd("GET");
            let read = read.arg(&self.key);
            let left: u64 = read.query_async(&mut connection).await.unwrap();
            let Some(left) = change(left) else {
                return false;
            };
            let mut write = redis::cmd("SET");
            let write = write.arg(&self.key).arg(left);
            () = write.query_async(&mut connection).await.unwrap();
            true
        })
    }
}

impl Subject for ReadThenWrite {
    fn deduct(&self, units: u64) -> Judgement {
        self.change(|left| left.checked_sub(units)).into()
    }

    fn restock(&self, units: u64) -> Judgement {
        let most = segstock_remote::MAX_UNITS;
        match self.change(|left| left.checked_add(units).filter(|left| *left <= most)) {
            true => Judgement::Done(()),
            false => Judgement::OVERFLOW,
        }
    }

    fn available(&self) -> Judgement<u64> {
        let read = Cell::new(0);
        self.change(|left| {
            read.set(left);
            None
        });
        Judgement::Done(read.get())
    }
}

fn read_then_write(site: &Site<'_>) {
    let connection = connect(site.server.url(), site.runtime);
    let promise = Promise::NeverOversold;
    let options = Options::new().rounds(300).name("read then write");
    let report = options.stop_when_broken([promise]).check(|units, _| {
        let key = name();
        site.runtime.block_on(async {
            let mut connection = connection.clone();
            let mut write = redis::cmd("SET");
            let write = write.arg(&key).arg(units);
            () = write.query_async(&mut connection).await.unwrap();
        });
        ReadThenWrite {
            connection: connection.clone(),
            key,
            runtime: site.runtime.clone(),
        }
    });
    assert_breaks(&report, promise);
}

/// Holders that work for longer than their lease lasts, and whose writes nobody checks.
fn without_fencing(site: &Site<'_>) {
    let (server, promise) = (redis(site.server.url()), Promise::NeverOversold);
    let options = Options::new().rounds(300).name("a lock without fencing");
    let report = options.stop_when_broken([promise]).check(|units, _| {
        let name = name();
        let stock = Locked::create(&server, &name, units, 1);
        let stock = site.runtime.block_on(stock).unwrap();
        let slow = stock
            .lease(Duration::from_millis(2))
            .flow(Duration::from_millis(8));
        judged(slow.without_fencing(), site.runtime)
    });
    assert_breaks(&report, promise);
}

/// Segments with a lock each, and a refusal after a walk: what lies in several of them is not sold.
fn walks(site: &Site<'_>) {
    let (server, promise) = (redis(site.server.url()), Promise::ExactRefusal);
    let options = Options::new().rounds(300).name("a walk that refuses");
    let report = options.stop_when_broken([promise]).check(|units, _| {
        let name = name();
        let stock = Locked::create(&server, &name, units, 4);
        judged(site.runtime.block_on(stock).unwrap(), site.runtime)
    });
    assert_breaks(&report, promise);
}
