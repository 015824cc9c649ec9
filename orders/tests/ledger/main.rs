//! The order book on a ledger: what a crash, a fault or a full queue leaves, and the file of SQLite.
//!
//! One program, since each would compile the book again.

mod backup;
mod calls;
mod damaged;
mod disk;
mod faults;
mod feed;
mod folds;
mod forgotten;
mod form;
mod heard;
mod judge;
mod judged;
mod mistakes;
mod pages;
#[cfg(unix)]
mod read_only;
mod restart;
mod sqlite;
mod together;
mod world;
mod writer;
