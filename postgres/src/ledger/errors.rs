//! What is wrong, in one line; and whether it may pass.

use crate::session::{is_locked_out, words};
use segstock_orders::ledger::rows::RowError;
use segstock_orders::ledger::{LedgerError, LedgerReason, WriteError};
use tokio_postgres::Error;
use tokio_postgres::types::WrongType;

/// Why a call of the server has no result.
#[derive(Debug)]
pub(super) struct Fault {
    error: LedgerError,
    /// Whether another try may have another end. What was sent may be done, or be done later.
    may_pass: bool,
}

impl Fault {
    pub(super) fn new(reason: LedgerReason, line: impl Into<Box<str>>, may_pass: bool) -> Self {
        let error = LedgerError::new(reason, line);
        Self { error, may_pass }
    }

    pub(super) fn into_error(self) -> LedgerError {
        self.error
    }

    pub(super) fn into_write(self) -> WriteError {
        if self.may_pass {
            WriteError::Unknown(self.error)
        } else {
            WriteError::Dead(self.error)
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let line = format!("PostgreSQL: {}", words(&error).replace('\n', " "));
        let (reason, may_pass) = match error.code().map(|code| code.code()) {
            _ if is_locked_out(&error) => (LedgerReason::Refused, false),
            None => {
                let source = std::error::Error::source(&error);
                let is_wrong = source.is_some_and(|source| source.is::<WrongType>());
                if_it_may_pass(!is_wrong)
            }
            Some(code) => of_code(code),
        };
        Self::new(reason, line, may_pass)
    }
}

/// What the server means by a code, and whether it may pass.
fn of_code(code: &str) -> (LedgerReason, bool) {
    match code {
        "25006" => (LedgerReason::ReadOnly, true),
        "53100" => (LedgerReason::Full, true),
        "XX001" | "XX002" => (LedgerReason::Damaged, false),
        // The session stood still inside a transaction, or its transaction took too long.
        "25P03" | "25P04" => if_it_may_pass(true),
        // Connections, transactions that were undone, resources, an operator's intervention, the system.
        code => if_it_may_pass(["08", "40", "53", "55", "57", "58"].contains(&&code[..2])),
    }
}

const fn if_it_may_pass(may_pass: bool) -> (LedgerReason, bool) {
    let reason = if may_pass {
        LedgerReason::NoAnswer
    } else {
        LedgerReason::Failed
    };
    (reason, may_pass)
}

/// A row that no ledger of this release writes.
pub(super) fn bad_row(error: &RowError) -> LedgerError {
    LedgerError::new(
        LedgerReason::Damaged,
        format!("a row of the ledger is damaged: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::of_code;

    #[test]
    fn a_time_that_was_up_may_pass() {
        // Of a statement, of silence inside a transaction, of a transaction, of silence outside.
        for code in ["57014", "25P03", "25P04", "57P05"] {
            assert!(of_code(code).1, "{code}");
        }
        // A transaction that cannot go on, a column that is not there.
        for code in ["25P02", "42703"] {
            assert!(!of_code(code).1, "{code}");
        }
    }
}
