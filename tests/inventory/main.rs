//! The inventory as a user meets it. One program for all of it, so that the map is compiled once.
#![cfg(all(feature = "inventory", not(loom)))]

mod calls;
#[cfg(feature = "serde")]
mod held;
mod low_stock;
mod moves;
mod properties;
mod removal;
mod shop;
#[cfg(feature = "serde")]
mod snapshot;
#[path = "../support/mod.rs"]
mod support;
