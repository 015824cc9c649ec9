//! The statements of a ledger.

use super::errors::Fault;
use tokio::sync::OnceCell;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

/// Writes a batch on top of the one before: where the ledger stands, and the entries. Says whether it did.
///
/// One statement, which is one transaction and one call. A second process that raises the epoch at the same time locks the
/// row of the owner before or after it: then this finds the new epoch, and is void, or the other one finds this batch.
const WRITE: &str = r#"
    WITH owner AS (
        UPDATE "{name}".owner SET batch = $2::bigint, last = $3, time = $4, wall = $5
        WHERE id = 1 AND epoch = $1 AND batch = $2::bigint - 1 RETURNING id
    ), added AS (
        INSERT INTO "{name}".entry (position, time, of_order, request, change)
        SELECT given.* FROM owner, unnest($6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[]) AS given
    )"#;

/// Deletes and rewrites rows along with it.
const KEEP_UP: &str = r#", gone AS (
        DELETE FROM "{name}".entry USING owner, unnest($11::bigint[]) AS number
        WHERE entry.position = number
    ), later AS (
        DELETE FROM "{name}".entry USING owner, unnest($12::bigint[]) AS number
        WHERE entry.of_order = number
    ), moved AS (
        INSERT INTO "{name}".sku AS sku (id, "left")
        SELECT given.* FROM owner, unnest($13::bigint[], $14::bigint[]) AS given
        ON CONFLICT (id) DO UPDATE SET "left" = sku."left" + excluded."left"
    ), rewritten AS (
        UPDATE "{name}".entry SET time = given.time, request = given.request, change = given.change
        FROM owner, unnest($15::bigint[], $16::bigint[], $17::text[], $18::text[])
            AS given (position, time, request, change)
        WHERE entry.position = given.position
    )"#;

const DONE: &str = " SELECT count(*) FROM owner";

/// Asks by a commit, which changes nothing, and waits as that of the batch does. A batch whose session or server ended may be seen
/// before the standbys that its commit waits for have it; once this commit is answered, they have all before it, too. While
/// the batch is under way, this waits for the row of the owner.
const STANDS: &str =
    r#"UPDATE "{name}".owner SET wall = wall RETURNING epoch, batch, last, time, wall"#;

const EPOCH: &str = r#"SELECT epoch FROM "{name}".owner"#;

const AFTER: &str = r#"
    SELECT position, time, request, change FROM "{name}".entry WHERE position > $1
    ORDER BY position LIMIT $2"#;

const OF: &str = r#"
    SELECT position, time, request, change FROM unnest($1::bigint[]) AS number
    JOIN "{name}".entry ON position = number
    UNION ALL SELECT position, time, request, change FROM unnest($2::bigint[]) AS number
    JOIN "{name}".entry ON of_order = number"#;

const LEFT: &str = r#"SELECT id, "left" FROM "{name}".sku WHERE id >= $1 ORDER BY id LIMIT $2"#;

/// A statement that a connection prepares when it is needed first.
pub(super) struct Prepared {
    sql: String,
    statement: OnceCell<Statement>,
}

impl Prepared {
    fn new(sql: &str, name: &str) -> Self {
        Self {
            sql: sql.replace("{name}", name),
            statement: OnceCell::new(),
        }
    }

    pub(super) async fn query(
        &self,
        client: &Client,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Fault> {
        let prepare = || client.prepare(&self.sql);
        let statement = self.statement.get_or_try_init(prepare).await?;
        Ok(client.query(statement, parameters).await?)
    }
}

/// The statements of a connection.
pub(super) struct Statements {
    pub(super) write: Prepared,
    pub(super) write_and_keep_up: Prepared,
    pub(super) stands: Prepared,
    pub(super) epoch: Prepared,
    pub(super) after: Prepared,
    pub(super) of: Prepared,
    pub(super) left: Prepared,
}

impl Statements {
    pub(super) fn new(name: &str) -> Self {
        let prepared = |sql: &[&str]| Prepared::new(&sql.concat(), name);
        Self {
            write: prepared(&[WRITE, DONE]),
            write_and_keep_up: prepared(&[WRITE, KEEP_UP, DONE]),
            stands: prepared(&[STANDS]),
            epoch: prepared(&[EPOCH]),
            after: prepared(&[AFTER]),
            of: prepared(&[OF]),
            left: prepared(&[LEFT]),
        }
    }
}
