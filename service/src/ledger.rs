//! [`LedgerPlace`]: where what was answered is kept, and how a book is opened there.

use crate::book::{Book, Sku};
use segstock_orders::ledger::{
    Batch, Found, Ledger, LedgerError, LedgerReason, Opened, RecoverError, Recovered, Standing,
    WriteError, Writer,
};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{Entry, Journal, OrderBookBuilder, Position, Refusal};
use segstock_postgres::PostgresLedger;
use serde::Deserialize;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// The schema of a ledger in `PostgreSQL`, and of a sale of several nodes: of one of them, since the other refuses its tables.
pub const SCHEMA: &str = "segstock";

/// Where what was answered is kept: `sqlite:FILE`, `postgres://…`, or `none`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LedgerPlace {
    /// Nowhere: everything is forgotten when the service ends.
    None,
    /// In a file of SQLite.
    Sqlite(PathBuf),
    /// In the schema `segstock` of a database of `PostgreSQL`.
    Postgres(PostgresUrl),
}

/// The address of a database, which is shown without user, password and settings.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    /// The whole address.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, rest) = self.0.split_once("://").unwrap_or_default();
        // The user and the password end at the first of these, whatever else they have in them.
        let (_, rest) = rest.split_once('@').unwrap_or(("", rest));
        let rest = rest.split('?').next().unwrap_or_default();
        let place = rest.rsplit('@').next().unwrap_or_default();
        write!(f, "postgres://{place}")
    }
}

impl LedgerPlace {
    /// A file where the service is started.
    #[must_use]
    pub fn here() -> Self {
        Self::Sqlite("segstock.db".into())
    }
}

impl FromStr for LedgerPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            // `//shop.db` would be a file in the root directory; `///var/lib/shop.db` is where it says.
            Some(("sqlite", file)) if file.starts_with("//") && !file.starts_with("///") => {
                Err("a file is written sqlite:FILE, without // before it".to_owned())
            }
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(file.into())),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(PostgresUrl(text.to_owned())))
            }
            // It may hold a password, so it is not repeated.
            _ => Err(
                "a ledger is written sqlite:FILE, postgres://USER@HOST/DATABASE, or none"
                    .to_owned(),
            ),
        }
    }
}

impl TryFrom<String> for LedgerPlace {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for LedgerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// A book, and what keeps it.
#[derive(Debug)]
pub struct Kept {
    /// The book.
    pub book: Book,
    /// Its writer.
    pub writer: Arc<Writer<Sku>>,
    /// What was found, in one line for people.
    pub found: String,
}

impl Kept {
    /// Makes a call without waiting for the disk, but for room in the writer's queue.
    pub(crate) fn in_turn<T>(
        &self,
        call: impl Fn(&Book) -> Result<T, Refusal<Sku>>,
    ) -> Result<T, Refusal<Sku>> {
        loop {
            match self.writer.decide(|| call(&self.book)).answer {
                Err(Refusal::Busy) => self.written()?,
                answer => return answer,
            }
        }
    }

    /// Waits until all that was done so far is durable.
    pub(crate) fn written(&self) -> Result<(), Refusal<Sku>> {
        let appended = self.writer.status().appended;
        let written = Journal::<Sku>::wait(&*self.writer, appended);
        written.map_err(|_| Refusal::Unknown)
    }

    /// That the book is not open after all, for this reason or for what is wrong with its ledger.
    pub(crate) fn not_open(&self, line: String) -> NotOpen {
        let dead = self.writer.status().dead;
        dead.map_or_else(|| line.into(), |error| RecoverError::Ledger(error).into())
    }
}

/// Why there is no open book, in one line.
#[derive(Debug)]
pub struct NotOpen {
    line: String,
    reason: Option<LedgerReason>,
}

impl NotOpen {
    /// Of a ledger in a database: whether it does not answer, or takes no changes now: later it may. It can be read only while
    /// another server takes its place, and a full disk gets room again.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        use LedgerReason::{Full, NoAnswer, ReadOnly};
        matches!(self.reason, Some(NoAnswer | ReadOnly | Full))
    }
}

impl From<String> for NotOpen {
    fn from(line: String) -> Self {
        let reason = None;
        Self { line, reason }
    }
}

impl From<RecoverError> for NotOpen {
    fn from(error: RecoverError) -> Self {
        let line = format!("cannot open the ledger: {error}");
        let reason = match error {
            RecoverError::Ledger(error) => Some(error.reason()),
            _ => None,
        };
        Self { line, reason }
    }
}

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Error for NotOpen {}

/// Opens a book: as its ledger has it, or a new one.
///
/// # Errors
///
/// What is wrong with the ledger, in one line. It was not changed.
pub fn open(builder: OrderBookBuilder<Sku>, place: &LedgerPlace) -> Result<Kept, NotOpen> {
    match place {
        LedgerPlace::None => {
            let Recovered { book, writer, .. } = builder.recover(Nowhere)?;
            let found = "no ledger: everything is forgotten when the service ends".to_owned();
            Ok(Kept {
                book,
                writer,
                found,
            })
        }
        LedgerPlace::Sqlite(file) => {
            let recovered = builder.recover(SqliteLedger::at(file))?;
            let shown = file.display();
            let start_over = format!("move {shown} away, and {shown}-wal if it is there");
            Ok(kept(recovered, &shown, &start_over))
        }
        LedgerPlace::Postgres(url) => {
            let ledger = PostgresLedger::at(&url.0, SCHEMA).map_err(RecoverError::Ledger);
            let recovered = ledger.and_then(|ledger| builder.recover(ledger));
            let recovered = recovered.map_err(|error| {
                let mut error = NotOpen::from(error);
                if error.line.ends_with("not a ledger of segstock") {
                    error.line += "; a sale of several nodes is started with --node";
                }
                error
            })?;
            let start_over = format!("drop its schema {SCHEMA}, or rename it");
            Ok(kept(recovered, url, &start_over))
        }
    }
}

/// What was recovered, and what to say of it: `start_over` says how.
fn kept(recovered: Recovered<Sku>, place: &dyn fmt::Display, start_over: &str) -> Kept {
    let found = match recovered.found {
        Found { entries: 0, .. } => format!("a new ledger in {place}"),
        found => {
            format!(
                "the ledger {place} has {found}; to start over, stop the service and {start_over}"
            )
        }
    };
    Kept {
        book: recovered.book,
        writer: recovered.writer,
        found,
    }
}

/// The ledger of a shop that is to be moved: it is there already. In a database it has the name `schema`.
///
/// # Errors
///
/// If it is none that can be kept.
pub fn existing(place: &LedgerPlace, schema: &str) -> Result<Box<dyn Ledger<Sku>>, NotOpen> {
    match place {
        LedgerPlace::None => Err("nothing is kept in the ledger none".to_owned().into()),
        LedgerPlace::Sqlite(file) => Ok(Box::new(SqliteLedger::at(file).existing())),
        LedgerPlace::Postgres(url) => {
            let ledger = PostgresLedger::at(&url.0, schema).map_err(RecoverError::Ledger)?;
            Ok(Box::new(ledger.existing()))
        }
    }
}

/// A ledger that keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl<K> Ledger<K> for Nowhere {
    fn open(&mut self) -> Result<Opened, LedgerError> {
        Ok(Opened::default())
    }

    fn load(&mut self, _: Position, _: usize) -> Result<Vec<(Position, Entry<K>)>, LedgerError> {
        Ok(Vec::new())
    }

    fn write(&mut self, _: &Batch<K>) -> Result<(), WriteError> {
        Ok(())
    }

    fn ask(&mut self, _: u64, _: u64) -> Result<Standing, LedgerError> {
        Ok(Standing::Written)
    }
}

#[cfg(test)]
mod tests {
    use super::LedgerPlace;

    #[test]
    fn a_password_is_never_shown() {
        let text = "postgresql://shop:secret@db.example/shop?password=secret";
        let place: LedgerPlace = text.parse().unwrap();
        assert_eq!(place.to_string(), "postgres://db.example/shop");
        assert!(!format!("{place:?}").contains("secret"));
        let place: LedgerPlace = "postgres://shop:sec?ret@db/shop".parse().unwrap();
        assert_eq!(place.to_string(), "postgres://db/shop");
        for wrong in [
            "postgres:secret@db",
            "mysql://shop:secret@db",
            "host=secret",
        ] {
            let error = wrong.parse::<LedgerPlace>().unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn places_are_shown_as_they_are_written() {
        for place in [
            "none",
            "sqlite:shop.db",
            "sqlite:/var/lib/a:b.db",
            "postgres://db/shop",
        ] {
            assert_eq!(place.parse::<LedgerPlace>().unwrap().to_string(), place);
        }
        for wrong in ["", "shop.db", "sqlite:", "postgres:x", "none:"] {
            assert!(wrong.parse::<LedgerPlace>().is_err(), "{wrong}");
        }
    }
}
