//! What the tests share: how an operation becomes a call, how a script is played and judged, and the
//! counters under test.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    unreachable_pub,
    reason = "each test uses a part of it"
)]

#[cfg(loom)]
pub mod arena;
#[cfg(not(any(loom, shuttle)))]
pub mod counters;
pub mod explorer;
pub mod naive;
pub mod perform;
#[cfg(loom)]
pub mod race;
pub mod scenario;
pub mod stock_scenarios;
