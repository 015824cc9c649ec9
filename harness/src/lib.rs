#![doc = include_str!("../README.md")]

mod counters;
pub mod cpu;
mod results;
mod run;
mod sale;
mod windows;

pub use counters::{Atomic, Lock, Refused};
pub use results::{Figure, Limit, Ratio, Results};
pub use run::{Arguments, Run, Step, Whole, run};
pub use sale::{Orders, Sale, Served, sell_out};
pub use windows::{Effort, Work, median, percentile};
