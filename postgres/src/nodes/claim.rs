//! [`Claim`]: the name that a sale which is made aside will have is kept for it, so that nobody else makes a sale of that name.

use super::aside::run_aside;
use super::{Sale, SaleError};
use crate::session::is_schema_name;

/// Keeps a name. What an earlier claim left is taken over, but for a sale that is whole: its shop may be closed by now.
const CLAIM: &str = r#"
    do $$ begin
      perform pg_advisory_xact_lock(hashtext('segstock nodes {to}'));
      if to_regclass('{to}.segstock_claim') is null then
        if exists (select from pg_class c where c.relnamespace = to_regnamespace('{to}')) then
          raise exception 'the schema {to} has tables already';
        end if;
        create schema if not exists "{to}";
        create table "{to}".segstock_claim (number bigint not null, by text not null, is_whole boolean not null);
      elsif exists (select from "{to}".segstock_claim where is_whole) then
        raise exception 'the schema {to} is kept for the sale {name}, which is whole, and was made of %',
          (select by from "{to}".segstock_claim);
      end if;
      delete from "{to}".segstock_claim;
      insert into "{to}".segstock_claim values ({number}, convert_from('\x{by}', 'utf8'), false);
    end $$"#;

const WHOLE: &str = r#"
    do $$ begin
      perform pg_advisory_xact_lock(hashtext('segstock nodes {to}'));
      update "{to}".segstock_claim set is_whole = true where number = {number};
      if not found then
        raise exception 'the schema {to} is kept for another sale by now';
      end if;
    end $$"#;

const GIVE_UP: &str = r#"
    do $$ begin
      perform pg_advisory_xact_lock(hashtext('segstock nodes {to}'));
      if to_regclass('{to}.segstock_claim') is not null then
        delete from "{to}".segstock_claim where number = {number};
        if not exists (select from "{to}".segstock_claim) then
          drop table "{to}".segstock_claim;
          drop schema "{to}" restrict;
        end if;
      end if;
    end $$"#;

/// A name that is kept for a sale which is made aside, by [`Sale::claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    to: String,
    number: i64,
}

impl Claim {
    fn sql(&self, text: &str) -> String {
        let text = text.replace("{to}", &self.to);
        text.replace("{number}", &self.number.to_string())
    }
}

impl Sale {
    /// Keeps the name `to` for this sale, which is to be made aside by `by`, until it is [renamed](Self::rename) or the claim
    /// [given up](Self::give_up). Meanwhile no sale and no ledger is made there, and a node that would join is told
    /// [`SaleError::Claimed`]. A claim before it is over, if its sale is not [whole](Self::mark_whole).
    ///
    /// # Errors
    ///
    /// [`SaleError::Name`]; [`SaleError::Refused`] if there is something of that name, or a claim whose sale is whole; or if
    /// the server does not answer: then there may be a claim, which the next takes over.
    pub async fn claim(&self, to: &str, by: &str) -> Result<Claim, SaleError> {
        if !is_schema_name(to) {
            return Err(SaleError::Name(to.to_owned()));
        }
        let (to, number) = (to.to_owned(), rand::random());
        let claim = Claim { to, number };
        let by: String = by.bytes().map(|byte| format!("{byte:02x}")).collect();
        run_aside(self, &claim.sql(CLAIM).replace("{by}", &by)).await?;
        Ok(claim)
    }

    /// Says that the sale is whole: from now on nobody takes the claim over. Then what it was made of can be closed.
    ///
    /// # Errors
    ///
    /// [`SaleError::Refused`] if another took the claim over: what was made aside is theirs now. If the server does not answer,
    /// the same call tells.
    pub async fn mark_whole(&self, claim: &Claim) -> Result<(), SaleError> {
        run_aside(self, &claim.sql(WHOLE)).await
    }

    /// Gives a claim up, if nobody took it over: the name is anybody's.
    ///
    /// # Errors
    ///
    /// [`SaleError::Refused`] if the server does not let it; or if it does not answer: then the same call tells.
    pub async fn give_up(&self, claim: &Claim) -> Result<(), SaleError> {
        run_aside(self, &claim.sql(GIVE_UP)).await
    }
}
