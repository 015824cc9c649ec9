//! [`PostgresLedger`]: the ledger of an order book in a `PostgreSQL` database.
//!
//! For one node whose book of record `PostgreSQL` is already. The book decides in memory; the entries of all calls that wait
//! are written in one statement, which is one commit. The tables are those of
//! [`rows`](segstock_orders::ledger::rows), in a schema that has the ledger's name:
//!
//! ```text
//! shop=> SELECT position, kind, data FROM shop.entries;
//!         1 | opened | {"sku":"phone","id":0,"units":5}
//!         2 | placed | {"order":{"id":"order-17","customer":null,"lines":{"0":2},"body":…},"until":…}
//!         3 | paid   | {"order":2,"held":{"0":2},"retaken":{},"shipped":false}
//! ```
//!
//! # What it promises
//!
//! A batch is written by a statement that checks epoch and number in the row of the owner, and does nothing if they are not
//! those of the batch before. So a statement that is executed late, or twice, is void. The session has `synchronous_commit`
//! on, whatever the database's default is, and a server with `fsync` or `full_page_writes` off is refused, also if it is started
//! again like that: a commit that is answered is on disk, and no page of it is torn when the machine stops. Each connection looks
//! at first and every 5 seconds: for so long batches may be answered after a reload that switches one of the two off.
//!
//! | what happens | what the book does |
//! |---|---|
//! | the connection is lost, or the server is killed | it connects again, asks for the batch by its number, and sends it again unchanged if it is not there |
//! | its certificate is refused | as if the connection was lost: it may pass, and the error says why |
//! | the server does not answer | the statement counts as lost after the [time-out](PostgresLedger::timeout); then the same |
//! | `fsync` or `full_page_writes` is switched off | once that is seen, the ledger is dead: nobody knows what was committed meanwhile and is not on disk. Before it is opened again, switch both on, have the machine `sync`, and run `CHECKPOINT` |
//! | that lasts | calls wait; after [`WriterSettings::lag`](segstock_orders::ledger::WriterSettings::lag) new ones are answered *busy* |
//! | it lasts longer than [`patience`](segstock_orders::ledger::WriterSettings::patience) | the ledger is dead: calls that wait are answered *unknown*, new ones *unavailable* |
//! | another process opens the ledger of this name | the next batch of this one, or a look within some seconds, finds its epoch gone, and the ledger is dead. Until then it shows orders as it knows them |
//! | another process opens it while this one loads it | the opening is an error, [`Superseded`](LedgerReason::Superseded), whatever was read by then |
//! | the disk is full, too many connections, a standby | as if the connection was lost: it may pass |
//! | the password, the role or the database is refused, or a right is missing | the ledger is dead at once, and says why; at opening that is the error |
//!
//! A commit waits for standbys only if the server is set up for that (`synchronous_standby_names`). Without it, a failover
//! to a standby can lose what was answered. With it, a batch that is asked for after a lost connection is answered only once
//! those standbys have it. A person who ends that wait (`pg_cancel_backend`, or by taking the setting back) has the batch answered
//! without them.
//!
//! A server on another machine is asked by [TLS](crate#tls).

mod calls;
mod errors;
mod link;
mod schema;
mod statements;

use calls::{KeptUp, Rows};
use errors::{Fault, bad_row};
use link::{Links, Reach};
use segstock_orders::ledger::rows::{Upkeep, at_the_end};
use segstock_orders::ledger::{
    Batch, Ledger, LedgerError, LedgerReason, Opened, Standing, WriteError,
};
use segstock_orders::{Entry, Position, SkuId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// A ledger in a schema of a `PostgreSQL` database.
///
/// A call drives the connection on the thread that makes it, which it blocks: that is the writer's thread, and where the ledger
/// is opened. On a thread of a runtime it takes one more for that long, so it can be opened there, too.
///
/// # Examples
///
/// ```no_run
/// use segstock_orders::OrderBook;
/// use segstock_postgres::PostgresLedger;
/// use std::time::Duration;
///
/// let ledger = PostgresLedger::at("host=/run/postgresql user=shop dbname=shop", "shop")?;
/// let shop = OrderBook::builder().recover(ledger)?;
/// shop.book.open("phone".to_owned(), 5)?;
/// shop.book.place("order-17", None, [("phone".to_owned(), 2)], Duration::from_secs(900))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PostgresLedger<K> {
    links: Links,
    epoch: u64,
    last: Position,
    time: u64,
    upkeep: Upkeep<K>,
}

impl<K> PostgresLedger<K> {
    /// The ledger called `name` in the database at `url`: `postgresql://me@localhost/shop`, or pairs as in
    /// `host=/run/postgresql user=me dbname=shop`. Nothing is asked before it is opened; then the schema is made if it is
    /// not there. `sslmode` and `sslrootcert` say what is asked of its [TLS](crate#tls).
    ///
    /// # Errors
    ///
    /// If the URL is none, asks for TLS in a build without the feature `tls`, or names a file of authorities that cannot be
    /// read; or the name is no name: 1 to 63 of `a` to `z`, `0` to `9` and `_`, not beginning with a digit or
    /// with `pg_`.
    pub fn at(url: &str, name: &str) -> Result<Self, LedgerError> {
        Ok(Self {
            links: Links::new(Reach::new(url, name)?),
            epoch: 0,
            last: Position::default(),
            time: 0,
            upkeep: Upkeep::default(),
        })
    }

    /// It is not made: where no ledger is, [opening](Ledger::open) is refused.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.links.reach.makes = false;
        self
    }

    /// How long the server has for an answer before the connection counts as lost; 5 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.links.reach.timeout = timeout.max(Duration::from_millis(1));
        self
    }
}

/// For tests.
#[doc(hidden)]
impl<K> PostgresLedger<K> {
    /// As a later release would open it, which has one step more of the schema.
    #[must_use]
    pub fn with_later_step(mut self, step: &'static str) -> Self {
        self.links.reach.later = Some(step);
        self
    }
}

impl<K: Clone + Send + Serialize + DeserializeOwned> Ledger<K> for PostgresLedger<K> {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        self.links.begin()?;
        let reach = self.links.reach.clone();
        let opened = self
            .links
            .call(async |link| schema::open(link, &reach).await);
        let opened = opened.map_err(Fault::into_error)?;
        (self.epoch, self.last, self.time) = (opened.epoch, opened.last, opened.time);
        Ok(opened)
    }

    fn load(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry<K>)>, LedgerError> {
        let rows = self
            .links
            .call(async |link| calls::after(link, after, limit).await);
        let rows = rows.map_err(Fault::into_error)?;
        let room = limit.saturating_sub(rows.len());
        let mut end = Vec::new();
        if room > 0 {
            let at = (self.last, self.time);
            let left = |from, limit| self.left(from, limit);
            end = at_the_end(at, after, room, left)?;
        }
        // What another process has changed since is no damage.
        self.assert_own()
            .map_err(|(WriteError::Unknown(error) | WriteError::Dead(error))| error)?;
        let mut page = entries(rows)?;
        page.append(&mut end);
        for (position, entry) in &page {
            self.upkeep.note(*position, entry);
        }
        Ok(page)
    }

    fn write(&mut self, batch: &Batch<K>) -> Result<(), WriteError> {
        let Self { links, upkeep, .. } = self;
        let read = |orders: &[Position], positions: &[Position]| {
            let rows = links.call(async |link| calls::of(link, orders, positions).await);
            entries(rows.map_err(Fault::into_write)?).map_err(WriteError::Dead)
        };
        let plan = upkeep.plan(batch, read)?;
        let no_row = |error| WriteError::Dead(bad_row(&error));
        let rows = Rows::of(batch).map_err(no_row)?;
        let kept_up = KeptUp::of(plan).map_err(no_row)?;
        let written = links.call(async |link| calls::write(link, &rows, &kept_up).await);
        if written.map_err(Fault::into_write)? {
            return Ok(());
        }
        let line = "the ledger is not where the batch before left it";
        let void = LedgerError::new(LedgerReason::Failed, line);
        Err(WriteError::Unknown(void))
    }

    fn ask(&mut self, epoch: u64, number: u64) -> Result<Standing, LedgerError> {
        let at = self.links.call(async |link| calls::stands(link).await);
        let at = at.map_err(Fault::into_error)?;
        Ok(match (at.epoch == epoch, at.batch >= number) {
            (false, _) => Standing::Superseded,
            (_, true) => Standing::Written,
            (_, false) => Standing::NotWritten,
        })
    }

    /// So what was read before is as it was when this one opened it.
    fn assert_own(&mut self) -> Result<(), WriteError> {
        let found = self.links.call(async |link| calls::epoch(link).await);
        if found.map_err(Fault::into_write)? == self.epoch {
            return Ok(());
        }
        let line = "another process has opened the ledger";
        let superseded = LedgerError::new(LedgerReason::Superseded, line);
        Err(WriteError::Dead(superseded))
    }

    fn close_for_good(&mut self, why: &str) -> Result<(), LedgerError> {
        let (reach, epoch) = (self.links.reach.clone(), self.epoch.cast_signed());
        let closed = self
            .links
            .call(async |link| schema::close(link, &reach, epoch, why).await);
        closed.map_err(Fault::into_error)
    }

    fn why_closed(&mut self) -> Result<Option<String>, LedgerError> {
        self.links.begin()?;
        let reach = self.links.reach.clone();
        let why = self
            .links
            .call(async |link| schema::why_closed(link, &reach).await);
        why.map_err(Fault::into_error)
    }
}

impl<K> PostgresLedger<K> {
    /// The units that left by rows that are gone, by SKU, from this SKU on.
    fn left(&mut self, from: SkuId, limit: usize) -> Result<Vec<(SkuId, i64)>, LedgerError> {
        let left = self
            .links
            .call(async |link| calls::left(link, from, limit).await);
        left.map_err(Fault::into_error)
    }
}

fn entries<K: DeserializeOwned>(
    rows: Vec<calls::EntryRow>,
) -> Result<Vec<(Position, Entry<K>)>, LedgerError> {
    let entry = |row: calls::EntryRow| row.entry().map_err(|error| bad_row(&error));
    rows.into_iter().map(entry).collect()
}

impl<K> fmt::Debug for PostgresLedger<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLedger")
            .field("at", &self.links.reach.shown())
            .finish_non_exhaustive()
    }
}
