//! Mistakes that the judge must find.

use crate::support::{Designs, Site, Tests, connect};
use segstock_conformance::{Answer as Judgement, Options, Promise, Subject};
use segstock_postgres::{Pool, Postgres, Row};
use segstock_remote::OrderId;
use segstock_remote::servers::mistakes::{Mistake, Mistaken, ReadThenWrite};
use segstock_remote::servers::{Nodes, Server, assert_breaks, fresh_name};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

pub fn add(tests: &Tests) {
    let designs = Designs::of(tests);
    let (create, open) = (Row::create, Row::open);
    designs.loses_under_faults("a_retry_without_a_key", create, open, |stock, _| {
        Mistaken::new(stock, Mistake::RetriesWithoutKey)
    });
    designs.loses_under_faults(
        "a_lost_reply_taken_for_a_refusal",
        create,
        open,
        |stock, _| Mistaken::new(stock, Mistake::LostIsRefused),
    );
    designs.loses_under_faults(
        "an_id_forgotten_before_the_last_retry",
        create,
        open,
        forgets,
    );
    // Nodes that refuse when their own block and the pool are short.
    let alone = async |postgres: &Postgres, name: &str, units| {
        let mut nodes = vec![Pool::create(postgres, name, units).await?];
        for _ in 0..2 {
            nodes.push(Pool::without_proof(postgres, name).await?);
        }
        Ok(Nodes::new(nodes))
    };
    designs.breaks("a_refusal_by_the_own_block", Promise::ExactRefusal, alone);
    tests.add("mistakes::read_then_write_is_found", |site| {
        breaks(site, "read then write", Promise::NeverOversold, |table| {
            let table = Arc::new(table);
            let reads = Arc::clone(&table);
            ReadThenWrite {
                read: move || reads.sum(),
                write: move |left| {
                    table.change("update mistakes set units = $2 where name = $1", left);
                },
            }
        });
    });
    tests.add("mistakes::skip_locked_on_rows_of_units_is_found", |site| {
        breaks(site, "skip locked", Promise::ExactRefusal, SkipsLocked);
    });
    tests.add(
        "mistakes::a_lock_and_a_read_in_one_statement_are_found",
        |site| {
            let name = "lock and read in one statement";
            breaks(site, name, Promise::NeverOversold, LocksAndReads);
        },
    );
}

/// The server forgets an id before the last retry comes.
fn forgets(stock: Row, site: &Site<'_>) -> Mistaken<Row> {
    let client = Arc::new(connect(site.server.url(), site.runtime));
    let name = stock.name().to_owned();
    let forget = move |order: OrderId| {
        let (client, name) = (Arc::clone(&client), name.clone());
        Box::pin(async move {
            let forget = "delete from segstock_order where stock = $1 and id = $2";
            client
                .execute(forget, &[&name, &order.as_str()])
                .await
                .unwrap();
        }) as _
    };
    Mistaken::new(stock, Mistake::Forgets(Box::new(forget)))
}

/// What the mistakes change: rows of units in a table of their own.
const TABLE: &str = "
    select pg_advisory_xact_lock(19);
    create table if not exists mistakes (name text, part int, units bigint, primary key (name, part))";

/// N rows of units. An order takes the first row with enough that nobody has locked; if there is none, it is refused.
struct SkipsLocked(Table);

/// Takes an advisory lock and reads in one statement: its snapshot is older than the lock.
struct LocksAndReads(Table);

struct Table {
    clients: Arc<Vec<Mutex<Client>>>,
    turn: AtomicUsize,
    name: String,
    runtime: Handle,
}

impl Table {
    fn new(clients: &Arc<Vec<Mutex<Client>>>, runtime: &Handle, units: u64) -> Self {
        let table = Self {
            clients: Arc::clone(clients),
            turn: AtomicUsize::new(0),
            name: fresh_name(),
            runtime: runtime.clone(),
        };
        table.change("insert into mistakes values ($1, 1, $2)", units);
        table
    }

    /// A connection, for nobody else meanwhile.
    fn client(&self) -> MutexGuard<'_, Client> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.clients[turn % self.clients.len()].lock().unwrap()
    }

    /// Rows that a statement changed.
    fn change(&self, sql: &str, units: u64) -> u64 {
        let units = i64::try_from(units).unwrap();
        let parameters: [&(dyn ToSql + Sync); 2] = [&self.name, &units];
        let client = self.client();
        let changed = client.execute(sql, &parameters);
        self.runtime.block_on(changed).unwrap()
    }

    fn sum(&self) -> u64 {
        let sum = "select sum(units)::bigint from mistakes where name = $1";
        let client = self.client();
        let row = self.runtime.block_on(client.query_one(sum, &[&self.name]));
        u64::try_from(row.unwrap().get::<_, i64>(0)).unwrap()
    }

    /// Reads by `sql`, and writes what `change` makes of that, in a transaction.
    fn transact(&self, sql: &str, change: impl Fn(i64) -> i64) -> Judgement {
        let client = self.client();
        let transaction = async {
            client.batch_execute("begin").await?;
            let left = client.query_one(sql, &[&self.name]).await?.get(0);
            let left = change(left);
            if left >= 0 {
                let write = "update mistakes set units = $2 where name = $1";
                client.execute(write, &[&self.name, &left]).await?;
            }
            client.batch_execute("commit").await?;
            Ok::<_, tokio_postgres::Error>(left >= 0)
        };
        self.runtime.block_on(transaction).unwrap().into()
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

impl LocksAndReads {
    const SQL: &str = "
        with locked as materialized (select pg_advisory_xact_lock(hashtext($1)))
        select units from mistakes, locked where name = $1";
}

impl Subject for LocksAndReads {
    fn deduct(&self, units: u64) -> Judgement {
        let units = i64::try_from(units).unwrap();
        self.0.transact(Self::SQL, |left| left - units)
    }

    fn restock(&self, units: u64) -> Judgement {
        let units = i64::try_from(units).unwrap();
        self.0.transact(Self::SQL, |left| left + units)
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
    open: impl Fn(Table) -> S,
) {
    let (url, runtime) = (site.server.url(), site.runtime);
    let client = |_| Mutex::new(connect(url, runtime));
    let clients: Arc<Vec<_>> = Arc::new((0..8).map(client).collect());
    let made = runtime.block_on(clients[0].lock().unwrap().batch_execute(TABLE));
    made.unwrap();
    let options = Options::new().rounds(300).name(name).most_units(1_000);
    let report = options
        .stop_when_broken([promise])
        .check(|units, _| open(Table::new(&clients, runtime, units)));
    assert_breaks(&report, promise);
}
