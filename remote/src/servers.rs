//! Servers of a test's own, and a proxy that makes faults (feature `servers`, on Unix).
//!
//! A test of a design needs a real server. [`RedisServer::find`] and [`PostgresServer::find`] take the one that the
//! environment names, or start a private one: in a temporary folder, with durable settings, on a socket that nobody else
//! reaches. It ends when the value is dropped. Where there is no such program, the answer is [`NoServer`]: show the test
//! as ignored with that reason, or fail if servers are [`demanded`]. [`PostgresServer::on_tcp`] starts one that also has TLS.
//!
//! | variable | meaning |
//! |---|---|
//! | `SEGSTOCK_REDIS_URL` | the Redis server to use, for instance `redis://localhost` |
//! | `SEGSTOCK_POSTGRES_URL` | the database to use, for instance `postgresql://me@localhost/test` |
//! | `SEGSTOCK_DEMAND_SERVERS` | set and not empty: a test without its server fails |
//! | `SEGSTOCK_UNANSWERED` | attempts without an answer that each design is judged with, at least; 500 by default |
//!
//! It is a part of this crate because the tests of `segstock-redis`, `segstock-postgres` and the benchmarks need it: a
//! crate of tests alone could not be published, and then the tests of a published package would not compile.

#[cfg(feature = "certificates")]
mod certificates;
#[cfg(feature = "judge")]
mod clocked;
pub mod contract;
#[cfg(feature = "judge")]
mod designs;
mod faults;
mod find;
#[cfg(feature = "judge")]
mod killer;
pub mod mistakes;
mod nodes;
mod postgres;
mod private;
#[cfg(feature = "judge")]
mod processes;
mod proxy;
mod redis;
mod shown;
mod store;

#[cfg(feature = "certificates")]
pub use certificates::Authority;
#[cfg(feature = "judge")]
pub use clocked::Clocked;
#[cfg(feature = "judge")]
pub use designs::{Designs, assert_breaks};
pub use faults::Faults;
pub use nodes::Nodes;
pub use postgres::{Certificate, PostgresServer};
pub use proxy::{Proxy, Upstream};
pub use redis::RedisServer;
pub use shown::{OwnServer, Server, Site, Tests};
pub use store::{Store, fresh_name, id, units};

use std::fmt;

/// Why there is no server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoServer {
    reason: String,
}

impl NoServer {
    /// Why there is none.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { reason }
    }
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for NoServer {}

/// Whether a test without its server must fail: `SEGSTOCK_DEMAND_SERVERS` is set, and not empty.
#[must_use]
pub fn demanded() -> bool {
    variable("SEGSTOCK_DEMAND_SERVERS").is_some()
}

/// Attempts without an answer that a design is judged with, at least: `SEGSTOCK_UNANSWERED`, or 500.
///
/// # Panics
///
/// If the variable is no number.
#[must_use]
pub fn attempts_unanswered() -> u64 {
    let attempts = variable("SEGSTOCK_UNANSWERED").unwrap_or_else(|| "500".to_owned());
    let number = attempts.parse();
    number.unwrap_or_else(|_| panic!("SEGSTOCK_UNANSWERED={attempts} is no number"))
}

/// The value of an environment variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
