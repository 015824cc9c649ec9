//! How it works, what it promises, what it does not, and how to use it: documentation only.

#[doc = include_str!("docs/algorithm.md")]
pub mod algorithm {}

#[doc = include_str!("docs/consistency.md")]
pub mod consistency {}

#[doc = include_str!("docs/limitations.md")]
pub mod limitations {}

#[doc = include_str!("docs/patterns.md")]
#[cfg_attr(
    feature = "inventory",
    doc = include_str!("docs/patterns_inventory.md")
)]
pub mod patterns {}

#[doc = include_str!("docs/service_state.md")]
#[cfg_attr(
    feature = "inventory",
    doc = include_str!("docs/service_inventory.md")
)]
pub mod service_state {}

#[doc = include_str!("docs/performance.md")]
pub mod performance {}

#[doc = include_str!("docs/model_checking.md")]
pub mod model_checking {}

#[doc = include_str!("docs/model_check_your_code.md")]
// Ignored as a doc test, since loom is built only under its flag: `.ci/loom` runs the very file.
#[doc = "```ignore"]
#[doc = include_str!("../tests/loom_your_code.rs")]
#[doc = "```"]
#[doc = include_str!("docs/model_check_your_code_needs.md")]
pub mod model_check_your_code {}

#[doc = include_str!("docs/inventory.md")]
#[cfg(feature = "inventory")]
pub mod inventory {}
