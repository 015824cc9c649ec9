//! Count stock under load, and never sell a unit twice.
//!
//! Thousands of orders a second want the same product. Read-check-write oversells; one lock around
//! the order is right and slow. The known way out is **segment locking**: split the stock into
//! segments, and let each order work on one. What people hate about it is settled here:
//!
//! - **Never oversold**: no interleaving takes a unit that was never added.
//! - **Exact refusals**: an order is refused only if at some instant of its call there truly was
//!   not enough, wherever the units lay.
//! - **Nothing lost**: `initial + restocked = available + reserved + sold`, whatever panics or races.
//! - **Exact snapshots**: the books of one instant, under any traffic; only how what left divides into
//!   reserved and sold may lag by calls that are under way.
//!
//! | | counts | for |
//! |---|---|---|
//! | [`Stock`] | one atomic word; under contention, a segment for each core | orders that run their flow outside of it |
//! | [`LockedStock`] | N segments with a lock each | synchronous flows that must run under the lock |
//!
//! An order is rarely one step. What is set aside is a [`Reservation`], sold when it is committed and back
//! when it is dropped; under a key and with a deadline, one of the [`Holds`]; in batches for one worker, a
//! [`Lease`].
//!
//! Other counters of a process can keep the same contract: [`StockCounter`].
//!
//! # Examples
//!
//! ```
//! use segstock::Stock;
//!
//! static PHONES: Stock = Stock::new(1_000);
//!
//! match PHONES.deduct(2) {
//!     Ok(()) => println!("sold"),
//!     Err(refusal) => println!("{refusal}"),
//! }
//! assert_eq!(PHONES.available(), 998);
//! ```
//!
//! # More
//!
//! [How it works](docs::algorithm) · [consistency](docs::consistency) ·
//! [what it does not do](docs::limitations) · [patterns](docs::patterns) ·
//! [performance](docs::performance) · [model checking](docs::model_checking); with their features
#![cfg_attr(feature = "inventory", doc = "[many SKUs](docs::inventory).")]
#![cfg_attr(not(feature = "inventory"), doc = "many SKUs.")]
//!
//! Beside this crate: `segstock-conformance` judges any stock counter, `segstock-sim` simulates those behind a
//! network, `segstock-model` is the sequential model that all of them are judged by.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `inventory`: from SKU to stock, orders of many lines, counting and moving.
//! - `serde`: an inventory's snapshot to and from any format.

pub mod docs;

mod clock;
mod counter;
mod error;
mod holds;
#[cfg(feature = "inventory")]
pub mod inventory;
mod lease;
mod locked;
mod reservation;
mod settle;
mod shares;
mod snapshot;
mod stock;
mod sync;

pub use clock::{Clock, ManualClock, SystemClock};
pub use counter::{Reserving, StockCounter};
pub use error::{BuildError, NotReserved, OrderError, OutOfStock, RestockOverflow};
pub use holds::{
    AmendError, Amendment, Change, Declined, Detail, Detailed, Entry, Frozen, Held, HeldEntry,
    HoldError, Holds, HoldsBuilder, Hook, NoHook, PartError, PlaceError, Placed, Resolution,
    ResolvedEntry, RetakeError, Settled, Status,
};
#[cfg(feature = "inventory")]
#[doc(inline)]
pub use inventory::Inventory;
pub use lease::Lease;
pub use locked::{LockedStock, LockedStockBuilder, Selection};
pub use reservation::{MergeError, Reservation};
pub use settle::{Settle, SettleParts};
pub use snapshot::Snapshot;
#[doc(hidden)]
pub use stock::testing;
pub use stock::{Stats, Stock, StockBuilder};

/// The most units that a stock holds: 2^40, about 1.1 million million.
pub const MAX_UNITS: u64 = 1 << 40;

/// The most segments that a stock has.
pub const MAX_SEGMENTS: usize = 1_024;

/// The examples of the README compile and run.
#[cfg(all(doctest, feature = "inventory", feature = "serde"))]
#[doc = include_str!("../README.md")]
struct Readme;
