//! How to use it: documentation only.

#[doc = include_str!("docs/testing_your_counter.md")]
pub mod testing_your_counter {}
