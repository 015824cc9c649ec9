//! A sale that is made aside, under another name, and takes its place when it is whole.

use super::{Sale, SaleError};
use crate::session::{Session, is_schema_name};
use segstock_remote::{Attempt, Fault};
use std::sync::Arc;

/// Removes a sale, with all that is in its schema.
const REMOVE: &str = r#"
    do $$ begin
      perform pg_advisory_xact_lock(hashtext('segstock nodes {name}'));
      if to_regnamespace('{name}') is not null then
        if to_regclass('{name}.segstock_nodes') is null
          and exists (select from pg_class c where c.relnamespace = to_regnamespace('{name}'))
        then
          raise exception 'the schema {name} has tables that are not a sale''s';
        end if;
        drop schema "{name}" cascade;
      end if;
    end $$"#;

/// Renames a sale. What was there is nothing, an empty schema, a claim, a ledger that was closed for good, or by now the sale
/// itself.
const RENAME: &str = r#"
    do $$ begin
      perform pg_advisory_xact_lock(hashtext('segstock nodes {to}'));
      if to_regclass('{name}.segstock_nodes') is null then
        if to_regclass('{to}.segstock_nodes') is null then
          raise exception 'there is no sale of the name {name}';
        end if;
        return;
      end if;
      if to_regclass('{to}.owner') is not null and to_regclass('{to}.closed') is not null then
        alter schema "{to}" rename to "{to}_closed";
      elsif exists (
        select from pg_class c where c.relnamespace = to_regnamespace('{to}')
          and c.oid is distinct from to_regclass('{to}.segstock_claim')
      ) then
        raise exception 'the schema {to} has tables of something else';
      elsif to_regnamespace('{to}') is not null then
        drop table if exists "{to}".segstock_claim;
        drop schema "{to}" restrict;
      end if;
      alter schema "{name}" rename to "{to}";
    end $$"#;

/// What would keep [`RENAME`] from its end, once what is there gives way.
const CAN_BE_RENAMED: &str = r#"
    do $$ begin
      if exists (select from pg_namespace where nspname = '{to}' and not pg_has_role(nspowner, 'usage')) then
        raise exception 'the schema {to} is another role''s';
      end if;
      if to_regclass('{to}.owner') is not null and to_regnamespace('{to}_closed') is not null then
        raise exception 'there is a schema {to}_closed already, and the ledger in {to} would get that name';
      end if;
    end $$"#;

impl Sale {
    /// Whether the sale could get the name `to`, if what is there now gave way: what has to be known before a ledger there is
    /// closed. It changes nothing.
    ///
    /// # Errors
    ///
    /// [`SaleError::Name`]; [`SaleError::Refused`] if the schema is another role's, or if a ledger is there and its name with
    /// `_closed` after it is taken; or if the server does not answer.
    pub async fn can_be_renamed(&self, to: &str) -> Result<(), SaleError> {
        if !is_schema_name(to) {
            return Err(SaleError::Name(to.to_owned()));
        }
        run_aside(self, &CAN_BE_RENAMED.replace("{to}", to)).await
    }

    /// Gives the sale the name `to`, at once: until then nobody who knows it by that name finds it. For a sale that is filled
    /// before anybody sells from it. No node serves it meanwhile. Made again, it changes nothing. A [claim](Self::claim) on that
    /// name is over then.
    ///
    /// Where a ledger of an order book was that is [closed for good](segstock_orders::ledger::Ledger::close_for_good), its schema
    /// has `_closed` after its name from then on.
    ///
    /// # Errors
    ///
    /// [`SaleError::Name`]; [`SaleError::Refused`] if there is no such sale, something else has that name, or the server does not
    /// let it; or if the server does not answer: then the same call tells.
    pub async fn rename(&self, to: &str) -> Result<(), SaleError> {
        if !is_schema_name(to) {
            return Err(SaleError::Name(to.to_owned()));
        }
        run_aside(self, &RENAME.replace("{to}", to)).await
    }

    /// Removes the sale, with its orders and its stock: for one that was made aside, and not to its end. If it is not there,
    /// nothing happens. **Nothing is asked**: a sale in which nodes sell is gone like any other.
    ///
    /// # Errors
    ///
    /// [`SaleError::Refused`] if its schema has tables of something else, or the server does not let it; or if the server does
    /// not answer: then the same call tells.
    pub async fn remove(&self) -> Result<(), SaleError> {
        run_aside(self, REMOVE).await
    }
}

/// Runs one statement, which is one transaction; `{name}` in it is the sale's.
pub(super) async fn run_aside(sale: &Sale, sql: &str) -> Result<(), SaleError> {
    let patient = sale.patient();
    let sql = &sql.replace("{name}", &sale.name);
    let run = |session: Arc<Session>, _: Attempt| async move {
        match session.run(sql).await {
            Err(Fault::Final(words)) => Ok(Err(SaleError::Refused(words))),
            ran => ran.map(Ok),
        }
    };
    let driver = patient.driver(1, patient.patience)?;
    driver.ask(run).await.map_err(SaleError::Unknown)?
}
