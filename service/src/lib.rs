//! An order service over [`segstock`], small enough to read in an hour and to begin your own with.
//!
//! [`routes`] answers requests by way of a [`Shop`](shop::Shop); [`serve`] starts it, keeps its snapshots
//! and stops it. See the README beside it for the interface.

pub mod book;
mod calls;
pub mod config;
pub mod counts;
pub mod doors;
pub mod input;
pub mod keeping;
pub mod problem;
pub mod routes;
pub mod serve;
pub mod shop;
pub mod telemetry;
mod uncounted;
