//! Stock counters on Redis that never sell a unit twice, and whose retries take nothing.
//!
//! Each design is one module that says at its top what it promises, when not, and what limits it. All answer
//! [done, refused or unknown](segstock_remote::Answer), and all are judged by the suite of `segstock-conformance` on a
//! real server under faults.
//!
//! | design | what it is | exact refusals | takes |
//! |---|---|---|---|
//! | [`Atomic`](atomic) | one key, one function, an idempotency key for each order | yes | one request for each order |
//! | [`Batched`](batched) | a writer that sends all orders that wait in one call; ids are fields of two hashes; no holds | yes | one request for many orders |
//! | [`Growing`](growing) | N keys that only grow, on one server or on N; the one-pass proof refuses | yes | one request for each order, on any of the servers |
//! | [`Locked`](locked) | one lock, or N segments with a lock each, around the whole order; fencing tokens | with one segment | the order's work under each lock |
//! | [`Pool`](pool) | blocks lent to nodes, with epochs; journals on N servers | no | one request for each order, on any of the servers |
//!
//! [`Redis`] says which server is asked, and how.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod atomic;
pub mod batched;
mod error;
mod function;
pub mod growing;
mod link;
pub mod locked;
mod opening;
pub mod pool;
mod server;

pub use atomic::Atomic;
pub use batched::Batched;
pub use error::OpenError;
pub use growing::Growing;
pub use locked::Locked;
pub use pool::Pool;
pub use server::{Redis, Restarts};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
