//! How a ledger is opened: what its schema is, its tables, and the steps from one version to the next.

use super::calls::opened;
use super::errors::Fault;
use super::link::{Link, Reach};
use crate::encoding::{OTHER_ENCODING, lacks_letters};
use segstock_orders::ledger::{LedgerReason, Opened};

/// Step `n` makes version `n + 1` of version `n`. Version 0 has nothing. A step that was released is never changed.
/// `{name}` is the ledger's.
const STEPS: [&str; 1] = [r#"
    CREATE SCHEMA IF NOT EXISTS "{name}";
    CREATE TABLE "{name}".owner (
        id integer PRIMARY KEY CHECK (id = 1),
        segstock_ledger integer NOT NULL,
        epoch bigint NOT NULL,
        batch bigint NOT NULL,
        last bigint NOT NULL,
        time bigint NOT NULL,
        wall bigint NOT NULL
    ) WITH (fillfactor = 10);
    INSERT INTO "{name}".owner VALUES (1, 0, 0, 0, 0, 0, 0);
    CREATE TABLE "{name}".entry (
        position bigint PRIMARY KEY,
        time bigint NOT NULL,
        of_order bigint,
        request text,
        change text NOT NULL
    );
    -- Of the later entries of orders only. Numbers of orders grow, so that the pages of recent ones lie together.
    CREATE INDEX entry_of_order ON "{name}".entry (of_order) WHERE of_order IS NOT NULL;
    CREATE TABLE "{name}".sku (
        id bigint PRIMARY KEY,
        "left" bigint NOT NULL
    );
    -- For people.
    CREATE VIEW "{name}".entries AS
        SELECT position, time, of_order, request, kind.key AS kind, kind.value AS data
        FROM "{name}".entry, json_each(entry.change::json) AS kind;
    "#];

/// The version of a ledger that was closed for good. To earlier releases it is one of a later release, which they leave alone.
const CLOSED: i32 = 1_000_000;

/// Opens the ledger, brings it to the newest version, and raises its epoch.
pub(super) async fn open(link: &Link, reach: &Reach) -> Result<Opened, Fault> {
    let steps: Vec<_> = STEPS.into_iter().chain(reach.later).collect();
    let name = &reach.name;
    loop {
        let version = upgrade(link, reach, &steps).await?;
        let raise = format!(
            r#"UPDATE "{name}".owner SET epoch = epoch + 1 WHERE segstock_ledger = {version}
               RETURNING epoch, batch, last, time, wall"#
        );
        // No row: it was closed for good since, or a later release brought it on.
        if let Some(row) = link.client.query_opt(&raise, &[]).await? {
            return opened(&row);
        }
    }
}

/// Brings the schema to the last version, step by step, each in a transaction. Returns that version.
async fn upgrade(link: &Link, reach: &Reach, steps: &[&str]) -> Result<usize, Fault> {
    let (client, name) = (&link.client, &*reach.name);
    loop {
        client.batch_execute("BEGIN").await?;
        // Of two processes that open it at the same time, one makes the step.
        let lock = "SELECT pg_advisory_xact_lock(hashtext('segstock ledger ' || $1))";
        client.query_one(lock, &[&name]).await?;
        let found = match version(link, reach, steps.len()).await? {
            Version::Known(0) if !reach.makes => return Err(not_there(reach)),
            // One that is there already stays in use, for the SKUs that it has.
            Version::Known(0) => {
                assert_all_letters(link).await?;
                0
            }
            Version::Known(found) => found,
            Version::Closed(why) => {
                let line = format!("{} is closed for good: {why}", reach.shown());
                return Err(Fault::new(LedgerReason::ClosedForGood, line, false));
            }
        };
        let Some(step) = steps.get(found) else {
            client.batch_execute("COMMIT").await?;
            return Ok(found);
        };
        let step = step.replace("{name}", name);
        let number = found + 1;
        client
            .batch_execute(&format!(
                r#"{step}; UPDATE "{name}".owner SET segstock_ledger = {number}; COMMIT"#
            ))
            .await?;
    }
}

async fn assert_all_letters(link: &Link) -> Result<(), Fault> {
    let row = link.client.query_one(OTHER_ENCODING, &[]).await?;
    let Some(found) = row.try_get::<_, Option<String>>(0)? else {
        return Ok(());
    };
    let line = lacks_letters(&found, "a ledger");
    Err(Fault::new(LedgerReason::Failed, line, false))
}

fn not_there(reach: &Reach) -> Fault {
    let line = format!("{} is not there", reach.shown());
    Fault::new(LedgerReason::NotALedger, line, false)
}

/// Why the ledger was closed for good, if it was.
pub(super) async fn why_closed(link: &Link, reach: &Reach) -> Result<Option<String>, Fault> {
    match version(link, reach, STEPS.len()).await? {
        Version::Known(0) => Err(not_there(reach)),
        Version::Known(_) => Ok(None),
        Version::Closed(why) => Ok(Some(why)),
    }
}

/// What the schema is.
enum Version {
    /// 0 if nothing is there.
    Known(usize),
    /// It was closed for good, for this reason.
    Closed(String),
}

async fn version(link: &Link, reach: &Reach, known: usize) -> Result<Version, Fault> {
    let (client, name) = (&link.client, &*reach.name);
    let what = "
        SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid),
            (SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass(format('%I.owner', $1::text))
                AND attname = 'segstock_ledger')
        FROM pg_namespace AS n WHERE nspname = $1::text";
    let Some(row) = client.query_opt(what, &[&name]).await? else {
        return Ok(Version::Known(0));
    };
    match (row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?) {
        (0, _) => return Ok(Version::Known(0)),
        (_, 0) => {
            let line = format!("{} is not a ledger of segstock", reach.shown());
            return Err(Fault::new(LedgerReason::NotALedger, line, false));
        }
        _ => {}
    }
    let select = format!(r#"SELECT segstock_ledger FROM "{name}".owner"#);
    let found: i32 = client.query_one(&select, &[]).await?.try_get(0)?;
    if found == CLOSED {
        let why = format!(r#"SELECT why FROM "{name}".closed"#);
        let why = client.query_one(&why, &[]).await?.try_get(0)?;
        return Ok(Version::Closed(why));
    }
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > known {
        let line = format!(
            "{} was written by a later release: its version is {found}, this release knows {known}",
            reach.shown()
        );
        return Err(Fault::new(LedgerReason::Later, line, false));
    }
    Ok(Version::Known(found))
}

/// Closes the ledger for good, if nobody opened it since it had this epoch. No batch of this or of an earlier epoch is written any
/// more.
pub(super) async fn close(link: &Link, reach: &Reach, epoch: i64, why: &str) -> Result<(), Fault> {
    let (client, name) = (&link.client, &*reach.name);
    client.batch_execute("BEGIN").await?;
    let close = format!(
        r#"UPDATE "{name}".owner SET segstock_ledger = {CLOSED}, epoch = epoch + 1 WHERE epoch = $1"#
    );
    if client.execute(&close, &[&epoch]).await? == 0 {
        let line = format!("{} was opened by another process", reach.shown());
        return Err(Fault::new(LedgerReason::Superseded, line, false));
    }
    let table = format!(r#"CREATE TABLE "{name}".closed (why text NOT NULL)"#);
    client.batch_execute(&table).await?;
    let say = format!(r#"INSERT INTO "{name}".closed VALUES ($1)"#);
    client.execute(&say, &[&why]).await?;
    Ok(client.batch_execute("COMMIT").await?)
}
