//! An order service over [`segstock_orders`], small enough to read in an hour and to begin your own with.
//!
//! [`routes`] answers requests by way of the order book of an [`App`](app::App); [`serve`] starts it and stops it. See the
//! README beside it for the interface.

pub mod address;
pub mod answers;
pub mod app;
pub mod config;
pub mod connections;
pub mod description;
pub mod input;
pub mod ledger;
pub mod numbers;
pub mod problem;
pub mod routes;
pub mod serve;
pub mod telemetry;
