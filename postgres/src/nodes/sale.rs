//! [`Sale`]: where a sale is, how its nodes behave, and what concerns all of them.

use super::lines::is_sku;
use super::rows::{Failed, Rows};
use super::{MAX_HOLD, SaleError, schema};
use crate::address::Address;
use crate::session::{Parameters, Reach, column};
use segstock_remote::{Driver, MAX_UNITS, Patience};
use std::time::{Duration, SystemTime};

/// A sale in a schema of a `PostgreSQL` database, and how its nodes behave.
///
/// All nodes of a sale should have the same settings; none of them is needed for safety.
#[derive(Debug, Clone)]
#[must_use]
pub struct Sale {
    pub(super) address: Address,
    pub(super) name: String,
    pub(super) timeout: Duration,
    pub(super) patience: Duration,
    pub(super) lease: Duration,
    pub(super) heartbeat: Duration,
    pub(super) recall: Duration,
    pub(super) calls: usize,
    pub(super) batch: usize,
    pub(super) max_lines: usize,
    pub(super) max_units: u64,
    pub(super) longest_hold: Duration,
    pub(super) events: Option<Duration>,
    pub(super) retention: Option<Duration>,
    pub(super) returns: Duration,
}

/// The longest of these times: servers count that of a statement in milliseconds, up to 24 days. More is taken for this.
const LONGEST: Duration = Duration::from_secs(24 * 24 * 3_600);

/// How a SKU begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct SkuSettings {
    units: u64,
    safety: u64,
    narrow: u64,
    most: u64,
}

impl SkuSettings {
    /// This many units, up to [`MAX_UNITS`].
    pub const fn new(units: u64) -> Self {
        Self {
            units,
            safety: 0,
            narrow: 32,
            most: 10_000,
        }
    }

    /// Units of them that are never lent and never sold; 0 by default.
    pub const fn safety(self, safety: u64) -> Self {
        Self { safety, ..self }
    }

    /// With fewer free units in the pool than this there are no blocks: nodes hand back what they have, and every order goes
    /// through the pool's row. 32 by default.
    pub const fn narrow(self, narrow: u64) -> Self {
        Self { narrow, ..self }
    }

    /// The most units that a node is lent ahead; 10,000 by default.
    pub const fn most_lent(self, most: u64) -> Self {
        Self { most, ..self }
    }
}

/// What is free of a SKU, at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Free {
    /// Units that can be sold, in the pool and in blocks, or are kept for orders that wait; safety stock is not in it. Units
    /// of orders past their deadline are not in it before these end.
    pub units: u64,
    /// Those of them that are in the pool.
    pub in_pool: u64,
    /// When, by the database's clock.
    pub at: SystemTime,
}

impl Sale {
    /// The sale called `name` in the database at `url`: `postgresql://me@localhost/shop`, or pairs as in
    /// `host=/run/postgresql user=me dbname=shop`. Nothing is asked yet. `sslmode` and `sslrootcert` say what is asked of its
    /// [TLS](crate#tls).
    ///
    /// # Errors
    ///
    /// If the URL is none, asks for TLS in a build without the feature `tls`, or names a file of authorities that cannot be
    /// read; or the name is no name.
    pub fn at(url: &str, name: &str) -> Result<Self, SaleError> {
        let address = Address::new(url).map_err(SaleError::Url)?;
        if !crate::session::is_schema_name(name) {
            return Err(SaleError::Name(name.to_owned()));
        }
        Ok(Self {
            address,
            name: name.to_owned(),
            timeout: Duration::from_secs(1),
            patience: Duration::from_secs(5),
            lease: Duration::from_secs(5),
            heartbeat: Duration::from_millis(500),
            recall: Duration::from_millis(50),
            calls: 10_000,
            batch: 1_000,
            max_lines: super::lines::MAX_LINES,
            max_units: MAX_UNITS,
            longest_hold: MAX_HOLD,
            events: None,
            retention: None,
            returns: Duration::from_secs(30 * 24 * 60 * 60),
        })
    }

    /// A sale that is to be made aside: its name begins with `name`, and is nobody else's.
    ///
    /// # Errors
    ///
    /// As [`at`](Self::at).
    pub fn aside(url: &str, name: &str) -> Result<Self, SaleError> {
        Self::at(url, &format!("{name}_{:016x}", rand::random::<u64>()))
    }

    /// Its name: that of its schema.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long the server has for an answer before the connection counts as lost, and ends a statement; 1 second by
    /// default. Installing and auditing have a minute at least.
    pub fn timeout(self, timeout: Duration) -> Self {
        let timeout = timeout.min(LONGEST);
        Self { timeout, ..self }
    }

    /// How long a call waits before its answer is "try again"; 5 seconds by default.
    pub fn patience(self, patience: Duration) -> Self {
        let patience = patience.min(LONGEST);
        Self { patience, ..self }
    }

    /// How long a silent node has its blocks for itself; 5 seconds by default. Safety does not rest on it.
    pub fn lease(self, lease: Duration) -> Self {
        let lease = lease.min(LONGEST);
        Self { lease, ..self }
    }

    /// How often a node renews its lease; each half a second by default.
    pub fn heartbeat(self, heartbeat: Duration) -> Self {
        let heartbeat = heartbeat.min(LONGEST);
        Self { heartbeat, ..self }
    }

    /// How long a recall lasts, at first; 50 ms by default. It should be longer than three commits. A call that is not
    /// served by it doubles it.
    pub fn recall(self, recall: Duration) -> Self {
        let recall = recall.min(LONGEST);
        Self { recall, ..self }
    }

    /// Calls that a node has under way, at most; beyond that it is *busy*. 10,000 by default.
    pub fn calls(self, calls: usize) -> Self {
        let calls = calls.clamp(1, 1_000_000);
        Self { calls, ..self }
    }

    /// Lines of orders in a batch, at most; 1,000 by default. A batch must be written within the [time-out](Self::timeout).
    pub fn batch(self, batch: usize) -> Self {
        let batch = batch.clamp(1, 100_000);
        Self { batch, ..self }
    }

    /// The most SKUs of an order, up to 1,000 by default.
    pub fn max_lines(self, max_lines: usize) -> Self {
        Self { max_lines, ..self }
    }

    /// The most units of an order; no limit by default.
    pub fn max_units(self, max_units: u64) -> Self {
        Self { max_units, ..self }
    }

    /// The longest hold with a deadline, up to [`MAX_HOLD`] by default.
    pub fn longest_hold(self, longest: Duration) -> Self {
        let longest_hold = longest.min(MAX_HOLD);
        Self {
            longest_hold,
            ..self
        }
    }

    /// Events are written, and kept for so long, for [`Node::events`](super::Node::events); a node that joins with this setting makes it that of the
    /// whole sale, and zero ends it. By default the sale stays as it is: at first none are written.
    pub fn events(self, keep: Duration) -> Self {
        let events = Some(keep);
        Self { events, ..self }
    }

    /// What has ended so long ago is forgotten by the nodes themselves, as by [`forget`](Self::forget), in small steps at their
    /// heartbeats, one node at a time. By default nothing is. It should be the same at all nodes.
    pub fn retention(self, retention: Option<Duration>) -> Self {
        Self { retention, ..self }
    }

    /// How long units of an order can come back: for so long after its last change an order is not forgotten of which units
    /// were shipped and not all are returned; 30 days by default. Where what is forgotten is older than that anyway, it changes
    /// nothing. Such rows are on the database's disk, and nothing limits how many there are.
    pub fn returns(self, returns: Duration) -> Self {
        Self { returns, ..self }
    }

    /// Makes the schema and its tables where they are not there.
    ///
    /// # Errors
    ///
    /// If the server does not answer or does not let it, or if tables of others are there.
    pub async fn install(&self) -> Result<(), SaleError> {
        let patient = self.patient();
        schema::install(&patient.driver(1, patient.patience)?, &self.name).await?;
        self.rows().await.map(drop)
    }

    /// Opens a SKU, and says whether it was new. A retry with the same figures changes nothing.
    ///
    /// # Errors
    ///
    /// [`SaleError::Exists`] if it was opened with other figures; if the server does not answer, the same call tells.
    pub async fn open_sku(&self, sku: &str, settings: SkuSettings) -> Result<bool, SaleError> {
        open_sku(&self.rows().await?, sku, settings).await
    }

    /// What is free of a SKU; `None` if there is no such SKU. One statement on the primary.
    ///
    /// # Errors
    ///
    /// [`SaleError::Sku`] if it is none; or if the server does not answer.
    pub async fn free(&self, sku: &str) -> Result<Option<Free>, SaleError> {
        if !is_sku(sku) {
            return Err(SaleError::Sku(sku.to_owned()));
        }
        Ok(free(&self.rows().await?, sku).await?)
    }

    /// Closes the blocks of nodes whose lease is over, and says how many there were. Nodes do it whenever they need units.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn close_silent(&self) -> Result<u64, SaleError> {
        Ok(self.rows().await?.close_silent().await?.unsigned_abs())
    }

    /// Forgets orders that ended `older_than` ago, and ids that were refused or cancelled before their order, with their keys;
    /// keys of restocks, counts and write-offs of that age; closed blocks of which no order is known; and customers of whom
    /// nothing counts for a limit. In small steps, up to `most` rows of each kind; says how many went: none, when there is no
    /// more to do. It may run beside the sale, on any machine.
    ///
    /// An order has ended when nothing of it is held or to be shipped. One of which units can come back stays for as long as
    /// they [can](Self::returns). **An id that is forgotten is a new one**: choose an age
    /// that no retry has. What customers have of forgotten orders counts for their limits all the same.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn forget(&self, older_than: Duration, most: u64) -> Result<u64, SaleError> {
        const FORGET: &str = "select forget_1($1, $2, $3)";
        const STEP: u64 = 500;
        let rows = self.rows().await?;
        let age = super::rows::micros(older_than);
        let returns = super::rows::micros(self.returns);
        let mut gone = 0;
        for _ in 0..most.div_ceil(STEP) {
            let step = most.min(STEP).cast_signed();
            let went: i64 = rows
                .row(FORGET, &[&age, &returns, &step], |row| column(row, 0))
                .await?;
            gone += went.unsigned_abs();
            if went == 0 {
                break;
            }
        }
        Ok(gone)
    }

    /// Ends the sale: nothing is sold any more, every node hands back what it has, and every unit is accounted for.
    ///
    /// It waits for nodes that are silent until their lease is over, and may be called again.
    ///
    /// # Errors
    ///
    /// [`SaleError::Audit`] if the audit does not balance: with the block or the SKU.
    pub async fn end(&self) -> Result<(), SaleError> {
        const BACK: &str = "
            select not exists (
              select from block b where not b.closed and b.granted > b.taken + b.handed_back)";
        let rows = self.patient().rows().await?;
        rows.row("select end_1()", &[], |_| Ok(())).await?;
        let until = tokio::time::Instant::now() + self.lease + self.patience;
        loop {
            rows.close_silent().await?;
            let is_back = rows.row(BACK, &[], |row| column(row, 0)).await?;
            if is_back || tokio::time::Instant::now() > until {
                return self.audit_by(&rows).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether every unit is accounted for: no block has units left, each gave what orders took from it, and for each SKU
    /// what came is free, held, paid or shipped.
    ///
    /// # Errors
    ///
    /// [`SaleError::Audit`] with what is wrong. Before the [end](Self::end) blocks have units, which it names.
    pub async fn audit(&self) -> Result<(), SaleError> {
        self.audit_by(&self.patient().rows().await?).await
    }

    async fn audit_by(&self, rows: &Rows) -> Result<(), SaleError> {
        const AUDIT: &str = "select audit_1()";
        let wrong: Option<String> = rows.row(AUDIT, &[], |row| column(row, 0)).await?;
        wrong.map_or(Ok(()), |words| Err(SaleError::Audit(words)))
    }

    /// As long as tables take to be made, or all orders to be read.
    pub(super) fn patient(&self) -> Self {
        let time = self.timeout.max(Duration::from_secs(60));
        self.clone().timeout(time).patience(time * 2)
    }

    /// Connections to its tables, which are this release's.
    pub(super) async fn rows(&self) -> Result<Rows, SaleError> {
        let rows = Rows::new(self.driver(1, self.patience)?);
        schema::check(&rows).await?;
        Ok(rows)
    }

    /// Connections whose search path is the schema. A plan must not depend on statistics, since the tables grow from nothing in
    /// one session; and a commit is durable before it is answered, whatever the database's default is.
    pub(super) fn address(&self) -> Address {
        let mut address = self.address.clone();
        let config = &mut address.config;
        let own = config.get_options().unwrap_or_default();
        let options = format!(
            "{own} -c search_path={} -c synchronous_commit=on -c jit=off -c enable_seqscan=off -c enable_hashjoin=off \
             -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan",
            self.name
        );
        config.options(options);
        address
    }

    /// Connections that ask for so long.
    pub(super) fn driver(
        &self,
        connections: usize,
        total: Duration,
    ) -> Result<Driver<Reach>, SaleError> {
        self.driver_by(|reach| reach, connections, total)
    }

    /// Connections of a node: none to a server that was started again with `fsync` off.
    pub(super) fn durable(
        &self,
        connections: usize,
        total: Duration,
    ) -> Result<Driver<Reach>, SaleError> {
        self.driver_by(Reach::durable, connections, total)
    }

    fn driver_by(
        &self,
        how: impl FnOnce(Reach) -> Reach,
        connections: usize,
        total: Duration,
    ) -> Result<Driver<Reach>, SaleError> {
        let patience = Patience::new(self.timeout, total.max(self.timeout));
        let patience = patience.map_err(SaleError::Patience)?;
        let reach = how(Reach::new(&self.address(), self.timeout));
        Ok(Driver::new(reach, connections, patience))
    }
}

async fn free(rows: &Rows, sku: &str) -> Result<Option<Free>, Failed> {
    const FREE: &str = "
        select can_be_had_1(p), can_be_had_1(p) + (select coalesce(sum(b.granted - b.taken - b.handed_back), 0)::bigint
            from block b where b.sku = p.sku and not b.closed), clock_timestamp()
        from pool p where p.sku = $1
        union all select null, null, null where not exists (select from pool p where p.sku = $1)";
    let read = |row: &tokio_postgres::Row| {
        let (in_pool, units) = (
            column::<Option<i64>>(row, 0)?,
            column::<Option<i64>>(row, 1)?,
        );
        let at: Option<SystemTime> = column(row, 2)?;
        let found = in_pool.zip(units).zip(at);
        Ok(found.map(|((in_pool, units), at)| Free {
            units: units.unsigned_abs(),
            in_pool: in_pool.unsigned_abs(),
            at,
        }))
    };
    rows.row(FREE, &[&sku], read).await
}

/// Opens a SKU: see [`Sale::open_sku`].
pub(super) async fn open_sku(
    rows: &Rows,
    sku: &str,
    settings: SkuSettings,
) -> Result<bool, SaleError> {
    const OPEN: &str = "
        with made as (
          insert into pool (sku, initial, came, free, safety, narrow, most, mode, is_out)
          values ($1, $2, $2, $2, $3, $4, $5, 'wide', $2::bigint = $3::bigint)
          on conflict (sku) do nothing returning sku
        )
        select case
          when exists (select from made) then 'opened'
          when exists (
            select from pool p
            where p.sku = $1 and p.initial = $2 and p.safety = $3 and p.narrow = $4 and p.most = $5) then 'same'
          else 'other' end";
    if !is_sku(sku) {
        return Err(SaleError::Sku(sku.to_owned()));
    }
    if settings.units > MAX_UNITS || settings.safety > settings.units {
        return Err(SaleError::Units);
    }
    let number = |units: u64| units.min(MAX_UNITS).cast_signed();
    let SkuSettings {
        units,
        safety,
        narrow,
        most,
    } = settings;
    let (units, safety) = (number(units), number(safety));
    let (narrow, most) = (number(narrow), number(most));
    let parameters: Parameters<'_> = &[&sku, &units, &safety, &narrow, &most];
    // A copy may have made it beside this: then the second time finds it.
    for _ in 0..2 {
        let did: String = rows.row(OPEN, parameters, |row| column(row, 0)).await?;
        if did != "other" {
            return Ok(did == "opened");
        }
    }
    Err(SaleError::Exists)
}
