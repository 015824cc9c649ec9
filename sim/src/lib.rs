#![doc = include_str!("../README.md")]

mod database;
mod design;
pub mod designs;
pub mod docs;
mod faults;
mod findings;
mod locks;
mod network;
mod scene;
mod store;
mod world;

pub use database::{Database, Deadlock, Failed, Transaction, View};
pub use design::{Counter, Design, Order, Site};
pub use faults::{Fault, Faults, Happened};
pub use findings::{Findings, Tried};
pub use locks::{Grant, Locks};
pub use network::{Network, Partition, Reply, TimedOut};
pub use scene::{Run, Scene};
pub use segstock_conformance::{Answer, History, Options, Promise, Report};
pub use store::{Key, Store};
pub use world::{Drift, Place, Slot, TaskId, World};
