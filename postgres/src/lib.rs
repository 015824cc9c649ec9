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
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod batched;
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
pub use error::OpenError;
#[cfg(feature = "ledger")]
pub use ledger::PostgresLedger;
pub use locked::Locked;
pub use pool::Pool;
pub use row::Row;
pub use rows::Rows;
pub use server::{MAX_PARTS, Postgres};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
