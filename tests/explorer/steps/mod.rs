//! The calls, step by step: the protocol of `src/stock` with everything left out that is no access to
//! what threads share.
//!
//! A variant of an `At` is one access, and what follows it up to the next; or it waits for the value of
//! a frame that it called. It carries what the thread remembers at that point, and no more, so that
//! states that go on alike are one state.

pub mod collect;
pub mod commit;
pub mod gather;
pub mod lost;
pub mod narrowing;
pub mod owed;
pub mod proof;
pub mod put;
pub mod second_look;
pub mod segment;
pub mod snapshot;
pub mod spread;
pub mod sums;
pub mod take;
pub mod up_to;
