//! Ways to count stock behind a network, in a simulated one: deterministic, seeded, in virtual time.
//!
//! The crate's design does not care where its counters live; this shows it, and what other designs give and take.
//! [`variants`] are the programs, each with what it promises; [`run`] has some nodes use one while things go wrong;
//! [`judge`] has the suite of [`segstock::conformance`] say what was kept, over many seeds.
//!
//! It is a model: time passes only where the programs wait, rows never get lost, and clocks do not drift.
#![cfg(all(feature = "conformance", not(loom)))]

mod executor;
mod faults;
mod judge;
mod locks;
mod network;
mod promises;
mod run;
mod store;
mod throughput;
mod variants;
