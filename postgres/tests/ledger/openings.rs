//! Openings of a ledger that others close, open or bring on meanwhile, and those that are refused.

use crate::calm::{AT_ONCE, connect, number, refusal, run};
use crate::shop::{Tests, name, phone, recover};
use segstock_orders::ledger::{
    Batch, Ledger, LedgerError, LedgerReason, Opened, RecoverError, Recovered, Standing, WriteError,
};
use segstock_orders::{Entry, OrderBook, Position, Refusal};
use segstock_postgres::PostgresLedger;
use segstock_remote::servers::Server;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio_postgres::Client;

pub fn add(tests: &Tests) {
    tests.add(
        "one_that_was_closed_for_good_is_not_opened_any_more",
        |site| {
            closed_for_good(site.server.url());
        },
    );
    tests.add(
        "one_that_is_closed_while_it_is_opened_stays_closed",
        |site| {
            closed_meanwhile(site.server.url(), site.runtime);
        },
    );
    tests.add(
        "one_that_another_process_opens_meanwhile_is_no_book",
        |site| {
            overtaken(site.server.url());
        },
    );
    tests.add("an_opening_that_fails_keeps_nobody_out", |site| {
        let client = connect(site.server.url(), site.runtime);
        failed_openings(site.server.url(), &client, site.runtime);
    });
    tests.add("a_ledger_of_a_later_release_is_not_touched", |site| {
        let (client, name) = (connect(site.server.url(), site.runtime), name());
        recover(site.server.url(), &name).expect("a new ledger");
        let later = format!("UPDATE {name}.owner SET segstock_ledger = 9");
        run(&client, site.runtime, &later);
        let (reason, line) = refusal(site.server.url(), &name);
        assert_eq!(reason, LedgerReason::Later);
        assert!(
            line.contains("its version is 9, this release knows 1"),
            "{line}"
        );
        let epoch = format!("SELECT epoch FROM {name}.owner");
        assert_eq!(number(&client, site.runtime, &epoch), 1, "nothing changed");
    });
    tests.add(
        "a_later_release_brings_the_schema_on_step_by_step",
        |site| {
            let client = connect(site.server.url(), site.runtime);
            later_release(site.server.url(), &client, site.runtime);
        },
    );
}

/// The ledger as a release opens it that has one step of the schema more.
fn later(url: &str, name: &str, step: &'static str) -> Result<Recovered<String>, RecoverError> {
    let ledger = PostgresLedger::at(url, name).expect("a name");
    OrderBook::builder().recover(ledger.with_later_step(step))
}

fn later_release(url: &str, client: &Client, runtime: &Handle) {
    const STEP: &str = r#"CREATE TABLE "{name}".later (id integer)"#;
    let name = name();
    let version = || {
        let version = format!("SELECT segstock_ledger::bigint FROM {name}.owner");
        number(client, runtime, &version)
    };
    let shop = recover(url, &name).expect("a new ledger");
    shop.book.open(phone(), 3).expect("a new SKU");
    drop(shop);
    assert_eq!(version(), 1);
    // A step that fails half-way changes nothing.
    let half = r#"CREATE TABLE "{name}".half (id integer); SELECT 1 / 0"#;
    assert!(later(url, &name, half).is_err());
    let halves = format!("SELECT count(to_regclass('{name}.half'))");
    assert_eq!((version(), number(client, runtime, &halves)), (1, 0));
    assert_eq!(recover(url, &name).expect("as before").found.skus, 1);
    // Of processes that come at the same time one makes the step. All open the ledger, one after another. (A book is made
    // again by the last one only.)
    let opened: Vec<_> = thread::scope(|scope| {
        let open = || {
            let ledger = PostgresLedger::<String>::at(url, &name).expect("a name");
            let opened = ledger.with_later_step(STEP).open();
            opened.map(|opened| opened.epoch)
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        let opened = threads.into_iter().map(|thread| thread.join());
        opened.map(|opened| opened.expect("no panic")).collect()
    });
    let mut epochs: Vec<_> = opened.into_iter().flatten().collect();
    epochs.sort_unstable();
    assert_eq!(epochs, [3, 4, 5, 6]);
    assert_eq!(version(), 2);
    let shop = later(url, &name, STEP).expect("it is there");
    let stock = shop.book.stock(&phone()).expect("it is open");
    assert_eq!(stock.on_hand, 3, "what was there stays");
    // This release does not know what that one writes.
    assert_eq!(refusal(url, &name).0, LedgerReason::Later);
}

fn closed_for_good(url: &str) {
    let name = name();
    let first = recover(url, &name).expect("a new ledger");
    first.book.open(phone(), 1).expect("a new SKU");
    let ledger_of_name = || PostgresLedger::<String>::at(url, &name).expect("a name");
    let mut stale = ledger_of_name();
    stale.open().expect("it is there");
    let mut ledger = ledger_of_name();
    ledger.open().expect("the epoch is raised");
    let refused = stale.close_for_good("too late");
    let reason = refused.map_err(|error| error.reason());
    assert_eq!(reason, Err(LedgerReason::Superseded));
    let why = || ledger_of_name().why_closed().expect("it is there");
    assert_eq!(why(), None);
    ledger.close_for_good("it went to sea").expect("it is open");
    assert_eq!(why().as_deref(), Some("it went to sea"));
    for _ in 0..2 {
        let (reason, line) = refusal(url, &name);
        assert_eq!(reason, LedgerReason::ClosedForGood);
        let says_why = line.ends_with(" is closed for good: it went to sea");
        assert!(says_why, "{line}");
    }
    // Who still has it open writes nothing any more.
    assert_eq!(first.book.open("late".to_owned(), 1), Err(Refusal::Unknown));
}

/// Another process closes it for good between the looks of this one and its epoch.
fn closed_meanwhile(url: &str, runtime: &Handle) {
    let (name, client) = (name(), connect(url, runtime));
    // Within a transaction all looks show what the first one saw.
    let watching = connect(url, runtime);
    recover(url, &name).expect("a new ledger");
    let close = format!(
        "BEGIN; UPDATE {name}.owner SET segstock_ledger = 1000000, epoch = epoch + 1;
         CREATE TABLE {name}.closed (why text NOT NULL)"
    );
    run(&client, runtime, &close);
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{name}%'"
    );
    thread::scope(|scope| {
        let opened = scope.spawn(|| refusal(url, &name));
        while number(&watching, runtime, &waits) == 0 {
            assert!(!opened.is_finished(), "it waits for the other one");
            thread::sleep(Duration::from_millis(10));
        }
        let say = format!("INSERT INTO {name}.closed VALUES ('it went to sea'); COMMIT");
        run(&client, runtime, &say);
        let (reason, line) = opened.join().expect("it is refused");
        assert_eq!(reason, LedgerReason::ClosedForGood, "{line}");
    });
}

/// Another process opens the ledger, and writes, while this one loads it.
struct Overtaken {
    inner: PostgresLedger<String>,
    /// Before which page: 1 is the first.
    page: u32,
    overtake: Box<dyn Fn() + Send>,
}

impl Ledger<String> for Overtaken {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        self.inner.open()
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<String>)>, LedgerError> {
        self.page = self.page.wrapping_sub(1);
        if self.page == 0 {
            (self.overtake)();
        }
        self.inner.load(after, limit)
    }

    fn write(&mut self, batch: &Batch<String>) -> Result<(), WriteError> {
        self.inner.write(batch)
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        self.inner.ask(epoch, number)
    }
}

fn overtaken(url: &str) {
    // The second page is the end.
    for page in [1, 2] {
        let name = name();
        let shop = recover(url, &name).expect("a new ledger");
        shop.book.open(phone(), 1).expect("a new SKU");
        drop(shop);
        let other = (url.to_owned(), name.clone());
        let overtake = Box::new(move || {
            let shop = recover(&other.0, &other.1).expect("the epoch is raised");
            shop.book.open("tablet".to_owned(), 1).expect("a new SKU");
        });
        let inner = PostgresLedger::at(url, &name).expect("a name");
        let ledger = Overtaken {
            inner,
            page,
            overtake,
        };
        match OrderBook::builder().recover(ledger) {
            Err(RecoverError::Ledger(error)) => {
                assert_eq!(error.reason(), LedgerReason::Superseded, "{error}");
            }
            other => panic!("page {page}: {other:?}"),
        }
    }
}

/// Whoever was refused may still have the ledger that it tried to open: the next one that opens it need not wait for that.
fn failed_openings(url: &str, client: &Client, runtime: &Handle) {
    let name = name();
    let ledger = || PostgresLedger::<String>::at(url, &name).expect("a name");
    let refused = |mut ledger: PostgresLedger<String>, reason| {
        let began = Instant::now();
        let error = ledger.open().expect_err("it is refused");
        assert_eq!(error.reason(), reason, "{error}");
        let took = began.elapsed();
        assert!(took < AT_ONCE, "{took:?}");
        ledger
    };
    let opened = || {
        let (began, mut ledger) = (Instant::now(), ledger());
        ledger.open().expect("nobody keeps it out");
        let took = began.elapsed();
        assert!(took < AT_ONCE, "{took:?}");
        ledger
    };
    let not_there = refused(ledger().existing(), LedgerReason::NotALedger);
    drop(opened());
    let version = |version: u32| {
        let version = format!("UPDATE {name}.owner SET segstock_ledger = {version}");
        run(client, runtime, &version);
    };
    version(9);
    let later = refused(ledger(), LedgerReason::Later);
    version(1);
    opened()
        .close_for_good("it went to sea")
        .expect("it is open");
    let closed = refused(ledger(), LedgerReason::ClosedForGood);
    drop(refused(ledger(), LedgerReason::ClosedForGood));
    drop((not_there, later, closed));
}
