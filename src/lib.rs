//! Count stock under load, and never sell a unit twice.
//!
//! Thousands of orders a second want one product. Read-check-write oversells; one lock around
//! the order is right and slow. The known way out is **segment locking**: split the stock into
//! segments, and let each order work on one. This crate solves its known problems:
//!
//! - **Never oversold**: no interleaving takes a unit that was never added.
//! - **Exact refusals**: an order is refused only if at some instant of its call too few units truly were
//!   in stock, wherever they lay.
//! - **Nothing lost**: `initial + restocked = available + reserved + sold`, whatever panics or races; with *owed*
//!   and *withdrawn* where units are [withdrawn](Stock::withdraw) that are out.
//! - **Exact snapshots**: the figures of one instant, under any traffic; for the one exception see [`Stock::snapshot`].
//!
//! | | counts | for |
//! |---|---|---|
//! | [`Stock`] | one atomic word; under contention, a segment for each core | orders that run their flow outside of it |
//! | [`LockedStock`] | N segments with a lock each | synchronous flows that must run under the lock |
//!
//! An order is rarely one step. A [`Reservation`] holds units that are sold when it is committed and back in stock
//! when it is dropped; under a key and with a deadline, one of the [`Holds`]; in batches for one worker, a
//! [`Lease`].
//!
//! Other counters of a process can keep this contract: [`StockCounter`].
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
//! [performance](docs::performance) · [model checking](docs::model_checking) · [in your service's state](docs::service_state) ·
//! [model-check your own code](docs::model_check_your_code); with their features
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

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod docs;

mod clock;
mod counter;
mod error;
mod holds;
#[cfg(feature = "inventory")]
#[cfg_attr(docsrs, doc(cfg(feature = "inventory")))]
pub mod inventory;
mod lease;
mod limits;
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
#[cfg_attr(docsrs, doc(cfg(feature = "inventory")))]
#[doc(inline)]
pub use inventory::Inventory;
pub use lease::Lease;
pub use limits::{MAX_SEGMENTS, MAX_UNITS};
pub use locked::{LockedStock, LockedStockBuilder, Selection};
pub use reservation::{MergeError, Reservation};
pub use settle::{Settle, SettleParts};
pub use snapshot::{Snapshot, Withdrawn};
#[doc(hidden)]
pub use stock::testing;
pub use stock::{Stats, Stock, StockBuilder};

/// The examples of the README compile and run.
#[cfg(all(doctest, feature = "inventory", feature = "serde"))]
#[doc = include_str!("../README.md")]
struct Readme;
