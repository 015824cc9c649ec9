//! Ways to count stock behind a network, in a simulated one: deterministic, seeded, in virtual time.
#![cfg(all(feature = "conformance", not(loom)))]

mod executor;
mod faults;
mod network;
mod store;
