//! How to use it: documentation only.

#[doc = include_str!("docs/testing_your_counter.md")]
pub mod testing_your_counter {}

#[doc = include_str!("docs/histories_from_elsewhere.md")]
pub mod histories_from_elsewhere {}

#[cfg(feature = "shuttle")]
#[doc = include_str!("docs/under_shuttle.md")]
pub mod under_shuttle {}
