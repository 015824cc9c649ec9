#![doc = include_str!("../README.md")]

mod candidates;
mod counters;
pub mod cpu;
mod results;
mod run;
mod sale;
mod windows;

pub use candidates::{Calls, Candidate};
pub use counters::{Atomic, Counter, Lock, deduct};
pub use results::{Figure, Limit, Ratio, Results};
pub use run::{Arguments, Run, Whole, run};
pub use sale::Orders;
pub use windows::{Effort, Work, median, percentile};
