//! An order service over [`segstock_orders`], to begin your own with.
//!
//! [`routes`] answers requests by the calls of a [`Shop`](shop::Shop); [`serve`] starts it and stops it. See the
//! README beside it for the interface.

mod access;
pub mod address;
pub mod answering;
pub mod answers;
pub mod app;
pub mod around;
pub mod background;
pub mod backups;
pub mod book;
pub mod bulk;
pub mod calls;
pub mod config;
pub mod connections;
pub mod counted;
pub mod customer;
pub mod description;
pub mod events;
pub mod expiring;
pub mod health;
pub mod in_time;
pub mod input;
pub mod kinds;
pub mod lag;
pub mod ledger;
pub mod limits;
pub mod list_room;
pub mod moving;
pub mod numbers;
pub mod opening;
pub mod overview;
pub mod pace;
pub mod problem;
mod recovery;
pub mod requests;
pub mod routes;
pub mod serve;
pub mod settings;
pub mod shop;
pub mod snapshot;
mod sparing;
// The one reader of files that people export; the root crate's examples are published with it.
#[path = "../../examples/support/table.rs"]
pub mod table;
pub mod telemetry;
pub mod waiting;
pub mod watch;
