//! [`Lag`]: how the ledger is doing, in time.

use std::time::Duration;

/// How the ledger is doing, in time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Lag {
    /// For how long a change waits to be durable, at least; nothing, if all is.
    pub behind: Duration,
    /// How long ago a change became durable; if none did, since the start.
    pub age: Duration,
}
