//! Stock counters on Redis that never sell a unit twice, and whose retries take nothing.
//!
//! Each design is one file that says at its top what it promises, when not, and what limits it. All answer
//! [done, refused or unknown](segstock_remote::Answer), and all are judged by the suite of `segstock-conformance` on a
//! real server under faults.
//!
//! | design | what it is | exact refusals | takes |
//! |---|---|---|---|
//! | [`Atomic`] | one key, one function, an idempotency key for each order | yes | one request for each order |
//!
//! [`Redis`] says which server is asked, and how.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod atomic;
mod error;
mod link;
mod server;

pub use atomic::Atomic;
pub use error::OpenError;
pub use server::{Redis, Restarts};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
