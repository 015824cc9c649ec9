//! Stock counters on `PostgreSQL` that never sell a unit twice, and whose retries take nothing.
//!
//! Each design is one module that says at its top what it promises, when not, and what limits it. All answer
//! [done, refused or unknown](segstock_remote::Answer), and all are judged by the suite of `segstock-conformance` on a
//! real server under faults.
//!
//! | design | what it is | exact refusals | takes |
//! |---|---|---|---|
//! | [`Row`](row) | one row; the conditional update and the order in one statement | yes | one commit after another |
//! | [`Rows`](rows) | N rows; the sum of one statement proves a refusal | yes | N commits at once |
//! | [`Batched`](batched) | one row, and a writer that sends all orders that wait in one statement | yes | one commit for many orders |
//! | [`Locked`](locked) | one advisory lock, or N segments with a lock each, around the whole order | with one segment | the order's work under each lock |
//! | [`Pool`](pool) | a block of units for each node, and a pool; each node batches | yes | one commit for many orders, as many at once as there are nodes |
//!
//! [`Postgres`] says which database is asked, and how. The tables are those of `schema.sql`.
//!
//! With the feature `ledger` there is also a ledger for the order book of `segstock-orders`: the book decides in memory, and
//! `PostgreSQL` keeps what it decided. With the feature `nodes` there are several nodes that sell from one database, each
//! from blocks in its memory.
//!
//! # TLS
//!
//! With the feature `tls` connections are made by TLS: all of them, and each that is made again after a loss.
//! The URL says what the server must show, in the words of libpq:
//!
//! | `sslmode` | the server must | whom it does not keep off |
//! |---|---|---|
//! | `disable` | nothing | who listens on the way, and who answers in the server's place |
//! | `prefer`, the default | nothing: TLS if it has that, a plain connection if it has none or TLS fails | the same: who is on the way can switch TLS off |
//! | `require` | have TLS; with `sslrootcert=FILE` as `verify-ca` | who answers in the server's place, without that file |
//! | `verify-ca` | have a certificate of an authority in `sslrootcert=FILE` | who has another certificate of that authority |
//! | `verify-full` | have one for the host that the URL names, of an authority in the file, or that the system trusts (`sslrootcert=system`, or nothing said) | nobody on the way |
//!
//! Take `verify-full`, with your provider's file of authorities. The name of the host must be among the certificate's alternative
//! names (the common name alone does not count), and a server's certificate that is its own authority is refused.
//! `channel_binding=require` with a password also keeps off who answers in the server's place, under each mode that asks for TLS.
//! Over a Unix socket there is no TLS: a URL that asks for it there is an error, as it is in a build without `tls`.
//! Nothing is read from the environment or the home folder but `SSL_CERT_FILE` and `SSL_CERT_DIR`, which stand for the system's
//! authorities. Revocations are not looked up.
//!
//! A server that wants a certificate of its clients is shown that of `sslcert=FILE`, with the key in `sslkey=FILE` (both PEM;
//! without a password, and others than its owner cannot read the key).
//!
//! The files are read when the URL is: a certificate that was renewed is shown after the next start. A certificate that is
//! refused counts as a server that does not answer: it is asked again as long as patience lasts, and the last error says what is
//! wrong with it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
pub mod batched;
#[cfg(any(feature = "ledger", feature = "nodes"))]
mod durable;
#[cfg(any(feature = "ledger", feature = "nodes"))]
mod encoding;
mod error;
#[cfg(feature = "ledger")]
pub mod ledger;
pub mod locked;
#[cfg(feature = "nodes")]
pub mod nodes;
pub mod pool;
pub mod row;
pub mod rows;
mod server;
mod session;

pub use batched::Batched;
pub use error::{MAX_PARTS, OpenError};
#[cfg(feature = "ledger")]
pub use ledger::PostgresLedger;
pub use locked::Locked;
pub use pool::Pool;
pub use row::Row;
pub use rows::Rows;
pub use server::Postgres;

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
