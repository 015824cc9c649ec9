//! [`Postgres`]: a server, and how it is asked.

use crate::address::Address;
use crate::error::{MAX_PARTS, OpenError};
use crate::session::{Reach, Session, column};
use segstock_remote::{
    Driver, Fault, InvalidUnits, Left, MAX_UNITS, OrderId, Patience, Units, Unknown,
};
use std::sync::Arc;
use std::time::Duration;

/// A `PostgreSQL` database, and how it is asked: patience, connections, how long ids are remembered.
///
/// Each connection serves one statement at a time. A statement that takes longer than one attempt's time-out is ended by
/// the server, too.
///
/// # Examples
///
/// ```no_run
/// use segstock_postgres::{Postgres, Row};
/// use segstock_remote::{Answer, RemoteStock, Units};
///
/// # async fn sell() -> Result<(), Box<dyn std::error::Error>> {
/// let postgres = Postgres::new("host=localhost user=shop dbname=shop")?;
/// postgres.install().await?;
/// let shoes = Row::create(&postgres, "shoes", 1_000).await?;
/// match shoes.deduct(&"order:2026-17".parse()?, Units::new(2)?).await {
///     Answer::Done(()) => println!("sold"),
///     Answer::Refused(_) => println!("sold out"),
///     Answer::Unknown(unknown) => println!("ask again: {unknown}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Postgres {
    address: Address,
    connections: usize,
    patience: Patience,
    remembered: Duration,
    longest_under_way: Duration,
    strict: bool,
}

impl Postgres {
    /// The database at `url`: `postgresql://me@localhost/shop`, or pairs as in `host=/run/postgresql user=me dbname=shop`.
    /// `sslmode` and `sslrootcert` say what is asked of its [TLS](crate#tls).
    ///
    /// # Errors
    ///
    /// [`OpenError::Url`] if it is none, asks for TLS in a build without the feature `tls`, or names a file of authorities
    /// that cannot be read.
    pub fn new(url: &str) -> Result<Self, OpenError> {
        let address = Address::new(url).map_err(OpenError::Url)?;
        Ok(Self {
            address,
            connections: 8,
            patience: Patience::default(),
            remembered: Duration::from_secs(24 * 3_600),
            longest_under_way: Duration::from_secs(60),
            strict: false,
        })
    }

    /// Connections of each stock; 8 by default. Calls share them.
    pub fn connections(self, connections: usize) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// How long a call is asked for; [`Patience::default`] by default. The server ends a statement after the time-out of
    /// one attempt.
    pub fn patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// How long an id is remembered, at least; a day by default. It must be longer than patience and
    /// [`longest_under_way`](Self::longest_under_way) together. [`forget`](Self::forget) deletes what is older.
    pub fn remembered(self, remembered: Duration) -> Self {
        Self { remembered, ..self }
    }

    /// How long a request that was given up may still arrive at the server; a minute by default. The time that the server
    /// then takes for it is added.
    pub fn longest_under_way(self, longest_under_way: Duration) -> Self {
        Self {
            longest_under_way,
            ..self
        }
    }

    /// Every refusal is remembered, not only that of a retry: for a way to the server that may bring a request twice. A
    /// refusal then costs a commit.
    pub fn strict(self) -> Self {
        let strict = true;
        Self { strict, ..self }
    }

    /// Creates the tables and functions of `schema.sql` where they are not there.
    ///
    /// # Errors
    ///
    /// [`OpenError::Unknown`] if the server does not answer or does not let it.
    pub async fn install(&self) -> Result<(), OpenError> {
        let install = |session: Arc<Session>, _| async move { session.install().await };
        Ok(self.driver()?.ask(install).await?)
    }

    /// Deletes what is known of ids that are older than [`remembered`](Self::remembered), and says how many there were.
    /// Frees the holds that are past their deadline; the others stay. Call it once in a while: nobody else frees expired
    /// holds while units do not run short.
    ///
    /// It looks at all orders, a number of them in each statement, so that none takes long. `PostgreSQL` 14 and later find
    /// them without a search.
    ///
    /// # Errors
    ///
    /// [`OpenError::Unknown`] if the server does not answer. What was deleted by then is deleted.
    pub async fn forget(&self) -> Result<u64, OpenError> {
        let driver = self.driver()?;
        let late = |session: Arc<Session>, _| async move { session.late().await };
        while let Some(stock) = driver.ask(late).await? {
            let stock = stock.as_str();
            let expire = |session: Arc<Session>, _| async move { session.expire(stock).await };
            while driver.ask(expire).await? > 0 {}
        }
        // The server counts some 290,000 years; older than 3,000 is nothing.
        let seconds = self.remembered.as_secs_f64().min(1e11);
        let (mut forgotten, mut page, mut goes_on) = (0, 0, true);
        while goes_on {
            let forget =
                |session: Arc<Session>, _| async move { session.forget(seconds, page).await };
            let (orders, further) = driver.ask(forget).await?;
            forgotten += orders.unsigned_abs();
            (page, goes_on) = (page + Session::AT_ONCE, further);
        }
        Ok(forgotten)
    }

    /// How a stock's server is asked.
    pub(crate) fn driver(&self) -> Result<Driver<Reach>, OpenError> {
        let server_timeout = self
            .longest_under_way
            .saturating_add(self.patience.attempt());
        self.patience
            .forgets_after(self.remembered, server_timeout)
            .map_err(OpenError::Patience)?;
        let reach = Reach::new(&self.address, self.patience.attempt());
        let driver = Driver::new(reach, self.connections, self.patience);
        Ok(driver.longest_under_way(server_timeout))
    }

    /// As [`driver`](Self::driver), but one for each connection, so that a call has it for itself.
    pub(crate) fn drivers_of_one(&self) -> Result<Vec<Driver<Reach>>, OpenError> {
        let one = self.clone().connections(1);
        (0..self.connections.max(1)).map(|_| one.driver()).collect()
    }

    /// Creates a stock whose parts hold `units` together.
    pub(crate) async fn create(
        &self,
        name: &str,
        parts: usize,
        units: u64,
    ) -> Result<Opened, OpenError> {
        let units = match Units::new(units) {
            Ok(units) => units.as_i64(),
            Err(_) if units == 0 => 0,
            Err(_) => return Err(OpenError::Units(InvalidUnits { units })),
        };
        debug_assert!(units.unsigned_abs() <= MAX_UNITS);
        if parts == 0 || parts > MAX_PARTS {
            return Err(OpenError::Parts { parts });
        }
        let opened = Opened::new(self, name)?;
        let (stock, made) = (opened.name.as_str(), rand::random::<i64>());
        let parts = i32::try_from(parts).unwrap_or(i32::MAX);
        let create = |session: Arc<Session>, _| async move {
            session.create(stock, parts, units, made).await
        };
        if opened.driver.ask(create).await? {
            Ok(opened)
        } else {
            Err(OpenError::Exists)
        }
    }

    /// Opens a stock that is there, and says how many parts it has.
    pub(crate) async fn open(&self, name: &str) -> Result<(Opened, usize), OpenError> {
        let opened = Opened::new(self, name)?;
        let stock = opened.name.as_str();
        let parts = |session: Arc<Session>, _| async move { session.parts(stock).await };
        match opened.driver.ask(parts).await? {
            0 => Err(OpenError::NoStock),
            parts => Ok((opened, parts)),
        }
    }
}

/// What every design has: a stock's name, and how its server is asked.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) driver: Driver<Reach>,
    pub(crate) name: String,
    pub(crate) strict: bool,
    left: Left,
}

impl Opened {
    fn new(postgres: &Postgres, name: &str) -> Result<Self, OpenError> {
        Ok(Self {
            driver: postgres.driver()?,
            name: OrderId::new(name)?.to_string(),
            strict: postgres.strict,
            left: Left::default(),
        })
    }

    /// The units that are left, if that is the refusal of a first attempt: `sql` reads at one instant how many there are, and
    /// that nothing is known of the id. It is asked where the last order was refused.
    pub(crate) async fn refusal(
        &self,
        session: &Session,
        sql: &'static str,
        id: &str,
        wanted: Units,
    ) -> Result<Option<i64>, Fault> {
        if !self.left.is_less_than(wanted) {
            return Ok(None);
        }
        let left = match session.row(sql, &[&self.name.as_str(), &id]).await? {
            Some(row) => column::<Option<i64>>(&row, 0)?,
            None => None,
        };
        let left = left.filter(|&left| left < wanted.as_i64());
        if left.is_none() {
            self.left.forget();
        }
        Ok(left)
    }

    /// Notes what is left, if that is what a statement refused an order with.
    pub(crate) fn noted(&self, said: Said) -> Said {
        if let Said::Short(left) = said {
            self.left.set(u64::try_from(left).unwrap_or(0));
        }
        said
    }

    /// The number that a statement reads of the stock.
    pub(crate) async fn number(&self, sql: &'static str) -> Result<u64, Unknown> {
        let stock = self.name.as_str();
        let read = |session: Arc<Session>, _| async move {
            let row = session.row(sql, &[&stock]).await?;
            let row = row.ok_or_else(|| Fault::NotDone("a read found a copy".to_owned()))?;
            Ok(u64::try_from(column::<i64>(&row, 0)?).unwrap_or(0))
        };
        self.driver.ask(read).await
    }
}

/// What a statement that changes the stock says.
pub(crate) enum Said {
    Done,
    /// The id was known: in this state, with this many units, past its deadline.
    Known(String, i64, bool),
    /// There are no more than this many, or no room for more than this many.
    Short(i64),
}
