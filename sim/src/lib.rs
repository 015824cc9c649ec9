//! Ways to count stock behind a network, in a simulated one: deterministic, seeded, in virtual time.
//!
//! The crate's design does not care where its counters live; this shows it, and what other designs give and take.
//! [`variants`] are the programs, each with what it promises; [`run`] has some nodes use one while things go wrong;
//! [`judge`] has the suite of [`segstock_conformance`] say what was kept, over many seeds.
//!
//! It is a model: time passes only where the programs wait, rows never get lost, and clocks do not drift.

#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::must_use_candidate,
    clippy::missing_panics_doc,
    clippy::missing_errors_doc,
    clippy::new_without_default
)]

pub mod executor;
pub mod faults;
pub mod judge;
pub mod locks;
pub mod network;

pub mod run;
pub mod store;

pub mod variants;
