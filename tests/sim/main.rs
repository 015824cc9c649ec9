//! Ways to count stock behind a network, in a simulated one: deterministic, seeded, in virtual time.
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
