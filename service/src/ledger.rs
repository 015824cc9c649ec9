//! [`LedgerPlace`]: where what was answered is kept, and how a book is opened there.

use crate::app::{Book, Sku};
use segstock_orders::OrderBookBuilder;
use segstock_orders::ledger::{Found, Writer};
use segstock_orders::sqlite::SqliteLedger;
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
    /// Its writer, if it has a ledger.
    pub writer: Option<Arc<Writer<Sku>>>,
    /// What was found, in one line for people.
    pub found: String,
}

/// Opens a book: as its ledger has it, or a new one.
///
/// # Errors
///
/// What is wrong with the ledger, in one line. It was not changed.
pub fn open(builder: OrderBookBuilder<Sku>, place: &LedgerPlace) -> Result<Kept, String> {
    let LedgerPlace::Sqlite(file) = place else {
        return Ok(Kept {
            book: builder.build(),
            writer: None,
            found: "no ledger: everything is forgotten when the service ends".to_owned(),
        });
    };
    let shown = file.display();
    let recovered = builder.recover(SqliteLedger::at(file));
    let recovered = recovered.map_err(|error| format!("cannot open the ledger: {error}"))?;
    let found = match recovered.found {
        Found { entries: 0, .. } => format!("a new ledger in {shown}"),
        found => format!(
            "the ledger {shown} has {found}; to begin anew, stop the service and move {shown} and {shown}-wal away"
        ),
    };
    Ok(Kept {
        book: recovered.book,
        writer: Some(recovered.writer),
        found,
    })
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
