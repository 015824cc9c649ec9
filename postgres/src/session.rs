//! [`Session`]: a connection, its prepared statements, and what the server's errors mean.

use crate::address::{self, Address};
#[cfg(feature = "nodes")]
use crate::durable::Durable;
use segstock_remote::{Connect, Fault};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSqlOwned, ToSql, WrongType};
use tokio_postgres::{Client, Error, Row, Statement};

/// How to reach a server.
#[derive(Debug)]
pub(crate) struct Reach {
    address: Address,
    attempt: Duration,
    /// Whether each connection is one to a server that loses no commit.
    #[cfg(feature = "nodes")]
    is_durable: bool,
}

impl Reach {
    /// The server ends a statement after `attempt`, and a transaction whose client says nothing for so long: no copy of a
    /// call runs or holds locks for longer.
    pub(crate) fn new(address: &Address, attempt: Duration) -> Self {
        let mut address = address.clone();
        let own = address.config.get_options().unwrap_or_default();
        // The server counts 24 days.
        let milliseconds = attempt.as_millis().clamp(1, i32::MAX as u128);
        let options = format!(
            "{own} -c statement_timeout={milliseconds} -c idle_in_transaction_session_timeout={milliseconds} \
             -c default_transaction_isolation=read\\ committed"
        );
        address.config.options(options);
        Self {
            address,
            attempt,
            #[cfg(feature = "nodes")]
            is_durable: false,
        }
    }

    /// Connects only while the server has no setting off without which it loses commits when its machine stops.
    #[cfg(feature = "nodes")]
    pub(crate) fn durable(self) -> Self {
        Self {
            is_durable: true,
            ..self
        }
    }
}

impl Connect for Reach {
    type Connection = Arc<Session>;

    async fn connect(&self) -> Result<Arc<Session>, Fault> {
        let connected = self.address.connect(self.attempt).await;
        let (client, connection) = connected.map_err(|error| match is_locked_out(&error) {
            true => Fault::Final(words(&error)),
            false => Fault::NotDone(words(&error)),
        })?;
        let task = tokio::spawn(async move {
            // Its end is seen by the calls.
            _ = connection.await;
        });
        let session = Session {
            client,
            statements: Mutex::default(),
            #[cfg(feature = "nodes")]
            durable: self.is_durable.then(Durable::default),
            task: task.abort_handle(),
        };
        #[cfg(feature = "nodes")]
        session.assert_durable().await?;
        Ok(Arc::new(session))
    }
}

/// A connection. It serves one statement at a time, each a transaction of its own.
pub(crate) struct Session {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    /// Sees that the server loses no commit, if that matters.
    #[cfg(feature = "nodes")]
    durable: Option<Durable>,
    task: AbortHandle,
}

/// The parameters of a statement.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Session {
    /// The one row that a statement returns. `None` if it ran into a row that a copy of the call wrote at the same time:
    /// then nothing was changed, and the statement finds the row when it runs again.
    pub(crate) async fn row(
        &self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Fault> {
        #[cfg(feature = "nodes")]
        self.assert_durable().await?;
        let statement = self.statement(sql).await.map_err(|error| fault(&error))?;
        match self.client.query_one(&statement, parameters).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(None),
            Err(error) => Err(fault(&error)),
        }
    }

    /// Sees that no commit is lost, if that matters. A setting that is off may be switched on again: whoever asks has patience.
    #[cfg(feature = "nodes")]
    async fn assert_durable(&self) -> Result<(), Fault> {
        let Some(durable) = &self.durable else {
            return Ok(());
        };
        match durable.look(&self.client).await {
            Ok(None) => Ok(()),
            Ok(Some(line)) => Err(Fault::NotDone(line)),
            Err(error) => Err(Fault::NotDone(words(&error))),
        }
    }

    /// Runs statements that answer nothing.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), Fault> {
        let run = self.client.batch_execute(sql).await;
        run.map_err(|error| fault(&error))
    }

    async fn statement(&self, sql: &'static str) -> Result<Statement, Error> {
        if let Some(statement) = self.prepared().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.prepared().insert(sql, statement.clone());
        Ok(statement)
    }

    fn prepared(&self) -> MutexGuard<'_, HashMap<&'static str, Statement>> {
        let statements = self.statements.lock();
        statements.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn install(&self) -> Result<(), Fault> {
        self.run(include_str!("../schema.sql")).await
    }

    /// Deletes the orders that are older than this many seconds and have no hold, among those that lie in the
    /// [`AT_ONCE`](Self::AT_ONCE) pages from `page` on; says how many there were, and whether there are further pages.
    pub(crate) async fn forget(&self, seconds: f64, page: i64) -> Result<(i64, bool), Fault> {
        const FORGET: &str = "
            with old as (
              delete from segstock_order
              where ctid >= format('(%s,0)', $2::bigint)::tid and ctid < format('(%s,0)', $3::bigint)::tid
                and at < now() - make_interval(secs => $1) and state <> 'held'
              returning 1
            )
            select (select count(*) from old),
              $3 < pg_relation_size('segstock_order') / current_setting('block_size')::bigint";
        let until = page + Self::AT_ONCE;
        let Some(row) = self.row(FORGET, &[&seconds, &page, &until]).await? else {
            return Ok((0, true));
        };
        Ok((column(&row, 0)?, column(&row, 1)?))
    }

    /// Pages of orders that one statement looks at: some 20,000 orders, so that it takes a part of an attempt.
    pub(crate) const AT_ONCE: i64 = 256;

    /// A stock that has a hold past its deadline, if there is one.
    pub(crate) async fn late(&self) -> Result<Option<String>, Fault> {
        const LATE: &str = "
            select (
              select name from segstock_stock stock where part = 0 and exists (
                select from segstock_order held
                where held.stock = stock.name and held.state = 'held' and held.until <= clock_timestamp() + stock.ahead)
              limit 1)";
        match self.row(LATE, &[]).await? {
            Some(row) => column(&row, 0),
            None => Ok(None),
        }
    }

    /// Expires holds of a stock past their deadline, locked in the order of their deadlines, 500 at a time. Says how many.
    ///
    /// It finds them again by their places, which are locked: by their ids, a server that knows nothing of the table yet looks
    /// at all holds for each.
    pub(crate) async fn expire(&self, stock: &str) -> Result<i64, Fault> {
        const EXPIRE: &str = "
            with clock as (
              select clock_timestamp() + ahead as now from segstock_stock where name = $1 and part = 0
            ), late as (
              select ctid as place from segstock_order
              where stock = $1 and state = 'held' and until <= (select now from clock)
              order by until, id limit 500 for update
            ), ended as (
              update segstock_order o set state = 'expired', until = null, at = now()
              from late where o.ctid = late.place
              returning o.units
            ), back as (
              update segstock_stock set units = units + (select sum(units) from ended)::bigint
              where name = $1 and part = 0 and exists (select from ended)
            )
            select count(*) from ended";
        let row = self.row(EXPIRE, &[&stock]).await?;
        row.map_or(Ok(0), |row| column(&row, 0))
    }

    /// Makes the rows of a stock, and says whether they are this attempt's.
    pub(crate) async fn create(
        &self,
        name: &str,
        parts: i32,
        units: i64,
        made: i64,
    ) -> Result<bool, Fault> {
        const CREATE: &str = "
            with made as (
              insert into segstock_stock (name, part, units, made)
              select $1, part, $3::bigint / $2::integer + (part < $3::bigint % $2::integer)::integer, $4
              from generate_series(0, $2::integer - 1) as part
              where not exists (select from segstock_stock where name = $1)
              returning part
            )
            select exists (select from made)
                or coalesce((select made = $4 from segstock_stock where name = $1 and part = 0 for update), false)";
        loop {
            let parameters: Parameters<'_> = &[&name, &parts, &units, &made];
            if let Some(row) = self.row(CREATE, parameters).await? {
                return column(&row, 0);
            }
        }
    }

    pub(crate) async fn parts(&self, name: &str) -> Result<usize, Fault> {
        const PARTS: &str = "select count(*) from segstock_stock where name = $1";
        let Some(row) = self.row(PARTS, &[&name]).await? else {
            return Ok(0);
        };
        Ok(usize::try_from(column::<i64>(&row, 0)?).unwrap_or(0))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may wait for an answer that never comes.
        self.task.abort();
    }
}

/// A column of a row.
pub(crate) fn column<T: FromSqlOwned>(row: &Row, number: usize) -> Result<T, Fault> {
    row.try_get(number)
        .map_err(|error| Fault::Final(words(&error)))
}

/// What an error says of the statement: whether it was done, and whether it is of use to ask again.
fn fault(error: &Error) -> Fault {
    let words = words(error);
    let Some(code) = error.code() else {
        let source = std::error::Error::source(error);
        return if source.is_some_and(|source| source.is::<WrongType>()) {
            // The statement is not this release's, and was not sent.
            Fault::Final(words)
        } else {
            Fault::MayBeDone(words)
        };
    };
    of_code(code.code(), words)
}

fn of_code(code: &str, words: String) -> Fault {
    match code {
        // The server ends the session, perhaps after the commit: an operator, a crash, silence inside a transaction, a
        // transaction that takes too long, silence outside.
        "57P01" | "57P02" | "25P03" | "25P04" | "57P05" => Fault::MayBeDone(words),
        // It undid the statement: locks, deadlocks, time, memory, connections, starting up; a standby.
        "57014" | "57P03" | "25006" => Fault::NotDone(words),
        code if ["40", "53", "55"].contains(&&code[..2]) => Fault::NotDone(words),
        code if code.starts_with("08") => Fault::MayBeDone(words),
        _ => Fault::Final(words),
    }
}

/// Whether a server says that this client has no way in, however often it asks: by its password, its role, the database or
/// its rights.
pub(crate) fn is_locked_out(error: &Error) -> bool {
    match error.code() {
        Some(code) => {
            let code = code.code();
            ["28", "3D"].contains(&&code[..2]) || code == "42501"
        }
        // The server wants a password, and the URL has none.
        None => error.to_string().starts_with("invalid configuration"),
    }
}

/// Whether a schema that a user names can have this name, as it is: letters of lower case, digits and `_`.
#[cfg(any(feature = "ledger", feature = "nodes"))]
pub(crate) fn is_schema_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| is_letter(byte) || byte.is_ascii_digit())
        && name.bytes().next().is_some_and(is_letter)
        && !name.starts_with("pg_")
}

/// The server's words, where there are any.
pub(crate) fn words(error: &Error) -> String {
    if let Some(words) = address::words(error) {
        return words;
    }
    match error.as_db_error() {
        Some(server) => format!("{} ({})", server.message(), server.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, of_code};

    #[test]
    fn what_the_server_ends_is_asked_for_again() {
        for code in ["57P01", "57P02", "25P03", "25P04", "57P05", "08006"] {
            let fault = of_code(code, code.to_owned());
            assert!(matches!(fault, Fault::MayBeDone(_)), "{code}");
        }
        let fault = of_code("42703", "no such column".to_owned());
        assert!(matches!(fault, Fault::Final(_)), "{fault:?}");
    }
}
