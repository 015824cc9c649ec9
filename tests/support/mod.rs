//! What the tests share: the sequential model, the history checker, and the counters under test.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test uses a part of it"
)]

#[cfg(loom)]
pub mod arena;
#[cfg(not(loom))]
pub mod counters;
pub mod history;
pub mod model;
pub mod naive;
pub mod sync;
