//! What the benchmarks share: what is compared, what is called, and how it is timed.

// Each benchmark is a crate of its own, and none uses all of it.
#![allow(dead_code)]

pub mod calls;
pub mod candidates;
pub mod cpu;
pub mod flow;
pub mod peers;
pub mod windows;
