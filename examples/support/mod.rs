//! What the examples share that has nothing to do with stock.

pub mod cli;
pub mod figures;
pub mod progress;
