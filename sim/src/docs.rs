//! Documentation only.

#[doc = include_str!("docs/distributed.md")]
pub mod distributed {}
