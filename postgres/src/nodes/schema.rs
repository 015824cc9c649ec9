//! How the tables of a sale are made, and whether they are this release's.

use super::SaleError;
use super::rows::{Failed, Rows};
use super::version::VERSION;
use crate::durable::SETTING_OFF;
use crate::encoding::OTHER_ENCODING;
use crate::session::{Session, column};
use segstock_remote::{Attempt, Driver, Fault};
use std::sync::Arc;

/// Its transactions, one in each file.
const FUNCTIONS: [&str; 18] = [
    include_str!("sql/schema.sql"),
    include_str!("sql/events.sql"),
    include_str!("sql/queue.sql"),
    include_str!("sql/parts.sql"),
    include_str!("sql/limits.sql"),
    include_str!("sql/open.sql"),
    include_str!("sql/lend.sql"),
    include_str!("sql/number.sql"),
    include_str!("sql/batch.sql"),
    include_str!("sql/prove.sql"),
    include_str!("sql/beat.sql"),
    include_str!("sql/close.sql"),
    include_str!("sql/recall.sql"),
    include_str!("sql/change.sql"),
    include_str!("sql/shelf.sql"),
    include_str!("sql/moves.sql"),
    include_str!("sql/forget.sql"),
    include_str!("sql/end.sql"),
];

/// Makes the schema `name` with its tables, if it is not there or empty. Connections have it as their search path.
pub(super) async fn install(
    driver: &Driver<crate::session::Reach>,
    name: &str,
) -> Result<(), SaleError> {
    let install = |session: Arc<Session>, _: Attempt| async move {
        if let Some(found) = other_encoding(&session).await? {
            return Ok(Err(SaleError::Encoding { found }));
        }
        if takes_no_changes(&session).await? {
            return Ok(Err(SaleError::ReadOnly));
        }
        // Of two processes that install it at the same time, one makes the tables.
        let lock = format!("select pg_advisory_xact_lock(hashtext('segstock nodes {name}'))");
        session.run(&format!("begin; {lock}")).await?;
        let make = async {
            session
                .run(&format!("create schema if not exists \"{name}\""))
                .await?;
            if tables(&session).await? == 0 {
                session.run(&FUNCTIONS.concat()).await?;
            }
            session.run("commit").await
        };
        match make.await {
            Ok(()) => Ok(Ok(())),
            Err(Fault::Final(words)) => {
                session.run("rollback").await?;
                Ok(Err(SaleError::Refused(words)))
            }
            Err(fault) => Err(fault),
        }
    };
    driver.ask(install).await.map_err(SaleError::Unknown)?
}

async fn other_encoding(session: &Session) -> Result<Option<String>, Fault> {
    let row = session.row(OTHER_ENCODING, &[]).await?;
    let row = row.ok_or_else(|| Fault::NotDone("a read found a copy".to_owned()))?;
    column(&row, 0)
}

/// Whether it is a standby, or its settings let nobody write.
async fn takes_no_changes(session: &Session) -> Result<bool, Fault> {
    const READ_ONLY: &str = "select current_setting('transaction_read_only')::bool";
    let row = session.row(READ_ONLY, &[]).await?;
    let row = row.ok_or_else(|| Fault::NotDone("a read found a copy".to_owned()))?;
    column(&row, 0)
}

async fn tables(session: &Session) -> Result<i64, Fault> {
    const TABLES: &str = "
        select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema()";
    let row = session.row(TABLES, &[]).await?;
    let row = row.ok_or_else(|| Fault::NotDone("a read found a copy".to_owned()))?;
    column(&row, 0)
}

/// Whether the tables are there, and of this release; and whether the server keeps what it answers.
pub(super) async fn check(rows: &Rows) -> Result<(), SaleError> {
    const THERE: &str = "
        select current_schema() is not null, to_regclass('segstock_nodes') is not null,
          exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema()),
          pg_is_in_recovery(), to_regclass('segstock_claim') is not null";
    let read = |row: &tokio_postgres::Row| {
        let at = |number| column::<bool>(row, number);
        Ok((at(0)?, at(1)?, at(2)?, at(3)?, at(4)?))
    };
    let (schema, sale, tables, standby, claim) = rows.row(THERE, &[], read).await?;
    if standby {
        return Err(SaleError::ReadOnly);
    }
    if claim {
        let by = "select made_of from segstock_claim";
        let by = rows.row(by, &[], |row| column(row, 0)).await?;
        return Err(SaleError::Claimed { by });
    }
    match (sale, schema && tables) {
        (false, true) => return Err(SaleError::NotASale),
        (false, false) => return Err(SaleError::NotInstalled),
        (true, _) => {}
    }
    let version = "select version from segstock_nodes";
    let found: i32 = rows.row(version, &[], |row| column(row, 0)).await?;
    if found != VERSION {
        return Err(SaleError::Version { found });
    }
    let other: Option<String> = rows.row(OTHER_ENCODING, &[], |row| column(row, 0)).await?;
    if let Some(found) = other {
        return Err(SaleError::Encoding { found });
    }
    let off: Option<String> = rows.row(SETTING_OFF, &[], |row| column(row, 0)).await?;
    off.map_or(Ok(()), |setting| Err(SaleError::NotDurable { setting }))
}

impl From<Failed> for SaleError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Silent(unknown) => Self::Unknown(unknown),
            Failed::Broken(words) => Self::Refused(words),
            Failed::Over => Self::Refused("the session is over".to_owned()),
        }
    }
}
