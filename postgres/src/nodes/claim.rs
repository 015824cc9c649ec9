//! The name that a sale which is made aside will have is kept for it, so that nobody else makes a sale of that name.

use super::aside::run_aside;
use super::{Sale, SaleError};
use crate::session::is_schema_name;

/// Keeps a name. An earlier claim ends, and its sale is removed, unless that is whole: its shop may be closed by now.
const CLAIM: &str = r#"
    do $$
    declare
      earlier record;
    begin
      perform pg_advisory_xact_lock(hashtext('segstock nodes {to}'));
      if to_regclass('{to}.segstock_claim') is null then
        if exists (select from pg_class c where c.relnamespace = to_regnamespace('{to}')) then
          raise exception 'the schema {to} has tables already';
        end if;
        create schema if not exists "{to}";
        create table "{to}".segstock_claim (aside text not null, made_of text not null, is_whole boolean not null);
      end if;
      for earlier in delete from "{to}".segstock_claim returning * loop
        if earlier.is_whole then
          raise exception 'the schema {to} is kept for the sale %, which is whole, and was made of %',
            earlier.aside, earlier.made_of;
        end if;
        if earlier.aside <> '{name}' and to_regclass(earlier.aside || '.segstock_nodes') is not null then
          execute format('drop schema %I cascade', earlier.aside);
        end if;
      end loop;
      insert into "{to}".segstock_claim values ('{name}', convert_from('\x{by}', 'utf8'), false);
    end $$"#;

const WHOLE: &str = r#"
    do $$ begin
      perform pg_advisory_xact_lock(hashtext('segstock nodes {to}'));
      update "{to}".segstock_claim set is_whole = true where aside = '{name}';
      if not found then
        raise exception 'the schema {to} is kept for another sale by now';
      end if;
    end $$"#;

const GIVE_UP: &str = r#"
    do $$ begin
      perform pg_advisory_xact_lock(hashtext('segstock nodes {to}'));
      if to_regclass('{to}.segstock_claim') is not null then
        delete from "{to}".segstock_claim where aside = '{name}';
        if not exists (select from "{to}".segstock_claim) then
          drop table "{to}".segstock_claim;
          drop schema "{to}" restrict;
        end if;
      end if;
      if to_regclass('{name}.segstock_nodes') is not null then
        drop schema "{name}" cascade;
      end if;
    end $$"#;

impl Sale {
    /// Keeps the name `to` for this sale, which is to be made aside of what `by` says, until it is [renamed](Self::rename) or
    /// [given up](Self::give_up). Meanwhile no sale and no ledger is made there, and a node that would join is refused with
    /// [`SaleError::Claimed`]. **An earlier claim ends, and its sale is removed**, unless that is
    /// [whole](Self::mark_whole). Made again, it changes nothing: so each who claims a name has a sale of a name
    /// [of its own](Self::aside).
    ///
    /// # Errors
    ///
    /// [`SaleError::Name`]; [`SaleError::Refused`] if there is something of that name, or a claim whose sale is whole; or if
    /// the server does not answer: then there may be a claim, which the next takes over.
    pub async fn claim(&self, to: &str, by: &str) -> Result<(), SaleError> {
        let by: String = by.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.run_claim(&CLAIM.replace("{by}", &by), to).await
    }

    /// Says that the sale is whole: from now on nobody takes its claim on the name `to` over. Then what it was made of can be
    /// closed.
    ///
    /// # Errors
    ///
    /// [`SaleError::Name`]; [`SaleError::Refused`] if another took the claim over. If the server does not answer, the same call
    /// tells.
    pub async fn mark_whole(&self, to: &str) -> Result<(), SaleError> {
        self.run_claim(WHOLE, to).await
    }

    /// Gives up what was made aside: the sale is removed, be it whole or not, and the name `to` is anybody's if nobody took its
    /// claim over.
    ///
    /// # Errors
    ///
    /// [`SaleError::Name`]; [`SaleError::Refused`] if the server does not let it; or if it does not answer: then the same call
    /// tells.
    pub async fn give_up(&self, to: &str) -> Result<(), SaleError> {
        self.run_claim(GIVE_UP, to).await
    }

    async fn run_claim(&self, sql: &str, to: &str) -> Result<(), SaleError> {
        if !is_schema_name(to) {
            return Err(SaleError::Name(to.to_owned()));
        }
        run_aside(self, &sql.replace("{to}", to)).await
    }
}
