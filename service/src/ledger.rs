//! [`LedgerPlace`]: where what was answered is kept, and how a book is opened there.

use crate::app::{Book, Sku};
use segstock_orders::ledger::{
    Batch, Found, Ledger, LedgerError, Opened, RecoverError, Recovered, Standing, WriteError,
    Writer,
};
use segstock_orders::sqlite::SqliteLedger;
use segstock_orders::{Entry, OrderBookBuilder, Position};
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// Where what was answered is kept: `sqlite:FILE`, or `none`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LedgerPlace {
    /// Nowhere: everything is forgotten when the service ends.
    None,
    /// In a file of SQLite.
    Sqlite(PathBuf),
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
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(file.into())),
            _ => Err(format!("{text:?} is no ledger: write sqlite:FILE, or none")),
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

/// Opens a book: as its ledger has it, or a new one.
///
/// # Errors
///
/// What is wrong with the ledger, in one line. It was not changed.
pub fn open(builder: OrderBookBuilder<Sku>, place: &LedgerPlace) -> Result<Kept, String> {
    match place {
        LedgerPlace::None => {
            let Recovered { book, writer, .. } = recovered(builder.recover(Nowhere))?;
            let found = "no ledger: everything is forgotten when the service ends".to_owned();
            Ok(Kept {
                book,
                writer,
                found,
            })
        }
        LedgerPlace::Sqlite(file) => {
            let recovered = recovered(builder.recover(SqliteLedger::at(file)))?;
            let shown = file.display();
            let found = match recovered.found {
                Found { entries: 0, .. } => format!("a new ledger in {shown}"),
                found => format!(
                    "the ledger {shown} has {found}; to begin anew, stop the service and move {shown} and {shown}-wal away"
                ),
            };
            Ok(Kept {
                book: recovered.book,
                writer: recovered.writer,
                found,
            })
        }
    }
}

fn recovered(recovered: Result<Recovered<Sku>, RecoverError>) -> Result<Recovered<Sku>, String> {
    recovered.map_err(|error| format!("cannot open the ledger: {error}"))
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
    fn places_are_shown_as_they_are_written() {
        for place in ["none", "sqlite:shop.db", "sqlite:/var/lib/a:b.db"] {
            assert_eq!(place.parse::<LedgerPlace>().unwrap().to_string(), place);
        }
        for wrong in ["", "shop.db", "sqlite:", "postgres://x", "none:"] {
            assert!(wrong.parse::<LedgerPlace>().is_err(), "{wrong}");
        }
    }
}
