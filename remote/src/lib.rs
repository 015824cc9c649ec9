//! What a stock counter behind a network answers, and a driver that asks until it knows.
//!
//! | | |
//! |---|---|
//! | [`RemoteStock`], [`RemoteHolds`] | what a design offers: each call with the order's id |
//! | [`Answer`], [`Unknown`] | done, refused, or unknown |
//! | [`OrderId`], [`Units`] | what is asked for; what is no id and no number of units is refused before any trip |
//! | [`Driver`], [`Patience`] | attempts with a time-out each, pauses with jitter, and a limit to all of it |
//! | [`Batches`] | a writer that sends many orders in one call |
//! | [`Left`] | what was left when an order was refused, so that the next one reads first |
#![cfg_attr(
    feature = "judge",
    doc = "| [`Judged`] | a design as a subject of the suite |"
)]
#![cfg_attr(
    all(feature = "servers", unix),
    doc = "| [`servers`] | private servers and a proxy that makes faults, for tests |"
)]
//!
//! # The rules that every design keeps
//!
//! 1. **A time-out is never a refusal.** What was sent may have happened, may happen later, or never.
//! 2. **Each call carries the order's id**, and the server knows the ids that it served. So a retry is answered as the
//!    first attempt was, and takes nothing.
//! 3. **A retry that is refused is remembered as refused**: the first attempt may still be under way, and must not be served
//!    after the customer was refused. A first attempt that is answered has no copy under way, so its refusal writes nothing. A
//!    [`Driver`] knows the ids whose last call it left without an answer: their next call is a retry. (A proxy that sends a
//!    request twice breaks that, and so does a customer who goes with a lost request to another process; then use the strict way
//!    of a design, or ask for the outcome first.)
//! 4. **[`outcome`](RemoteStock::outcome) turns unknown into an answer** at any later time: where nothing is known of
//!    the id, it leaves a refusal.
//! 5. **Ids are remembered for longer than any copy of a request can be under way**: see [`Patience::forgets_after`].
//! 6. **A connection whose call timed out is dropped**, and no client library sends again by itself.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod batches;
mod driver;
mod id;
#[cfg(feature = "judge")]
mod judged;
mod left;
mod patience;
#[cfg(all(feature = "servers", unix))]
pub mod servers;
mod stock;
mod units;

pub use answer::{Answer, Refused, Unknown};
pub use batches::{Batches, Wanted};
pub use driver::{Attempt, Connect, Driver, Fault};
pub use id::{InvalidId, OrderId};
#[cfg(feature = "judge")]
pub use judged::Judged;
pub use left::Left;
pub use patience::{InvalidPatience, Patience};
pub use stock::{HoldAnswer, RemoteHolds, RemoteStock, Resolved};
pub use units::{InvalidUnits, MAX_UNITS, Units};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
